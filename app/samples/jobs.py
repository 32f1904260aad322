"""The nightly sweep that cuts the last hidden tie between a sample's link and what was said through it.

As for visits (`visits/jobs.py`): spending a link and storing the answer bear one transaction number;
afterwards all answered links bear the same, and stand in random order.
"""

from sqlalchemy import SmallInteger, delete, func, insert, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.database import Database
from app.core.locks import Lock, hold
from app.models.sample import SampleLink
from app.models.visit import ANSWERED, SETTLED


async def settle_sample_links(database: Database) -> int:
    """Settle the answered links of all samples at once; how many. May run at any time, and twice."""
    async with database.transaction() as session:
        return await _settle(session)


async def _settle(session: AsyncSession) -> int:
    """As for visits: what was answered before in the same strata is written anew with them."""
    await hold(session, Lock.SETTLING)
    columns = SampleLink.__table__.columns
    crowds = select(SampleLink.sample_id, SampleLink.stratum).where(SampleLink.answer_state == ANSWERED)
    gone = (
        delete(SampleLink)
        .where(
            SampleLink.answer_state.in_((ANSWERED, SETTLED)),
            tuple_(SampleLink.sample_id, SampleLink.stratum).in_(crowds),
        )
        .returning(*columns)
        .cte("gone")
    )
    names = [column.name for column in columns]
    settled = [literal(SETTLED, SmallInteger()) if name == "answer_state" else gone.c[name] for name in names]
    anew = insert(SampleLink).from_select(names, select(*settled).order_by(func.random())).cte("anew")
    fresh = select(func.count()).where(gone.c.answer_state == ANSWERED).add_cte(anew)
    return await session.scalar(fresh) or 0
