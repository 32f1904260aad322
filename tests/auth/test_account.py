"""One's own account over HTTP: the password, the second factor, sessions."""

import asyncio
from uuid import uuid4

import httpx
import pyotp
import pytest
from sqlalchemy import select, text

from app.core.clock import utc_now
from app.core.database import Database
from app.models.account import SignInSession, TotpSecret
from app.models.record import AuditLine
from tests.support.people import (
    PASSWORD,
    TOTP,
    USERS,
    accept,
    bearer,
    colleague,
    enter,
    faults,
    refresh,
    refusal,
    set_up_totp,
    sign_in,
)
from tests.support.world import World

CHANGE = "/api/v1/auth/password"
SESSIONS = "/api/v1/auth/sessions"
ME = "/api/v1/me"
NEW = "ein ganz neues Wort"


@pytest.fixture
async def lan(http: httpx.AsyncClient, world: World) -> dict[str, str]:
    """A viewer of Phường A, signed in."""
    return (await colleague(http, world.admin, "lan", ("viewer", "09001")))[1]


async def wind_back(database: Database) -> None:
    """Make the last code of everybody's app one of an hour ago, so that the next one is heard at once."""
    async with database.transaction() as session:
        await session.execute(text("UPDATE totp_secrets SET last_step = last_step - 120"))


async def test_a_new_password_takes_the_place_of_the_old_one_and_ends_the_other_sessions(
    http: httpx.AsyncClient, lan: dict[str, str]
) -> None:
    other = (await sign_in(http, "lan")).json()
    sent = {"current": PASSWORD, "new": NEW}
    assert (await http.post(CHANGE, json=sent, headers=lan)).status_code == 204
    assert (await http.get(ME, headers=lan)).status_code == 200
    assert refusal(await http.get(ME, headers=bearer(other["access_token"]))) == (401, "session_ended")
    assert (await refresh(http, other["refresh_token"])).status_code == 400
    assert (await sign_in(http, "lan")).status_code == 400
    assert (await sign_in(http, "lan", NEW)).status_code == 200


async def test_a_new_password_asks_for_the_old_one_and_names_every_fault(
    http: httpx.AsyncClient, lan: dict[str, str]
) -> None:
    wrong = await http.post(CHANGE, json={"current": "guessed", "new": "short"}, headers=lan)
    assert faults(wrong) == [("/current", "password_wrong"), ("/new", "too_short")]
    assert (await sign_in(http, "lan")).status_code == 200


async def test_guessing_the_password_from_within_slows_down_as_from_without(
    http: httpx.AsyncClient, lan: dict[str, str], database: Database
) -> None:
    sent = {"current": "guessed", "new": NEW}
    statuses = [(await http.post(CHANGE, json=sent, headers=lan)).status_code for _ in range(5)]
    assert statuses == [422] * 5
    async with database.transaction() as session:  # a little ahead, so that no slow machine outlives the wait
        await session.execute(text("UPDATE sign_in_failures SET failed_at = failed_at + interval '1 minute'"))
    assert (await http.post(CHANGE, json=sent, headers=lan)).status_code == 429


async def test_a_partner_system_has_no_password_and_no_sessions(
    http: httpx.AsyncClient, world: World
) -> None:
    system = await world.client("24", "units:read")
    for method, address, body in (
        ("POST", CHANGE, {"current": "x", "new": NEW}),
        ("POST", TOTP, None),
        ("GET", SESSIONS, None),
        ("DELETE", SESSIONS, None),
    ):
        answer = await http.request(method, address, json=body, headers=system)
        assert refusal(answer) == (403, "people_only")


async def test_with_a_second_factor_a_password_alone_is_not_enough(
    http: httpx.AsyncClient, lan: dict[str, str], database: Database
) -> None:
    app, _ = await set_up_totp(http, lan)
    needed = await sign_in(http, "lan")
    assert (needed.status_code, needed.json()["error"], needed.json()["code"]) == (
        400,
        "invalid_grant",
        "totp_needed",
    )
    spent = await sign_in(http, "lan", totp=app.now())
    assert (spent.status_code, spent.json()["code"]) == (400, "totp_wrong")
    await wind_back(database)
    assert (await sign_in(http, "lan", totp=app.now())).status_code == 200
    assert "code" not in (await sign_in(http, "lan", "wrong", totp=app.now())).json()


async def test_of_two_uses_of_one_code_at_the_same_moment_one_succeeds(
    http: httpx.AsyncClient, lan: dict[str, str], database: Database
) -> None:
    app, codes = await set_up_totp(http, lan)
    await wind_back(database)
    for code in (app.now(), codes[0]):
        answers = await asyncio.gather(*(sign_in(http, "lan", totp=code) for _ in range(3)))
        assert sorted(answer.status_code for answer in answers) == [200, 400, 400]


async def test_recovery_codes_work_once_each_however_they_are_typed(
    http: httpx.AsyncClient, lan: dict[str, str]
) -> None:
    _, codes = await set_up_totp(http, lan)
    assert (await sign_in(http, "lan", totp=codes[0].lower())).status_code == 200
    assert (await sign_in(http, "lan", totp=codes[0])).json()["code"] == "totp_wrong"
    assert (await sign_in(http, "lan", totp=codes[1].replace("-", ""))).status_code == 200


async def test_guessed_codes_are_counted_like_guessed_passwords(
    http: httpx.AsyncClient, lan: dict[str, str], database: Database
) -> None:
    await set_up_totp(http, lan)
    for _ in range(3):
        assert (await sign_in(http, "lan", totp="000000")).status_code == 400
    async with database.read() as session:
        assert await session.scalar(text("SELECT count(*) FROM sign_in_failures WHERE name = 'lan'")) == 3


async def test_a_second_factor_counts_only_once_confirmed(
    http: httpx.AsyncClient, lan: dict[str, str]
) -> None:
    first = (await http.post(TOTP, headers=lan)).json()
    begun = (await http.post(TOTP, headers=lan)).json()
    assert begun["uri"].startswith("otpauth://totp/SIPAS:lan?secret=")
    wrong = await http.post(f"{TOTP}/confirm", json={"code": pyotp.TOTP(first["secret"]).now()}, headers=lan)
    assert faults(wrong) == [("/code", "totp_wrong")]
    assert (await sign_in(http, "lan")).status_code == 200
    right = {"code": pyotp.TOTP(begun["secret"]).now()}
    assert (await http.post(f"{TOTP}/confirm", json=right, headers=lan)).status_code == 200
    for again in (
        await http.post(TOTP, headers=lan),
        await http.post(f"{TOTP}/confirm", json=right, headers=lan),
    ):
        assert refusal(again) == (409, "totp_on")


async def test_a_second_factor_comes_off_with_password_and_code(
    http: httpx.AsyncClient, lan: dict[str, str]
) -> None:
    _, codes = await set_up_totp(http, lan)
    address = f"{TOTP}/remove"
    for password, code, fault in (
        ("wrong", codes[0], ("/password", "password_wrong")),
        (PASSWORD, "000000", ("/code", "totp_wrong")),
    ):
        body = {"password": password, "code": code}
        assert faults(await http.post(address, json=body, headers=lan)) == [fault]
    removed = await http.post(address, json={"password": PASSWORD, "code": codes[0]}, headers=lan)
    assert removed.status_code == 204
    assert (await sign_in(http, "lan")).status_code == 200


async def test_secrets_and_codes_lie_in_the_database_unreadable(
    http: httpx.AsyncClient, lan: dict[str, str], database: Database
) -> None:
    app, codes = await set_up_totp(http, lan)
    async with database.read() as session:
        kept = await session.scalar(select(TotpSecret.sealed))
        hashes = (await session.scalars(text("SELECT code_hash FROM recovery_codes"))).all()
        lines = (await session.scalars(select(AuditLine))).all()
    assert kept is not None
    assert app.secret.encode() not in kept
    assert len(hashes) == 10
    said = str([(line.action, line.details) for line in lines])
    assert "user.totp_on" in said
    assert not any(secret in said for secret in (app.secret, *codes))


async def test_an_administrator_takes_a_lost_second_factor_off(
    http: httpx.AsyncClient, world: World, lan: dict[str, str]
) -> None:
    await set_up_totp(http, lan)
    me = (await http.get(ME, headers=lan)).json()["id"]
    assert (await http.get(f"{USERS}/{me}", headers=world.admin)).json()["totp"] is True
    reset = await http.post(f"{USERS}/{me}/reset", json={"totp": True}, headers=world.admin)
    await accept(http, reset.json()["token"], NEW)
    assert (await sign_in(http, "lan", NEW)).status_code == 200


async def test_a_unit_may_require_a_second_factor_of_its_staff_and_of_those_beneath(
    http: httpx.AsyncClient, world: World, lan: dict[str, str]
) -> None:
    change = {"require_totp": True}
    answer = await http.patch("/api/v1/units/24", json=change, headers=world.admin)
    assert answer.json()["require_totp"] is True
    _, beside = await colleague(http, world.admin, "hoa", ("viewer", "27"))
    fresh = await enter(http, "lan")
    for address in (ME, "/api/v1/units", SESSIONS, "/api/v1/questionnaires"):
        assert refusal(await http.get(address, headers=fresh)) == (403, "totp_required"), address
        assert (await http.get(address, headers=beside)).status_code == 200
    app, _ = await set_up_totp(http, fresh)
    assert (await http.get(ME, headers=fresh)).status_code == 200
    assert (await sign_in(http, "lan")).json()["code"] == "totp_needed"
    assert app.secret
    assert (await http.get(ME, headers=world.admin)).status_code == 200


async def test_sessions_are_listed_with_where_they_come_from(
    http: httpx.AsyncClient, world: World, lan: dict[str, str]
) -> None:
    second = await http.post(
        "/api/v1/auth/token",
        data={"grant_type": "password", "username": "lan", "password": PASSWORD},
        headers={"User-Agent": "Fire\tfox " + "x" * 500},
    )
    items = (await http.get(SESSIONS, headers=bearer(second.json()["access_token"]))).json()["items"]
    assert [item["current"] for item in items] == [True, False]
    assert items[0]["user_agent"].startswith("Fire fox xxx")
    assert len(items[0]["user_agent"]) == 200
    assert items[0]["address"] == "127.0.0.1"
    assert (await http.get(SESSIONS, headers=world.admin)).json() == {"items": []}


async def test_a_session_goes_on_with_its_refresh_token_and_ends_with_its_owner(
    http: httpx.AsyncClient, lan: dict[str, str]
) -> None:
    other = (await sign_in(http, "lan")).json()
    renewed = (await refresh(http, other["refresh_token"])).json()
    items = (await http.get(SESSIONS, headers=bearer(renewed["access_token"]))).json()["items"]
    assert len(items) == 2
    (current,) = (item["id"] for item in items if item["current"])
    assert (await http.delete(f"{SESSIONS}/{current}", headers=lan)).status_code == 204
    for token in (other["access_token"], renewed["access_token"]):
        assert refusal(await http.get(ME, headers=bearer(token))) == (401, "session_ended")
    assert (await refresh(http, renewed["refresh_token"])).status_code == 400
    for unknown in (current, str(uuid4())):
        assert refusal(await http.delete(f"{SESSIONS}/{unknown}", headers=lan)) == (404, "session_unknown")
    assert (await http.delete(SESSIONS, headers=lan)).status_code == 204
    assert refusal(await http.get(ME, headers=lan)) == (401, "session_ended")


async def test_nobody_ends_somebody_elses_session(
    http: httpx.AsyncClient, world: World, lan: dict[str, str]
) -> None:
    _, hoa = await colleague(http, world.admin, "hoa", ("unit_admin", None))
    (mine,) = (await http.get(SESSIONS, headers=lan)).json()["items"]
    answer = await http.delete(f"{SESSIONS}/{mine['id']}", headers=hoa)
    assert refusal(answer) == (404, "session_unknown")
    await http.delete(SESSIONS, headers=hoa)
    assert (await http.get(ME, headers=lan)).status_code == 200


async def test_a_refresh_token_used_twice_ends_the_access_tokens_too(
    http: httpx.AsyncClient, lan: dict[str, str]
) -> None:
    first = (await sign_in(http, "lan")).json()
    second = (await refresh(http, first["refresh_token"])).json()
    assert (await refresh(http, first["refresh_token"])).status_code == 400
    assert refusal(await http.get(ME, headers=bearer(second["access_token"]))) == (401, "session_ended")


async def test_a_session_ends_with_its_age_however_often_it_is_used(
    http: httpx.AsyncClient, lan: dict[str, str], database: Database
) -> None:
    tokens = (await sign_in(http, "lan")).json()
    renewed = (await refresh(http, tokens["refresh_token"])).json()
    async with database.transaction() as session:
        old = "UPDATE sign_in_sessions SET created_at = created_at - interval '29 days 23 hours'"
        await session.execute(text(old))
    renewed = (await refresh(http, renewed["refresh_token"])).json()
    assert "access_token" in renewed
    async with database.transaction() as session:
        await session.execute(text("UPDATE sign_in_sessions SET created_at = created_at - interval '1 hour'"))
    aged = await refresh(http, renewed["refresh_token"])
    assert (aged.status_code, aged.json()["error"]) == (400, "invalid_grant")
    assert refusal(await http.get(ME, headers=bearer(renewed["access_token"]))) == (401, "session_ended")


async def test_a_family_from_the_release_before_becomes_a_session_when_it_is_used(
    http: httpx.AsyncClient, lan: dict[str, str], database: Database
) -> None:
    tokens = (await sign_in(http, "lan")).json()
    async with database.transaction() as session:
        await session.execute(text("DELETE FROM sign_in_sessions"))
    renewed = (await refresh(http, tokens["refresh_token"])).json()
    assert (await http.get(ME, headers=bearer(renewed["access_token"]))).status_code == 200
    async with database.read() as session:
        (row,) = (await session.scalars(select(SignInSession))).all()
    assert row.last_used_at <= utc_now()
