"""`POST /api/v1/auth/token` and `GET /api/v1/me`, as RFC 6749 has them."""

import asyncio
import base64
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select, update

from app.auth.proofs import wait_after
from app.core.clock import utc_now
from app.core.database import Database
from app.core.tokens import hash_password
from app.models.subject import Client, RefreshToken, SignInFailure, User
from tests.support.people import somewhere_else
from tests.support.world import World

PASSWORD = "đúng mật khẩu này"


@pytest.fixture
async def staff(world: World) -> dict[str, str]:
    """The form by which a member of staff of Phường A signs in."""
    await world.person("lan", ("viewer", "09001"), password_hash=hash_password(PASSWORD))
    return {"grant_type": "password", "username": "lan", "password": PASSWORD}


async def ask(
    http: httpx.AsyncClient, form: dict[str, str], headers: dict[str, str] | None = None
) -> httpx.Response:
    return await http.post("/api/v1/auth/token", data=form, headers=headers)


async def refresh(http: httpx.AsyncClient, token: str) -> httpx.Response:
    return await ask(http, {"grant_type": "refresh_token", "refresh_token": token})


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


async def fail(database: Database, times: int, *, name: str = "lan", address: str = "127.0.0.1") -> None:
    """So many failures, a little ahead of now, so that no slow machine outlives the wait."""
    at = utc_now() + timedelta(seconds=30)
    async with database.transaction() as session:
        session.add_all(SignInFailure(name=name, address=address, failed_at=at) for _ in range(times))


async def test_a_password_gives_an_access_and_a_refresh_token(
    http: httpx.AsyncClient, staff: dict[str, str]
) -> None:
    answer = await ask(http, staff)
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"access_token", "token_type", "expires_in", "scope", "refresh_token"}
    assert (body["token_type"], body["expires_in"], body["scope"]) == (
        "bearer",
        900,
        "indices:read units:read",
    )
    assert answer.headers["cache-control"] == "no-store"


async def test_me_says_who_i_am(http: httpx.AsyncClient, staff: dict[str, str], world: World) -> None:
    token = (await ask(http, staff)).json()["access_token"]
    mine = (await http.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})).json()
    assert (mine["kind"], mine["name"], mine["unit"]) == ("user", "lan", "09001")
    assert mine["scopes"] == ["indices:read", "units:read"]
    admin = (await http.get("/api/v1/me", headers=world.admin)).json()
    assert (admin["name"], admin["unit"]) == ("admin", None)


async def test_without_the_scope_403_and_outside_the_reach_404(
    http: httpx.AsyncClient, staff: dict[str, str]
) -> None:
    headers = {"Authorization": f"Bearer {(await ask(http, staff)).json()['access_token']}"}
    assert (await http.get("/api/v1/units/09001", headers=headers)).status_code == 200
    assert (await http.get("/api/v1/units/09002", headers=headers)).status_code == 404
    forbidden = await http.get("/api/v1/clients", headers=headers | {"Accept-Language": "en"})
    assert (forbidden.status_code, forbidden.json()["code"]) == (403, "missing_scope")
    assert forbidden.json()["detail"] == "The scope clients:manage is needed."


async def test_a_wrong_password_and_an_unknown_name_look_the_same(
    http: httpx.AsyncClient, staff: dict[str, str]
) -> None:
    wrong = await ask(http, staff | {"password": PASSWORD + "x"})
    unknown = await ask(http, staff | {"username": "nobody"})
    assert refusal(wrong) == refusal(unknown) == (400, "invalid_grant")
    assert wrong.content == unknown.content


async def test_a_closed_account_neither_signs_in_nor_goes_on(
    http: httpx.AsyncClient, staff: dict[str, str], database: Database
) -> None:
    body = (await ask(http, staff)).json()
    async with database.transaction() as session:
        await session.execute(update(User).where(User.username == "lan").values(closed_at=utc_now()))
    me = await http.get("/api/v1/me", headers={"Authorization": f"Bearer {body['access_token']}"})
    assert me.status_code == 401
    assert refusal(await ask(http, staff)) == (400, "invalid_grant")
    assert refusal(await refresh(http, body["refresh_token"])) == (400, "invalid_grant")


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": ""}, "invalid_request"),
        ({"grant_type": "implicit"}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code"}, "unsupported_grant_type"),
        ({"grant_type": "password"}, "invalid_grant"),
        ({"grant_type": "password", "username": "x" * 1001, "password": "y"}, "invalid_request"),
        ({"grant_type": "password", "username": "x", "password": "y" * 5000}, "invalid_request"),
        ({"grant_type": "password", "username": "a\0b", "password": "\0"}, "invalid_grant"),
        ({"grant_type": "refresh_token"}, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "made up \u20ac"}, "invalid_grant"),
    ],
)
async def test_refusals_speak_as_rfc_6749_does(
    http: httpx.AsyncClient, world: World, form: dict[str, str], error: str
) -> None:
    answer = await ask(http, form)
    assert refusal(answer) == (400, error)
    assert set(answer.json()) == {"error", "error_description"}
    assert answer.headers["cache-control"] == "no-store"


async def test_a_body_that_is_no_form_is_refused_without_a_failure_of_ours(http: httpx.AsyncClient) -> None:
    for content, kind in (
        (b'{"grant_type": "password"}', "application/json"),
        (b"\xff\xfe\x00", "application/x-www-form-urlencoded"),
        (b"grant_type=%00%ff", "application/x-www-form-urlencoded"),
        (b"--x\r\nnonsense", "multipart/form-data; boundary=x"),
        (b"", "text/plain"),
    ):
        answer = await http.post("/api/v1/auth/token", content=content, headers={"Content-Type": kind})
        assert answer.status_code in {400, 422}, kind


# --- clients --------------------------------------------------------------------------------------


@pytest.fixture
async def partner(http: httpx.AsyncClient, world: World) -> tuple[str, str]:
    """Id and secret of a partner system."""
    body = {"name": "iGate", "unit_code": "24", "scopes": ["units:read"]}
    made = (await http.post("/api/v1/clients", json=body, headers=world.admin)).json()
    return made["client_id"], made["client_secret"]


def basic(name: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()}


async def test_client_credentials_come_in_the_form_or_in_the_header(
    http: httpx.AsyncClient, partner: tuple[str, str]
) -> None:
    form = {"grant_type": "client_credentials"}
    in_form = await ask(http, form | {"client_id": partner[0], "client_secret": partner[1]})
    in_header = await ask(http, form, headers=basic(*partner))
    for answer in (in_form, in_header):
        assert answer.status_code == 200
        assert "refresh_token" not in answer.json()
        token = answer.json()["access_token"]
        me = await http.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
        assert (me.json()["kind"], me.json()["unit"]) == ("client", "24")


async def test_a_wrong_client_is_refused_with_401(http: httpx.AsyncClient, partner: tuple[str, str]) -> None:
    form = {"grant_type": "client_credentials"}
    for headers in (
        basic(partner[0], "wrong"),
        basic("7f1e3f0a-0000-4000-8000-000000000000", partner[1]),
        basic("no uuid", "x"),
        basic("", ""),
        {"Authorization": "Basic ???"},
        {"Authorization": "Basic"},
        {"Authorization": "Basic /w=="},
        {},
    ):
        answer = await ask(http, form, headers=headers)
        assert refusal(answer) == (401, "invalid_client")
        assert answer.headers["www-authenticate"].startswith("Basic")


async def test_a_closed_client_is_refused(
    http: httpx.AsyncClient, partner: tuple[str, str], database: Database
) -> None:
    async with database.transaction() as session:
        await session.execute(update(Client).values(closed_at=utc_now()))
    answer = await ask(http, {"grant_type": "client_credentials"}, headers=basic(*partner))
    assert refusal(answer) == (401, "invalid_client")


# --- refresh tokens -------------------------------------------------------------------------------


async def test_a_refresh_token_is_exchanged_for_a_new_one(
    http: httpx.AsyncClient, staff: dict[str, str]
) -> None:
    first = (await ask(http, staff)).json()
    second = (await refresh(http, first["refresh_token"])).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert second["scope"] == first["scope"]
    assert (await refresh(http, second["refresh_token"])).status_code == 200


async def test_a_token_used_twice_ends_its_family_and_no_other(
    http: httpx.AsyncClient, staff: dict[str, str]
) -> None:
    stolen = (await ask(http, staff)).json()["refresh_token"]
    elsewhere = (await ask(http, staff)).json()["refresh_token"]
    heir = (await refresh(http, stolen)).json()["refresh_token"]
    assert refusal(await refresh(http, stolen)) == (400, "invalid_grant")
    assert refusal(await refresh(http, heir)) == (400, "invalid_grant")
    assert (await refresh(http, elsewhere)).status_code == 200


async def test_of_many_uses_at_once_one_wins_and_the_family_ends(
    http: httpx.AsyncClient, staff: dict[str, str]
) -> None:
    token = (await ask(http, staff)).json()["refresh_token"]
    answers = await asyncio.gather(*(refresh(http, token) for _ in range(8)))
    winners = [answer for answer in answers if answer.status_code == 200]
    assert len(winners) == 1
    assert refusal(await refresh(http, winners[0].json()["refresh_token"])) == (400, "invalid_grant")


async def test_an_old_refresh_token_has_expired(
    http: httpx.AsyncClient, staff: dict[str, str], database: Database
) -> None:
    token = (await ask(http, staff)).json()["refresh_token"]
    async with database.transaction() as session:
        await session.execute(update(RefreshToken).values(expires_at=utc_now()))
    assert refusal(await refresh(http, token)) == (400, "invalid_grant")


async def test_tokens_are_kept_as_hashes_only(
    http: httpx.AsyncClient, staff: dict[str, str], database: Database
) -> None:
    token = (await ask(http, staff)).json()["refresh_token"]
    async with database.read() as session:
        (kept,) = (await session.scalars(select(RefreshToken.token_hash))).all()
    assert token.encode() not in kept
    assert len(kept) == 32


# --- slowing down ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, 0), (4, 0), (5, 1), (6, 2), (7, 4), (10, 32), (11, 60), (10_000, 60)]
)
def test_the_wait_doubles_after_some_free_tries_up_to_a_minute(failures: int, seconds: int) -> None:
    assert wait_after(failures, 5, timedelta(seconds=60)) == timedelta(seconds=seconds)


async def test_failures_are_counted_and_a_success_forgets_them(
    http: httpx.AsyncClient, staff: dict[str, str], database: Database
) -> None:
    async def counted() -> int | None:
        async with database.read() as session:
            return await session.scalar(select(func.count()).select_from(SignInFailure))

    for _ in range(3):
        await ask(http, staff | {"password": "wrong"})
    assert await counted() == 3
    assert (await ask(http, staff)).status_code == 200
    assert await counted() == 0


async def test_after_many_failures_even_the_right_password_waits(
    http: httpx.AsyncClient, staff: dict[str, str], database: Database
) -> None:
    await fail(database, 5)
    answer = await ask(http, staff)
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_requests")
    assert 1 <= int(answer.headers["retry-after"]) <= 60


async def test_other_addresses_and_other_names_are_not_kept_out(
    app: FastAPI, http: httpx.AsyncClient, staff: dict[str, str], database: Database
) -> None:
    await fail(database, 40)
    assert (await ask(http, staff)).status_code == 429
    assert refusal(await ask(http, staff | {"username": "hoa"})) == (400, "invalid_grant")
    async with somewhere_else(app, "203.0.113.7") as office:
        assert (await ask(office, staff)).status_code == 200


async def test_a_crowd_of_guessers_does_not_keep_the_office_out(
    app: FastAPI, staff: dict[str, str], database: Database
) -> None:
    for number in range(60):
        await fail(database, 1, address=f"198.51.100.{number}")
    async with somewhere_else(app, "198.51.100.7") as guesser:
        assert (await ask(guesser, staff)).status_code == 429
    async with somewhere_else(app, "203.0.113.7") as office:
        assert (await ask(office, staff)).status_code == 200


async def test_guesses_side_by_side_are_heard_one_at_a_time(
    http: httpx.AsyncClient, staff: dict[str, str], database: Database
) -> None:
    async with database.transaction() as session:  # enough failures to be slowed down, their wait just over
        at = utc_now() - timedelta(seconds=61)
        session.add_all(SignInFailure(name="lan", address="127.0.0.1", failed_at=at) for _ in range(12))
    answers = await asyncio.gather(*(ask(http, staff | {"password": f"guess {n}"}) for n in range(8)))
    assert sorted(answer.status_code for answer in answers) == [400, *[429] * 7]
