"""Known devices: whose token is this? Asked with every response a tablet sends, so answers are kept.

What was read of a device serves for REMEMBERED seconds: a revocation made in another process is felt here
after that long at most. A token that does not fit what is kept is compared with the database again, because
the tablet may have been paired a moment ago.
"""

import hmac
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from app.core.clock import utc_now
from app.core.database import Database
from app.core.problems import DeviceRevoked, Unauthorized
from app.core.remembered import Gathered, Remembered
from app.core.tokens import hash_secret
from app.devices import queries
from app.devices.moves import NEAR, Stay, stays
from app.devices.pairing import device_of

REMEMBERED = 5.0
MAX_REMEMBERED = 20_000


@dataclass(frozen=True, slots=True)
class KnownDevice:
    """A device that has been paired once."""

    id: UUID
    unit_id: int
    questionnaire_code: str
    revoked: bool
    token_hash: bytes
    moved_at: datetime | None = None
    """When it was last moved to another unit."""
    closed_after: date | None = None
    """The last day of its unit, where nobody took that over whole and so nobody moved the tablet."""
    stays: tuple[Stay, ...] | None = None
    """Where it stood before, if it was moved lately: then it is asked with every response. None: not read."""


class DeviceTokens:
    """One a process."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._rows = Gathered(self._read)
        self._kept = Remembered(self._rows.get, seconds=REMEMBERED, most=MAX_REMEMBERED, clock=clock)

    async def find(self, token: str) -> KnownDevice:
        """The device behind a token. Unauthorized when there is none, DeviceRevoked when it was stopped."""
        device = await self.recognise(token)
        if device.revoked:
            raise DeviceRevoked
        return device

    async def recognise(self, token: str) -> KnownDevice:
        """The device behind a token, revoked or not; Unauthorized when there is none."""
        device_id = device_of(token)
        if device_id is None:
            raise Unauthorized
        token_hash = hash_secret(token)
        device = await self._kept.get(device_id)
        if device is not None and not hmac.compare_digest(device.token_hash, token_hash):
            device = await self._kept.renew(device_id)
        if device is None or not hmac.compare_digest(device.token_hash, token_hash):
            raise Unauthorized
        return device

    def forget(self, device_id: UUID) -> None:
        """The device has changed: read it again next time."""
        self._kept.forget(device_id)

    async def _read(self, ids: Collection[UUID]) -> dict[UUID, KnownDevice]:
        async with self._database.read() as session:
            devices = await queries.by_ids(session, ids)
            lately = utc_now() - NEAR
            moved = {device.id for device, _ in devices if device.moved_at and device.moved_at > lately}
            stood = await stays(session, moved) if moved else {}
        return {
            device.id: KnownDevice(
                id=device.id,
                unit_id=device.unit_id,
                questionnaire_code=device.questionnaire_code,
                revoked=device.revoked_at is not None,
                token_hash=device.token_hash,
                moved_at=device.moved_at,
                closed_after=closed_after,
                stays=stood.get(device.id),
            )
            for device, closed_after in devices
            if device.token_hash is not None  # one that was never paired is nobody's
        }
