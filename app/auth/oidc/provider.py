"""The provider: its description (discovery), its keys (JWKS) and the exchange of a code, over httpx.

Description and keys are kept for an hour. A key nobody has heard of is looked for again, because providers
renew their keys, but at most once a minute, or made-up tokens would make us knock at its door all day. While
the provider is down, what was read of it serves for a day: those who are on their way can still come in.
"""

import asyncio
import json
import logging
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import quote_plus, urlsplit

import httpx

from app.auth.oidc.idtoken import Header, Key, TokenRefused, pick_key
from app.core.settings import LOOPBACK
from app.core.sign_on_problems import SignOnRefused, SignOnUnavailable

FRESH = 3600.0
STALE = 24 * 3600.0
KEYS_AGAIN = 60.0
FAILED_AGAIN = 5.0
TIMEOUT = httpx.Timeout(5.0)
LIMITS = httpx.Limits(max_connections=20, max_keepalive_connections=5)
MAX_BODY = 512 * 1024

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Account:
    """Who we are to the provider."""

    issuer: str
    client_id: str
    client_secret: str | None


@dataclass(frozen=True, slots=True)
class Description:
    """What we need of the provider's metadata."""

    authorize_at: str
    token_at: str
    keys_at: str
    secret_in_body: bool


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a code was exchanged for."""

    id_token: str
    access_token: str | None


class Provider:
    """One a process."""

    def __init__(
        self,
        account: Account,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.account = account
        self._http = httpx.AsyncClient(transport=transport, timeout=TIMEOUT, limits=LIMITS)
        self._clock = clock
        self._lock = asyncio.Lock()
        self._described: tuple[float, Description] | None = None
        self._keys: tuple[float, list[Key]] | None = None
        self._failed_at = float("-inf")

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.aclose()

    async def description(self) -> Description:
        """The provider's description, at most an hour old, or a day while it does not answer."""
        async with self._lock:
            kept = self._described
            if kept is not None and self._clock() - kept[0] < FRESH:
                return kept[1]
            try:
                found = self._read_description(
                    await self._fetch(f"{self.account.issuer.rstrip('/')}/.well-known/openid-configuration")
                )
            except SignOnUnavailable:
                if kept is None or self._clock() - kept[0] > STALE:
                    raise
                return kept[1]
            self._described = self._clock(), found
            return found

    async def key(self, header: Header, instead_of: Key | None = None) -> Key:
        """The key a token's header names. TokenRefused when the provider has no such key.

        `instead_of` is one that did not fit, for providers that renew a key without giving it another name.
        """
        keys_at = (await self.description()).keys_at
        async with self._lock:
            kept = self._keys
            age = float("inf") if kept is None else self._clock() - kept[0]
            key = None if kept is None else pick_key(header, kept[1])
            key = None if key == instead_of else key
            if key is not None and age < FRESH:
                return key
            if key is None and age < KEYS_AGAIN:
                raise TokenRefused("it names a key that the provider does not have")
            try:
                keys = self._read_keys(await self._fetch(keys_at))
            except SignOnUnavailable:
                if key is None or age > STALE:
                    raise
                return key
            self._keys = self._clock(), keys
        key = pick_key(header, keys)
        if key is None or key == instead_of:
            raise TokenRefused("it names a key that the provider does not have")
        return key

    async def exchange(self, code: str, verifier: str, redirect_uri: str) -> Tokens:
        """Exchange a code. SignOnRefused for one that is not good, SignOnUnavailable when nobody answers."""
        described = await self.description()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        headers = {"Accept": "application/json"}
        secret = self.account.client_secret
        if secret is None:
            form["client_id"] = self.account.client_id
        elif described.secret_in_body:
            form |= {"client_id": self.account.client_id, "client_secret": secret}
        else:
            pair = f"{quote_plus(self.account.client_id)}:{quote_plus(secret)}"
            headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        status, body = await self._send("POST", described.token_at, headers, form)
        if status != 200:
            error = body.get("error")
            log.warning("the provider refused a code", extra={"status": status, "error": str(error)[:100]})
            if error == "invalid_grant":
                raise SignOnRefused
            raise SignOnUnavailable  # our own account there is wrong, or it is out of order
        id_token, access_token = body.get("id_token"), body.get("access_token")
        if not isinstance(id_token, str):
            raise SignOnRefused
        return Tokens(id_token, access_token if isinstance(access_token, str) else None)

    async def _fetch(self, url: str) -> Mapping[str, object]:
        """A document of the provider's; after a failure nobody else waits for it for some seconds."""
        if self._clock() - self._failed_at < FAILED_AGAIN:
            raise SignOnUnavailable
        try:
            status, body = await self._send("GET", url, {"Accept": "application/json"})
            if status != 200:
                _unusable(url, f"it answers {status}")
        except SignOnUnavailable:
            self._failed_at = self._clock()
            raise
        return body

    async def _send(
        self, method: str, url: str, headers: dict[str, str], form: dict[str, str] | None = None
    ) -> tuple[int, Mapping[str, object]]:
        content = bytearray()
        try:
            async with (
                asyncio.timeout(10),  # the whole of it: each wait alone may trickle on for ever
                self._http.stream(method, url, headers=headers, data=form) as answer,
            ):
                async for part in answer.aiter_bytes():
                    content += part
                    if len(content) > MAX_BODY:
                        _unusable(url, "its answer is too large")
            body = json.loads(content)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            log.warning("the provider does not answer", extra={"url": url, "cause": type(error).__name__})
            raise SignOnUnavailable from error
        except (ValueError, RecursionError):
            _unusable(url, "its answer is no JSON")
        if not isinstance(body, dict):
            _unusable(url, "its answer is no JSON object")
        return answer.status_code, body

    def _read_description(self, found: Mapping[str, object]) -> Description:
        if found.get("issuer") != self.account.issuer:
            _unusable(self.account.issuer, "it calls itself by another name than SIPAS_OIDC_ISSUER")
        secure = urlsplit(self.account.issuer).scheme == "https"
        addresses = []
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            address = found.get(name)
            if not isinstance(address, str) or not _is_web_address(address, secure=secure):
                _unusable(self.account.issuer, f"its {name} is missing or not https")
            addresses.append(address)
        methods = found.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        in_body = isinstance(methods, list) and "client_secret_basic" not in methods
        authorize_at, token_at, keys_at = addresses
        return Description(authorize_at, token_at, keys_at, in_body)

    def _read_keys(self, found: Mapping[str, object]) -> list[Key]:
        keys = found.get("keys")
        if not isinstance(keys, list):
            _unusable(self.account.issuer, "it shows no keys")
        return [key for key in keys if isinstance(key, dict)]


def _is_web_address(address: str, *, secure: bool) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    if parts.scheme == "http":
        return not secure and parts.hostname in LOOPBACK
    return parts.scheme == "https" and bool(parts.hostname)


def _unusable(url: str, why: str) -> NoReturn:
    log.error("the provider cannot be used", extra={"url": url, "why": why})
    raise SignOnUnavailable
