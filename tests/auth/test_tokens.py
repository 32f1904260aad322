"""Access tokens under attack: whatever is not exactly ours is a 401 and nothing else."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from jose import jwt

from app.core.clock import utc_now
from app.core.settings import Settings
from app.core.tokens import ACCESS_LIFETIME, AccessTokens, derive_key
from tests.support.world import World


def key_of(settings: Settings) -> str:
    return derive_key(settings.secret, "access-token").hex()


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


async def me(http: httpx.AsyncClient, token: str | bytes) -> httpx.Response:
    value = b"Bearer " + (token.encode() if isinstance(token, str) else token)
    return await http.get("/api/v1/me", headers=[(b"Authorization", value)])


async def refused(http: httpx.AsyncClient, token: str | bytes) -> bool:
    answer = await me(http, token)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == "Bearer"
    return (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


@pytest.fixture
def good(world: World) -> str:
    return world.admin["Authorization"].removeprefix("Bearer ")


@pytest.fixture
def claims(good: str, settings: Settings) -> dict[str, Any]:
    return jwt.decode(good, key_of(settings), algorithms=["HS256"], audience="sipas-api")


async def test_a_good_token_is_heard(http: httpx.AsyncClient, good: str) -> None:
    assert (await me(http, good)).status_code == 200


async def test_a_token_lives_a_quarter_of_an_hour(claims: dict[str, Any]) -> None:
    assert claims["exp"] - claims["iat"] == 15 * 60 == ACCESS_LIFETIME.total_seconds()


async def test_no_algorithm_is_refused(http: httpx.AsyncClient, claims: dict[str, Any]) -> None:
    for name in ("none", "None", "NONE", "nOnE"):
        unsigned = f"{part({'alg': name, 'typ': 'JWT'})}.{part(claims)}"
        assert await refused(http, unsigned + ".")
        assert await refused(http, unsigned + ".AAAA")
        assert await refused(http, unsigned)


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
async def test_another_algorithm_is_refused_even_with_the_right_key(
    http: httpx.AsyncClient, claims: dict[str, Any], settings: Settings, algorithm: str
) -> None:
    assert await refused(http, jwt.encode(claims, key_of(settings), algorithm=algorithm))


async def test_a_header_that_names_another_algorithm_is_refused(http: httpx.AsyncClient, good: str) -> None:
    _, payload, signature = good.split(".")
    headers: list[object] = [
        {"alg": "RS256"},
        {"alg": "HS512"},
        {"alg": ["HS256"]},
        {"alg": None},
        {},
        [],
        1,
        None,
    ]
    for header in headers:
        assert await refused(http, f"{part(header)}.{payload}.{signature}")


async def test_another_key_is_refused(
    http: httpx.AsyncClient, claims: dict[str, Any], settings: Settings
) -> None:
    for key in ("guess", settings.secret, derive_key(settings.secret, "link-codes").hex()):
        assert await refused(http, jwt.encode(claims, key, algorithm="HS256"))


@pytest.mark.parametrize(
    "change",
    [
        {"exp": 1},
        {"exp": None},
        {"exp": "soon"},
        {"aud": "another-api"},
        {"aud": None},
        {"aud": []},
        {"iss": "somebody"},
        {"iss": None},
        {"sub": None},
        {"sub": 7},
        {"sub": ""},
        {"sub": "user"},
        {"sub": "user:"},
        {"sub": "user:nobody"},
        {"sub": "device:0198c2f0-7b1e-7c3a-9f2e-5d0a4b7c1e22"},
        {"nbf": 99999999999},
    ],
    ids=str,
)
async def test_a_claim_that_is_not_ours_is_refused_though_signed_with_our_key(
    http: httpx.AsyncClient, claims: dict[str, Any], settings: Settings, change: dict[str, object]
) -> None:
    assert await refused(http, jwt.encode(claims | change, key_of(settings), algorithm="HS256"))


@pytest.mark.parametrize("claim", ["exp", "iat", "aud", "iss", "sub"])
async def test_a_missing_claim_is_refused(
    http: httpx.AsyncClient, claims: dict[str, Any], settings: Settings, claim: str
) -> None:
    del claims[claim]
    assert await refused(http, jwt.encode(claims, key_of(settings), algorithm="HS256"))


async def test_an_expired_token_is_refused(
    http: httpx.AsyncClient, world: World, claims: dict[str, Any]
) -> None:
    before = utc_now() - ACCESS_LIFETIME - timedelta(seconds=2)
    assert await refused(http, world.tokens.issue(claims["sub"], [], before))


async def test_a_tampered_payload_is_refused(
    http: httpx.AsyncClient, good: str, claims: dict[str, Any]
) -> None:
    header, payload, signature = good.split(".")
    assert await refused(http, f"{header}.{part(claims | {'sub': f'user:{uuid4()}'})}.{signature}")
    for place in (0, len(payload) // 2):
        changed = payload[:place] + ("A" if payload[place] != "A" else "B") + payload[place + 1 :]
        assert await refused(http, f"{header}.{changed}.{signature}")
    assert await refused(http, f"{header}.{payload}.{signature[::-1]}")
    assert await refused(http, f"{header}.{payload}.")


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b".",
        b"..",
        b"...",
        b"a.b.c",
        b"\xff\xfe",
        b"null",
        b"e30.e30.e30",
        b"x" * 8000,
        b"." * 500,
        part({"alg": "HS256"}).encode() + b"." + b"W1tbW1tb" * 500 + b".x",
    ],
)
async def test_garbage_is_refused(http: httpx.AsyncClient, garbage: bytes) -> None:
    assert await refused(http, garbage)


@pytest.mark.parametrize("header", ["", "Bearer", "Basic eDp5", "bearer", "Token x", "Bearer  "])
async def test_a_header_without_a_token_is_refused(http: httpx.AsyncClient, header: str) -> None:
    answer = await http.get("/api/v1/me", headers={"Authorization": header})
    assert answer.status_code == 401


async def test_scopes_come_from_the_account_and_not_from_the_token(
    http: httpx.AsyncClient, world: World
) -> None:
    headers = await world.client("24", "units:read")
    subject = jwt.get_unverified_claims(headers["Authorization"].removeprefix("Bearer "))["sub"]
    claimed = world.bearer(subject, ["units:read", "users:manage", "clients:manage"])
    assert (await http.get("/api/v1/me", headers=claimed)).json()["scopes"] == ["units:read"]
    assert (await http.get("/api/v1/clients", headers=claimed)).status_code == 403


async def test_an_account_that_does_not_exist_is_refused(http: httpx.AsyncClient, world: World) -> None:
    for kind in ("user", "client"):
        assert await refused(http, world.tokens.issue(f"{kind}:{uuid4()}", [], utc_now()))


def test_a_token_of_another_deployment_is_not_read() -> None:
    now = datetime.now(UTC)
    token = AccessTokens("one secret").issue("user:x", [], now)
    assert AccessTokens("one secret").read(token) is not None
    assert AccessTokens("another secret").read(token) is None
