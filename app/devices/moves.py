"""Where a tablet stood before it was moved, by a reorganisation or by hand.

The device's row knows its last move. The moves before stand in the record, a line `device.move` each, and are
followed back from there: a line that does not lead to where the tablet came to stand was taken back since.
Asked for responses from around the last move or older, and for what the tablet may still send.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
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
RESTORE = "unit.restore"
NEAR = timedelta(days=1)
"""By how much a tablet's clock may be set right between two sendings of one response."""


class Stay(NamedTuple):
    """A unit the tablet stood in, until when, and the unit's last day if nobody took it over whole."""

    unit_id: int
    until: datetime
    closed_after: date | None


async def stays(session: AsyncSession, device_ids: Collection[UUID]) -> dict[UUID, tuple[Stay, ...]]:
    """The units each tablet stood in before the one it stands in now, in order of time; none: left out."""
    moved = await session.execute(
        select(Device.id, Device.former_unit_id, Device.moved_at).where(Device.id.in_(device_ids))
    )
    found = {
        device: [(former, moved_at)]
        for device, former, moved_at in moved
        if former is not None and moved_at is not None
    }
    if not found:
        return {}
    lines = await _lines(session, found)
    bearers = await _bearers(session, {code for line in lines for code in (line.before, line.after)})
    ways = {_target(device): way for device, way in found.items()}
    for line in lines:
        way = ways[line.target]
        here, until = way[-1]
        # a code may have moved to another unit since: the line itself says which two units it is about
        about = set(line.unit_ids)
        before = (bearers[line.before] & about) - {here}
        if len(before) == 1 and here in bearers[line.after] & about and line.at < until:
            way.append((before.pop(), line.at))
    closed = await _closed(session, {unit for way in found.values() for unit, _ in way})
    return {
        device: tuple(Stay(unit, until, closed[unit]) for unit, until in reversed(way))
        for device, way in found.items()
    }


async def former_codes(session: AsyncSession, device: Device, present: str) -> list[str]:
    """Every code but the present under which a tablet may have asked: elsewhere, before a renumbering, or for
    as long as something stood that was taken back: of that the record alone still knows.
    """
    stood = (await stays(session, [device.id])).get(device.id, ()) if device.moved_at else ()
    units = [*(stay.unit_id for stay in stood), device.unit_id]
    codes = union(
        select(Unit.code).where(Unit.id.in_(units)),
        select(UnitVersion.code).where(UnitVersion.unit_id.in_(units), UnitVersion.valid_to.is_not(None)),
    )
    moved_to = select(AuditLine.details[("after", "unit")].astext).where(
        AuditLine.target == _target(device.id), AuditLine.action == MOVE
    )
    given_back = select(AuditLine.details[("before", "code")].astext).where(
        AuditLine.target.in_(select("unit:" + codes.subquery().c.code)), AuditLine.action == RESTORE
    )
    known = await session.scalars(union(codes, moved_to, given_back))
    return sorted({code for code in known if code is not None} - {present})


async def _lines(
    session: AsyncSession, devices: Collection[UUID]
) -> Sequence[Row[str, datetime, list[int], str, str]]:
    before, after = (AuditLine.details[(part, "unit")].astext for part in ("before", "after"))
    columns = AuditLine.target, AuditLine.at, AuditLine.unit_ids
    query = select(*columns, before.label("before"), after.label("after"))
    theirs = query.where(AuditLine.target.in_([_target(one) for one in devices]), AuditLine.action == MOVE)
    return (await session.execute(theirs.order_by(AuditLine.id.desc()))).all()


def _target(device_id: UUID) -> str:
    return f"device:{device_id}"


async def _bearers(session: AsyncSession, codes: Collection[str]) -> Mapping[str, set[int]]:
    """Every unit that has or had each code."""
    found: defaultdict[str, set[int]] = defaultdict(set)
    if not codes:
        return found
    now = select(Unit.code, Unit.id).where(Unit.code.in_(codes))
    once = select(UnitVersion.code, UnitVersion.unit_id).where(UnitVersion.code.in_(codes))
    for code, unit in await session.execute(union(now, once)):
        found[code].add(unit)
    return found


async def _closed(session: AsyncSession, units: Collection[int]) -> Mapping[int, date | None]:
    rows = await session.execute(select(Unit.id, ended_without_heir()).where(Unit.id.in_(units)))
    return {row[0]: row[1] for row in rows}
