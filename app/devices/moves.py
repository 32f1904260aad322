"""Where a tablet stood before it was moved, by a reorganisation or by hand.

The device's row knows its last move. The moves before stand in the record, a line `device.move` each, and are
followed back from there: a line that does not lead to where the tablet came to stand was taken back since.
Asked for the few responses that are older than the last move, and for what the tablet may still send.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Row, select, union
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.heirs import ended_without_heir
from app.models.device import Device
from app.models.record import AuditLine
from app.models.reorganisation import UnitVersion
from app.models.unit import Unit

MOVE = "device.move"


class Stay(NamedTuple):
    """A unit the tablet stood in, until when, and the unit's last day if nobody took it over whole."""

    unit_id: int
    until: datetime
    closed_after: date | None


async def stays(session: AsyncSession, device_id: UUID) -> list[Stay]:
    """The units a tablet stood in before the one it stands in now, in order of time."""
    row = select(Device.former_unit_id, Device.moved_at).where(Device.id == device_id)
    former, moved_at = (await session.execute(row)).one_or_none() or (None, None)
    if former is None or moved_at is None:
        return []
    lines = await _lines(session, device_id)
    ids = await _ids(session, {code for line in lines for code in (line.before, line.after)})
    found = [(former, moved_at)]
    for line in lines:
        here, until = found[-1]
        before = ids.get(line.before)
        if before is not None and ids.get(line.after) == here and line.at < until:
            found.append((before, line.at))
    closed = await _closed(session, {unit for unit, _ in found})
    return [Stay(unit, until, closed[unit]) for unit, until in reversed(found)]


async def former_codes(session: AsyncSession, device: Device, present: str) -> list[str]:
    """Every code but the present under which a tablet may have asked: elsewhere, or before a renumbering."""
    stood = [stay.unit_id for stay in await stays(session, device.id)] if device.moved_at else []
    codes = select(UnitVersion.code).where(
        UnitVersion.unit_id.in_([*stood, device.unit_id]), UnitVersion.valid_to.is_not(None)
    )
    known = await session.scalars(union(codes, select(Unit.code).where(Unit.id.in_(stood))))
    return sorted(set(known) - {present})


async def _lines(session: AsyncSession, device_id: UUID) -> Sequence[Row[datetime, str, str]]:
    before, after = (AuditLine.details[(part, "unit")].astext for part in ("before", "after"))
    query = select(AuditLine.at, before.label("before"), after.label("after"))
    mine = query.where(AuditLine.target == f"device:{device_id}", AuditLine.action == MOVE)
    return (await session.execute(mine.order_by(AuditLine.id.desc()))).all()


async def _ids(session: AsyncSession, codes: Collection[str]) -> Mapping[str, int]:
    """A code is given once, so whoever ever had it is meant."""
    if not codes:
        return {}
    now = select(Unit.code, Unit.id).where(Unit.code.in_(codes))
    once = select(UnitVersion.code, UnitVersion.unit_id).where(UnitVersion.code.in_(codes))
    return {row[0]: row[1] for row in await session.execute(union(now, once))}


async def _closed(session: AsyncSession, units: Collection[int]) -> Mapping[int, date | None]:
    rows = await session.execute(select(Unit.id, ended_without_heir()).where(Unit.id.in_(units)))
    return {row[0]: row[1] for row in rows}
