"""The second factor's arithmetic: secrets, codes, recovery codes, and the seal under which a secret is kept.

Pure. Codes follow RFC 6238 as every authenticator app has it: SHA-1, six digits, thirty seconds. A clock may
be one step off either way. A code serves once: of the steps, only later ones than the last are heard.
"""

import hmac
import secrets
from datetime import datetime
from uuid import UUID

import pyotp
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.core.tokens import derive_key

ISSUER = "SIPAS"
STEPS_OFF = 1
RECOVERY_CODES = 10
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O, U
_AS_READ = str.maketrans({"I": "1", "L": "1", "O": "0", "-": None, " ": None})
_GROUPS, _GROUP = 4, 4
_NONCE = 12


class Seal:
    """Seals secrets with a key derived from the deployment's own: a copy of the database opens none."""

    def __init__(self, secret_key: str) -> None:
        self._box = AESGCM(derive_key(secret_key, "totp-secrets"))

    def close(self, owner: UUID, secret: str) -> bytes:
        """Seal a secret for its owner: in another's row it does not open."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._box.encrypt(nonce, secret.encode(), owner.bytes)

    def open(self, owner: UUID, sealed: bytes) -> str | None:
        """The secret; None when the deployment's key has changed since, or the row was tampered with."""
        try:
            return self._box.decrypt(sealed[:_NONCE], sealed[_NONCE:], owner.bytes).decode()
        except InvalidTag:
            return None


def new_secret() -> str:
    """A new secret in base 32, 160 random bits."""
    return pyotp.random_base32()


def address_of(secret: str, username: str) -> str:
    """The `otpauth://` address an authenticator app reads, as text or as a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=username, issuer_name=ISSUER)


def step_of(secret: str, code: str, now: datetime, last_step: int | None) -> int | None:
    """The step whose code this is, if it may be used: near now, and later than the last one used.

    A last one still to come was used while our clock was wrong: it must lock nobody out until then.
    """
    totp = pyotp.TOTP(secret)
    typed = code.replace(" ", "").encode()
    current = totp.timecode(now)
    for step in range(current - STEPS_OFF, current + STEPS_OFF + 1):
        if hmac.compare_digest(totp.generate_otp(step).encode(), typed):
            spent = last_step is not None and step <= last_step <= current + STEPS_OFF
            return None if spent else step
    return None


def new_recovery_codes() -> list[str]:
    """Ten codes of 80 random bits each, `XXXX-XXXX-XXXX-XXXX`."""
    groups = (
        "".join(secrets.choice(_ALPHABET) for _ in range(_GROUP)) for _ in range(RECOVERY_CODES * _GROUPS)
    )
    return ["-".join(next(groups) for _ in range(_GROUPS)) for _ in range(RECOVERY_CODES)]


def plain_recovery_code(typed: str) -> str | None:
    """A recovery code as it is hashed, however it was typed; None for what cannot be one."""
    plain = typed.upper().translate(_AS_READ)
    return plain if len(plain) == _GROUPS * _GROUP and set(plain) <= set(_ALPHABET) else None
