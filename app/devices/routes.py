"""Devices over HTTP: `/api/v1/devices` for staff and for pairing, `/api/v1/device` for the tablet itself."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from app.auth.deps import Needs
from app.auth.reach import find_unit
from app.auth.subjects import Subject
from app.core.clock import utc_now
from app.core.deps import AppSettings, Paging, ReadSession, WriteSession, anyone
from app.core.errors import Problem
from app.core.faults import Fault
from app.core.http import problem_response, respond
from app.core.openapi import NOT_MODIFIED, problems
from app.core.paging import Page, PageQuery, page
from app.core.parameters import StrictRoute
from app.core.problems import (
    BadRequest,
    BodyTooLarge,
    DeviceRevoked,
    DeviceUnknown,
    InvalidRequest,
    MissingScope,
    PairingCodeInvalid,
    QuestionnaireUnknown,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnitClosed,
    UnitUnknown,
    UnsupportedMediaType,
)
from app.core.schema import Code
from app.devices import codes, queries, service
from app.devices.deps import AnyDevice, DeviceAuth, forget_after_commit
from app.devices.pairing import PairingCode
from app.devices.schemas import (
    DeviceChange,
    DeviceConfig,
    DeviceIn,
    DeviceOut,
    Heartbeat,
    HeartbeatIn,
    NewDevice,
    NewPairingCode,
    Paired,
    PairingIn,
)
from app.models.device import Device
from app.questionnaires.deps import Questionnaires

# `:uuid` in a path keeps `/devices/pair` from being taken for a device
router = APIRouter(prefix="/api/v1", tags=["Devices"], route_class=StrictRoute)

Manager = Annotated[Subject, Needs("devices:manage")]
GUARDED = (InvalidRequest, Unauthorized, MissingScope, TooManyRequests, Unavailable)
BODY = (BadRequest, BodyTooLarge, UnsupportedMediaType)


def _show(row: queries.DeviceRow) -> DeviceOut:
    return DeviceOut.of(*row)


def _show_code(device: Device, code: PairingCode) -> NewPairingCode:
    return NewPairingCode.model_validate(
        {"id": device.id, "pairing_code": code.digits, "pairing_expires_at": device.pairing_expires_at}
    )


def _after(paging: PageQuery) -> tuple[str, UUID] | None:
    key = paging.after(str, str)
    if key is None:
        return None
    try:
        return str(key[0]), UUID(str(key[1]))
    except ValueError as error:
        raise InvalidRequest(faults=[Fault("/cursor", "invalid_cursor")]) from error


@router.post(
    "/devices",
    status_code=201,
    responses=problems(*GUARDED, *BODY, UnitUnknown, UnitClosed, QuestionnaireUnknown),
    summary="Set up a device",
)
async def create_device(
    sent: DeviceIn,
    subject: Manager,
    session: WriteSession,
    questionnaires: Questionnaires,
    settings: AppSettings,
) -> NewDevice:
    """The answer's pairing code is typed on the tablet within ten minutes; it works once.

    The PIN opens the status page on the tablet; without one in the body it is made up. It is not shown again.
    """
    device, code, pin = await service.create(session, subject, questionnaires, sent, utc_now(), settings.zone)
    return NewDevice.model_validate({**_show_code(device, code).model_dump(), "pin": pin})


@router.get("/devices", responses=problems(*GUARDED, UnitUnknown), summary="List devices")
async def list_devices(
    subject: Manager,
    session: ReadSession,
    paging: Paging,
    settings: AppSettings,
    unit: Annotated[Code | None, Query(description="Only of this unit and what is beneath it.")] = None,
    silent_minutes: Annotated[
        int | None,
        Query(
            ge=1,
            le=525_600,
            description="Only paired devices whose unit has been open for so long since they were heard of.",
        ),
    ] = None,
) -> Page[DeviceOut]:
    """Devices within your reach, by name."""
    unit_id = (await find_unit(session, subject, unit)).id if unit is not None else None
    since = None
    if silent_minutes is not None:
        since = await service.silent_since(
            session, subject, unit_id, silent_minutes, utc_now(), settings.zone
        )
    rows = await queries.listed(session, subject, unit_id, since, _after(paging), paging.limit + 1)
    return page(rows, paging, _show, lambda row: (row[0].name, str(row[0].id)))


@router.post(
    "/devices/pair",
    dependencies=[Depends(anyone)],
    response_model=Paired,
    responses=problems(InvalidRequest, *BODY, PairingCodeInvalid, UnitClosed, TooManyRequests, Unavailable),
    summary="Pair a tablet",
)
async def pair_device(
    sent: PairingIn, request: Request, session: WriteSession, settings: AppSettings
) -> Paired | Response:
    """Exchanges a pairing code for the tablet's token. Wrong, used and expired codes are answered alike."""
    paired = await codes.pair(session, sent.pairing_code, sent.device, utc_now(), settings.zone)
    if isinstance(paired, Problem):  # returned, not raised: the wrong try is committed
        return problem_response(paired, request.headers.get("accept-language"))
    return Paired(device_id=paired[0], device_token=paired[1])


@router.get("/devices/{device_id:uuid}", responses=problems(*GUARDED, DeviceUnknown), summary="Read a device")
async def get_device(device_id: UUID, subject: Manager, session: ReadSession) -> DeviceOut:
    """A device within your reach, as last heard of."""
    return _show(await service.get(session, subject, device_id))


@router.patch(
    "/devices/{device_id:uuid}",
    dependencies=[forget_after_commit],
    responses=problems(*GUARDED, *BODY, DeviceUnknown, UnitUnknown, UnitClosed, QuestionnaireUnknown),
    summary="Change a device",
)
async def change_device(
    device_id: UUID,
    sent: DeviceChange,
    subject: Manager,
    session: WriteSession,
    questionnaires: Questionnaires,
    settings: AppSettings,
) -> DeviceOut:
    """The tablet fetches its new configuration after its next heartbeat.

    `unit_code` takes it to another unit that you reach: what was said before counts for the one before.
    """
    return _show(
        await service.change(session, subject, questionnaires, device_id, sent, utc_now(), settings.zone)
    )


@router.post(
    "/devices/{device_id:uuid}/revoke",
    dependencies=[forget_after_commit],
    responses=problems(*GUARDED, DeviceUnknown),
    summary="Revoke a device",
)
async def revoke_device(device_id: UUID, subject: Manager, session: WriteSession) -> DeviceOut:
    """Stops a lost or retired tablet for good, within seconds. Revoking again changes nothing."""
    return _show(await service.revoke(session, subject, device_id, utc_now()))


@router.post(
    "/devices/{device_id:uuid}/pairing-code",
    status_code=201,
    responses=problems(*GUARDED, DeviceUnknown, DeviceRevoked, UnitClosed),
    summary="Get a new pairing code",
)
async def renew_pairing_code(
    device_id: UUID, subject: Manager, session: WriteSession, settings: AppSettings
) -> NewPairingCode:
    """For a code that ran out, or another tablet. The old token ends when the new pairing succeeds."""
    return _show_code(*await service.renew_code(session, subject, device_id, utc_now(), settings.zone))


@router.get(
    "/device/config",
    response_model=DeviceConfig,
    responses={
        **NOT_MODIFIED,
        **problems(Unauthorized, DeviceRevoked, QuestionnaireUnknown, TooManyRequests, Unavailable),
    },
    summary="What the tablet shows",
)
async def get_config(
    request: Request, device: DeviceAuth, session: ReadSession, questionnaires: Questionnaires
) -> Response:
    """Unit, questionnaire and settings. Send the ETag back in If-None-Match: 304 while nothing changed."""
    return respond(request, await service.config(session, questionnaires, device.id))


@router.post(
    "/device/heartbeat",
    responses=problems(InvalidRequest, *BODY, Unauthorized, TooManyRequests, Unavailable),
    summary="The tablet is alive",
)
async def heartbeat(
    sent: HeartbeatIn, device: AnyDevice, session: WriteSession, questionnaires: Questionnaires
) -> Heartbeat:
    """Also answers a revoked device, so that it learns of it."""
    return await service.heartbeat(session, questionnaires, device, sent, utc_now())
