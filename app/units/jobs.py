"""The job that lets decided reorganisations take effect when their day has come."""

from app.core.clock import utc_now
from app.core.database import Database
from app.units import reorganise


async def take_effect(database: Database) -> int:
    """Put into force what is due; how many reorganisations. May run at any time and twice."""
    async with database.transaction() as session:
        return await reorganise.take_effect(session, utc_now())
