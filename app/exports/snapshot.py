"""A connection of its own for each export: one moment of the database, read only, for as long as it takes.

Not from the pool: a slow line may take minutes over a file, and the pool's connections are for those who want
milliseconds. It has an end all the same. Whatever goes wrong, the connection is cut off, so that PostgreSQL
stops working for somebody who has gone.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from app.core.connecting import connect
from app.core.database import SERVER_SETTINGS, Database, plain_url

LONGEST_STREAM = "15min"
LONGEST_JOB = "6h"


@asynccontextmanager
async def snapshot(database: Database, longest: str) -> AsyncIterator[asyncpg.Connection]:
    """Repeatable read; `longest` is the end of every statement, as PostgreSQL writes it."""
    settings = {
        **SERVER_SETTINGS,
        "application_name": "sipas export",
        "statement_timeout": longest,
        "work_mem": "32MB",  # a commune's year is sorted in memory
        "default_transaction_read_only": "on",
    }
    url = plain_url(await database.reader.whole())
    connection = await connect(url, settings, pooled=False, timeout=5)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            yield connection
    except BaseException:
        connection.terminate()
        raise
    await connection.close()
