"""Reach: which units a subject may see. One subquery beneath every list, figure and export.

Outside the reach a thing does not exist: finding and not being allowed look the same.
"""

from collections.abc import Collection

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Integer,
    Select,
    Text,
    any_,
    bindparam,
    literal,
    select,
    true,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app.auth.subjects import Subject
from app.core.faults import Fault
from app.core.problems import UnitUnknown
from app.models.reorganisation import UnitVersion
from app.models.unit import Unit


def subtree(unit_id: int | ColumnElement[int]) -> Select[int]:
    """Ids of a unit and of everything beneath it; with a bound parameter the statement can be kept."""
    return _beneath(Unit.id == unit_id)


def subtrees(unit_ids: Collection[int] | ColumnElement[list[int]]) -> Select[int]:
    """Ids of units and of everything beneath them, each once, for IN.

    The units are one parameter, an array, so that the statement stays the same however many there are.
    """
    tops = (
        unit_ids
        if isinstance(unit_ids, ColumnElement)
        else bindparam(None, sorted(unit_ids), ARRAY(Integer), unique=True)
    )
    return _beneath(Unit.id == any_(tops))


def _beneath(top: ColumnElement[bool]) -> Select[int]:
    # without a name of its own, so that one statement may ask twice; UNION, so that a loop, which there
    # should never be, is an answer and not a statement without an end
    below = select(Unit.id).where(top).cte(recursive=True)
    below = below.union(select(Unit.id).join(below, Unit.parent_id == below.c.id))
    return select(below.c.id)


def within_reach(
    column: InstrumentedAttribute[int] | InstrumentedAttribute[int | None] | ColumnElement[int],
    subject: Subject,
) -> ColumnElement[bool]:
    """The condition that a unit-id column lies within what the subject, narrowed to a scope, reaches."""
    return true() if subject.unit_ids is None else column.in_(subtrees(subject.unit_ids))


async def find_unit(
    session: AsyncSession, subject: Subject, code: str, at: str = "/unit", *, hold: bool = False
) -> Unit:
    """The unit of this code within the subject's reach; UnitUnknown otherwise. `at` is where it was named.

    With `hold` it stays as it is until the transaction ends: a reorganisation of it waits, and then sees what
    was put there. To be asked for before rows of what stands on units are locked, as a reorganisation does.
    """
    query = select(Unit).where(Unit.code == code, within_reach(Unit.id, subject))
    if hold:
        query = query.with_for_update(read=True, of=Unit).execution_options(populate_existing=True)
    unit = await session.scalar(query)
    if unit is None:
        raise await unit_unknown(session, subject, code, at)
    return unit


async def present_codes(
    connection: AsyncConnection | AsyncSession, subject: Subject, codes: Collection[str]
) -> dict[str, str]:
    """What the units within reach are called now that once had these codes: of several the last."""
    rows = await connection.execute(
        select(UnitVersion.code, Unit.code)
        .join(Unit, Unit.id == UnitVersion.unit_id)
        .where(
            UnitVersion.code == any_(literal(list(codes), ARRAY(Text))),
            UnitVersion.code != Unit.code,
            UnitVersion.valid_to.is_not(None),  # one that is only decided was nobody's yet
            within_reach(Unit.id, subject),
        )
        .order_by(UnitVersion.valid_to)
    )
    return {row[0]: row[1] for row in rows}


async def unit_unknown(
    connection: AsyncConnection | AsyncSession, subject: Subject, code: str, at: str
) -> UnitUnknown:
    """The problem of a code no unit within reach has; its fault says the new one of a unit that had it."""
    now = (await present_codes(connection, subject, [code])).get(code)
    faults = [] if now is None else [Fault(at, "unit_renumbered", {"code": now})]
    return UnitUnknown(unit=code, faults=faults)


async def chain_of(session: AsyncSession, unit_id: int) -> frozenset[int]:
    """The ids of a unit and of every unit above it: where a grant must stand to hold there."""
    up = select(Unit.id, Unit.parent_id).where(Unit.id == unit_id).cte(recursive=True)
    up = up.union(select(Unit.id, Unit.parent_id).join(up, Unit.id == up.c.parent_id))
    return frozenset((await session.scalars(select(up.c.id))).all())
