"""A provider gone bad, or somebody in its place: whatever comes with a good code, nobody gets in by it."""

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select

from app.auth.oidc.flow import challenge_of
from app.auth.oidc.provider import Account, Provider
from app.core.database import Database
from app.core.settings import Settings
from app.models.sign_on import OidcIdentity
from app.models.subject import User
from tests.auth.oidc.test_idtoken import GONE, by_hand, public, sign
from tests.support.application import application
from tests.support.world import World

HERE, ISSUER = "https://sipas.example.vn", "https://sso.example.vn"
CALLBACK = "/api/v1/auth/oidc/callback"


class Impostor:
    """Answers for the provider; `make` says what it puts in the place of an ID token."""

    def __init__(self) -> None:
        self.id_token: object = None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        pages = {
            "/.well-known/openid-configuration": {
                "issuer": ISSUER,
                "authorization_endpoint": f"{ISSUER}/authorize",
                "token_endpoint": f"{ISSUER}/token",
                "jwks_uri": f"{ISSUER}/keys",
            },
            "/keys": {"keys": [public("RS2048", "RS256")]},
            "/token": {"id_token": self.id_token, "access_token": "x"},
        }
        return httpx.Response(200, json=pages[request.url.path])


@pytest.fixture
def impostor() -> Impostor:
    return Impostor()


@pytest.fixture
async def app(database: Database, settings: Settings, impostor: Impostor) -> AsyncIterator[FastAPI]:
    rule = {"claim": "groups", "contains": "all", "role": "viewer", "unit": None}
    more = {"oidc_issuer": ISSUER, "oidc_client_id": "sipas", "oidc_rules": [rule]}
    app = application(settings.model_copy(update=more))
    async with app.router.lifespan_context(app):
        provider = Provider(Account(ISSUER, "sipas", None), transport=httpx.MockTransport(impostor))
        app.state.sign_on = replace(app.state.sign_on, provider=provider)
        yield app
        await provider.close()


async def begin(http: httpx.AsyncClient) -> tuple[str, str]:
    """State and nonce of a sign-in this browser has begun."""
    parameters = {"return_to": "/", "code_challenge": challenge_of("v" * 43)}
    answer = await http.get("/api/v1/auth/oidc/start", params=parameters)
    asked = parse_qs(urlsplit(answer.headers["location"]).query)
    return asked["state"][0], asked["nonce"][0]


def good(nonce: str, /, **changed: object) -> dict[str, object]:
    now = int(time.time())
    claims: dict[str, object] = {"iss": ISSUER, "aud": "sipas", "sub": "lan", "groups": ["all"]}
    claims |= {"nonce": nonce, "iat": now, "exp": now + 300} | changed
    return {name: value for name, value in claims.items() if value is not GONE}


async def people(database: Database) -> tuple[int | None, int | None]:
    async with database.read() as session:
        users = await session.scalar(select(func.count()).select_from(User))
        return users, await session.scalar(select(func.count()).select_from(OidcIdentity))


async def test_a_good_token_gets_in(http: httpx.AsyncClient, impostor: Impostor, world: World) -> None:
    state, nonce = await begin(http)
    impostor.id_token = sign(good(nonce))
    answer = await http.get(CALLBACK, params={"state": state, "code": "c"})
    assert answer.status_code == 302
    assert answer.headers["location"].startswith("/#sipas_code=")


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://evil.example"},
        {"aud": "another"},
        {"aud": ["sipas", "another"]},
        {"azp": "another"},
        {"nonce": "another"},
        {"nonce": GONE},
        {"exp": 1},
        {"exp": GONE},
        {"iat": 1},
        {"iat": 2**33},
        {"sub": GONE},
    ],
)
async def test_a_token_with_a_wrong_claim_gets_nobody_in(
    http: httpx.AsyncClient, impostor: Impostor, world: World, database: Database, changed: dict[str, object]
) -> None:
    before = await people(database)
    state, nonce = await begin(http)
    impostor.id_token = sign(good(nonce, **changed))
    answer = await http.get(CALLBACK, params={"state": state, "code": "c"})
    assert (answer.status_code, answer.json()["code"]) == (403, "sign_on_refused")
    assert "why" not in answer.json()
    assert await people(database) == before


@pytest.mark.parametrize("how", ["none", "hs256", "other key", "unknown kid", "no token", "a number", "cut"])
async def test_a_token_that_nobody_vouches_for_gets_nobody_in(
    http: httpx.AsyncClient, impostor: Impostor, world: World, database: Database, how: str
) -> None:
    before = await people(database)
    state, nonce = await begin(http)
    impostor.id_token = {
        "none": by_hand({"alg": "none", "kid": "k1"}, good(nonce)),
        "hs256": by_hand({"alg": "HS256", "kid": "k1"}, good(nonce), b"x" * 32),
        "other key": sign(good(nonce), kind="RS2049"),
        "unknown kid": sign(good(nonce), kid="k9"),
        "no token": None,
        "a number": 7,
        "cut": sign(good(nonce)).rpartition(".")[0],
    }[how]
    answer = await http.get(CALLBACK, params={"state": state, "code": "c"})
    assert (answer.status_code, answer.json()["code"]) == (403, "sign_on_refused")
    assert await people(database) == before


async def test_a_token_of_one_sign_in_is_worth_nothing_in_another(
    http: httpx.AsyncClient, impostor: Impostor, world: World
) -> None:
    _, nonce = await begin(http)
    impostor.id_token = sign(good(nonce))
    other, _ = await begin(http)
    answer = await http.get(CALLBACK, params={"state": other, "code": "c"})
    assert answer.json()["code"] == "sign_on_refused"
