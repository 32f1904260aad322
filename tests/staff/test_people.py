from datetime import date
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import select, text, update

from app.core.database import Database
from app.models.record import AuditLine
from app.models.unit import Unit
from tests.support.people import (
    PASSWORD,
    USERS,
    accept,
    colleague,
    enter,
    faults,
    let_in,
    person,
    refresh,
    refusal,
    sign_in,
)
from tests.support.world import World


async def usernames(http: httpx.AsyncClient, headers: dict[str, str], **params: str) -> list[str]:
    answer = await http.get(USERS, params=params, headers=headers)
    assert answer.status_code == 200, answer.text
    return [item["username"] for item in answer.json()["items"]]


async def read(http: httpx.AsyncClient, headers: dict[str, str], user_id: str) -> dict[str, Any]:
    body: dict[str, Any] = (await http.get(f"{USERS}/{user_id}", headers=headers)).json()
    return body


async def test_somebody_let_in_sets_a_password_by_the_link_and_works_within_their_unit(
    http: httpx.AsyncClient, world: World
) -> None:
    made = await let_in(http, world.admin, "lan", ("viewer", "09001"))
    assert set(made) == {"id", "invitation"}
    token = made["invitation"]["token"]
    assert made["invitation"]["url"] == f"https://sipas.example.vn/invitation#{token}"
    assert (await read(http, world.admin, made["id"]))["state"] == "invited"
    assert (await sign_in(http, "lan", "")).json()["error"] == "invalid_grant"

    accepted = await accept(http, token)
    assert (accepted.status_code, accepted.json()) == (200, {"username": "lan"})
    lan = await enter(http, "lan")
    assert (await http.get("/api/v1/units/09001", headers=lan)).status_code == 200
    assert (await http.get("/api/v1/units/09002", headers=lan)).status_code == 404
    shown = await read(http, world.admin, made["id"])
    assert shown["roles"] == [{"role": "viewer", "unit_code": "09001"}]
    assert (shown["state"], shown["totp"], shown["display_name"]) == ("active", False, "Bà Lan")


async def test_a_link_works_once_and_a_wrong_one_never(http: httpx.AsyncClient, world: World) -> None:
    token = (await let_in(http, world.admin, "lan", ("viewer", "24")))["invitation"]["token"]
    assert faults(await accept(http, token, "short")) == [("/password", "too_short")]
    assert (await accept(http, token)).status_code == 200
    assert refusal(await accept(http, token)) == (410, "invitation_used")
    assert refusal(await accept(http, "made-up")) == (404, "invitation_unknown")


async def test_a_link_runs_out(http: httpx.AsyncClient, world: World, database: Database) -> None:
    token = (await let_in(http, world.admin, "lan", ("viewer", "24")))["invitation"]["token"]
    async with database.transaction() as session:
        await session.execute(text("UPDATE account_links SET expires_at = now()"))
    assert refusal(await accept(http, token)) == (410, "invitation_expired")


async def test_every_role_that_cannot_be_given_is_named(http: httpx.AsyncClient, world: World) -> None:
    head = await world.person("head", ("unit_admin", "24"))
    async with world.database.transaction() as session:
        closed = update(Unit).where(Unit.code == "09002").values(valid_to=date(2025, 6, 30))
        await session.execute(closed)
    body = person(
        "lan",
        ("viewer", "09001"),
        ("viewer", "09101"),
        ("viewer", None),
        ("system_admin", "24"),
        ("viewer", "09002"),
        ("viewer", "nowhere"),
    )
    assert faults(await http.post(USERS, json=body, headers=head)) == [
        ("/roles/1/unit_code", "unit_unknown"),
        ("/roles/2/unit_code", "unit_needed"),
        ("/roles/3/unit_code", "everywhere_only"),
        ("/roles/4/unit_code", "unit_closed"),
        ("/roles/5/unit_code", "unit_unknown"),
    ]
    assert await usernames(http, world.admin) == ["admin", "head"]


async def test_a_partner_system_gives_no_role_that_holds_more_than_itself(
    http: httpx.AsyncClient, world: World
) -> None:
    system = await world.client("24", "users:manage", "units:read")
    body = person("lan", ("viewer", "24"), ("unit_admin", "09001"))
    refused = await http.post(USERS, json=body, headers=system)
    assert faults(refused) == [("/roles/0/role", "scope_not_held"), ("/roles/1/role", "scope_not_held")]
    assert "indices:read" in refused.json()["errors"][0]["detail"]


@pytest.mark.parametrize(
    "change",
    [
        {"username": ""},
        {"username": "x" * 65},
        {"username": "a\u200bb"},
        {"display_name": None},
        {"email": "not an address"},
        {"roles": []},
        {"roles": [{"role": "emperor", "unit_code": None}]},
        {"roles": [{"role": "viewer"}]},
        {"password": "mine"},
    ],
)
async def test_bad_bodies_are_refused(
    http: httpx.AsyncClient, world: World, change: dict[str, object]
) -> None:
    body = person("lan", ("viewer", "24")) | change
    assert (await http.post(USERS, json=body, headers=world.admin)).status_code == 422


async def test_a_username_is_given_once_for_all(http: httpx.AsyncClient, world: World) -> None:
    await let_in(http, world.admin, "lan", ("viewer", "24"))
    again = await http.post(USERS, json=person("lan", ("viewer", "27")), headers=world.admin)
    assert refusal(again) == (409, "username_taken")


async def test_an_administrator_sees_the_people_of_their_branch_and_of_these_only_what_lies_in_it(
    http: httpx.AsyncClient, world: World
) -> None:
    both = await let_in(http, world.admin, "both", ("viewer", "09001"), ("analyst", "27"))
    await let_in(http, world.admin, "theirs", ("viewer", "09101"))
    head = await world.person("head", ("unit_admin", "24"))
    assert await usernames(http, head) == ["both", "head"]
    assert (await read(http, head, both["id"]))["roles"] == [{"role": "viewer", "unit_code": "09001"}]
    assert await usernames(http, world.admin) == ["admin", "both", "head", "theirs"]
    assert await usernames(http, world.admin, unit="27") == ["both", "theirs"]
    assert await usernames(http, world.admin, q="HEI") == ["theirs"]
    await world.person("binh", display_name="Nguyễn Đức Bình")
    for typed in ("nguyen duc", "NGUYỄN ÐỨC", "đức bình"):
        assert await usernames(http, world.admin, q=typed) == ["binh"]
    assert refusal(await http.get(USERS, params={"unit": "27"}, headers=head)) == (404, "unit_unknown")


async def test_pages_hold_everybody_once(http: httpx.AsyncClient, world: World) -> None:
    for name in ("a", "b", "c"):
        await let_in(http, world.admin, name, ("viewer", "24"))
    first = (await http.get(USERS, params={"limit": 2}, headers=world.admin)).json()
    rest = (await http.get(USERS, params={"cursor": first["next"]}, headers=world.admin)).json()
    seen = [item["username"] for item in first["items"] + rest["items"]]
    assert (seen, rest["next"]) == (["a", "admin", "b", "c"], None)


async def test_nobody_lays_hands_on_somebody_with_more_rights(http: httpx.AsyncClient, world: World) -> None:
    boss = (await let_in(http, world.admin, "boss", ("viewer", "24"), ("system_admin", None)))["id"]
    head = await world.person("head", ("unit_admin", "24"))
    for deed in ("close", "reset"):
        assert refusal(await http.post(f"{USERS}/{boss}/{deed}", headers=head)) == (403, "beyond_your_rights")
    renamed = await http.patch(f"{USERS}/{boss}", json={"display_name": "X"}, headers=head)
    assert refusal(renamed) == (403, "beyond_your_rights")
    taken = await http.delete(f"{USERS}/{boss}/roles/system_admin", headers=head)
    assert refusal(taken) == (404, "role_not_held")
    mine = await http.delete(f"{USERS}/{boss}/roles/viewer", params={"unit": "24"}, headers=head)
    assert mine.status_code == 200


async def test_roles_come_and_go_and_are_felt_at_once(http: httpx.AsyncClient, world: World) -> None:
    lan_id, lan = await colleague(http, world.admin, "lan", ("viewer", "09001"))
    assert (await http.get("/api/v1/units/27", headers=lan)).status_code == 404
    for _ in range(2):  # giving twice changes nothing
        given = await http.post(
            f"{USERS}/{lan_id}/roles", json={"role": "viewer", "unit_code": "27"}, headers=world.admin
        )
        assert [role["unit_code"] for role in given.json()["roles"]] == ["09001", "27"]
    assert (await http.get("/api/v1/units/27", headers=lan)).status_code == 200
    taken = await http.delete(f"{USERS}/{lan_id}/roles/viewer", params={"unit": "09001"}, headers=world.admin)
    assert taken.json()["roles"] == [{"role": "viewer", "unit_code": "27"}]
    assert (await http.get("/api/v1/units/09001", headers=lan)).status_code == 404
    gone = await http.delete(f"{USERS}/{lan_id}/roles/viewer", params={"unit": "09001"}, headers=world.admin)
    assert refusal(gone) == (404, "role_not_held")
    last = await http.delete(f"{USERS}/{lan_id}/roles/viewer", params={"unit": "27"}, headers=world.admin)
    assert refusal(last) == (409, "last_role")


async def test_a_role_is_given_as_carefully_later_as_in_the_beginning(
    http: httpx.AsyncClient, world: World
) -> None:
    lan = (await let_in(http, world.admin, "lan", ("viewer", "24")))["id"]
    head = await world.person("head", ("unit_admin", "24"))
    for role, unit, fault in (
        ("viewer", "27", ("/unit_code", "unit_unknown")),
        ("viewer", None, ("/unit_code", "unit_needed")),
    ):
        body = {"role": role, "unit_code": unit}
        assert faults(await http.post(f"{USERS}/{lan}/roles", json=body, headers=head)) == [fault]


async def test_a_link_made_before_somebody_rose_does_not_lead_to_what_they_may_do_now(
    http: httpx.AsyncClient, world: World
) -> None:
    head = await world.person("head", ("unit_admin", "24"))
    made = await let_in(http, head, "lan", ("viewer", "24"))
    role = {"role": "system_admin", "unit_code": None}
    given = await http.post(f"{USERS}/{made['id']}/roles", json=role, headers=world.admin)
    assert given.status_code == 200
    assert refusal(await accept(http, made["invitation"]["token"])) == (410, "invitation_expired")
    again = await http.post(f"{USERS}/{made['id']}/reset", headers=world.admin)
    assert (await accept(http, again.json()["token"])).status_code == 200


async def test_a_closed_account_is_out_and_stays_in_the_record(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    made = await let_in(http, world.admin, "lan", ("viewer", "24"))
    await accept(http, made["invitation"]["token"])
    tokens = (await sign_in(http, "lan")).json()
    lan = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert (await http.get("/api/v1/me", headers=lan)).status_code == 200
    reset = (await http.post(f"{USERS}/{made['id']}/reset", headers=world.admin)).json()
    for _ in range(2):  # closing twice changes nothing
        closed = await http.post(f"{USERS}/{made['id']}/close", headers=world.admin)
        assert (closed.status_code, closed.json()["state"]) == (200, "closed")
    assert refusal(await http.get("/api/v1/me", headers=lan)) == (401, "account_closed")
    assert (await refresh(http, tokens["refresh_token"])).status_code == 400
    assert (await sign_in(http, "lan")).json()["error"] == "invalid_grant"
    assert refusal(await accept(http, reset["token"])) == (410, "invitation_expired")
    assert await usernames(http, world.admin) == ["admin", "lan"]
    for method, address, body in (
        ("POST", "/roles", {"role": "viewer", "unit_code": "24"}),
        ("PATCH", "", {"display_name": "X"}),
        ("POST", "/reset", None),
    ):
        answer = await http.request(method, f"{USERS}/{made['id']}{address}", json=body, headers=world.admin)
        assert refusal(answer) == (409, "user_closed")
    async with database.read() as session:
        actions = (await session.scalars(select(AuditLine.action).order_by(AuditLine.id))).all()
    done = [action for action in actions if not action.startswith("sign_in.")]
    assert done == ["user.create", "user.password", "user.reset", "user.close"]


async def test_the_last_administrator_stays(http: httpx.AsyncClient, world: World) -> None:
    me = (await http.get("/api/v1/me", headers=world.admin)).json()["id"]
    await let_in(http, world.admin, "not-yet", ("system_admin", None))
    assert refusal(await http.post(f"{USERS}/{me}/close", headers=world.admin)) == (409, "last_administrator")
    stripped = await http.delete(f"{USERS}/{me}/roles/system_admin", headers=world.admin)
    assert refusal(stripped) == (409, "last_administrator")
    _, other = await colleague(http, world.admin, "other", ("system_admin", None))
    assert (await http.post(f"{USERS}/{me}/close", headers=world.admin)).status_code == 200
    assert refusal(await http.get(USERS, headers=world.admin)) == (401, "account_closed")
    assert await usernames(http, other) == ["admin", "not-yet", "other"]


async def test_a_reset_gives_another_link_and_ends_what_was_signed_in_when_it_is_used(
    http: httpx.AsyncClient, world: World
) -> None:
    made = await let_in(http, world.admin, "lan", ("viewer", "24"))
    await accept(http, made["invitation"]["token"])
    tokens = (await sign_in(http, "lan")).json()
    first = (await http.post(f"{USERS}/{made['id']}/reset", headers=world.admin)).json()["token"]
    second = (await http.post(f"{USERS}/{made['id']}/reset", json={}, headers=world.admin)).json()["token"]
    assert refusal(await accept(http, first)) == (410, "invitation_expired")
    assert (await refresh(http, tokens["refresh_token"])).status_code == 200
    assert (await accept(http, second, PASSWORD + "!")).status_code == 200
    assert (await sign_in(http, "lan")).status_code == 400
    assert (await sign_in(http, "lan", PASSWORD + "!")).status_code == 200


async def test_the_record_names_changes_and_holds_neither_secrets_nor_personal_data(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    made = await let_in(http, world.admin, "lan", ("viewer", "24"))
    sent = {"display_name": "Trần Thị Lan", "email": "lan@example.vn"}
    changed = await http.patch(f"{USERS}/{made['id']}", json=sent, headers=world.admin)
    assert (changed.json()["display_name"], changed.json()["email"]) == ("Trần Thị Lan", "lan@example.vn")
    same = await http.patch(f"{USERS}/{made['id']}", json=sent, headers=world.admin)
    assert same.status_code == 200
    await accept(http, made["invitation"]["token"])
    async with database.read() as session:
        lines = (await session.scalars(select(AuditLine).order_by(AuditLine.id))).all()
    assert [(line.action, line.target) for line in lines] == [
        ("user.create", f"user:{made['id']}"),
        ("user.change", f"user:{made['id']}"),
        ("user.password", f"user:{made['id']}"),
    ]
    said = str([line.details for line in lines])
    for secret in (made["invitation"]["token"], PASSWORD, "Trần", "lan@example.vn", "Bà Lan"):
        assert secret not in said


async def test_who_is_not_there_is_unknown(http: httpx.AsyncClient, world: World) -> None:
    theirs = (await let_in(http, world.admin, "theirs", ("viewer", "27")))["id"]
    head = await world.person("head", ("unit_admin", "24"))
    for user_id in (theirs, str(uuid4())):
        for method, address, body in (
            ("GET", "", None),
            ("PATCH", "", {"display_name": "X"}),
            ("POST", "/roles", {"role": "viewer", "unit_code": "24"}),
            ("DELETE", "/roles/viewer?unit=27", None),
            ("POST", "/reset", None),
            ("POST", "/close", None),
        ):
            answer = await http.request(method, f"{USERS}/{user_id}{address}", json=body, headers=head)
            assert refusal(answer) == (404, "user_unknown"), (method, address)
