"""Who may answer: a paired device by its token, or whoever holds a link (the link itself is in the body).

The way of every response: FastAPI spends some ten microseconds on each dependency it solves, so what the
application holds is taken from it directly here, not through a dependency each.
"""

from typing import Annotated

from fastapi import Depends, Request

from app.auth.deps import bearer_token
from app.core.limits import RateLimiter
from app.devices.known import DeviceTokens, KnownDevice
from app.responses.service import Door


async def get_intake(request: Request) -> Door:
    """The way into the batch writer of this process."""
    state = request.app.state
    return Door(state.questionnaires, state.links, state.intake, state.settings.zone, state.database)


async def maybe_device(request: Request) -> KnownDevice | None:
    """The device whose token came along, None without one; Unauthorized or DeviceRevoked for a bad one."""
    if "authorization" not in request.headers:
        return None
    devices: DeviceTokens = request.app.state.devices
    limiter: RateLimiter = request.app.state.limiter
    device = await devices.find(bearer_token(request))
    limiter.check(device.id.hex)
    return device


TheDoor = Annotated[Door, Depends(get_intake)]
MaybeDevice = Annotated[KnownDevice | None, Depends(maybe_device)]
