"""The nightly sweep that cuts the last hidden tie between a visit and its response."""

from app.core.database import Database
from app.visits import queries


async def settle_answered(database: Database) -> int:
    """Settle the answered visits of all units in one transaction; how many. May run at any time and twice."""
    async with database.transaction() as session:
        return await queries.settle(session)
