"""What a unit was, will be, and who it came from: read for people who look at one unit."""

from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.auth.reach import within_reach
from app.auth.subjects import Subject
from app.models.reorganisation import UnitSuccession, UnitVersion
from app.models.unit import Unit

ONE_DAY = timedelta(days=1)
_STATE = ("code", "name", "kind", "parent_code", "valid_from", "valid_to")
_FOLLOWS = ("code", "name", "on", "kind")


async def versions(session: AsyncSession, subject: Subject, unit: Unit) -> list[dict[str, Any]]:
    """All states of a unit in order, the present one among them; a parent out of reach is not named."""
    parent = aliased(Unit)
    rows = await session.execute(
        select(
            UnitVersion.code,
            UnitVersion.name,
            UnitVersion.kind,
            parent.code,
            UnitVersion.valid_from,
            UnitVersion.valid_to,
        )
        .outerjoin(parent, (parent.id == UnitVersion.parent_id) & within_reach(parent.id, subject))
        .where(UnitVersion.unit_id == unit.id)
        .order_by(UnitVersion.valid_to)
    )
    found: list[dict[str, Any]] = [dict(zip(_STATE, row, strict=True)) for row in rows]
    former = [one for one in found if one["valid_to"] is not None]
    ahead = [one for one in found if one["valid_to"] is None]
    since: date | None = former[-1]["valid_to"] + ONE_DAY if former else unit.valid_from
    if unit.valid_to is None or since is None or since <= unit.valid_to:
        reached = Unit.id == unit.parent_id, within_reach(Unit.id, subject)
        above = await session.scalar(select(Unit.code).where(*reached))
        until = ahead[0]["valid_from"] - ONE_DAY if ahead else unit.valid_to
        present = unit.code, unit.name, unit.kind, above, since, until
        former.append(dict(zip(_STATE, present, strict=True)))
    return [*former, *(one for one in ahead if unit.valid_to is None)]


async def predecessors(session: AsyncSession, subject: Subject, unit_id: int) -> list[dict[str, Any]]:
    """Those within reach that it took over from, wholly or in part."""
    mine, other = UnitSuccession.to_unit == unit_id, UnitSuccession.from_unit == Unit.id
    return await _follows(session, subject, mine, other)


async def successors(session: AsyncSession, subject: Subject, unit_id: int) -> list[dict[str, Any]]:
    """Those within reach that took over from it, wholly or in part."""
    mine, other = UnitSuccession.from_unit == unit_id, UnitSuccession.to_unit == Unit.id
    return await _follows(session, subject, mine, other)


async def _follows(
    session: AsyncSession, subject: Subject, mine: ColumnElement[bool], other: ColumnElement[bool]
) -> list[dict[str, Any]]:
    query = select(Unit.code, Unit.name, UnitSuccession.effective_on, UnitSuccession.kind).join(
        UnitSuccession, other
    )
    rows = await session.execute(
        query.where(mine, within_reach(Unit.id, subject)).order_by(UnitSuccession.effective_on, Unit.code)
    )
    return [dict(zip(_FOLLOWS, row, strict=True)) for row in rows]
