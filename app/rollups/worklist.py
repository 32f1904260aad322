"""What the jobs of the roll-up ask: which unit-days are marked, which months and units there are.

The texts of the statements are few and stable: drivers keep them prepared.
"""

# ruff: noqa: S608  statements are made of names of our own, never of what somebody sent

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.clock import month_start
from app.models.distribution import EVERY_UNIT

UnitDay = tuple[int, date]

_START, _END = (0, date.min), (2**31 - 1, date.max)
"""Before and after every unit-day."""
_PAIRS = "unnest(CAST(:units AS integer[]), CAST(:days AS date[])) AS due(unit_id, local_day)"
_MARKED = text(
    f"""{EVERY_UNIT} SELECT DISTINCT unit_id, local_day FROM stale_unit_days
    WHERE (unit_id, local_day) > (CAST(:unit AS integer), CAST(:day AS date))
        AND (unit_id, local_day) <= (CAST(:last_unit AS integer), CAST(:last_day AS date))
    ORDER BY unit_id, local_day LIMIT :limit"""
)
_ON_CLUSTER = text("SELECT to_regclass('pg_dist_partition') IS NOT NULL")
_TAKE = text(
    f"DELETE FROM stale_unit_days s USING {_PAIRS}"
    " WHERE s.unit_id = due.unit_id AND s.local_day = due.local_day"
    " RETURNING s.unit_id, s.local_day, s.arrivals"
)
_TAKE_MONTH = text(
    "DELETE FROM stale_unit_days WHERE unit_id = ANY(CAST(:units AS integer[]))"
    " AND local_day >= :first AND local_day < :after"
)
_UNMARKED = text(
    f"""SELECT due.unit_id, due.local_day FROM {_PAIRS} WHERE NOT EXISTS (
        SELECT FROM stale_unit_days s WHERE s.unit_id = due.unit_id AND s.local_day = due.local_day)"""
)
_LAST_SUCCESS = text("SELECT last_success_at FROM job_states WHERE name = :job")
_UNIT_DAYS = text(f"""
    {EVERY_UNIT}
    SELECT unit_id, local_day FROM responses WHERE local_day >= :first AND local_day < :after
    UNION SELECT unit_id, served_on FROM visits WHERE served_on >= :first AND served_on < :after
    UNION SELECT unit_id, local_day FROM channel_day WHERE local_day >= :first AND local_day < :after
    UNION SELECT unit_id, local_day FROM unit_day WHERE local_day >= :first AND local_day < :after
    UNION SELECT unit_id, local_day FROM procedure_day WHERE local_day >= :first AND local_day < :after
    UNION SELECT unit_id, local_day FROM visit_day WHERE local_day >= :first AND local_day < :after
    ORDER BY 1, 2
""")
_MONTHS = text(f"""
    {EVERY_UNIT}
    SELECT date_trunc('month', local_day::timestamp)::date AS month, sum(responses)::bigint AS responses
    FROM (
        SELECT local_day, count(*) AS responses FROM responses WHERE local_day >= :since GROUP BY local_day
        UNION ALL SELECT served_on, 0 FROM visits WHERE served_on >= :since GROUP BY served_on
        UNION ALL SELECT local_day, 0 FROM channel_day WHERE local_day >= :since GROUP BY local_day
        UNION ALL SELECT local_day, 0 FROM unit_day WHERE local_day >= :since GROUP BY local_day
        UNION ALL SELECT local_day, 0 FROM procedure_day WHERE local_day >= :since GROUP BY local_day
        UNION ALL SELECT local_day, 0 FROM visit_day WHERE local_day >= :since GROUP BY local_day
        UNION ALL SELECT local_month, 0 FROM channel_month WHERE local_month >= :month GROUP BY local_month
        UNION ALL SELECT local_month, 0 FROM unit_month WHERE local_month >= :month GROUP BY local_month
        UNION ALL SELECT local_month, 0 FROM procedure_month WHERE local_month >= :month GROUP BY local_month
        UNION ALL SELECT local_month, 0 FROM visit_month WHERE local_month >= :month GROUP BY local_month
    ) days
    GROUP BY month ORDER BY month
""")


@dataclass
class Round:
    """A way round all marked unit-days in the order of their index: how far it has come.

    Whoever was served and is marked again is behind: each has its turn in any rush, and of however many are
    marked none is looked at but those whose turn it is.
    """

    behind: UnitDay = _START

    def go_on(self, served: Sequence[UnitDay], limit: int) -> None:
        """Go on behind what was served; from the start when that was all there was."""
        self.behind = served[-1] if len(served) == limit else _START


async def marked(
    connection: AsyncConnection, limit: int, but: Sequence[UnitDay] = (), behind: UnitDay = _START
) -> list[UnitDay]:
    """Distinct marked unit-days as they come behind one, and round again; at most `limit`, without `but`."""
    found = await _between(connection, behind, _END, limit, but)
    if len(found) < limit and behind != _START:
        found += await _between(connection, _START, behind, limit - len(found), but)
    return found


async def _between(
    connection: AsyncConnection, after: UnitDay, last: UnitDay, limit: int, but: Sequence[UnitDay]
) -> list[UnitDay]:
    bounds = {"unit": after[0], "day": after[1], "last_unit": last[0], "last_day": last[1]}
    rows = await connection.execute(_MARKED, {"limit": limit + len(but), **bounds})
    passed_over = set(but)
    return [(unit, day) for unit, day in rows if (unit, day) not in passed_over][:limit]


async def on_cluster(connection: AsyncConnection) -> bool:
    """Whether Citus is here: its nodes see each statement's own moment, whatever isolation was asked for.

    Asked each time, as tables may be laid out while a job runner runs; the extension is there before.
    """
    return bool(await connection.scalar(_ON_CLUSTER))


async def take_marks(
    connection: AsyncConnection, due: Sequence[UnitDay]
) -> list[tuple[int, date, list[UUID] | None]]:
    """Delete every mark of these unit-days that the snapshot shows; unit, day and arrivals of each."""
    rows = await connection.execute(_TAKE, _arrays(due))
    return [(unit, day, arrivals) for unit, day, arrivals in rows]


async def take_month(connection: AsyncConnection, units: Sequence[int], first: date, after: date) -> None:
    """Delete every mark of these units and days from `first` until before `after` that the snapshot shows."""
    await connection.execute(_TAKE_MONTH, {"units": list(units), "first": first, "after": after})


async def unmarked(connection: AsyncConnection, unit_days: Sequence[UnitDay]) -> list[UnitDay]:
    """Those without a mark."""
    return [(unit, day) for unit, day in await connection.execute(_UNMARKED, _arrays(unit_days))]


async def try_hold_months(
    connection: AsyncConnection, lock: int, numbers: Sequence[int], *, shared: bool
) -> set[int]:
    """Lock months until the transaction ends; returns those that were free."""
    function = "pg_try_advisory_xact_lock_shared" if shared else "pg_try_advisory_xact_lock"
    statement = text(
        f"SELECT month FROM unnest(CAST(:months AS integer[])) AS month WHERE {function}(:lock, month)"
    )
    return set((await connection.scalars(statement, {"lock": int(lock), "months": list(numbers)})).all())


async def last_success(connection: AsyncConnection, job: str) -> datetime | None:
    """When a job of the timetable last came to a good end; None if it never has."""
    moment: datetime | None = await connection.scalar(_LAST_SUCCESS, {"job": job})
    return moment


async def unit_days(connection: AsyncConnection, first: date, after: date) -> list[UnitDay]:
    """Unit-days from `first` until before `after` that have responses, visits or cells, unit by unit."""
    rows = await connection.execute(_UNIT_DAYS, {"first": first, "after": after})
    return [(unit, day) for unit, day in rows]


async def months(connection: AsyncConnection, since: date = date.min) -> dict[date, int]:
    """First day of every month that has responses, visits or cells from a day on -> its responses."""
    rows = await connection.execute(_MONTHS, {"since": since, "month": month_start(since)})
    return {row.month: row.responses for row in rows}


async def unit_ids(connection: AsyncConnection) -> list[int]:
    """Every unit."""
    return list((await connection.scalars(text("SELECT id FROM units ORDER BY id"))).all())


async def drop_orphans(connection: AsyncConnection, table: str) -> None:
    """Delete cells of units that do not exist: no response can have made them."""
    orphans = f"FROM {table} c WHERE NOT EXISTS (SELECT FROM units u WHERE u.id = c.unit_id)"
    await connection.execute(text(f"{EVERY_UNIT} DELETE {orphans}"))


def _arrays(due: Iterable[UnitDay]) -> dict[str, list[int] | list[date]]:
    units, days = zip(*due, strict=True)
    return {"units": list(units), "days": list(days)}
