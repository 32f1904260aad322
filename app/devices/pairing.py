"""Pairing codes and device tokens: their form. Pure.

A pairing code is ten digits, typed by hand from one screen to another: a handle of 4 digits that finds the
device, and a secret of 6. The handle makes wrong tries countable: each one is held against the code it was
aimed at, and after a few that code is dead. Without handles a stranger's guess could be held against nobody.

A device token is `sdt_<32 hex digits of the device's id>_<secret>`: the id finds the row, the secret is 256
random bits, and only its hash is kept.
"""

import re
import secrets
from typing import NamedTuple
from uuid import UUID

from app.core.tokens import make_secret

HANDLES = 10_000
_HANDLE_DIGITS = 4
_SECRET_DIGITS = 6
_CODE = re.compile(rf"([0-9]{{{_HANDLE_DIGITS}}})([0-9]{{{_SECRET_DIGITS}}})")
_TOKEN = re.compile(r"sdt_([0-9a-f]{32})_[A-Za-z0-9_-]{16,100}")
_BETWEEN = str.maketrans("", "", " -\u00a0")


class PairingCode(NamedTuple):
    """Handle and secret of a code."""

    handle: str
    secret: str

    @property
    def digits(self) -> str:
        """The whole code as it is shown and typed."""
        return self.handle + self.secret


def new_code(handle: int) -> PairingCode:
    """A code with this handle (0 to 9999) and a fresh secret."""
    secret = secrets.randbelow(10**_SECRET_DIGITS)
    return PairingCode(f"{handle:0{_HANDLE_DIGITS}}", f"{secret:0{_SECRET_DIGITS}}")


def read_code(typed: str) -> PairingCode | None:
    """A code as typed, with spaces or hyphens wherever; None for what cannot be one."""
    found = _CODE.fullmatch(typed.translate(_BETWEEN))
    return PairingCode(found[1], found[2]) if found else None


def new_token(device_id: UUID) -> str:
    """A fresh token for a device."""
    return f"sdt_{device_id.hex}_{make_secret()}"


def device_of(token: str) -> UUID | None:
    """The device a token claims to be; None for what is no device token."""
    found = _TOKEN.fullmatch(token)
    return UUID(found[1]) if found else None
