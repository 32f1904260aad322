import asyncio
import os
import sys
from datetime import date, timedelta
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import func, select, update

from app.core.database import Database
from app.models.record import AuditLine
from app.models.subject import Client
from app.models.unit import Unit
from tests.support.reorganised import decide, merger
from tests.support.visits import today
from tests.support.world import World

NEW = {"name": "iGate Bắc Ninh", "unit_code": "24", "scopes": ["visits:write", "units:read"]}


async def token(http: httpx.AsyncClient, client: dict[str, str]) -> httpx.Response:
    form = {"grant_type": "client_credentials"} | client
    return await http.post("/api/v1/auth/token", data=form)


async def names(http: httpx.AsyncClient, headers: dict[str, str]) -> list[str]:
    return [item["name"] for item in (await http.get("/api/v1/clients", headers=headers)).json()["items"]]


async def test_a_new_client_signs_in_and_works_within_its_reach(
    http: httpx.AsyncClient, world: World
) -> None:
    made = await http.post("/api/v1/clients", json=NEW, headers=world.admin)
    assert made.status_code == 201
    assert set(made.json()) == {"client_id", "client_secret"}
    answer = await token(http, made.json())
    assert answer.json()["scope"] == "units:read visits:write"
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert (await http.get("/api/v1/units/09001", headers=headers)).status_code == 200
    assert (await http.get("/api/v1/units/09101", headers=headers)).status_code == 404


async def test_the_list_shows_no_secret(http: httpx.AsyncClient, world: World) -> None:
    made = (await http.post("/api/v1/clients", json=NEW, headers=world.admin)).json()
    answer = await http.get("/api/v1/clients", headers=world.admin)
    (shown,) = answer.json()["items"]
    assert made["client_secret"] not in answer.text
    assert shown == NEW | {
        "client_id": made["client_id"],
        "scopes": ["units:read", "visits:write"],
        "created_at": shown["created_at"],
        "closed_at": None,
        "expires_at": None,
        "last_used_at": None,
        "allowed_networks": [],
        "secrets": [shown["secrets"][0] | {"expires_at": None, "last_used_at": None}],
    }


async def test_nobody_grants_a_scope_they_do_not_hold(http: httpx.AsyncClient, world: World) -> None:
    headers = await world.client("24", "clients:manage", "units:read")
    body = NEW | {"scopes": ["units:read", "visits:write", "users:manage"]}
    answer = await http.post("/api/v1/clients", json=body, headers=headers)
    assert answer.status_code == 422
    assert [(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]] == [
        ("/scopes/1", "scope_not_held"),
        ("/scopes/2", "scope_not_held"),
    ]


async def test_a_unit_that_has_ended_takes_no_new_client(http: httpx.AsyncClient, world: World) -> None:
    async with world.database.transaction() as session:
        await session.execute(update(Unit).where(Unit.code == "09001").values(valid_to=date(2025, 6, 30)))
    body = NEW | {"unit_code": "09001"}
    answer = await http.post("/api/v1/clients", json=body, headers=world.admin)
    assert answer.status_code == 422
    (fault,) = answer.json()["errors"]
    assert (fault["pointer"], fault["code"]) == ("/unit_code", "unit_closed")
    assert "2025-06-30" in fault["detail"]
    assert await names(http, world.admin) == []


async def test_nobody_grants_a_unit_beyond_their_own(http: httpx.AsyncClient, world: World) -> None:
    headers = await world.client("24", "clients:manage", "units:read")
    body = NEW | {"scopes": ["units:read"]}
    for code in ("27", "09101", "nowhere"):
        answer = await http.post("/api/v1/clients", json=body | {"unit_code": code}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "unit_unknown")
    whole = await http.post("/api/v1/clients", json=body | {"unit_code": None}, headers=headers)
    assert whole.status_code == 422
    assert whole.json()["errors"][0]["code"] == "unit_needed"
    below = await http.post("/api/v1/clients", json=body | {"unit_code": "09001"}, headers=headers)
    assert below.status_code == 201


async def test_reaching_every_unit_must_be_said_out_loud(http: httpx.AsyncClient, world: World) -> None:
    without = {key: value for key, value in NEW.items() if key != "unit_code"}
    assert (await http.post("/api/v1/clients", json=without, headers=world.admin)).status_code == 422
    said = await http.post("/api/v1/clients", json=NEW | {"unit_code": None}, headers=world.admin)
    assert said.status_code == 201


@pytest.mark.parametrize(
    "change",
    [
        {"scopes": []},
        {"scopes": ["everything"]},
        {"scopes": "units:read"},
        {"scopes": ["units:read"] * 100},
        {"name": ""},
        {"name": "a\0b"},
        {"name": "\u200b"},
        {"unit_code": "a\0b"},
        {"secret": "mine"},
    ],
)
async def test_bad_bodies_are_refused(
    http: httpx.AsyncClient, world: World, change: dict[str, object]
) -> None:
    assert (await http.post("/api/v1/clients", json=NEW | change, headers=world.admin)).status_code == 422


async def test_a_neighbour_neither_sees_nor_closes_our_clients(http: httpx.AsyncClient, world: World) -> None:
    made = (await http.post("/api/v1/clients", json=NEW, headers=world.admin)).json()
    await http.post(
        "/api/v1/clients", json=NEW | {"name": "national", "unit_code": None}, headers=world.admin
    )
    neighbour = await world.client("27", "clients:manage")
    ours = await world.client("24", "clients:manage")
    assert await names(http, neighbour) == ["partner"]
    assert await names(http, ours) == ["iGate Bắc Ninh", "partner"]
    for client_id in (made["client_id"], uuid4()):
        answer = await http.post(f"/api/v1/clients/{client_id}/close", headers=neighbour)
        assert (answer.status_code, answer.json()["code"]) == (404, "client_unknown")
    assert (await token(http, made)).status_code == 200


async def test_a_closed_client_is_out_at_once(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    made = (await http.post("/api/v1/clients", json=NEW, headers=world.admin)).json()
    held = {"Authorization": f"Bearer {(await token(http, made)).json()['access_token']}"}
    for _ in range(2):  # closing twice changes nothing
        closed = await http.post(f"/api/v1/clients/{made['client_id']}/close", headers=world.admin)
        assert (closed.status_code, closed.content) == (204, b"")
    assert (await http.get("/api/v1/units", headers=held)).status_code == 401
    refused = await token(http, made)
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    async with database.read() as session:
        actions = (await session.scalars(select(AuditLine.action).order_by(AuditLine.id))).all()
    assert actions == ["client.create", "client.close"]


async def test_scopes_are_asked_for(http: httpx.AsyncClient, world: World) -> None:
    headers = await world.client("24", "units:manage", "users:manage")
    assert (await http.post("/api/v1/clients", json=NEW, headers=headers)).status_code == 403
    assert (await http.get("/api/v1/clients", headers=headers)).status_code == 403
    assert (await http.post(f"/api/v1/clients/{uuid4()}/close", headers=headers)).status_code == 403
    assert (await http.get("/api/v1/clients")).status_code == 401


async def test_pages_hold_every_client_once_even_with_equal_names(
    http: httpx.AsyncClient, world: World
) -> None:
    made = set()
    for _ in range(5):
        made.add((await http.post("/api/v1/clients", json=NEW, headers=world.admin)).json()["client_id"])
    seen: list[str] = []
    params: dict[str, str | int] = {"limit": 2}
    while True:
        body = (await http.get("/api/v1/clients", params=params, headers=world.admin)).json()
        seen += [item["client_id"] for item in body["items"]]
        if body["next"] is None:
            break
        params["cursor"] = body["next"]
    assert (len(seen), set(seen)) == (5, made)


@pytest.mark.parametrize("cursor", ["xx", "WyJhIl0", "WyJhIiwiYiJd", "WzEsMl0"])
async def test_a_made_up_cursor_is_a_fault(http: httpx.AsyncClient, world: World, cursor: str) -> None:
    answer = await http.get(f"/api/v1/clients?cursor={cursor}", headers=world.admin)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/cursor")


async def test_a_client_id_that_is_none_is_a_fault(http: httpx.AsyncClient, world: World) -> None:
    answer = await http.post("/api/v1/clients/nonsense/close", headers=world.admin)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "invalid_uuid")


@pytest.mark.parametrize("unit", ["09001", "24", "nowhere"])
async def test_the_command_ties_no_client_to_a_unit_that_has_ended(
    http: httpx.AsyncClient, world: World, database: Database, unit: str
) -> None:
    await decide(http, world, merger("09001", to="M1"), on=today() - timedelta(days=1))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.cli", "create-client", "Một cửa", "--unit", unit),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=os.environ
        | {"SIPAS_DATABASE_URL": database.url, "SIPAS_SECRET_KEY": "k" * 20 + "R8v-2mQpZ7wX4t"},
    )
    said = " ".join((await process.communicate())[0].decode().split())
    told = {
        "09001": (1, "The unit 09001 ended after"),
        "24": (0, "client_secret"),
        "nowhere": (1, "The unit nowhere is not known."),
    }
    assert (process.returncode, told[unit][1] in said) == (told[unit][0], True), said
    assert ("it is succeeded by: M1" in said) == (unit == "09001")
    async with database.read() as session:
        made = await session.scalar(select(func.count()).select_from(Client).where(Client.name == "Một cửa"))
    assert made == (unit == "24")
