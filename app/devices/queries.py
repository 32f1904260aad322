"""What the house asks of the table of devices. Staff see devices within their reach only."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    DateTime,
    FromClause,
    Integer,
    Row,
    Select,
    column,
    delete,
    func,
    literal,
    select,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.heirs import ended_without_heir
from app.auth.reach import subtree, within_reach
from app.auth.subjects import Subject
from app.models.device import Device, PairingFailure
from app.models.unit import Unit

FAILURE_MEMORY = timedelta(minutes=1)
NO_CODE: dict[str, Any] = {
    "pairing_handle": None,
    "pairing_secret_hash": None,
    "pairing_expires_at": None,
    "pairing_tries": 0,
}

DeviceRow = Row[Device, str, str]
"""A device with its unit's code and name."""


def _with_unit() -> Select[Device, str, str]:
    return select(Device, Unit.code, Unit.name).join(Unit, Unit.id == Device.unit_id)


async def find(
    session: AsyncSession, subject: Subject, device_id: UUID, *, lock: bool = False
) -> DeviceRow | None:
    """A device within the subject's reach; locked when it is about to change."""
    query = _with_unit().where(Device.id == device_id, within_reach(Device.unit_id, subject))
    if lock:
        query = query.with_for_update(of=Device).execution_options(populate_existing=True)
    return (await session.execute(query)).one_or_none()


async def listed(
    session: AsyncSession,
    subject: Subject,
    unit_id: int | None,
    silent_since: Mapping[int, datetime] | None,
    after: tuple[str, UUID] | None,
    limit: int,
) -> Sequence[DeviceRow]:
    """Devices within reach by name, of one unit and what is beneath it; or those silent since, by unit id."""
    query = _with_unit().where(within_reach(Device.unit_id, subject))
    if unit_id is not None:
        query = query.where(Device.unit_id.in_(subtree(unit_id)))
    if silent_since is not None:
        due, silent = _silent(silent_since)
        query = query.join(due, silent).where(Device.revoked_at.is_(None))
    if after is not None:
        query = query.where(tuple_(Device.name, Device.id) > tuple_(*after))
    return (await session.execute(query.order_by(Device.name, Device.id).limit(limit))).all()


def _silent(since: Mapping[int, datetime]) -> tuple[FromClause, ColumnElement[bool]]:
    """What to join devices with, and the condition that one was not heard since its unit's instant."""
    due = (
        func.unnest(
            literal(list(since), ARRAY(Integer)),
            literal(list(since.values()), ARRAY(DateTime(timezone=True))),
        )
        .table_valued(column("unit_id", Integer), column("since", DateTime(timezone=True)))
        .render_derived(name="due")
    )
    heard = func.coalesce(Device.last_seen_at, Device.paired_at)  # null while it was never paired
    return due, (due.c.unit_id == Device.unit_id) & (heard <= due.c.since)


class InUse(NamedTuple):
    """Tablets of the whole deployment that are paired and not revoked, and the responses that lie on them."""

    devices: int
    silent: int
    waiting: int
    set_aside: int


async def in_use(session: AsyncSession, silent_since: Mapping[int, datetime]) -> InUse:
    """How the tablets do, for those who run the service: reach does not apply."""
    due, silent = _silent(silent_since)
    query = (
        select(
            func.count(),
            func.count(due.c.unit_id),
            func.sum(Device.queue_length),
            func.sum(Device.set_aside),
        )
        .select_from(Device)
        .outerjoin(due, silent)
        .where(Device.paired_at.is_not(None), Device.revoked_at.is_(None))
    )
    devices, silent_ones, waiting, set_aside = (await session.execute(query)).one()
    return InUse(devices, silent_ones, waiting or 0, set_aside or 0)


async def units_with_tablets(session: AsyncSession, subject: Subject, unit_id: int | None) -> Sequence[int]:
    """Units within reach that have a tablet in use: those of one unit and what is beneath it, or all."""
    query = select(Device.unit_id).where(
        within_reach(Device.unit_id, subject), Device.paired_at.is_not(None), Device.revoked_at.is_(None)
    )
    if unit_id is not None:
        query = query.where(Device.unit_id.in_(subtree(unit_id)))
    return (await session.scalars(query.distinct())).all()


async def by_id(session: AsyncSession, device_id: UUID) -> DeviceRow | None:
    """The device itself asks: its token has been checked, reach does not apply."""
    return (await session.execute(_with_unit().where(Device.id == device_id))).one_or_none()


async def by_ids(session: AsyncSession, device_ids: Collection[UUID]) -> Sequence[Row[Device, date | None]]:
    """Those of them that there are, with the last day of a unit that nobody took over whole."""
    query = select(Device, ended_without_heir()).join(Unit, Unit.id == Device.unit_id)
    return (await session.execute(query.where(Device.id.in_(device_ids)))).all()


async def heard(session: AsyncSession, device_id: UUID, now: datetime, **said: Any) -> None:
    """The device has spoken."""
    await session.execute(update(Device).where(Device.id == device_id).values(last_seen_at=now, **said))


async def drop_expired_codes(session: AsyncSession, now: datetime) -> None:
    """Free the handles of codes whose time is over."""
    await session.execute(update(Device).where(Device.pairing_expires_at <= now).values(NO_CODE))


async def handles_in_use(session: AsyncSession) -> set[int]:
    """Handles of codes that wait for their tablet."""
    taken = await session.scalars(select(Device.pairing_handle).where(Device.pairing_handle.is_not(None)))
    return {int(handle) for handle in taken if handle is not None}


async def by_handle(session: AsyncSession, handle: str) -> Device | None:
    """The device waiting under a handle, locked, so that of many tries at once each is counted."""
    return await session.scalar(select(Device).where(Device.pairing_handle == handle).with_for_update())


async def recent_failures(session: AsyncSession, now: datetime) -> int:
    """Wrong codes of the last minute, in the whole deployment; not those of a clock that was wrong."""
    late = PairingFailure.failed_at.between(now - FAILURE_MEMORY, now + FAILURE_MEMORY)
    query = select(func.count()).where(late)
    return (await session.execute(query)).scalar_one()


async def remember_failure(session: AsyncSession, now: datetime) -> None:
    """Count a wrong code, and forget those that no longer matter."""
    await session.execute(delete(PairingFailure).where(PairingFailure.failed_at <= now - FAILURE_MEMORY))
    session.add(PairingFailure(failed_at=now))
