"""Tokens and secrets: JWTs, password hashes, keys derived from the one secret, constant-time comparison.

Access tokens are JWTs (python-jose) signed with HS256 alone: the algorithm is pinned on both sides, so a
token that names another one, or `none`, is refused before its signature matters. Passwords are hashed with
Argon2; secrets we made up ourselves are long and random, so a plain SHA-256 keeps them as well and in
microseconds.
"""

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from jose import JWTError, jwt
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

ALGORITHM = "HS256"
ISSUER = "sipas"
AUDIENCE = "sipas-api"
ACCESS_LIFETIME = timedelta(minutes=15)

_passwords = PasswordHash((Argon2Hasher(),))


def derive_key(secret: str, purpose: str) -> bytes:
    """A 32-byte key for one purpose, from the deployment's secret (HMAC-SHA256 over the purpose's name)."""
    return hmac.digest(secret.encode(), b"sipas/" + purpose.encode(), "sha256")


class AccessTokens:
    """Makes and reads access tokens of this deployment."""

    def __init__(self, secret: str) -> None:
        self._key = derive_key(secret, "access-token").hex()

    def issue(
        self, subject: str, scopes: list[str], now: datetime, sid: str | None = None, *, proven: bool = True
    ) -> str:
        """A JWT for the subject, good for 15 minutes from `now`; `sid` names the sign-in it comes from.

        `proven`: whether a password, a code or a secret was given for it; a refreshed token says of none.
        """
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": subject,
            "scope": " ".join(scopes),
            "iat": int(now.timestamp()),
            "exp": int((now + ACCESS_LIFETIME).timestamp()),
            "jti": secrets.token_urlsafe(9),
        }
        if sid is not None:
            claims["sid"] = sid
        if proven:
            claims["auth_time"] = claims["iat"]
        return jwt.encode(claims, self._key, algorithm=ALGORITHM)

    def read(self, token: str) -> dict[str, Any] | None:
        """The claims of a valid token; None for anything else, whatever is wrong with it."""
        required = {f"require_{claim}": True for claim in ("exp", "iat", "sub", "aud", "iss")}
        try:
            return jwt.decode(
                token, self._key, algorithms=[ALGORITHM], audience=AUDIENCE, issuer=ISSUER, options=required
            )
        except (JWTError, ValueError, TypeError, AttributeError, RecursionError):
            # python-jose lets some malformed tokens escape as plain Python errors: all of them mean "no"
            return None


def hash_password(password: str) -> str:
    """Argon2id hash of a password. Takes tens of milliseconds on purpose: call it in a thread."""
    return _passwords.hash(password)


def check_password(password: str, hashed: str | None) -> bool:
    """Whether the password fits the hash; without a hash it takes as long and says no."""
    if hashed is None:
        _passwords.verify(password, _hash_of_nobody())
        return False
    return _passwords.verify(password, hashed)


@cache
def _hash_of_nobody() -> str:
    return _passwords.hash(secrets.token_urlsafe(16))


def make_secret() -> str:
    """A new secret of 256 random bits, safe in URLs and forms."""
    return secrets.token_urlsafe(32)


def hash_secret(secret: str) -> bytes:
    """SHA-256 of a secret we made: 32 bytes."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def check_secret(secret: str, hashed: bytes) -> bool:
    """Whether a secret fits its hash, in constant time."""
    return hmac.compare_digest(hash_secret(secret), hashed)
