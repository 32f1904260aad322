"""Guards for tablets: `DeviceAuth` lets in a paired device, `AnyDevice` a revoked one too, to tell it so."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from fastapi.security import HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials

from app.auth.deps import bearer_token, get_limiter
from app.core.limits import RateLimiter
from app.core.problems import DeviceRevoked
from app.devices.known import DeviceTokens, KnownDevice

device_bearer = HTTPBearer(
    scheme_name="DeviceToken", description="The token of a paired tablet.", auto_error=False
)


async def get_device_tokens(request: Request) -> DeviceTokens:
    """The known devices of this process."""
    devices: DeviceTokens = request.app.state.devices
    return devices


Devices = Annotated[DeviceTokens, Depends(get_device_tokens)]


async def any_device(
    request: Request,
    devices: Devices,
    limiter: Annotated[RateLimiter, Depends(get_limiter)],
    _: Annotated[HTTPAuthorizationCredentials | None, Depends(device_bearer)] = None,  # for OpenAPI
) -> KnownDevice:
    """The device whose token came along, revoked or not; Unauthorized for anything else."""
    device = await devices.recognise(bearer_token(request))
    limiter.check(device.id.hex)
    return device


AnyDevice = Annotated[KnownDevice, Depends(any_device)]


async def current_device(device: AnyDevice) -> KnownDevice:
    """The device whose token came along; DeviceRevoked once it was stopped."""
    if device.revoked:
        raise DeviceRevoked
    return device


DeviceAuth = Annotated[KnownDevice, Depends(current_device)]


async def _forget(device_id: UUID, devices: Devices) -> AsyncIterator[None]:
    yield
    devices.forget(device_id)


forget_after_commit = Depends(_forget, scope="function")
"""In a route's `dependencies`: entered before the session and so left after its commit, it makes this process
see the change at once; others see it within seconds."""
