"""Housekeeping of signing in."""

from app.auth import queries, sessions
from app.core.clock import utc_now
from app.core.database import Database


async def purge_sign_ins(database: Database) -> None:
    """Forget failed sign-ins that no longer count, refresh tokens long expired, sessions long unused."""
    async with database.transaction() as session:
        await queries.purge(session, utc_now())
        await sessions.purge(session, utc_now())
