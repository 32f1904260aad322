"""Jobs of the roll-up: the pulse, the nightly re-count, the rebuild and the verification.

The pulse takes the marks it can see, deletes them, adds what has arrived in those unit-days in the same
snapshot, or counts them again, and commits.
A mark it cannot see belongs to a response it cannot see either, and stays for the next pulse. So nothing is
missed and nothing is counted twice, whatever happens at the same time. (On a cluster there is no snapshot:
there every unit-day is counted again, which may be done twice.)

Two that write the same cells at once would do the work twice, so they try for a lock on each month first (a
pulse alone, rebuilds together). The lock saves work; it is not what makes the result right: a snapshot may be
older than the lock. Then PostgreSQL refuses the later writer (a row changed since the snapshot, or a cell
that exists already), and it simply starts again.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from datetime import date, timedelta
from itertools import groupby
from operator import itemgetter

from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.clock import next_month, utc_now
from app.core.database import Database
from app.jobs.failures import Aside, SomeFailed, is_away
from app.jobs.states import Heartbeat
from app.questionnaires.published import PublishedQuestionnaires
from app.rollups import pulse, worklist
from app.rollups.arrivals import recent
from app.rollups.compare import Comparison
from app.rollups.compute import recount_days, recount_month
from app.rollups.differences import Verification
from app.rollups.fresh import TABLES
from app.rollups.pulse import PULSE_UNIT_DAYS, hold_months, persist, refresh, snapshot
from app.rollups.worklist import Round, UnitDay

__all__ = ["Verification", "nightly_recount", "rebuild", "refresh", "run_pulse", "verify"]

Progress = Callable[[int, int], None]

INTERVAL_SECONDS = 0.25
LONGEST_WAIT_SECONDS = 10.0
REBUILD_CONNECTIONS = 2
REBUILD_UNITS = 64
"""Units of one chunk of a rebuild: small enough that both connections end at about the same time."""
NIGHT = "rollups.nightly_recount"
NIGHT_UNITS = 500
"""Unit-days of one transaction of a night: a pulse waits no longer for their month than for another pulse."""
LOCK_WAIT_SECONDS = 0.05

# A rebuild hashes whole months: more memory, no hurry, and plans made for the months and units at hand
_UNHURRIED = (
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL work_mem = '64MB'",
    "SET LOCAL plan_cache_mode = force_custom_plan",
)

log = logging.getLogger(__name__)


async def run_pulse(database: Database, stop: asyncio.Event, interval: float = INTERVAL_SECONDS) -> None:
    """Pulse until told to stop: at once while much is due, else every `interval` seconds; in a rush no more
    than half of the time, because intake comes first.

    Whatever goes wrong is logged and tried again, after ever longer waits: the marks keep the work. What took
    too long is tried again by halves.
    """
    questionnaires = PublishedQuestionnaires(database)
    aside, turns = Aside[UnitDay](), Round()
    heart = Heartbeat(database, "rollups.run_pulse")
    wait, limit = interval, PULSE_UNIT_DAYS
    while not stop.is_set():
        started, failure = time.monotonic(), None
        try:
            counted = await _in_time(refresh(database, limit, questionnaires, aside, turns))
            took = time.monotonic() - started
            wait = min(took if counted == limit else max(interval, took), LONGEST_WAIT_SECONDS)
            limit = PULSE_UNIT_DAYS
        except Exception as error:
            failure = error
            wait = min(max(wait * 2, interval), LONGEST_WAIT_SECONDS)
            limit = max(1, limit // 2)
            if is_away(error):
                log.warning("no pulse: the database is away", extra={"cause": type(error).__name__})
            else:
                log.error("no pulse", exc_info=error)
        await heart.beat(time.monotonic() - started, failure, aside.told())
        try:
            await asyncio.wait_for(stop.wait(), wait)
        except TimeoutError:
            continue


async def _in_time(turn: Awaitable[int]) -> int:
    async with asyncio.timeout(pulse.LONGEST_PULSE_SECONDS):
        return await turn


async def nightly_recount(database: Database, days: int | None = None) -> int:
    """Count the last days again though nothing marks them; returns how many cells were wrong, normally 0.

    Without `days`: all to which something may have been added since the last night that came to a good end,
    and everything there is when none is known, a month at a time. Unit-days with a mark are left to the
    pulse: those are known to be stale, not wrong.
    """
    questionnaires = PublishedQuestionnaires(database)
    async with snapshot(database, *_UNHURRIED) as connection:
        since = await _added_since(connection) if days is None else utc_now().date() - timedelta(days=days)
        months = await worklist.months(connection, since)
    wrong, looked_at, failed = 0, 0, list[UnitDay]()

    async def recount(unit_days: Sequence[UnitDay]) -> int:
        async def count(connection: AsyncConnection) -> int:
            unmarked = await worklist.unmarked(connection, unit_days)
            if not unmarked:
                return 0
            return await recount_days(connection, questionnaires, unmarked, sum_all=True)

        try:
            return await _with_month(database, unit_days[0][1], count)
        except Exception as error:
            if is_away(error):
                raise
            if len(unit_days) == 1:
                failed.extend(unit_days)
                told = {"unit": unit_days[0][0], "local_day": str(unit_days[0][1])}
                log.error("a unit-day cannot be counted", extra=told, exc_info=error)
                return 0
        return sum([await recount([one]) for one in unit_days])

    for month in sorted(months):
        async with snapshot(database, *_UNHURRIED) as connection:
            due = await worklist.unit_days(connection, max(since, month), next_month(month))
        looked_at += len(due)
        for block in _blocks(due):
            wrong += await recount(block)
    if wrong:
        log.error("the nightly re-count found wrong cells and mended them", extra={"cells": wrong})
    else:
        log.info("the nightly re-count found every cell right", extra={"unit_days": looked_at})
    if failed:
        raise SomeFailed(
            f"{len(failed)} unit-days cannot be counted, the first {failed[0][0]} {failed[0][1]}"
        )
    return wrong


def _blocks(unit_days: Iterable[UnitDay]) -> Iterator[list[UnitDay]]:
    """What is counted in one transaction: the days of a unit together, so that their month is summed once."""
    block = list[UnitDay]()
    for _, days in groupby(unit_days, key=itemgetter(0)):
        of_unit = list(days)
        if block and len(block) + len(of_unit) > NIGHT_UNITS:
            yield block
            block = []
        block += of_unit
    if block:
        yield block


async def _added_since(connection: AsyncConnection) -> date:
    """The oldest day to whose cells something may have been added since the last good night."""
    last = await worklist.last_success(connection, NIGHT)
    if last is None:
        return date.min
    # a day more, as that night took its time and may have ended on the day after it began
    return recent(min(last, utc_now()).date()).first - timedelta(days=1)


async def rebuild(database: Database, progress: Progress | None = None) -> int:
    """Count every cell from scratch, a month of some units at a time; returns how many responses there are.

    Safe beside intake and pulse: the old cells are read until the new ones are committed, and the marks of
    what is counted here are taken with it. `progress(responses done, all)`.
    """
    questionnaires = PublishedQuestionnaires(database)
    async with snapshot(database, *_UNHURRIED) as connection:
        months = await worklist.months(connection)
        units = await worklist.unit_ids(connection)
        for table in TABLES:
            await worklist.drop_orphans(connection, table.name)
    total, done = sum(months.values()), 0.0
    blocks = [units[start : start + REBUILD_UNITS] for start in range(0, len(units), REBUILD_UNITS)]
    chunks = [(month, block) for month in sorted(months) for block in blocks]

    async def work() -> None:
        nonlocal done
        while chunks:
            month, block = chunks.pop()

            async def count(
                connection: AsyncConnection, month: date = month, block: list[int] = block
            ) -> int:
                # what they were made for is counted here: added once more, it would count twice
                await worklist.take_month(connection, block, month, next_month(month))
                return await recount_month(connection, questionnaires, block, month)

            await _with_month(database, month, count)
            done += months[month] / len(blocks)
            if progress is not None:
                progress(round(done), total)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(REBUILD_CONNECTIONS):
                group.create_task(work())
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from errors  # one lost database, not two
    return total


async def _with_month(
    database: Database, day: date, count: Callable[[AsyncConnection], Awaitable[int]]
) -> int:
    """Count in a transaction of its own, once no pulse is writing the day's month; what `count` returns."""

    async def attempt() -> int | None:
        async with snapshot(database, *_UNHURRIED) as connection:
            free = await hold_months(connection, [day], shared=True)
            return await count(connection) if free else None

    while (changed := await persist(attempt)) is None:  # noqa: ASYNC110  the other may be another process
        await asyncio.sleep(LOCK_WAIT_SECONDS)
    return changed


async def verify(database: Database, progress: Progress | None = None) -> Verification:
    """Count everything independently, in plain Python and one snapshot, and compare it with every cell."""
    async with snapshot(
        database, "SET TRANSACTION READ ONLY", "SET LOCAL statement_timeout = 0"
    ) as connection:
        months = await worklist.months(connection)
        total, done = sum(months.values()), 0
        comparison = await Comparison.open(connection, PublishedQuestionnaires(database))
        for month, responses in sorted(months.items()):
            await comparison.compare(connection, month)
            done += responses
            if progress is not None:
                progress(done, total)
    return comparison.result
