"""What the database is asked for figures of the whole deployment. Cheap on purpose: it is asked for ever."""

from datetime import date, timedelta
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_MOST_STALE = 100_000
_WEEKS = 3

# Marks have no index by age; there are many only while the roll-up is behind, and then a scan is the least.
_STALE = text("""
    SELECT (SELECT count(*) FROM (
                SELECT DISTINCT unit_id, local_day FROM stale_unit_days LIMIT :most) AS counted),
           coalesce(extract(epoch FROM clock_timestamp() - (SELECT min(marked_at) FROM stale_unit_days)), 0)
""")
# For each unit four look-ups by key: it costs the number of units, however many years of days there are.
_SILENT_UNITS = text("""
    SELECT count(*) FROM units u
    WHERE (u.valid_to IS NULL OR u.valid_to >= :day)
      AND NOT EXISTS (
        SELECT FROM unit_day d WHERE d.unit_id = u.id AND d.local_day = :day AND d.responses > 0)
      AND (SELECT count(DISTINCT d.local_day) FROM unit_day d
           WHERE d.unit_id = u.id AND d.local_day = ANY(:usual) AND d.responses > 0) = :weeks
""")
_JOBS = text("""
    SELECT name, extract(epoch FROM last_started_at), extract(epoch FROM last_finished_at),
           last_seconds, runs, failures, failures_in_a_row, set_aside
    FROM job_states ORDER BY name
""")


class Stale(NamedTuple):
    """Unit-days that wait to be counted again, and the seconds since the first was marked."""

    unit_days: int
    oldest_seconds: float


class JobRow(NamedTuple):
    """How a job of the timetable has fared; instants in seconds since 1970."""

    name: str
    started: float | None
    finished: float | None
    seconds: float | None
    runs: int
    failures: int
    failures_in_a_row: int
    set_aside: bool


async def answers(session: AsyncSession) -> None:
    """Nothing but an answer."""
    await session.execute(text("SELECT 1"))


async def stale(session: AsyncSession) -> Stale:
    """What the roll-up still has to do."""
    unit_days, oldest = (await session.execute(_STALE, {"most": _MOST_STALE})).one()
    return Stale(unit_days, float(oldest))


async def silent_units(session: AsyncSession, day: date) -> int:
    """Units without a response on a day that had some on the same weekday of each of three weeks before.

    Weekends and market days are alike from week to week; a holiday is silent everywhere.
    """
    usual = [day - timedelta(weeks=back) for back in range(1, _WEEKS + 1)]
    asked = {"day": day, "usual": usual, "weeks": _WEEKS}
    return int((await session.execute(_SILENT_UNITS, asked)).scalar_one())


async def size(session: AsyncSession) -> int:
    """Bytes of the database on its disk."""
    return int((await session.execute(text("SELECT pg_database_size(current_database())"))).scalar_one())


async def jobs(session: AsyncSession) -> list[JobRow]:
    """Every job and standing loop that has run."""
    return [JobRow(*row) for row in await session.execute(_JOBS)]
