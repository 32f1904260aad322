"""Devices: setting up, changing, moving, revoking, and what a tablet asks for by itself."""

from collections import defaultdict
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from app import audit
from app.auth.heirs import require_open
from app.auth.reach import find_unit
from app.auth.subjects import Subject
from app.core.clock import local_day
from app.core.etag import etag_of, json_of
from app.core.hashing import GATE
from app.core.locks import Lock, hold
from app.core.problems import (
    DeviceRevoked,
    DeviceUnknown,
    QuestionnaireUnknown,
    Unauthorized,
)
from app.devices import codes, queries
from app.devices.known import KnownDevice
from app.devices.moves import MOVE, former_codes
from app.devices.pairing import PairingCode
from app.devices.pin import SealedPin, new_pin, seal
from app.devices.schemas import (
    DeviceChange,
    DeviceConfig,
    DeviceIn,
    Heartbeat,
    HeartbeatIn,
    PinCheck,
    UnitRef,
)
from app.models.device import Device
from app.models.unit import Unit
from app.questionnaires.published import PublishedQuestionnaires
from app.questionnaires.schemas import QuestionnaireOut
from app.units import queries as units
from app.units.hours import Timetable, open_for, timetable
from app.units.schemas import Contact

INT4_MAX = 2**31 - 1
_CHANGEABLE = ("name", "questionnaire_code", "languages", "idle_seconds", "screens")


async def create(
    session: AsyncSession,
    subject: Subject,
    questionnaires: PublishedQuestionnaires,
    sent: DeviceIn,
    now: datetime,
    zone: ZoneInfo,
) -> tuple[Device, PairingCode, str]:
    """A new device of a unit within reach, the code that pairs its tablet, and its PIN; UnitClosed."""
    pin = sent.pin or new_pin()
    sealed = await GATE.run(seal, pin)  # before the first statement: no connection waits for it
    await hold(session, Lock.PAIRING_HANDLES)
    unit = await find_unit(session, subject, sent.unit_code, "/unit_code", hold=True)
    await require_open(session, unit, local_day(now, zone))
    await _require_published(questionnaires, sent.questionnaire)
    device = Device(unit_id=unit.id, name=sent.name, questionnaire_code=sent.questionnaire)
    _keep_pin(device, sealed)
    code = await codes.give(session, device, now)
    session.add(device)
    await session.flush()
    audit.record(
        session,
        subject.actor,
        "device.create",
        f"device:{device.id}",
        [unit.id],
        name=device.name,
        questionnaire=device.questionnaire_code,
    )
    return device, code, pin


async def change(
    session: AsyncSession,
    subject: Subject,
    questionnaires: PublishedQuestionnaires,
    device_id: UUID,
    sent: DeviceChange,
    now: datetime,
    zone: ZoneInfo,
) -> queries.DeviceRow:
    """Change what was sent; the tablet learns of it by the ETag of its configuration."""
    sealed = await GATE.run(seal, sent.pin) if sent.pin else None
    goal = await _goal(session, subject, device_id, sent.unit_code) if sent.unit_code is not None else None
    row = await get(session, subject, device_id, lock=True)
    device = row[0]
    before = {name: getattr(device, name) for name in _CHANGEABLE}
    if sent.questionnaire is not None:
        await _require_published(questionnaires, sent.questionnaire)
        device.questionnaire_code = sent.questionnaire
    if sent.name is not None:
        device.name = sent.name
    if sent.languages is not None:
        device.languages = list(sent.languages)
    if sent.idle_seconds is not None:
        device.idle_seconds = sent.idle_seconds
    if sent.screens is not None:
        device.screens = list(sent.screens)
    if sealed is not None:
        _keep_pin(device, sealed)
    after = {name: getattr(device, name) for name in _CHANGEABLE}
    changes: dict[str, object] = {**(audit.changed(before, after) or {})}
    if sealed is not None:
        changes["pin"] = "changed"  # that it was, never to what
    if changes:
        _record(session, subject.actor, "device.change", device, **changes)
    if goal is None or goal.id == device.unit_id:
        return row
    await _move(session, subject, device, row[1], goal, now, zone)
    return await get(session, subject, device_id)


async def _goal(session: AsyncSession, subject: Subject, device_id: UUID, code: str) -> Unit:
    """The unit that is named for a device, held before the device is; DeviceUnknown, UnitUnknown."""
    await get(session, subject, device_id)
    return await find_unit(session, subject, code, "/unit_code", hold=True)


async def _move(
    session: AsyncSession,
    subject: Subject,
    device: Device,
    before: str,
    unit: Unit,
    now: datetime,
    zone: ZoneInfo,
) -> None:
    """To another unit; UnitClosed for one that has ended. What waits stays the former one's."""
    await require_open(session, unit, local_day(now, zone))
    device.former_unit_id, device.moved_at, device.unit_id = device.unit_id, now, unit.id
    audit.record(
        session,
        subject.actor,
        MOVE,
        f"device:{device.id}",
        [device.former_unit_id, unit.id],
        before={"unit": before},
        after={"unit": unit.code},
    )
    await session.flush()


async def renew_code(
    session: AsyncSession, subject: Subject, device_id: UUID, now: datetime, zone: ZoneInfo
) -> tuple[Device, PairingCode]:
    """A new pairing code; UnitClosed. The token in use stays good until another tablet has been paired."""
    await hold(session, Lock.PAIRING_HANDLES)  # before the row: freeing handles waits for rows
    device = (await get(session, subject, device_id, lock=True))[0]
    if device.revoked_at is not None:
        raise DeviceRevoked
    await codes.require_open_unit(session, device, now, zone)
    code = await codes.give(session, device, now)
    _record(session, subject.actor, "device.pairing_code", device)
    return device, code


async def revoke(
    session: AsyncSession, subject: Subject, device_id: UUID, now: datetime
) -> queries.DeviceRow:
    """Stop a device for good. Its token stays known, so that the tablet hears why. May be repeated."""
    row = await get(session, subject, device_id, lock=True)
    device = row[0]
    if device.revoked_at is None:
        device.revoked_at = now
        codes.drop(device)
        _record(session, subject.actor, "device.revoke", device)
    return row


async def config(
    session: AsyncSession, questionnaires: PublishedQuestionnaires, device_id: UUID
) -> DeviceConfig:
    """What the tablet shows. QuestionnaireUnknown when no version of its questionnaire is published."""
    row = await queries.by_id(session, device_id)
    if row is None:
        raise Unauthorized
    device, unit_code, unit_name = row
    published = await questionnaires.latest(device.questionnaire_code)
    if published is None:
        raise QuestionnaireUnknown(questionnaire=device.questionnaire_code)
    in_force = (await units.in_force(session, [device.unit_id]))[device.unit_id]
    return DeviceConfig(
        device_id=device.id,
        name=device.name,
        unit=UnitRef(code=unit_code, name=unit_name),
        questionnaire=QuestionnaireOut.showing(published.definition, published.status),
        languages=device.languages,
        idle_seconds=device.idle_seconds,
        screens=device.screens,
        pin=PinCheck.of(device),
        contact=Contact(**in_force.contact) if in_force.contact else None,
        former_codes=await former_codes(session, device, unit_code),
        moved_at=device.moved_at,
    )


async def heartbeat(
    session: AsyncSession,
    questionnaires: PublishedQuestionnaires,
    device: KnownDevice,
    sent: HeartbeatIn,
    now: datetime,
) -> Heartbeat:
    """Keep what the tablet says of itself and how far its clock is off; name the configuration in force."""
    skew = round((now - sent.sent_at) / timedelta(milliseconds=1))
    await queries.heard(
        session,
        device.id,
        now,
        queue_length=sent.queue_length,
        app_version=sent.app_version,
        battery=sent.battery,
        clock_skew_ms=max(-INT4_MAX, min(INT4_MAX, skew)),
        set_aside=sent.set_aside,
        storage=sent.storage,
        last_problem=sent.last_problem,
    )
    etag = None
    if not device.revoked:
        with suppress(QuestionnaireUnknown):  # nothing to fetch: the tablet keeps what it has
            etag = etag_of(json_of(await config(session, questionnaires, device.id)))
    return Heartbeat(server_time=now, config_etag=etag, revoked=device.revoked)


async def silent_since(
    session: AsyncSession, subject: Subject, unit_id: int | None, minutes: int, now: datetime, zone: ZoneInfo
) -> dict[int, datetime]:
    """For each unit with tablets: the instant since which it has been open for so many minutes.

    A unit that never was is left out. Reckoned once for each timetable, of which there are few.
    """
    in_force = await units.in_force(session, await queries.units_with_tablets(session, subject, unit_id))
    alike: defaultdict[Timetable, list[int]] = defaultdict(list)
    for one, said in in_force.items():
        alike[timetable(said.opening_hours)].append(one)
    since = {hours: open_for(hours, timedelta(minutes=minutes), now, zone) for hours in alike}
    return {one: at for hours, ones in alike.items() if (at := since[hours]) is not None for one in ones}


async def get(
    session: AsyncSession, subject: Subject, device_id: UUID, *, lock: bool = False
) -> queries.DeviceRow:
    """A device within reach; DeviceUnknown otherwise."""
    row = await queries.find(session, subject, device_id, lock=lock)
    if row is None:
        raise DeviceUnknown
    return row


async def _require_published(questionnaires: PublishedQuestionnaires, code: str) -> None:
    if await questionnaires.latest(code) is None:
        raise QuestionnaireUnknown(questionnaire=code)


def _record(session: AsyncSession, actor: str, action: str, device: Device, **details: object) -> None:
    audit.record(session, actor, action, f"device:{device.id}", [device.unit_id], **details)


def _keep_pin(device: Device, sealed: SealedPin) -> None:
    device.pin_iterations, device.pin_salt, device.pin_hash = sealed
