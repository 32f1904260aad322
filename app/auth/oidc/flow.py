"""One sign-in on its way to the provider and back: what binds the answer to the browser that asked. Pure.

A signed `state` alone would not do: whoever begins a sign-in may hand its last address to somebody else,
whose browser would then be signed in as the wrong person (login CSRF) and work into a stranger's account.
So the state is also kept in a cookie that only the browser that began holds (HttpOnly, SameSite=Lax: it
comes along when the provider sends the browser back, not when a page asks in secret). Each sign-in has a
cookie of its own name, so that several tabs may begin at once.

The cookie is signed and holds no secret. The nonce and the PKCE verifier are made from the state with a key
of this deployment, so nothing is remembered between the two requests, whichever process answers them.
"""

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from jose import JWTError, jwt

LIFETIME = timedelta(minutes=10)
MAX_RETURN = 500
_ALGORITHM = "HS256"
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_STATE = re.compile(r"[A-Za-z0-9_-]{43}")
_PATH = re.compile(r"/(?![/\\])[!-~]*")


@dataclass(frozen=True, slots=True)
class Transaction:
    """A sign-in under way: its state, where to go afterwards, and the challenge of the page waiting there."""

    state: str
    return_to: str
    challenge: str


class Transactions:
    """Makes, signs and reads transactions of this deployment; `secure` as the public address is https."""

    def __init__(self, key: bytes, *, secure: bool) -> None:
        self._key = key
        self.secure = secure

    def make(self, return_to: str, challenge: str) -> Transaction:
        """A new transaction."""
        return Transaction(secrets.token_urlsafe(32), return_to, challenge)

    def nonce(self, transaction: Transaction) -> str:
        """What the ID token must repeat."""
        return self._made("nonce", transaction.state)

    def verifier(self, transaction: Transaction) -> str:
        """The PKCE verifier, sent when the code is exchanged; its challenge goes out at the start."""
        return self._made("verifier", transaction.state)

    def cookie_name(self, state: str) -> str:
        """`__Host-`: no other host of the domain and no plain HTTP can have set it."""
        return f"{'__Host-' if self.secure else ''}sipas-sign-on-{state[:12]}"

    def sign(self, transaction: Transaction, now: datetime) -> str:
        """The cookie's value."""
        claims = {
            "state": transaction.state,
            "return_to": transaction.return_to,
            "challenge": transaction.challenge,
            "exp": int((now + LIFETIME).timestamp()),
        }
        return jwt.encode(claims, self._key.hex(), algorithm=_ALGORITHM)

    def read(self, state: str, cookie: str | None) -> Transaction | None:
        """The transaction that this browser began with this state; None for anything else."""
        if cookie is None or not _STATE.fullmatch(state):
            return None
        try:
            claims = jwt.decode(
                cookie, self._key.hex(), algorithms=[_ALGORITHM], options={"require_exp": True}
            )
        except (JWTError, ValueError, TypeError, AttributeError, RecursionError):
            return None  # as in core/tokens: whatever is wrong with it
        if not hmac.compare_digest(str(claims.get("state")), state):
            return None
        return Transaction(state, str(claims["return_to"]), str(claims["challenge"]))

    def _made(self, purpose: str, state: str) -> str:
        return _base64url(hmac.digest(self._key, f"{purpose}/{state}".encode(), "sha256"))


def challenge_of(verifier: str) -> str:
    """S256 of RFC 7636."""
    return _base64url(hashlib.sha256(verifier.encode("ascii")).digest())


def is_challenge(text: str) -> bool:
    """Whether this can be an S256 challenge."""
    return _CHALLENGE.fullmatch(text) is not None


def answers(verifier: str, challenge: str) -> bool:
    """Whether the verifier is the one behind the challenge."""
    if not _VERIFIER.fullmatch(verifier):
        return False
    return hmac.compare_digest(challenge_of(verifier), challenge)


def is_path_here(text: str) -> bool:
    """Whether this is a path of our own origin, in visible ASCII: no `//elsewhere`, backslash or fragment."""
    return (
        len(text) <= MAX_RETURN and _PATH.fullmatch(text) is not None and "\\" not in text and "#" not in text
    )


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
