"""Can the database still write? A full disk answers every question and takes no answer.

The probe writes about a megabyte where the data lies (a sort that does not fit into its memory) and a line
into the write-ahead log (a message that nobody reads), flushed by its commit. It leaves nothing behind: no
table, no row, nothing to vacuum. A disk on which a megabyte has no room is full.

At most once in five seconds, however often somebody asks.
"""

import asyncio
import logging

from sqlalchemy import text

from app.core.database import PROBE_SECONDS, Database, within
from app.core.database_errors import ANY_FAILURE

FRESH_SECONDS = 5.0

_PROBE = (
    "SET LOCAL work_mem = '64kB'",
    "SELECT count(*) FROM (SELECT FROM generate_series(1, 20000) AS n ORDER BY md5(n::text)) AS sorted",
    "SELECT pg_logical_emit_message(true, 'sipas', 'can you write?')",
)

log = logging.getLogger(__name__)


class WriteProbe:
    """Asks one database, and remembers for a moment what came of it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._asking = asyncio.Lock()
        self._known: tuple[float, bool] | None = None

    async def writable(self) -> bool:
        """Whether the database could write, now or a moment ago; says so within two seconds."""
        async with self._asking:
            now = asyncio.get_running_loop().time()
            if self._known is None or self._known[0] + FRESH_SECONDS < now:
                self._known = now, await writable(self._database)
            return self._known[1]


async def writable(database: Database) -> bool:
    """Whether the database can write now; False, too, when it does not say within two seconds."""
    try:
        await within(PROBE_SECONDS, _probe(database))
    except ANY_FAILURE as error:
        log.warning("the database cannot write", extra={"cause": type(error).__name__})
        return False
    return True


async def _probe(database: Database) -> None:
    async with database.probes.begin() as connection:
        for statement in _PROBE:
            await connection.execute(text(statement))
