"""The ID token, checked in full (OpenID Connect Core 1.0, 3.1.3.7). Pure.

The library verifies the signature alone, with one key that we chose and one algorithm of our list. The
claims are checked here, one by one, because its own checks pass over what is missing. Algorithms are
asymmetric only: with HS256 among them, anybody could sign with the provider's public key taken for a
secret.
"""

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from jose import JOSEError, jws

LEEWAY = timedelta(seconds=60)
MAX_AGE = timedelta(minutes=10)
MAX_TOKEN = 32_768
MAX_SUBJECT = 255
LAST_SECOND = 2**40
LEAST_MODULUS = 342  # characters of 2,048 bits in base64url
ALGORITHMS: Mapping[str, tuple[str, str | None]] = {
    "RS256": ("RSA", None),
    "RS384": ("RSA", None),
    "RS512": ("RSA", None),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
}
"""The algorithms we take, with the family and the curve of the keys each belongs to."""

Key = Mapping[str, object]
Claims = Mapping[str, object]


class TokenRefused(Exception):
    """The token is not one we believe. What is wrong is for the operator's log, not for who sent it."""


class SignatureRefused(TokenRefused):
    """The signature does not fit the key: perhaps the provider has another by now."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the token must say."""

    issuer: str
    client_id: str
    nonce: str


@dataclass(frozen=True, slots=True)
class Header:
    """Which key and algorithm a token says it was signed with."""

    algorithm: str
    key_id: str | None


def read_header(token: str) -> Header:
    """The token's header; TokenRefused for an algorithm or a header that we do not take."""
    if len(token) > MAX_TOKEN or token.count(".") != 2:
        raise TokenRefused("it is no signed token")
    try:
        header = jws.get_unverified_header(token)
    except (JOSEError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise TokenRefused("its header cannot be read") from error
    algorithm, key_id = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise TokenRefused("its algorithm is not one we take")
    if "crit" in header or not isinstance(key_id, str | None):
        raise TokenRefused("its header asks for what we do not know")
    return Header(algorithm, key_id)


def pick_key(header: Header, keys: Sequence[Key]) -> Key | None:
    """The key the header names; without a name the only one that fits; None where there is none."""
    fitting = [
        key
        for key in keys
        if (key.get("kty"), key.get("crv")) == ALGORITHMS[header.algorithm]
        and len(str(key.get("n", "x" * LEAST_MODULUS))) >= LEAST_MODULUS
        and key.get("use", "sig") == "sig"
        and key.get("alg", header.algorithm) == header.algorithm
        and (header.key_id is None or key.get("kid") == header.key_id)
    ]
    return fitting[0] if len(fitting) == 1 else None


def read_id_token(
    token: str, key: Key, algorithm: str, expected: Expected, now: datetime, access_token: str | None = None
) -> Claims:
    """The claims of a token that is everything it must be; TokenRefused says what it is not."""
    try:
        signed = jws.verify(token, dict(key), [algorithm])
    except (JOSEError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise SignatureRefused("its signature does not fit the key") from error
    try:
        claims = json.loads(signed)
    except (ValueError, RecursionError) as error:
        raise TokenRefused("it holds no claims") from error
    if not isinstance(claims, dict):
        raise TokenRefused("it holds no claims")
    if claims.get("iss") != expected.issuer:
        raise TokenRefused("another issuer made it")
    _check_audience(claims, expected.client_id)
    _check_times(claims, now)
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not _same(nonce, expected.nonce):
        raise TokenRefused("it belongs to another sign-in")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT or "\0" in subject:
        raise TokenRefused("it names nobody")
    if "at_hash" in claims and access_token is not None:
        made = _half_hash(access_token, algorithm)
        if not isinstance(claims["at_hash"], str) or not _same(claims["at_hash"], made):
            raise TokenRefused("it came with another access token")
    return claims


def _check_audience(claims: Claims, client_id: str) -> None:
    audience, party = claims.get("aud"), claims.get("azp")
    listed = audience if isinstance(audience, list) else [audience]
    if client_id not in listed:
        raise TokenRefused("it was made for another client")
    if (party is not None or len(listed) > 1) and party != client_id:
        raise TokenRefused("it was given to another client")


def _check_times(claims: Claims, now: datetime) -> None:
    at, leeway = now.timestamp(), LEEWAY.total_seconds()
    if _instant(claims, "exp") <= at - leeway:
        raise TokenRefused("it has expired")
    issued = _instant(claims, "iat")
    if issued > at + leeway:
        raise TokenRefused("it comes from the future: a clock is wrong")
    if issued < at - leeway - MAX_AGE.total_seconds():
        raise TokenRefused("it is old")
    if "nbf" in claims and _instant(claims, "nbf") > at + leeway:
        raise TokenRefused("it is not good yet")


def _instant(claims: Claims, name: str) -> float:
    value = claims.get(name)
    # neither true, nor NaN, nor a number with a thousand digits
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LAST_SECOND:
        raise TokenRefused(f"its {name} is no instant")
    return float(value)


def _half_hash(access_token: str, algorithm: str) -> str:
    whole = hashlib.new(f"sha{algorithm[2:]}", access_token.encode()).digest()
    return urlsafe_b64encode(whole[: len(whole) // 2]).rstrip(b"=").decode()


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode())
