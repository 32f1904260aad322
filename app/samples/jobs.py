"""The nightly sweep that cuts the last hidden tie between a sample's link and what was said through it.

As for visits (`visits/jobs.py`): spending a link and storing the answer bear one transaction number;
afterwards all answered links bear the same, and stand in random order.
"""

from typing import cast

from sqlalchemy import CursorResult, SmallInteger, delete, func, insert, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.database import Database
from app.models.sample import SampleLink
from app.models.visit import ANSWERED, SETTLED


async def settle_sample_links(database: Database) -> int:
    """Settle the answered links of all samples at once; how many. May run at any time, and twice."""
    async with database.transaction() as session:
        return await _settle(session)


async def _settle(session: AsyncSession) -> int:
    columns = SampleLink.__table__.columns
    gone = delete(SampleLink).where(SampleLink.answer_state == ANSWERED).returning(*columns).cte("gone")
    names = [column.name for column in columns]
    settled = [literal(SETTLED, SmallInteger()) if name == "answer_state" else gone.c[name] for name in names]
    anew = insert(SampleLink).from_select(names, select(*settled).order_by(func.random()))
    return cast("CursorResult[tuple[()]]", await session.execute(anew)).rowcount
