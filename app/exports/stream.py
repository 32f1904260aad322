"""Exports on their way to whoever asked: straight from PostgreSQL, or from the parts of a file that is kept.

Both outlive the session of their request, so they open their own, and both leave a line in the audit before
their first byte. A stream is also a row among the exports: what was asked, and at its end how many rows and
which checksum it had, so that a file taken at once can be checked like one that was ordered.
"""

import asyncio
import zlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from app.audit import record
from app.core.clock import utc_now
from app.core.database import Database
from app.core.export_problems import ExportTooLarge
from app.core.problems import Unavailable
from app.exports import queries, service
from app.exports.produce import count, produce
from app.exports.service import Granted
from app.exports.snapshot import LONGEST_STREAM, snapshot
from app.exports.writers import Tally
from app.models.export import Export

AT_ONCE = 4
MOST_SHEET_ROWS = 100_000
"""A workbook is made before its first byte: more rows than this would keep people, and proxies, waiting."""


class Streams:
    """The streams of one process: a few at a time, so that they cannot take the database from the others."""

    def __init__(self, database: Database, at_once: int = AT_ONCE) -> None:
        self._database = database
        self._slots = asyncio.Semaphore(at_once)
        self._ending: set[asyncio.Task[None]] = set()

    async def take(
        self, actor: str, granted: Granted, export_id: UUID, now: datetime
    ) -> AsyncGenerator[bytes, None]:
        """The pieces of an export made on the spot. Unavailable when too many are, ExportTooLarge."""
        if self._slots.locked():
            raise Unavailable(retry_after=5)
        async with self._slots, snapshot(self._database, LONGEST_STREAM) as connection:
            order, tops, published = granted
            if order.format == "xlsx":
                rows = await count(connection, order, tops, published)
                if rows is not None and rows > MOST_SHEET_ROWS:
                    raise ExportTooLarge(limit=MOST_SHEET_ROWS)
            async with self._database.transaction() as session:
                export = service.enter(session, actor, granted, export_id, now, 0, streamed=True)
                record(session, actor, "export.stream", f"export:{export_id}", tops or (), query=export.query)
            tally, digest, size = Tally(), sha256(), 0
            try:
                async with aclosing(produce(connection, order, tops, published, now, tally)) as pieces:
                    async for piece in pieces:
                        digest.update(piece)
                        size += len(piece)
                        yield piece
                await self._end(
                    export_id, "done", rows_done=tally.rows, size=size, sha256=digest.digest(), failure=None
                )
            except BaseException:
                # whoever asked may be gone, and this task with them: the row is ended by another
                ending = asyncio.create_task(
                    self._end(export_id, "failed", rows_done=tally.rows, failure="broken_off")
                )
                self._ending.add(ending)
                ending.add_done_callback(self._ending.discard)
                raise

    async def kept(self, export: Export) -> AsyncGenerator[bytes, None]:
        """The file of a finished export, part by part: no connection waits for a slow line."""
        async with self._database.transaction() as session:
            record(session, export.actor, "export.download", f"export:{export.id}", export.tops or ())
        place = 0
        while True:
            async with self._database.read() as session:
                part = await queries.part(session, export.id, place)
            if part is None:
                return
            yield zlib.decompress(part)
            place += 1

    async def _end(self, export_id: UUID, state: str, **values: object) -> None:
        async with self._database.transaction() as session:
            await queries.change(session, export_id, state=state, finished_at=utc_now(), **values)
