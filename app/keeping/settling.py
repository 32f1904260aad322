"""A snapshot in which all that was answered is settled: what a backup is taken of.

The order of rows in a dump would otherwise tell when each link was used (docs/decisions/0002-anonymity.md).
Settling first is not enough, because people go on answering between the end of a sweep and the snapshot. So
for the last, short sweep and the snapshot whoever spends a link waits: some milliseconds, as all that waited
since the night is settled before.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.database import Database
from app.core.database_errors import LOST_CONNECTION
from app.core.locks import Lock, hold
from app.samples.jobs import settle_sample_links
from app.visits.jobs import settle_answered

_SWEEPS = {"visits": settle_answered, "sample_links": settle_sample_links}
_TRIES = 30
_PATIENCE = "1s"
"""Whoever comes to spend a link stands behind us in the lock's queue, and is refused after two seconds."""
_PAUSE_SECONDS = 1.0
_LOCK_NOT_GIVEN = "55P03"

log = logging.getLogger(__name__)


@asynccontextmanager
async def settled_read(database: Database) -> AsyncIterator[tuple[AsyncSession, int]]:
    """A reading session, and how many visits and links of samples it shows unsettled: none, as a rule.

    They are counted and no more where nothing can be written (a standby, a role that only reads), and where
    a process of an older release goes on answering.
    """
    async with database.read() as session:
        tables = [name for name in _SWEEPS if await _stands(database, name)]
        try:
            await _settle(database, tables)
            async with AsyncExitStack() as alone:
                await _hold_alone(database, alone)
                await _settle(database, tables)
                unsettled = await _unsettled(session, tables)  # the snapshot is of this moment
        except DBAPIError as error:
            if isinstance(error, LOST_CONNECTION):
                raise
            log.warning("what was answered could not be settled before the backup", exc_info=error)
            await session.rollback()
            unsettled = await _unsettled(session, tables)
        yield session, unsettled


async def _settle(database: Database, tables: list[str]) -> None:
    for name in tables:
        await _SWEEPS[name](database)


async def _hold_alone(database: Database, stack: AsyncExitStack) -> None:
    """Nobody spends a link until the stack is left. Raises the last lock time-out."""
    for left in reversed(range(_TRIES)):
        try:
            async with AsyncExitStack() as attempt:
                session = await attempt.enter_async_context(database.transaction())
                await session.execute(text(f"SET LOCAL lock_timeout = '{_PATIENCE}'"))
                await hold(session, Lock.SPENT_LINKS)
                await stack.enter_async_context(attempt.pop_all())
                return
        except DBAPIError as error:
            if not left or getattr(error.orig, "sqlstate", None) != _LOCK_NOT_GIVEN:
                raise
            await asyncio.sleep(_PAUSE_SECONDS)


async def _stands(database: Database, table: str) -> bool:
    """Whether a table is there: a database may be of an older release."""
    async with database.aside() as session:
        return bool(await session.scalar(text("SELECT to_regclass(:name) IS NOT NULL"), {"name": table}))


async def _unsettled(session: AsyncSession, tables: list[str]) -> int:
    counts = [
        await session.scalar(text(f"SELECT count(*) FROM {name} WHERE answer_state = 1"))  # noqa: S608  of the table above
        for name in tables
    ]
    return sum(count or 0 for count in counts)
