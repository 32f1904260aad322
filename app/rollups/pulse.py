"""The pulse: marked unit-days are brought up to date, in one snapshot with the deletion of their marks.

A unit-day that cannot be counted must not keep its neighbours from being counted: when a pulse fails, its
unit-days are counted one by one, and those that fail keep their marks and are left alone for a while.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import date
from typing import TypeVar

from sqlalchemy import text
from sqlalchemy.engine.interfaces import IsolationLevel
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.clock import month_start, utc_now
from app.core.database import Database
from app.core.locks import Lock
from app.jobs.failures import Aside, describe, is_away
from app.questionnaires.published import PublishedQuestionnaires
from app.rollups import worklist
from app.rollups.arrivals import NOWHERE, Mark, add, recent, sorted_out
from app.rollups.compute import recount_days, recount_visits
from app.rollups.worklist import Round, UnitDay

T = TypeVar("T")

PULSE_UNIT_DAYS = 500
LONGEST_PULSE_SECONDS = 120.0
"""A pulse that takes longer waits for a connection that somebody on the way has forgotten."""
# not serialisable; deadlock; a cell somebody else has just written: the same work again will do
_TRY_AGAIN = {"40001", "40P01", "23505"}
_TRIES = 20
ONE_MOMENT: IsolationLevel = "REPEATABLE READ"
"""What a snapshot asks for. The nodes of a cluster are not asked: see `worklist.on_cluster`."""

log = logging.getLogger(__name__)


@asynccontextmanager
async def snapshot(database: Database, *settings: str) -> AsyncIterator[AsyncConnection]:
    """A transaction that sees one moment of the database and commits at the end."""
    async with database.engine.connect() as plain:
        connection = await plain.execution_options(isolation_level=ONE_MOMENT)
        async with connection.begin():
            for setting in settings:
                await connection.execute(text(setting))
            yield connection


def _short_snapshot(database: Database) -> AbstractAsyncContextManager[AsyncConnection]:
    """A snapshot that the server ends, too (PostgreSQL 17 and newer).

    It holds months: forgotten by the network in the middle of a statement, between its text and its values,
    it would be neither idle nor timed out, and nobody could count those months.
    """
    limit = f"set_config('transaction_timeout', '{LONGEST_PULSE_SECONDS:.0f}s', true)"
    known = "current_setting('transaction_timeout', true) IS NOT NULL"
    return snapshot(database, f"SELECT CASE WHEN {known} THEN {limit} END")


async def persist(work: Callable[[], Awaitable[T]]) -> T:
    """Do the work, again when somebody else got in its way."""
    for attempt in range(_TRIES):
        try:
            return await work()
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in _TRY_AGAIN or attempt == _TRIES - 1:
                raise
            log.info("rollup starts again", extra={"cause": type(error.orig).__name__})
            await asyncio.sleep(random.uniform(0.01, 0.05) * (attempt + 1))  # noqa: S311  not a secret
    raise AssertionError("unreachable")


async def hold_months(
    connection: AsyncConnection, days: Iterable[date], *, shared: bool = False
) -> set[date]:
    """Of the months of these days, as their first days, those nobody else is writing now."""
    months = sorted({month_start(day) for day in days})
    numbers = [month.year * 12 + month.month for month in months]
    held = await worklist.try_hold_months(connection, Lock.ROLLUP_MONTHS, numbers, shared=shared)
    return {month for month, number in zip(months, numbers, strict=True) if number in held}


async def refresh(
    database: Database,
    limit: int = PULSE_UNIT_DAYS,
    questionnaires: PublishedQuestionnaires | None = None,
    aside: Aside[UnitDay] | None = None,
    turns: Round | None = None,
) -> int:
    """One pulse: count at most `limit` marked unit-days; returns how many it counted.

    Those that rest in `aside` are passed over, those that cannot be counted are put there; without it they
    are raised. `turns`: whose turn it is; without it, begin at the start.
    """
    turns = turns or Round()
    known = questionnaires or PublishedQuestionnaires(database)
    resting = aside.resting() if aside else []
    try:
        counted = await persist(lambda: _pulse(database, known, resting, limit, turns))
        if aside and counted < limit:  # whatever else had failed is counted now, by us or by another
            aside.keep(resting)
        return counted
    except Exception as error:
        if aside is None or is_away(error):
            raise
        log.warning("a pulse failed: its unit-days are counted one by one", extra={"cause": describe(error)})
    async with snapshot(database) as connection:
        due = await worklist.marked(connection, limit, resting, turns.behind)
    counted = sum([await _count_alone(database, known, unit_day, aside) for unit_day in due])
    turns.go_on(due, limit)
    return counted


async def _pulse(
    database: Database, known: PublishedQuestionnaires, resting: Sequence[UnitDay], limit: int, turns: Round
) -> int:
    async with _short_snapshot(database) as connection:
        due = await worklist.marked(connection, limit, resting, turns.behind)
        counted = await _count_marked(connection, known, sorted(due))
    turns.go_on(due, limit)
    return counted


async def _count_marked(
    connection: AsyncConnection, known: PublishedQuestionnaires, due: Sequence[UnitDay]
) -> int:
    """Count those whose month nobody else is writing, and take their marks away; how many."""
    months = await hold_months(connection, (day for _, day in due)) if due else set()
    free = [(unit, day) for unit, day in due if month_start(day) in months]
    if free:
        await _count(connection, known, [Mark(*mark) for mark in await worklist.take_marks(connection, free)])
    return len(free)


async def _count(connection: AsyncConnection, known: PublishedQuestionnaires, taken: Sequence[Mark]) -> None:
    """Make the cells say what these marks were made for, too."""
    # adding is right in one moment's sight only; counting again is right in any: what came in between is
    # counted, and its mark, which was not taken, has it counted once more
    adding = NOWHERE if await worklist.on_cluster(connection) else recent(utc_now().date())
    arrived, visited, again = sorted_out(taken, adding)
    added = await add(connection, known, arrived)
    # not all of them to be found: whatever the reason, counting again knows
    again |= {one for one, ids in arrived.items() if one not in added or added[one].responses != len(ids)}
    if again:
        await recount_days(connection, known, sorted(again))
    visited |= {one for one, what in added.items() if what.linked}
    if visited := visited - again:
        await recount_visits(connection, sorted(visited))


async def _count_alone(
    database: Database, known: PublishedQuestionnaires, unit_day: UnitDay, aside: Aside[UnitDay]
) -> int:
    async def count() -> int:
        async with _short_snapshot(database) as connection:
            return await _count_marked(connection, known, [unit_day])

    try:
        return await persist(count)
    except Exception as error:
        if is_away(error):
            raise
        given_up = aside.failed(unit_day, error)
        told = {"unit": unit_day[0], "local_day": str(unit_day[1]), "set_aside": given_up}
        log.error("a unit-day cannot be counted", extra=told, exc_info=error)
        return 0
