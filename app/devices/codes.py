"""Pairing codes: given to a device, tried by whoever stands before a tablet, and gone.

A wrong code is answered, not raised: the try it costs must be committed with the answer. Wrong codes are
counted in the database, since a limit for each process would grow with their number; and never by address,
since all tablets of a hall share one.

- Each code dies after MAX_TRIES wrong secrets at its own handle, whoever sent them and however fast. A secret
  is one of a million: of 200,000 codes that strangers guess at until they die, one is guessed.
- After MAX_FAILURES wrong codes in a minute, further wrong ones hear that there are too many of them, and
  are all answered alike: whether a code waits under a handle cannot be told. The right code still works. So
  nobody keeps tablets from being paired with half a guess a second; to kill a code that waits one has to try
  all handles five times over, 50,000 requests within its ten minutes, and then it takes another code.
"""

import secrets
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from app import audit
from app.auth.heirs import require_open
from app.core.clock import local_day
from app.core.problems import PairingCodeInvalid, TooManyRequests, Unavailable
from app.core.tokens import check_secret, hash_secret
from app.devices import queries
from app.devices.pairing import HANDLES, PairingCode, new_code, new_token, read_code
from app.models.device import Device
from app.models.unit import Unit

CODE_LIFETIME = timedelta(minutes=10)
MAX_TRIES = 5
MAX_FAILURES = 30


async def give(session: AsyncSession, device: Device, now: datetime) -> PairingCode:
    """A fresh code under a free handle; the caller holds Lock.PAIRING_HANDLES."""
    await queries.drop_expired_codes(session, now)
    free = sorted(set(range(HANDLES)) - await queries.handles_in_use(session))
    if not free:
        raise Unavailable(retry_after=60)
    code = new_code(secrets.choice(free))
    device.pairing_handle, device.pairing_secret_hash = code.handle, hash_secret(code.digits)
    device.pairing_expires_at, device.pairing_tries = now + CODE_LIFETIME, 0
    return code


async def pair(
    session: AsyncSession, typed: str, description: dict[str, str] | None, now: datetime, zone: ZoneInfo
) -> tuple[UUID, str] | PairingCodeInvalid | TooManyRequests:
    """Device id and token for a right code; a problem to answer with for a wrong, used or expired one.

    Raises UnitClosed, to whoever has the code, when its unit has ended since.
    """
    code = read_code(typed)
    if code is None:
        return PairingCodeInvalid()  # not the form of a code: no guess either
    device = await queries.by_handle(session, code.handle)
    if device is None or not _fits(device, code, now):
        if await queries.recent_failures(session, now) >= MAX_FAILURES:
            return TooManyRequests(retry_after=int(queries.FAILURE_MEMORY.total_seconds()))
        await queries.remember_failure(session, now)
        return PairingCodeInvalid()
    await require_open_unit(session, device, now, zone)
    token = new_token(device.id)
    device.token_hash = hash_secret(token)
    device.paired_at = now
    device.description = description
    drop(device)
    audit.record(session, audit.SYSTEM, "device.pair", f"device:{device.id}", [device.unit_id])
    return device.id, token


async def require_open_unit(session: AsyncSession, device: Device, now: datetime, zone: ZoneInfo) -> None:
    """UnitClosed for a device whose unit has ended: no tablet begins to ask for it."""
    await require_open(session, await session.get_one(Unit, device.unit_id), local_day(now, zone))


def _fits(device: Device, code: PairingCode, now: datetime) -> bool:
    """Whether the code opens the device under its handle; a wrong one costs a try, the last kills it."""
    if device.pairing_expires_at is None or device.pairing_secret_hash is None:
        return False
    if device.pairing_expires_at <= now:
        return False
    if check_secret(code.digits, device.pairing_secret_hash):
        return True
    device.pairing_tries += 1
    if device.pairing_tries >= MAX_TRIES:
        drop(device)
    return False


def drop(device: Device) -> None:
    """The device has no code any more."""
    for column, value in queries.NO_CODE.items():
        setattr(device, column, value)
