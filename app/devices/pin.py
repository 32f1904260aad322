"""The PIN of a tablet's status page: made up, and sealed so that the tablet can check it by itself. Pure.

A tablet must open its status page without a network, so the sealed PIN is part of its configuration, in a
form a browser can compute: PBKDF2, which WebCrypto offers, unlike Argon2. A few digits cannot withstand
somebody who has taken the tablet apart; the PIN keeps the fingers of a waiting hall away, and the salt keeps
equal PINs of two tablets from looking equal.
"""

import secrets
from hashlib import pbkdf2_hmac
from typing import Final, NamedTuple

ALGORITHM: Final = "PBKDF2-SHA256"
ITERATIONS = 100_000
SALT_BYTES = 16
MADE_UP_DIGITS = 6


class SealedPin(NamedTuple):
    """What is kept of a PIN."""

    iterations: int
    salt: bytes
    hash: bytes
    """32 bytes: PBKDF2 with HMAC-SHA256 of the digits in ASCII."""


def new_pin() -> str:
    """A PIN for whoever has no wish of their own."""
    return f"{secrets.randbelow(10**MADE_UP_DIGITS):0{MADE_UP_DIGITS}}"


def seal(pin: str) -> SealedPin:
    """Seal a PIN under a fresh salt. Takes some 50 ms of the processor: call it in a thread."""
    salt = secrets.token_bytes(SALT_BYTES)
    return SealedPin(ITERATIONS, salt, pbkdf2_hmac("sha256", pin.encode("ascii"), salt, ITERATIONS))
