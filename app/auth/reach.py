"""Reach: which units a subject may see. One subquery beneath every list, figure and export.

Outside the reach a thing does not exist: finding and not being allowed look the same.
"""

from sqlalchemy import ColumnElement, Select, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app.auth.subjects import Subject
from app.core.problems import UnitUnknown
from app.models.unit import Unit


def subtree(unit_id: int | ColumnElement[int]) -> Select[int]:
    """Ids of a unit and of everything beneath it; with a bound parameter the statement can be kept."""
    # without a name of its own, so that one statement may ask twice
    below = select(Unit.id).where(Unit.id == unit_id).cte(recursive=True)
    below = below.union_all(select(Unit.id).join(below, Unit.parent_id == below.c.id))
    return select(below.c.id)


def within_reach(
    column: InstrumentedAttribute[int] | InstrumentedAttribute[int | None] | ColumnElement[int],
    subject: Subject,
) -> ColumnElement[bool]:
    """The condition that a unit-id column lies within the subject's reach."""
    return true() if subject.unit_id is None else column.in_(subtree(subject.unit_id))


async def find_unit(session: AsyncSession, subject: Subject, code: str) -> Unit:
    """The unit of this code within the subject's reach; UnitUnknown otherwise."""
    unit = await session.scalar(select(Unit).where(Unit.code == code, within_reach(Unit.id, subject)))
    if unit is None:
        raise UnitUnknown(unit=code)
    return unit
