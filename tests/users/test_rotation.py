"""Several secrets a client, its end, its last use, and where it may call from."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import delete, select, update
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from app.auth.known import REMEMBERED
from app.core.clock import utc_now
from app.core.database import Database
from app.core.tokens import hash_secret
from app.models.record import AuditLine
from app.models.subject import Client, ClientSecret
from tests.support.world import World

NEW = {"name": "iGate Bắc Ninh", "unit_code": "24", "scopes": ["visits:write", "units:read"]}
OFFICE, HOME = "203.0.113.7", "198.51.100.7"
Body = dict[str, object]


async def make(http: httpx.AsyncClient, world: World, **more: object) -> dict[str, str]:
    answer = await http.post("/api/v1/clients", json=NEW | more, headers=world.admin)
    assert answer.status_code == 201, answer.text
    made: dict[str, str] = answer.json()
    return made


async def ask(http: httpx.AsyncClient, client_id: str, secret: str) -> httpx.Response:
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
    return await http.post("/api/v1/auth/token", data=form)


async def add(
    http: httpx.AsyncClient, world: World, client_id: str, body: Body | None = None
) -> httpx.Response:
    return await http.post(f"/api/v1/clients/{client_id}/secrets", json=body, headers=world.admin)


async def read(http: httpx.AsyncClient, world: World, client_id: str) -> dict[str, object]:
    answer = await http.get(f"/api/v1/clients/{client_id}", headers=world.admin)
    assert answer.status_code == 200
    shown: dict[str, object] = answer.json()
    return shown


async def secrets(http: httpx.AsyncClient, world: World, client_id: str) -> list[dict[str, str | None]]:
    answer = await http.get(f"/api/v1/clients/{client_id}", headers=world.admin)
    held: list[dict[str, str | None]] = answer.json()["secrets"]
    return held


def caller(app: FastAPI, address: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, client=(address, 4711))
    return httpx.AsyncClient(transport=transport, base_url="https://sipas.example.vn")


def later(**distance: float) -> str:
    return (utc_now() + timedelta(**distance)).isoformat()


# --- secrets --------------------------------------------------------------------------------------


async def test_an_old_secret_goes_on_beside_the_new_one_until_it_is_removed(
    http: httpx.AsyncClient, world: World
) -> None:
    made = await make(http, world)
    answer = await add(http, world, made["client_id"])
    assert answer.status_code == 201
    assert set(answer.json()) == {"id", "client_secret", "created_at", "expires_at", "last_used_at"}
    old, new = made["client_secret"], answer.json()["client_secret"]
    for secret in (old, new):
        assert (await ask(http, made["client_id"], secret)).status_code == 200
    first, second = await secrets(http, world, made["client_id"])
    assert second["id"] == answer.json()["id"]
    path = f"/api/v1/clients/{made['client_id']}/secrets/{first['id']}"
    assert (await http.delete(path, headers=world.admin)).status_code == 204
    assert (await ask(http, made["client_id"], old)).json()["error"] == "invalid_client"
    assert (await ask(http, made["client_id"], new)).status_code == 200
    again = await http.delete(path, headers=world.admin)
    assert (again.status_code, again.json()["code"]) == (404, "secret_unknown")


async def test_a_secret_ends_by_itself_when_it_was_told_to(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    made = await make(http, world)
    brief = (await add(http, world, made["client_id"], {"expires_at": later(hours=1)})).json()
    assert (await ask(http, made["client_id"], brief["client_secret"])).status_code == 200
    async with database.transaction() as session:
        await session.execute(
            update(ClientSecret).where(ClientSecret.id == brief["id"]).values(expires_at=utc_now())
        )
    assert (await ask(http, made["client_id"], brief["client_secret"])).status_code == 401
    assert (await ask(http, made["client_id"], made["client_secret"])).status_code == 200


async def test_secrets_are_kept_as_hashes_only_and_shown_nowhere(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    made = await make(http, world)
    new = (await add(http, world, made["client_id"])).json()["client_secret"]
    async with database.read() as session:
        kept = set((await session.scalars(select(ClientSecret.secret_hash))).all())
    assert kept == {hash_secret(made["client_secret"]), hash_secret(new)}
    shown = (await http.get("/api/v1/clients", headers=world.admin)).text
    assert new not in shown
    assert kept.isdisjoint(part.encode() for part in shown.split('"'))


async def test_ten_secrets_are_enough(http: httpx.AsyncClient, world: World) -> None:
    made = await make(http, world)
    for _ in range(9):
        assert (await add(http, world, made["client_id"])).status_code == 201
    full = await add(http, world, made["client_id"])
    assert (full.status_code, full.json()["code"]) == (409, "too_many_secrets")
    oldest = (await secrets(http, world, made["client_id"]))[0]["id"]
    await http.delete(f"/api/v1/clients/{made['client_id']}/secrets/{oldest}", headers=world.admin)
    assert (await add(http, world, made["client_id"])).status_code == 201


async def test_new_secrets_asked_for_at_once_do_not_pass_the_limit(
    http: httpx.AsyncClient, world: World
) -> None:
    made = await make(http, world)
    answers = await asyncio.gather(*(add(http, world, made["client_id"]) for _ in range(14)))
    assert sorted(answer.status_code for answer in answers) == [201] * 9 + [409] * 5


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"expires_at": "2020-01-01T00:00:00+07:00"}, "/expires_at", "instant_past"),
        ({"expires_at": "2030-01-01T00:00:00"}, "/expires_at", "invalid_instant"),
        ({"expires_at": 2_000_000_000}, "/expires_at", "invalid_instant"),
        ({"client_secret": "of my own"}, "/client_secret", "unknown_field"),
    ],
)
async def test_bad_secrets_are_refused(
    http: httpx.AsyncClient, world: World, body: Body, pointer: str, code: str
) -> None:
    made = await make(http, world)
    answer = await add(http, world, made["client_id"], body)
    assert answer.status_code == 422
    assert [(one["pointer"], one["code"]) for one in answer.json()["errors"]] == [(pointer, code)]
    assert len(await secrets(http, world, made["client_id"])) == 1


async def test_nobody_takes_a_clients_scopes_by_giving_it_a_secret(
    http: httpx.AsyncClient, world: World
) -> None:
    made = await make(http, world)
    lesser = await world.client("24", "clients:manage", "units:read")
    for answer in (
        await http.post(f"/api/v1/clients/{made['client_id']}/secrets", headers=lesser),
        await http.patch(
            f"/api/v1/clients/{made['client_id']}", json={"allowed_networks": []}, headers=lesser
        ),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")
    # taking one away, or closing, gives nobody anything
    only = (await secrets(http, world, made["client_id"]))[0]["id"]
    path = f"/api/v1/clients/{made['client_id']}/secrets/{only}"
    assert (await http.delete(path, headers=lesser)).status_code == 204


async def test_scopes_held_elsewhere_do_not_count(http: httpx.AsyncClient, world: World) -> None:
    made = await make(http, world)
    path = f"/api/v1/clients/{made['client_id']}/secrets"
    elsewhere = await world.person("lan", ("unit_admin", "27"), ("viewer", "24"))
    assert (await http.post(path, headers=elsewhere)).status_code == 404
    below = await world.person("hoa", ("unit_admin", "09001"))
    assert (await http.post(path, headers=below)).status_code == 404
    here = await world.person("mai", ("unit_admin", "24"))
    assert (await http.post(path, headers=here)).status_code == 201


async def test_a_neighbours_client_does_not_exist(http: httpx.AsyncClient, world: World) -> None:
    made = await make(http, world)
    only = (await secrets(http, world, made["client_id"]))[0]["id"]
    neighbour = await world.client("27", "clients:manage", *NEW["scopes"])
    for client_id in (made["client_id"], str(uuid4())):
        path = f"/api/v1/clients/{client_id}"
        for answer in (
            await http.get(path, headers=neighbour),
            await http.patch(path, json={"name": "x"}, headers=neighbour),
            await http.post(f"{path}/secrets", headers=neighbour),
            await http.delete(f"{path}/secrets/{only}", headers=neighbour),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, "client_unknown")
    assert (await ask(http, made["client_id"], made["client_secret"])).status_code == 200


async def test_another_clients_secret_is_not_removed(http: httpx.AsyncClient, world: World) -> None:
    one, other = await make(http, world), await make(http, world)
    theirs = (await secrets(http, world, other["client_id"]))[0]["id"]
    answer = await http.delete(f"/api/v1/clients/{one['client_id']}/secrets/{theirs}", headers=world.admin)
    assert (answer.status_code, answer.json()["code"]) == (404, "secret_unknown")
    assert (await ask(http, one["client_id"], other["client_secret"])).status_code == 401


async def test_a_closed_client_gets_no_new_secret_and_is_not_changed(
    http: httpx.AsyncClient, world: World
) -> None:
    made = await make(http, world)
    path = f"/api/v1/clients/{made['client_id']}"
    await http.post(f"{path}/close", headers=world.admin)
    for answer in (
        await add(http, world, made["client_id"]),
        await http.patch(path, json={"name": "anew"}, headers=world.admin),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "client_closed")


async def test_each_deed_leaves_a_line_without_the_secret(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    made = await make(http, world)
    new = (await add(http, world, made["client_id"])).json()
    path = f"/api/v1/clients/{made['client_id']}"
    await http.delete(f"{path}/secrets/{new['id']}", headers=world.admin)
    for _ in range(2):  # the second changes nothing
        await http.patch(path, json={"allowed_networks": ["203.0.113.0/24"]}, headers=world.admin)
    async with database.read() as session:
        lines = (await session.scalars(select(AuditLine).order_by(AuditLine.id))).all()
    assert [line.action for line in lines] == [
        "client.create",
        "client.secret.add",
        "client.secret.remove",
        "client.change",
    ]
    assert new["client_secret"] not in str([line.details for line in lines])


# --- beside the previous release ------------------------------------------------------------------


async def test_a_client_let_in_by_the_previous_release_is_taken_over(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    made = await make(http, world)
    async with database.transaction() as session:
        await session.execute(delete(ClientSecret))  # as a release leaves it that knows one secret only
    answers = await asyncio.gather(*(ask(http, made["client_id"], made["client_secret"]) for _ in range(4)))
    assert [answer.status_code for answer in answers] == [200] * 4
    (only,) = await secrets(http, world, made["client_id"])
    await http.delete(f"/api/v1/clients/{made['client_id']}/secrets/{only['id']}", headers=world.admin)
    assert (await ask(http, made["client_id"], made["client_secret"])).status_code == 401
    async with database.read() as session:
        assert (await session.scalars(select(Client.secret_hash))).one() == b""


# --- last use -------------------------------------------------------------------------------------


async def test_the_last_use_is_noted_where_a_token_is_got_and_once_a_minute(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    made = await make(http, world)
    assert (await read(http, world, made["client_id"]))["last_used_at"] is None
    await ask(http, made["client_id"], "wrong")
    assert (await read(http, world, made["client_id"]))["last_used_at"] is None
    token = (await ask(http, made["client_id"], made["client_secret"])).json()["access_token"]
    used = await read(http, world, made["client_id"])
    assert used["last_used_at"] is not None
    assert (await secrets(http, world, made["client_id"]))[0]["last_used_at"] == used["last_used_at"]
    await ask(http, made["client_id"], made["client_secret"])
    await http.get("/api/v1/units", headers={"Authorization": f"Bearer {token}"})
    assert await read(http, world, made["client_id"]) == used
    async with database.transaction() as session:
        await session.execute(update(Client).values(last_used_at=utc_now() - timedelta(seconds=61)))
    await ask(http, made["client_id"], made["client_secret"])
    assert str((await read(http, world, made["client_id"]))["last_used_at"]) > str(used["last_used_at"])


async def test_only_the_secret_that_was_used_is_noted(http: httpx.AsyncClient, world: World) -> None:
    made = await make(http, world)
    new = (await add(http, world, made["client_id"])).json()
    await ask(http, made["client_id"], new["client_secret"])
    old, fresh = await secrets(http, world, made["client_id"])
    assert old["last_used_at"] is None
    assert fresh["last_used_at"] is not None


# --- the end of a client --------------------------------------------------------------------------


async def test_a_client_ends_when_it_was_told_to_and_its_tokens_with_it(
    http: httpx.AsyncClient, app: FastAPI, world: World, database: Database
) -> None:
    made = await make(http, world, expires_at=later(hours=1))
    token = (await ask(http, made["client_id"], made["client_secret"])).json()["access_token"]
    held = {"Authorization": f"Bearer {token}"}
    assert (await http.get("/api/v1/me", headers=held)).status_code == 200
    async with database.transaction() as session:
        await session.execute(
            update(Client).where(Client.id == made["client_id"]).values(expires_at=utc_now())
        )
    app.state.subjects.forget(f"client:{made['client_id']}")  # rather than wait out REMEMBERED
    assert REMEMBERED < 5
    assert (await http.get("/api/v1/me", headers=held)).status_code == 401
    assert (await ask(http, made["client_id"], made["client_secret"])).json()["error"] == "invalid_client"
    path = f"/api/v1/clients/{made['client_id']}"
    prolonged = await http.patch(path, json={"expires_at": None}, headers=world.admin)
    assert (prolonged.status_code, prolonged.json()["expires_at"]) == (200, None)
    assert (await http.get("/api/v1/me", headers=held)).status_code == 200


async def test_a_change_leaves_alone_what_it_does_not_name(http: httpx.AsyncClient, world: World) -> None:
    made = await make(http, world, expires_at=later(days=9), allowed_networks=["203.0.113.7"])
    before = await read(http, world, made["client_id"])
    assert before["allowed_networks"] == ["203.0.113.7/32"]
    path = f"/api/v1/clients/{made['client_id']}"
    after = await http.patch(path, json={"name": "iGate 2"}, headers=world.admin)
    assert after.json() == before | {"name": "iGate 2"}


# --- where it may call from -----------------------------------------------------------------------


async def test_a_client_works_only_from_where_it_may(
    http: httpx.AsyncClient, app: FastAPI, world: World
) -> None:
    made = await make(http, world, allowed_networks=["203.0.113.0/24", "2001:db8::/32"])
    async with caller(app, OFFICE) as office, caller(app, HOME) as home:
        refused = await ask(home, made["client_id"], made["client_secret"])
        assert (refused.status_code, refused.json()["error"]) == (400, "unauthorized_client")
        assert HOME in refused.json()["error_description"]
        stranger = await ask(home, made["client_id"], "wrong")
        assert (stranger.status_code, stranger.json()["error"]) == (401, "invalid_client")
        token = (await ask(office, made["client_id"], made["client_secret"])).json()["access_token"]
        held = {"Authorization": f"Bearer {token}", "Accept-Language": "en"}
        assert (await office.get("/api/v1/units", headers=held)).status_code == 200
        stolen = await home.get("/api/v1/units", headers=held)
        assert (stolen.status_code, stolen.json()["code"]) == (403, "address_not_allowed")
        assert HOME in stolen.json()["detail"]


async def test_a_narrower_list_is_felt_by_tokens_already_given(
    http: httpx.AsyncClient, app: FastAPI, world: World
) -> None:
    made = await make(http, world)
    path = f"/api/v1/clients/{made['client_id']}"
    async with caller(app, HOME) as home:
        token = (await ask(home, made["client_id"], made["client_secret"])).json()["access_token"]
        held = {"Authorization": f"Bearer {token}"}
        assert (await home.get("/api/v1/me", headers=held)).status_code == 200
        await http.patch(path, json={"allowed_networks": ["203.0.113.0/24"]}, headers=world.admin)
        assert (await home.get("/api/v1/me", headers=held)).status_code == 403


async def test_a_header_that_nobody_vouches_for_changes_no_address(
    http: httpx.AsyncClient, app: FastAPI, world: World
) -> None:
    """As `sipas serve` runs it: Uvicorn believes `X-Forwarded-For` of its trusted proxies alone."""
    made = await make(http, world, allowed_networks=["203.0.113.0/24"])
    served = ProxyHeadersMiddleware(app, trusted_hosts="10.0.0.1")  # type: ignore[arg-type]  # two names of one type
    claimed = {"X-Forwarded-For": OFFICE}
    for peer, status in (("10.0.0.1", 200), (HOME, 400)):
        transport = httpx.ASGITransport(served, client=(peer, 4711))  # type: ignore[arg-type]  # the same
        async with httpx.AsyncClient(
            transport=transport, base_url="https://sipas.example.vn", headers=claimed
        ) as through:
            answer = await ask(through, made["client_id"], made["client_secret"])
            assert answer.status_code == status, peer


@pytest.mark.parametrize(
    "networks",
    [["203.0.113.7/24"], ["everywhere"], [""], ["203.0.113.0/24"] * 51, "203.0.113.0/24", [1], [None]],
)
async def test_bad_networks_are_refused(http: httpx.AsyncClient, world: World, networks: object) -> None:
    answer = await http.post(
        "/api/v1/clients", json=NEW | {"allowed_networks": networks}, headers=world.admin
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].startswith("/allowed_networks")
