"""A replica to read figures from, for as long as it shows what is recent enough.

Once a second this process asks the primary what time it is there and how far its log has come, and the
replica how much of that log it has replayed. What the replica shows is complete up to the newest of those
times whose place in the log it has passed: that is what `as_of` says of an answer. No row is written for it,
and a primary that stands still does not look like a replica that lags.

While the replica is further behind than the bound, is gone, or is a replica no more, the primary answers.
Who may see what is always asked of the primary: only figures come from here.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import datetime, timedelta
from types import TracebackType
from typing import NamedTuple, Self

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from app.core import metrics
from app.core.database import Database, Reader
from app.core.database_errors import LOST_CONNECTION

CHECK_SECONDS = 1.0
CHECK_TIMEOUT = 3.0
CATCH_UP_SECONDS = 10.0
"""How long an export waits for a replica to show all that was committed when it was asked for."""

MOST_SAMPLES = 3600

_ARE_YOU_THERE = text("SELECT 1")
_PLACE = text("SELECT now(), pg_wal_lsn_diff(pg_current_wal_flush_lsn(), '0/0')")
_REPLAYED = text("SELECT pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0') WHERE pg_is_in_recovery()")
_COMPLETE_UNTIL = "complete_until"

log = logging.getLogger(__name__)


class Gone(Exception):
    """The replica cannot be used now."""


class _Sample(NamedTuple):
    """All that was committed until `moment` (by the primary's clock) stands in the log before `place`."""

    moment: datetime
    place: int


def complete_until(connection: AsyncConnection, seen_at: datetime) -> datetime:
    """Until when what this connection shows is complete; on the primary, the moment of its snapshot."""
    there = connection.sync_connection
    until = None if there is None else there.get_execution_options().get(_COMPLETE_UNTIL)
    return seen_at if until is None else min(until, seen_at)


class Replica:
    """The reading side of a database, on a replica where that is fit. Use as an async context manager."""

    def __init__(self, primary: Database, url: str, *, staleness_seconds: float) -> None:
        self._primary = primary
        self._there = Database(url, told=False)
        self._bound = timedelta(seconds=staleness_seconds)
        self._samples: deque[_Sample] = deque(maxlen=MOST_SAMPLES)
        self._until: datetime | None = None
        self._behind = timedelta.max
        self._looked_at = 0.0
        self._fit: bool | None = None
        self._watching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._look()
        self._watching = asyncio.create_task(self._watch(), name="replica")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._watching is not None:
            self._watching.cancel()
            with suppress(asyncio.CancelledError):
                await self._watching
        await self._there.close()

    @property
    def reader(self) -> Reader:
        """The same as a database's own."""
        return Reader(self._read, self._alone, self._whole)

    @property
    def complete_until(self) -> datetime | None:
        """Until when the replica's figures are complete; None while the primary answers."""
        if self._until is None or not self._fit:
            return None
        unseen = timedelta(seconds=time.monotonic() - self._looked_at)
        return self._until if self._behind + unseen <= self._bound else None

    @asynccontextmanager
    async def _read(self) -> AsyncIterator[AsyncSession]:
        async with AsyncExitStack() as stack:
            try:
                session = await stack.enter_async_context(self._there.read())
                await self._greet(await session.connection(execution_options=self._options()))
            except (Gone, DBAPIError, *LOST_CONNECTION) as error:
                await stack.aclose()
                session = await stack.enter_async_context(self._primary.read())
                self._told("primary", error)
            else:
                self._told("replica")
            yield session

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[AsyncConnection]:
        async with AsyncExitStack() as stack:
            try:
                options = self._options()
                connection = await stack.enter_async_context(self._there.alone())
                await self._greet(await connection.execution_options(**options))
            except (Gone, DBAPIError, *LOST_CONNECTION) as error:
                await stack.aclose()
                connection = await stack.enter_async_context(self._primary.alone())
                self._told("primary", error)
            else:
                self._told("replica")
            yield connection

    async def _whole(self) -> str:
        """The URL of a database that shows all that is committed now: the replica's, if it soon does."""
        if self.complete_until is None:
            return self._primary.url
        try:
            async with asyncio.timeout(CATCH_UP_SECONDS):
                wanted = await self._place()
                while (await self._replayed()) < wanted.place:  # noqa: ASYNC110  another machine's progress
                    await asyncio.sleep(0.1)
        except (Gone, DBAPIError, *LOST_CONNECTION):
            return self._primary.url
        return self._there.url

    def _options(self) -> dict[str, datetime]:
        until = self.complete_until
        if until is None:
            raise Gone
        return {_COMPLETE_UNTIL: until}

    @staticmethod
    async def _greet(connection: AsyncConnection) -> None:
        """A connection of the pool may be of a server that has gone: better to know before it matters."""
        await connection.execute(_ARE_YOU_THERE)

    def _told(self, database: str, error: BaseException | None = None) -> None:
        metrics.FIGURE_READS.labels(database).inc()
        if error is not None and not isinstance(error, Gone):
            self._judge(False, "it does not answer")

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            await self._look()

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(CHECK_TIMEOUT):
                latest = await self._place()
                replayed = await self._replayed()
        except Gone:
            return self._judge(False, "it is no replica")
        except Exception as error:  # whatever it was: the next look may go well, and figures have the primary
            log.debug("the replica was not seen", exc_info=error)
            return self._judge(False, f"it could not be looked at: {type(error).__name__}")
        self._samples.append(latest)
        while self._samples and self._samples[0].place <= replayed:
            self._until = self._samples.popleft().moment
        if self._until is None:
            return self._judge(False, "it has not caught up yet")
        self._behind, self._looked_at = latest.moment - self._until, time.monotonic()
        metrics.REPLICA_LAG.set(self._behind.total_seconds())
        return self._judge(self._behind <= self._bound, f"it is {self._behind} behind")

    def _judge(self, fit: bool, why: str) -> None:
        """Said once at each turn, not with each reading."""
        if fit != self._fit and fit:
            log.info("figures are read from the replica")
        elif fit != self._fit:
            log.warning("figures are read from the primary", extra={"replica": why})
        self._fit = fit
        metrics.REPLICA_UNUSED.set(not fit)

    async def _place(self) -> _Sample:
        async with self._primary.engine.connect() as connection:
            moment, place = (await connection.execute(_PLACE)).one()
            return _Sample(moment, int(place))

    async def _replayed(self) -> int:
        async with self._there.engine.connect() as connection:
            replayed = await connection.scalar(_REPLAYED)
        if replayed is None:
            raise Gone
        return int(replayed)


@asynccontextmanager
async def reading_from(database: Database, url: str | None, staleness_seconds: float) -> AsyncIterator[None]:
    """Have a database's reading side read from a replica meanwhile, if there is one."""
    if url is None:
        yield
        return
    async with Replica(database, url, staleness_seconds=staleness_seconds) as replica:
        database.reader = replica.reader
        yield
