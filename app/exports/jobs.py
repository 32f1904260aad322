"""Jobs of exports: a loop that works off what was ordered, and the purge.

The table is the queue: an order commits with its request and stays due until it is done or has failed three
times. Whoever makes it holds a lock that ends with its connection, so an export whose runner was killed is
free at once for the next runner, which begins it anew: never two at the same time, and none lost.
"""

import asyncio
import logging
import time
import zlib
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from hashlib import sha256
from uuid import UUID

import asyncpg

from app.auth.known import KnownSubjects
from app.core.clock import utc_now
from app.core.connecting import connect_plainly
from app.core.database import Database, plain_url
from app.exports import queries, service
from app.exports.produce import count, produce
from app.exports.schemas import ORDERS
from app.exports.snapshot import LONGEST_JOB, snapshot
from app.exports.writers import Tally
from app.jobs.failures import is_away
from app.jobs.states import Heartbeat
from app.models.export import Export, ExportPart
from app.questionnaires.published import PublishedQuestionnaires

INTERVAL_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 30.0
REPORT_SECONDS = 1.0
LOOKED_AT = 20
PART = 1024 * 1024
"""Bytes of a part before it is deflated: one row of some hundred kilobytes each."""

_LOCK = "SELECT pg_try_advisory_lock(hashtextextended($1, 0))"

log = logging.getLogger(__name__)


async def run_exports(database: Database, stop: asyncio.Event, interval: float = INTERVAL_SECONDS) -> None:
    """Work off orders until told to stop; one under way then goes back to the queue."""
    makers, wait = Maker(database), interval
    heart = Heartbeat(database, "exports.run_exports")
    while not stop.is_set():
        started, failure = time.monotonic(), None
        working = asyncio.create_task(makers.work())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not working.done():
            working.cancel()
            with suppress(asyncio.CancelledError):
                await working
            return
        try:
            worked = working.result()
            wait = interval
        except Exception as error:
            failure, worked, wait = error, False, min(wait * 2, LONGEST_WAIT_SECONDS)
            if is_away(error):
                log.warning("no exports: the database is away", extra={"cause": type(error).__name__})
            else:
                log.error("an export went wrong", exc_info=error)
        await heart.beat(time.monotonic() - started, failure)
        if not worked:
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), wait)


async def purge_exports(database: Database) -> int:
    """Delete the files whose days are over; how many there were."""
    async with database.transaction() as session:
        return await queries.purge(session, utc_now())


class Maker:
    """Makes the files of orders, one after the other."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known = KnownSubjects(database)
        self._questionnaires = PublishedQuestionnaires(database)

    async def work(self) -> bool:
        """Make the oldest order nobody is making; False when there is none."""
        async with self._database.read() as session:
            due = await queries.due(session, LOOKED_AT)
        for export_id in due:
            async with self._taken(export_id) as taken:
                if taken:
                    async with snapshot(self._database, LONGEST_JOB) as connection:
                        await self._make(connection, export_id)
                    return True
        return False

    @asynccontextmanager
    async def _taken(self, export_id: UUID) -> AsyncIterator[bool]:
        """Whether nobody else makes it meanwhile. Asked of the primary: a replica's locks are its own."""
        connection = await connect_plainly(plain_url(self._database.url), timeout=5)
        try:
            yield await connection.fetchval(_LOCK, f"export {export_id}")
        finally:
            connection.terminate()

    async def _make(self, connection: asyncpg.Connection, export_id: UUID) -> None:
        async with self._database.transaction() as session:
            export = await queries.begin(session, export_id)
        if export is None:
            return  # the attempt is committed before anything can fail, or it would be the first for ever
        subject = await self._known.find(export.actor)
        async with self._database.read() as session:
            allowed = subject is not None and await service.may_have(session, subject, export)
        if not allowed:
            await self._change(export_id, state="failed", failure="out_of_reach", finished_at=utc_now())
            return
        tally = Tally()
        reporting = asyncio.create_task(self._report(export_id, tally))
        try:
            await self._write(connection, export, tally)
        except asyncio.CancelledError:
            await self._change(export_id, state="queued", attempts=export.attempts - 1)
            raise
        finally:
            reporting.cancel()
            await asyncio.gather(reporting, return_exceptions=True)

    async def _write(self, connection: asyncpg.Connection, export: Export, tally: Tally) -> None:
        order = ORDERS.validate_python(export.query)
        published = await self._questionnaires.get(order.questionnaire, order.version)
        if published is None:
            raise LookupError(f"export {export.id} asks for a questionnaire that has gone")
        total = await count(connection, order, export.tops, published)
        await self._change(export.id, rows_total=total)
        digest, size, place, gathered = sha256(), 0, 0, bytearray()
        async with aclosing(
            produce(connection, order, export.tops, published, export.created_at, tally)
        ) as pieces:
            async for piece in pieces:
                digest.update(piece)
                size += len(piece)
                gathered += piece
                if len(gathered) >= PART:
                    await self._keep(export.id, place, bytes(gathered))
                    gathered.clear()
                    place += 1
        await self._keep(export.id, place, bytes(gathered))
        await self._change(
            export.id,
            state="done",
            rows_done=tally.rows,
            rows_total=tally.rows,
            size=size,
            sha256=digest.digest(),
            finished_at=utc_now(),
        )

    async def _keep(self, export_id: UUID, place: int, content: bytes) -> None:
        deflated = await asyncio.to_thread(zlib.compress, content, 1)
        async with self._database.transaction() as session:
            session.add(ExportPart(export_id=export_id, place=place, content=deflated))

    async def _report(self, export_id: UUID, tally: Tally) -> None:
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            await self._change(export_id, rows_done=tally.rows)

    async def _change(self, export_id: UUID, **values: object) -> None:
        async with self._database.transaction() as session:
            await queries.change(session, export_id, **values)
