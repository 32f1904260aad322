"""Who may answer: a paired device by its token, or whoever holds a link (the link itself is in the body)."""

from typing import Annotated

from fastapi import Depends, Request

from app.auth.deps import bearer_token, get_limiter
from app.core.limits import RateLimiter
from app.devices.known import DeviceTokens, KnownDevice
from app.responses.intake import Intake


async def get_intake(request: Request) -> Intake:
    """The batch writer of this process."""
    intake: Intake = request.app.state.intake
    return intake


async def maybe_device(
    request: Request, limiter: Annotated[RateLimiter, Depends(get_limiter)]
) -> KnownDevice | None:
    """The device whose token came along, None without one; Unauthorized or DeviceRevoked for a bad one."""
    if "authorization" not in request.headers:
        return None
    devices: DeviceTokens = request.app.state.devices
    device = await devices.find(bearer_token(request))
    limiter.check(device.id.hex)
    return device


Writer = Annotated[Intake, Depends(get_intake)]
MaybeDevice = Annotated[KnownDevice | None, Depends(maybe_device)]
