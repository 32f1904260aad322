"""Whether the database still stands at a migration older than this release's."""

import asyncio

from app.core.database import Database
from app.core.database_errors import ANY_FAILURE
from app.core.revision import HEAD
from app.core.settings import load_settings

PATIENCE = 5.0


async def older_revision() -> str | None:
    """The migration the database stands at, if it is older than this release's; None otherwise.

    A database that is away, or does not answer, says nothing: the start does not wait for it.
    """
    url = load_settings().direct_url
    if not url:
        return None
    database = Database(url, pool_size=1)
    try:
        async with asyncio.timeout(PATIENCE):
            revision = await database.revision()
    except ANY_FAILURE:
        return None
    finally:
        await database.close()
    return None if revision is not None and revision >= HEAD else revision or "none"
