"""Jobs of retention: what leads to people is taken out of old responses and visits, in small batches.

The rows stay, because figures are counted from them: docs/decisions/0012-retention.md. A batch is a
transaction of its own, with how far it has come; so a run that was cut off goes on where it was, and the line
in the record says how many there were in all. Each night goes through the days that have come of age since
the last, and those of samples that are not checked any more since then; the first night of a month through
everything, for what arrived late. A night whose clock cannot be believed at once is held back: see `clock`.
"""

import asyncio
from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit import SYSTEM, record
from app.core.clock import day_bounds, local_day, month_start, months_before, utc_now
from app.core.connecting import connect_plainly
from app.core.database import Database, plain_url
from app.core.settings import Settings
from app.retention import clock, queries
from app.retention.queries import (
    BATCH,
    RESPONSES,
    SAMPLE_LINKS,
    SAMPLE_RESPONSES,
    VISITS,
    Kind,
    Mark,
    Span,
)

PAUSE_SECONDS = 0.05
"""After a whole batch, and as much less after a smaller one: intake goes first."""
CHECKED_MONTHS = 12
"""How long after its time to answer a sample is checked by drawing again; codes stay for it until then."""
BEGINNING = date(1, 1, 3)
"""Before every day there is, in every time zone."""
BUSY_TABLES = ("stale_unit_days", "pgqueuer_log", "pgqueuer_schedules", "job_states")

Report = dict[str, int | str]


async def anonymise_responses(database: Database, settings: Settings) -> Report:
    """Take comments and what respondents told of themselves out of old responses; how many there were."""
    return await _run(database, settings, "retention.responses", settings.comment_months)


async def anonymise_visits(database: Database, settings: Settings) -> Report:
    """Take the dossier codes out of old visits and links of samples; how many there were, and how many visits
    keep theirs for a sample.
    """
    report = await _run(database, settings, "retention.visits", settings.visit_months)
    if not report:
        return report
    return {**report, "kept_for_samples": await _kept(database, settings, str(report["before"]))}


async def tidy_queue(database: Database) -> Report:
    """Forget what the queue has logged long ago, and clear up behind what is written and deleted all day."""
    async with database.transaction() as session:
        gone = await queries.tidy_queue(session)
    await _vacuum(database, BUSY_TABLES)
    return {**gone}


async def what_is_due(database: Database, settings: Settings) -> dict[str, Report]:
    """What the next runs would take out, by table, with the day before which it is; changes nothing."""
    found: dict[str, Report] = {}
    now = utc_now()
    for action, kinds in KINDS.items():
        months = settings.comment_months if action == "retention.responses" else settings.visit_months
        for kind in kinds if months else ():
            before = months_before(local_day(now, settings.zone), months)
            span = _span(kind, BEGINNING, before, now, settings.zone)
            due = 0
            async with database.read() as session:
                for place in await queries.places(session, kind):
                    due += await queries.count_due(session, kind, place, span)
            found[kind.table] = {"before": str(before), "due": due}
            if kind is VISITS:
                found[kind.table]["kept_for_samples"] = await _kept(database, settings, str(before))
    return found


async def what_holds(database: Database) -> dict[str, str]:
    """Which of the jobs are held back for their clock, and why."""
    async with database.read() as session:
        nights = {action: await clock.read_nights(session, action) for action in KINDS}
    return {action: clock.say(found) for action, found in nights.items() if found.held is not None}


async def trust_clock(database: Database) -> datetime:
    """Let the next runs go on, whatever this machine's clock said before; what it says now."""
    now = utc_now()
    async with database.transaction() as session:
        for action in KINDS:
            await clock.write_nights(session, action, clock.Nights(now))
    return now


KINDS: dict[str, tuple[Kind, ...]] = {
    "retention.responses": (RESPONSES, SAMPLE_RESPONSES),
    "retention.visits": (VISITS, SAMPLE_LINKS),
}
"""What is thinned out together, under the name of its line in the record."""


async def _run(database: Database, settings: Settings, action: str, months: int) -> Report:
    if months == 0:
        return {}
    now = utc_now()
    await _let_go_on(database, action, now)
    before = months_before(local_day(now, settings.zone), months)
    for kind in KINDS[action]:
        await _thin(database, kind, before, now, settings.zone)
    async with database.transaction() as session:
        gone = {kind.table: (await queries.read_mark(session, kind)).untold for kind in KINDS[action]}
        for kind in KINDS[action]:
            await queries.write_mark(session, kind, Mark(before, 0, _checked(now, settings.zone)))
        if any(gone.values()):
            record(session, SYSTEM, action, "deployment", [], before=str(before), **gone)
    await _vacuum(database, [table for table, rows in gone.items() if rows])
    return {"before": str(before), **gone}


async def _let_go_on(database: Database, action: str, now: datetime) -> None:
    """Ask whether the clock can be believed, and remember the night. Raises HeldBack."""
    async with database.transaction() as session:
        nights = clock.judge(await clock.read_nights(session, action), now)
        await clock.write_nights(session, action, nights)
    if nights.held is not None:
        raise clock.HeldBack(clock.say(nights))


async def _kept(database: Database, settings: Settings, before: str) -> int:
    async with database.read() as session:
        return await queries.count_kept(
            session, date.fromisoformat(before), _checked(utc_now(), settings.zone)
        )


def _checked(now: datetime, zone: ZoneInfo) -> datetime:
    """Samples whose time to answer was over by then are checked no more."""
    return day_bounds(months_before(local_day(now, zone), CHECKED_MONTHS), zone)[0]


async def _thin(database: Database, kind: Kind, before: date, now: datetime, zone: ZoneInfo) -> None:
    async with database.read() as session:
        places = await queries.places(session, kind)
        mark = await queries.read_mark(session, kind)
        span = _span(kind, await _since(session, kind, mark, before, _checked(now, zone)), before, now, zone)
    untold = mark.untold
    for place in places:
        done = BATCH
        while done == BATCH:
            async with database.transaction() as session:
                done = await queries.thin(session, kind, place, span)
                untold += done
                if done:
                    await queries.write_mark(session, kind, mark._replace(untold=untold))
            await asyncio.sleep(PAUSE_SECONDS * done / BATCH)


async def _since(session: AsyncSession, kind: Kind, mark: Mark, before: date, checked: datetime) -> date:
    """From when on to go through the days: further back where a sample has held some of them until now."""
    if mark.through is None or mark.checked is None or month_start(mark.through) != month_start(before):
        return BEGINNING
    released = await queries.released(session, mark.checked, checked) if kind.held else None
    return min(mark.through, released or mark.through)


def _span(kind: Kind, since: date, before: date, now: datetime, zone: ZoneInfo) -> Span:
    checked = _checked(now, zone)
    if not kind.instants:
        return Span(since, before, checked)
    return Span(day_bounds(since, zone)[0], day_bounds(before, zone)[0], checked)


async def _vacuum(database: Database, tables: Sequence[str]) -> None:
    """Make room of what is gone, on a connection of its own: it runs in no transaction and takes its time."""
    connection = await connect_plainly(plain_url(database.url), timeout=5)
    try:
        for table in tables:
            await connection.execute(f"VACUUM (ANALYZE) {table}")
    finally:
        await connection.close()
