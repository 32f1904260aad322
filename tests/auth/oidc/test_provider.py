"""What we keep of the provider and when we ask it again; its answers are made up here, its silence too."""

from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest

from app.auth.oidc.idtoken import Header, TokenRefused
from app.auth.oidc.provider import FAILED_AGAIN, FRESH, KEYS_AGAIN, STALE, Account, Provider
from app.core.sign_on_problems import SignOnRefused, SignOnUnavailable

SECRET = "s:e/c"
ISSUER = "https://sso.example.vn/realms/tinh"
DESCRIPTION = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/keys",
}
OLD, NEW = ({"kty": "RSA", "kid": kid, "n": "x" * 342, "e": "AQAB"} for kid in ("old", "new"))


class Elsewhere:
    """The provider's side of the wire, and a clock."""

    def __init__(self) -> None:
        self.asked: list[httpx.Request] = []
        self.answers: dict[str, Any] = {
            "/realms/tinh/.well-known/openid-configuration": DESCRIPTION,
            "/realms/tinh/keys": {"keys": [OLD]},
            "/realms/tinh/token": {"id_token": "a.b.c", "access_token": "x"},
        }
        self.status = 200
        self.down = False
        self.now = 0.0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if self.down:
            raise httpx.ConnectError("nobody there")
        found = self.answers[request.url.path]
        if isinstance(found, bytes):
            return httpx.Response(self.status, content=found)
        return httpx.Response(self.status, json=found)

    def provider(self, secret: str | None = SECRET) -> Provider:
        account = Account(ISSUER, "si pas", secret)
        return Provider(account, transport=httpx.MockTransport(self), clock=lambda: self.now)

    def count(self, end: str) -> int:
        return sum(request.url.path.endswith(end) for request in self.asked)


@pytest.fixture
def there() -> Elsewhere:
    return Elsewhere()


async def key(provider: Provider, kid: str) -> object:
    return (await provider.key(Header("RS256", kid)))["kid"]


async def test_description_and_keys_are_asked_for_once_an_hour(there: Elsewhere) -> None:
    provider = there.provider()
    for _ in range(3):
        assert await key(provider, "old") == "old"
    assert len(there.asked) == 2
    there.now = FRESH
    assert await key(provider, "old") == "old"
    assert len(there.asked) == 4


async def test_an_unknown_key_is_looked_for_again_at_most_once_a_minute(there: Elsewhere) -> None:
    provider = there.provider()
    assert await key(provider, "old") == "old"
    there.answers["/realms/tinh/keys"] = {"keys": [NEW]}
    for _ in range(5):
        with pytest.raises(TokenRefused):
            await key(provider, "new")
    assert there.count("keys") == 1
    there.now = KEYS_AGAIN
    assert await key(provider, "new") == "new"
    for _ in range(5):
        with pytest.raises(TokenRefused):
            await key(provider, "old")
    assert there.count("keys") == 2


async def test_a_key_renewed_under_its_old_name_is_found(there: Elsewhere) -> None:
    provider, header = there.provider(), Header("RS256", None)
    first = await provider.key(header)
    there.answers["/realms/tinh/keys"] = {"keys": [OLD | {"n": "y" * 342}]}
    with pytest.raises(TokenRefused):
        await provider.key(header, instead_of=first)
    there.now = KEYS_AGAIN
    assert (await provider.key(header, instead_of=first))["n"] == "y" * 342
    with pytest.raises(TokenRefused):
        await provider.key(header, instead_of=await provider.key(header))


async def test_while_it_is_down_what_we_know_serves_for_a_day(there: Elsewhere) -> None:
    provider = there.provider()
    assert await key(provider, "old") == "old"
    there.down, there.now = True, FRESH
    assert await key(provider, "old") == "old"
    there.now = STALE + 1
    with pytest.raises(SignOnUnavailable):
        await key(provider, "old")


async def test_a_crowd_does_not_wait_for_it_one_after_the_other(there: Elsewhere) -> None:
    provider = there.provider()
    there.down = True
    for _ in range(20):
        with pytest.raises(SignOnUnavailable):
            await provider.description()
    assert len(there.asked) == 1
    there.down, there.now = False, FAILED_AGAIN
    assert (await provider.description()).token_at == f"{ISSUER}/token"


def without(name: str) -> dict[str, str]:
    return {key: value for key, value in DESCRIPTION.items() if key != name}


@pytest.mark.parametrize(
    "description",
    [
        DESCRIPTION | {"issuer": "https://evil.example"},
        DESCRIPTION | {"issuer": ISSUER + "/"},
        without("issuer"),
        without("authorization_endpoint"),
        without("token_endpoint"),
        without("jwks_uri"),
        DESCRIPTION | {"token_endpoint": "http://sso.example.vn/token"},
        DESCRIPTION | {"jwks_uri": "file:///etc/passwd"},
        DESCRIPTION | {"jwks_uri": ["https://sso.example.vn"]},
        DESCRIPTION | {"authorization_endpoint": "javascript:alert(1)"},
        DESCRIPTION | {"authorization_endpoint": "https://[broken"},
        [],
        b"<html>",
        b"",
        b"\xff",
        b'{"a":' + b" " * 600_000 + b"1}",
        b"[" * 100_000,
    ],
)
async def test_a_description_that_cannot_be_used_is_not(there: Elsewhere, description: object) -> None:
    there.answers["/realms/tinh/.well-known/openid-configuration"] = description
    with pytest.raises(SignOnUnavailable):
        await there.provider().description()


@pytest.mark.parametrize("status", [301, 302, 404, 429, 500, 503])
async def test_a_description_with_another_status_is_none(there: Elsewhere, status: int) -> None:
    there.status = status
    with pytest.raises(SignOnUnavailable):
        await there.provider().description()


@pytest.mark.parametrize("keys", [{}, {"keys": None}, {"keys": {"kid": "old"}}, [OLD]])
async def test_keys_that_are_none_are_not_used(there: Elsewhere, keys: object) -> None:
    there.answers["/realms/tinh/keys"] = keys
    with pytest.raises(SignOnUnavailable):
        await key(there.provider(), "old")


async def test_keys_of_kinds_we_do_not_know_stand_in_nobodys_way(there: Elsewhere) -> None:
    there.answers["/realms/tinh/keys"] = {"keys": ["x", None, {"kty": "OKP", "kid": "ed"}, OLD]}
    assert await key(there.provider(), "old") == "old"


@pytest.mark.parametrize(
    ("more", "secret", "header", "form"),
    [
        ({}, "s:e/c", "Basic c2krcGFzOnMlM0FlJTJGYw==", {}),
        (
            {"token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"]},
            "s:e/c",
            None,
            {"client_id": "si pas", "client_secret": "s:e/c"},
        ),
        ({}, None, None, {"client_id": "si pas"}),
    ],
)
async def test_we_say_who_we_are_as_the_provider_wants_it(
    there: Elsewhere, more: Mapping[str, object], secret: str | None, header: str | None, form: dict[str, str]
) -> None:
    there.answers["/realms/tinh/.well-known/openid-configuration"] = {**DESCRIPTION, **more}
    tokens = await there.provider(secret).exchange("the code", "the verifier", "https://here/back")
    assert (tokens.id_token, tokens.access_token) == ("a.b.c", "x")
    sent = there.asked[-1]
    assert sent.headers.get("authorization") == header
    assert dict(httpx.QueryParams(sent.content.decode())) == form | {
        "grant_type": "authorization_code",
        "code": "the code",
        "code_verifier": "the verifier",
        "redirect_uri": "https://here/back",
    }


@pytest.mark.parametrize(
    ("status", "body", "problem"),
    [
        (400, {"error": "invalid_grant"}, SignOnRefused),
        (400, {"error": "invalid_request"}, SignOnUnavailable),
        (401, {"error": "invalid_client"}, SignOnUnavailable),
        (500, b"oops", SignOnUnavailable),
        (503, {}, SignOnUnavailable),
        (200, {}, SignOnRefused),
        (200, {"id_token": None}, SignOnRefused),
        (200, [], SignOnUnavailable),
    ],
)
async def test_a_code_that_is_not_good_is_told_from_a_provider_that_is_not(
    there: Elsewhere, status: int, body: object, problem: type[Exception]
) -> None:
    provider = there.provider()
    await provider.description()
    there.status, there.answers["/realms/tinh/token"] = status, body
    with pytest.raises(problem):
        await provider.exchange("c", "v", "r")


@pytest.mark.parametrize(
    "fail", [httpx.ConnectTimeout, httpx.ReadTimeout, httpx.ConnectError, httpx.RemoteProtocolError]
)
async def test_silence_in_every_form_is_unavailable(fail: Callable[[str], Exception]) -> None:
    def silent(_: httpx.Request) -> httpx.Response:
        raise fail("silence")

    provider = Provider(Account(ISSUER, "sipas", None), transport=httpx.MockTransport(silent))
    with pytest.raises(SignOnUnavailable):
        await provider.description()
