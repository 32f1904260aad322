"""This file makes and reads device cookies: signed notes that a person has signed in on this browser before.

Guesses from such a browser are counted by themselves, so that nobody who guesses behind the same address
keeps its owner out (OWASP, "Slow down online guessing attacks with device cookies"). A cookie lets nobody in:
whoever steals one may guess five passwords more, of one account. Pure.
"""

import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

PREFIX = "sipas-device-"
LIFETIME = timedelta(days=180)
MOST_READ = 20
"""Staff who share one browser; further cookies are passed over."""


class DeviceCookies:
    """The device cookies of this deployment; `secure` as the public address is https."""

    def __init__(self, key: bytes, *, secure: bool) -> None:
        self._key = key
        self.secure = secure

    def name(self, user_id: UUID) -> str:
        """The cookie's name: each of several people at one browser has a cookie of their own."""
        return PREFIX + user_id.hex[:12]

    def make(self, user_id: UUID, device: str | None, now: datetime) -> str:
        """A cookie's value that is good for 180 days, for a known device or a new one."""
        ends = int((now + LIFETIME).timestamp())
        signed = f"{user_id.hex}.{device or secrets.token_hex(9)}.{ends}"
        return f"{signed}.{self._seal(signed)}"

    def read(self, cookies: Mapping[str, str], now: datetime) -> dict[UUID, str]:
        """The device that each person is known by here; what is no good cookie of ours is passed over."""
        devices = {}
        for value in [value for name, value in cookies.items() if name.startswith(PREFIX)][:MOST_READ]:
            signed, _, seal = value.rpartition(".")
            if hmac.compare_digest(self._seal(signed).encode(), seal.encode()):
                user, device, ends = signed.split(".")
                if int(ends) > now.timestamp():
                    devices[UUID(user)] = device
        return devices

    def _seal(self, signed: str) -> str:
        return hmac.digest(self._key, signed.encode(), "sha256").hex()
