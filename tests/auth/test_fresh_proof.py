"""What cannot be taken back and what lets somebody in asks people for a password or a code given just now."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx
import pytest

from app.auth.deps import FRESH_FOR
from app.auth.scopes import SCOPES
from app.core.clock import utc_now
from tests.house.test_routes import ROUTES as ALL
from tests.house.test_routes import called_before
from tests.support.people import TOTP, bearer, colleague, faults, refresh, refusal, set_up_totp, sign_in
from tests.support.records import read
from tests.support.world import World

PROOF = "/api/v1/auth/proof"
NOBODY = "7f1e3f0a-0000-4000-8000-000000000000"
ROUTES = {
    "POST /api/v1/auth/totp",
    "POST /api/v1/clients",
    "PATCH /api/v1/clients/{client_id}",
    "POST /api/v1/clients/{client_id}/secrets",
    "POST /api/v1/clients/{client_id}/close",
    "POST /api/v1/users",
    "POST /api/v1/users/{user_id}/roles",
    "POST /api/v1/users/{user_id}/reset",
    "POST /api/v1/users/{user_id}/close",
    "POST /api/v1/periods/{period_id}/close",
    "POST /api/v1/periods/{period_id}/publish",
    "POST /api/v1/questionnaires/{code}/{version}/publish",
}
BODIES: Mapping[str, dict[str, Any]] = {
    "POST /api/v1/clients": {"name": "iGate", "unit_code": "24", "scopes": ["units:read"]},
    "PATCH /api/v1/clients/{client_id}": {"name": "x"},
    "POST /api/v1/users": {"username": "a", "display_name": "A", "roles": []},
    "POST /api/v1/users/{user_id}/roles": {"role": "viewer", "unit_code": "24"},
    "POST /api/v1/periods/{period_id}/publish": {"revision": 1},
}


@pytest.fixture
async def lan(http: httpx.AsyncClient, world: World) -> dict[str, Any]:
    """A unit's administrator, as the answer to signing in."""
    await colleague(http, world.admin, "lan", ("unit_admin", "24"))
    body: dict[str, Any] = (await sign_in(http, "lan")).json()
    return body


async def ask(http: httpx.AsyncClient, route: str, headers: dict[str, str]) -> httpx.Response:
    method, _, path = route.partition(" ")
    for name, value in (("{period_id}", "1"), ("{code}/{version}", "quick-5/1")):
        path = path.replace(name, value)
    path = path.replace("{client_id}", NOBODY).replace("{user_id}", NOBODY)
    return await http.request(method, path, json=BODIES.get(route), headers=headers)


def test_these_routes_and_no_others_ask_for_it() -> None:
    names = {route: {getattr(call, "__name__", "") for call in called_before(ALL[route])} for route in ALL}
    assert {route for route in ALL if names[route] & {"proven_subject", "proven_setting_up"}} == ROUTES


@pytest.mark.parametrize("route", sorted(ROUTES))
async def test_a_refreshed_or_an_old_token_is_not_enough(
    http: httpx.AsyncClient, world: World, lan: dict[str, Any], route: str
) -> None:
    admin = (await http.get("/api/v1/me", headers=world.admin)).json()["id"]
    refreshed = bearer((await refresh(http, lan["refresh_token"])).json()["access_token"])
    old = utc_now() - FRESH_FOR - timedelta(seconds=5)
    aged = bearer(world.tokens.issue(f"user:{admin}", list(SCOPES), old))
    for headers in (aged, refreshed):
        answer = await ask(http, route, headers)
        wanted = {(403, "fresh_proof_required")}
        if headers is refreshed and "questionnaires" in route:
            wanted = {(403, "missing_scope")}
        assert refusal(answer) in wanted
    assert (await ask(http, route, world.admin)).status_code != 403


async def test_without_a_token_or_the_scope_nobody_is_asked_for_a_proof(
    http: httpx.AsyncClient, world: World
) -> None:
    assert (await http.post("/api/v1/clients", json=BODIES["POST /api/v1/clients"])).status_code == 401
    person = await world.person("hoa", ("viewer", "24"))
    assert refusal(await http.post("/api/v1/periods/1/close", headers=person)) == (403, "missing_scope")


async def test_a_partner_system_proves_itself_by_its_secret_for_every_token(
    http: httpx.AsyncClient, world: World
) -> None:
    system = await world.client("24", "periods:publish", "clients:manage")
    answer = await http.post("/api/v1/periods/1/publish", json={"revision": 1}, headers=system)
    assert answer.json()["code"] != "fresh_proof_required"
    body = BODIES["POST /api/v1/clients"] | {"scopes": ["periods:publish"]}
    assert (await http.post("/api/v1/clients", json=body, headers=system)).status_code == 201


async def test_a_password_or_a_code_proves_and_the_refused_are_counted(
    http: httpx.AsyncClient, world: World, lan: dict[str, Any]
) -> None:
    _, codes = await set_up_totp(http, bearer(lan["access_token"]))
    stale = bearer((await refresh(http, lan["refresh_token"])).json()["access_token"])
    body = BODIES["POST /api/v1/clients"]
    for proof in ({"password": "một mật khẩu dài"}, {"code": codes[0]}):
        assert (await http.post("/api/v1/clients", json=body, headers=stale)).status_code == 403
        given = await http.post(PROOF, json=proof, headers=stale)
        assert given.status_code == 200
        proven = bearer(given.json()["access_token"])
        assert (await http.post("/api/v1/clients", json=body, headers=proven)).status_code == 201
        sessions = (await http.get("/api/v1/auth/sessions", headers=proven)).json()["items"]
        assert sum(session["current"] for session in sessions) == 1, "the session goes on"
    for proof, fault in (
        ({"password": "a guess"}, ("/password", "password_wrong")),
        ({"code": "000000"}, ("/code", "totp_wrong")),
        ({"code": codes[0]}, ("/code", "totp_wrong")),
        ({"password": "một mật khẩu dài", "code": "000000"}, ("/code", "totp_wrong")),
    ):
        assert faults(await http.post(PROOF, json=proof, headers=stale)) == [fault]
    assert [code for _, code in faults(await http.post(PROOF, json={}, headers=stale))] == ["missing"]
    refused = await read(http, world.admin, action="sign_in.")
    assert {line["action"] for line in refused} >= {"sign_in.refused", "sign_in.code_refused"}


async def test_guessing_through_the_proof_slows_down_as_signing_in_does(
    http: httpx.AsyncClient, lan: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = utc_now()
    monkeypatch.setattr("app.auth.own.utc_now", lambda: now)
    headers = bearer(lan["access_token"])
    guesses = [{"code": "000000"}, {"password": "a guess"}] * 3
    statuses = [(await http.post(PROOF, json=guess, headers=headers)).status_code for guess in guesses]
    assert statuses == [422] * 5 + [429]


async def test_a_second_factor_is_begun_by_who_has_just_signed_in(
    http: httpx.AsyncClient, lan: dict[str, Any]
) -> None:
    stale = bearer((await refresh(http, lan["refresh_token"])).json()["access_token"])
    assert refusal(await http.post(TOTP, headers=stale)) == (403, "fresh_proof_required")
    given = await http.post(PROOF, json={"password": "một mật khẩu dài"}, headers=stale)
    await set_up_totp(http, bearer(given.json()["access_token"]))
