"""Who did what, told through the door: a day's story, what each may see of it, and the table taken along."""

import csv
import io
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import insert, select, text

from app.core.database import Database
from app.models.record import AuditLine
from app.records import service
from tests.support import said as responses
from tests.support.branches import plant
from tests.support.people import PASSWORD, USERS, colleague, let_in, refresh, set_up_totp, sign_in
from tests.support.records import URL, read, said, seal_all
from tests.support.visits import today
from tests.support.world import World

DEVICES = "/api/v1/devices"


async def me(http: httpx.AsyncClient, headers: dict[str, str]) -> str:
    found = (await http.get("/api/v1/me", headers=headers)).json()
    return f"{found['kind']}:{found['id']}"


async def test_a_day_is_told_to_those_it_concerns_and_to_nobody_else(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    _, head = await colleague(http, world.admin, "head", ("unit_admin", "24"))
    neighbour = await world.person("neighbour", ("unit_admin", "27"))
    made = await http.post(DEVICES, json={"unit_code": "09001", "name": "Quầy 1"}, headers=head)
    tablet = f"device:{made.json()['id']}"
    await http.patch(f"{DEVICES}/{made.json()['id']}", json={"name": "Quầy 2"}, headers=head)
    await http.patch("/api/v1/units/09002", json={"require_totp": True}, headers=head)
    await http.post(
        "/api/v1/procedures",
        json={"code": "9.9", "name": "Mới", "field": "Đất đai", "level": "commune"},
        headers=world.admin,
    )

    seen = await read(http, head)
    assert said(seen[3:]) == [
        ("device.create", tablet),
        ("device.change", tablet),
        ("unit.change", "unit:09002"),
    ]
    assert [line["action"] for line in seen[:3]] == ["user.create", "user.password", "sign_in.accepted"]
    change = seen[4]
    assert (change["actor"], change["actor_name"]) == (await me(http, head), "head")
    assert (change["units"], change["address"]) == (["09001"], "127.0.0.1")
    assert change["details"] == {"before": {"name": "Quầy 1"}, "after": {"name": "Quầy 2"}}
    assert change["seal"] is None
    assert (seen[0]["actor"], seen[0]["actor_name"]) == (await me(http, world.admin), None)

    assert await read(http, neighbour) == []
    everything = await read(http, world.admin)
    assert said(everything) == [*said(seen), ("procedure.create", "procedure:9.9")]
    assert everything[0]["actor_name"] == "admin"
    assert everything[-1]["units"] == []

    assert await seal_all(database) == len(everything)
    sealed = await read(http, head)
    assert [line["seal"]["number"] for line in sealed] == [1, 2, 3, 4, 5, 6]
    assert sealed[1]["seal"]["previous"] == sealed[0]["seal"]["hash"]


async def test_a_line_names_the_request_it_comes_from(http: httpx.AsyncClient, world: World) -> None:
    headers = {**world.admin, "X-Request-ID": "of-my-making-1"}
    await http.patch("/api/v1/units/09002", json={"require_totp": True}, headers=headers)
    assert [line["request_id"] for line in await read(http, world.admin)] == ["of-my-making-1"]


async def test_without_the_scope_there_is_no_record(http: httpx.AsyncClient, world: World) -> None:
    viewer = await world.person("viewer", ("analyst", None))
    for path in (URL, f"{URL}/export"):
        answer = await http.get(path, headers=viewer)
        assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")


async def test_filters_narrow_the_list(http: httpx.AsyncClient, world: World) -> None:
    auditor = await world.client(None, "audit:read")
    for code in ("09001", "09002", "09101"):
        await http.patch(f"/api/v1/units/{code}", json={"require_totp": True}, headers=world.admin)
    made = await http.post(DEVICES, json={"unit_code": "09001", "name": "Quầy 1"}, headers=world.admin)
    tablet = f"device:{made.json()['id']}"

    async def found(**query: object) -> list[tuple[str, str]]:
        return said(await read(http, auditor, **query))

    units = [("unit.change", f"unit:{code}") for code in ("09001", "09002", "09101")]
    device = ("device.create", tablet)
    assert await found() == [*units, device]
    assert await found(action="unit.") == units
    assert await found(action="unit.change") == units
    assert await found(action="unit_") == []
    assert await found(target=tablet) == [device]
    assert await found(unit="24") == [*units[:2], device]
    assert await found(unit="09001") == [units[0], device]
    assert await found(actor=await me(http, world.admin), action="device.") == [device]
    assert await found(actor="system") == []
    day = today()
    assert await found(**{"from": day, "to": day}) == [*units, device]
    assert await found(**{"from": day + timedelta(days=1)}) == []
    assert await found(to=day - timedelta(days=1)) == []
    for query in ({"from": "0001-01-01", "to": "9999-12-31"}, {"from": "0001-01-01"}, {"to": "9999-12-31"}):
        assert await found(**query) == [*units, device]


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"from": "2026-11-02", "to": "2026-11-01"}, 422, "invalid_request"),
        ({"unit": "nowhere"}, 404, "unit_unknown"),
        ({"unit": "09101"}, 404, "unit_unknown"),
        ({"cursor": "nonsense"}, 422, "invalid_request"),
        ({"target": "\0"}, 422, "invalid_request"),
    ],
)
async def test_strange_filters_are_refused(
    http: httpx.AsyncClient, world: World, query: dict[str, str], status: int, code: str
) -> None:
    head = await world.person("head", ("unit_admin", "24"))
    for path in (URL, f"{URL}/export"):
        if "cursor" in query and path != URL:
            continue
        answer = await http.get(path, params=query, headers=head)
        assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_pages_follow_each_other_without_gaps(http: httpx.AsyncClient, world: World) -> None:
    for required in (True, False, True, False, True):
        await http.patch("/api/v1/units/09001", json={"require_totp": required}, headers=world.admin)
    ids: list[int] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = (await http.get(URL, params=query, headers=world.admin)).json()
        ids += [line["id"] for line in page["items"]]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert len(ids) == 5
    assert ids == sorted(ids, reverse=True)


async def test_what_lies_elsewhere_is_left_out_of_a_line(http: httpx.AsyncClient, world: World) -> None:
    both = ("viewer", "09001"), ("viewer", "09101"), ("viewer", None)
    made = await let_in(http, world.admin, "lan", *both)
    await http.post(f"{USERS}/{made['id']}/close", headers=world.admin)
    here, there = (
        await world.person("here", ("unit_admin", "24")),
        await world.person("x", ("unit_admin", "27")),
    )
    (created, closed), (theirs, _) = await read(http, here), await read(http, there)
    assert created["details"] == {"roles": [{"role": "viewer", "unit_code": "09001"}]}
    assert theirs["details"] == {"roles": [{"role": "viewer", "unit_code": "09101"}]}
    assert (created["units"], theirs["units"]) == (["09001"], ["09101"])
    assert closed["action"] == "user.close"
    assert len((await read(http, world.admin))[0]["details"]["roles"]) == 3


async def test_a_unit_that_moves_away_is_told_to_both_branches_without_the_other_ones_name(
    http: httpx.AsyncClient, world: World
) -> None:
    move = {"kind": "move", "from": ["09002"], "to": [{"code": "09002", "parent_code": "27"}]}
    sent = {"effective_on": str(today()), "decision": "NQ 1", "changes": [move]}
    answer = await http.post("/api/v1/units/reorganisations", json=sent, headers=world.admin)
    assert answer.status_code == 201, answer.text
    here, there = (
        await world.person("here", ("unit_admin", "24")),
        await world.person("x", ("unit_admin", "27")),
    )
    (left,) = await read(http, here, action="unit.")
    (came,) = await read(http, there, action="unit.")
    assert (left["details"]["before"], left["details"]["after"]) == ({"parent": "24"}, {"parent": None})
    assert (came["details"]["before"], came["details"]["after"]) == ({"parent": None}, {"parent": "27"})
    assert left["units"] == ["24"]


async def test_a_stolen_refresh_token_that_ends_a_session_is_on_record(
    http: httpx.AsyncClient, world: World
) -> None:
    await colleague(http, world.admin, "lan", ("viewer", "24"))
    first = (await sign_in(http, "lan")).json()["refresh_token"]
    assert (await refresh(http, first)).status_code == 200
    for _ in range(2):
        assert (await refresh(http, first)).status_code == 400
    ended = await read(http, world.admin, action="session.")
    assert [(line["actor"], line["details"]) for line in ended] == [
        ("system", {"sessions": 1, "reason": "token_reused"})
    ]


# --- taking it along ------------------------------------------------------------------------------


async def test_the_table_holds_the_same_lines_with_their_hashes(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    for code in ("09001", "09002", "09101"):
        await http.patch(f"/api/v1/units/{code}", json={"require_totp": True}, headers=world.admin)
    await seal_all(database)
    head = await world.person("head", ("unit_admin", "24"))
    answer = await http.get(f"{URL}/export", params={"action": "unit."}, headers=head)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/csv; charset=utf-8")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    lines = await read(http, head)
    assert [row["target"] for row in rows] == ["unit:09002", "unit:09001"]
    assert [row["hash"] for row in rows] == [line["seal"]["hash"] for line in lines[::-1]]
    assert rows[0]["units"] == "09002"


async def test_a_name_that_looks_like_a_formula_is_text_in_the_table(
    http: httpx.AsyncClient, world: World
) -> None:
    for code in ("=1+1", "@SUM", "-9", "+9"):
        unit = {"code": code, "name": "Xã", "kind": "commune", "parent_code": "24"}
        assert (await http.post("/api/v1/units", json=unit, headers=world.admin)).status_code == 201
    answer = await http.get(f"{URL}/export", headers=world.admin)
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [row["units"] for row in rows] == ["'+9", "'-9", "'@SUM", "'=1+1"]


async def test_a_long_table_comes_whole_and_a_chunk_at_a_time(
    http: httpx.AsyncClient, world: World, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "CHUNK", 10)
    row = {"actor": "system", "action": "a", "target": "t", "details": {}}
    async with database.transaction() as session:
        await session.execute(insert(AuditLine), [row] * 30)
    answer = await http.get(f"{URL}/export", headers=world.admin)
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert len({one["id"] for one in rows}) == 30
    assert {one["actor"] for one in rows} == {"system"}


# --- what is not in it ----------------------------------------------------------------------------


async def test_neither_secrets_nor_words_nor_people_stand_in_what_the_whole_surface_writes(
    http: httpx.AsyncClient, app: FastAPI, world: World, database: Database
) -> None:
    branch = await plant(http, app, world, "ZZOURS")
    made = await let_in(http, world.admin, "hoa", ("unit_admin", branch.top))
    tokens = [made["invitation"]["token"]]
    await http.post("/api/v1/auth/invitations/accept", json={"token": tokens[0], "password": PASSWORD})
    signed = (await sign_in(http, "hoa")).json()
    tokens += [signed["access_token"], signed["refresh_token"]]
    hoa = {"Authorization": f"Bearer {signed['access_token']}"}
    named = {"display_name": "Trần Thị Hoa", "email": "hoa@example.vn"}
    await http.patch(f"{USERS}/{made['id']}", json=named, headers=world.admin)
    _, codes = await set_up_totp(http, hoa)
    word = {"current": PASSWORD, "new": "một mật khẩu khác hẳn"}
    assert (await http.post("/api/v1/auth/password", json=word, headers=hoa)).status_code == 204
    reset = await http.post(f"{USERS}/{made['id']}/reset", json={"totp": True}, headers=world.admin)
    device = await http.post(
        DEVICES, json={"unit_code": branch.leaf, "name": "Quầy", "pin": "90817263"}, headers=world.admin
    )
    paired = await http.post("/api/v1/devices/pair", json={"pairing_code": device.json()["pairing_code"]})
    client = f"/api/v1/clients/{branch.client}"
    secret = await http.post(f"{client}/secrets", json={}, headers=world.admin)
    words = {"comment": "Cô Mai rất tận tình", "respondent": {"gender": "female", "age_group": "30-44"}}
    tablet = {"Authorization": f"Bearer {paired.json()['device_token']}"}
    await http.post("/api/v1/responses", json=responses.body(**words), headers=tablet)
    verdict = {"unit_code": branch.leaf, "verdict": "void", "reason": "Thử thiết bị"}
    judged = await http.post(
        f"/api/v1/responses/{branch.response}/verdict", json=verdict, headers=world.admin
    )
    assert judged.status_code == 204
    await http.post(f"{USERS}/{made['id']}/close", headers=world.admin)

    forbidden = [
        *tokens,
        *codes,
        PASSWORD,
        word["new"],
        reset.json()["token"],
        device.json()["pairing_code"],
        "90817263",
        paired.json()["device_token"].split("_", 2)[2],
        secret.json()["client_secret"],
        "Cô Mai",
        "Tốt ZZOURS",
        "30-44",
        "Trần",
        "Bà Hoa",
        "hoa@example.vn",
        branch.link,
        branch.dossier,
    ]
    async with database.read() as session:
        lines = (await session.scalars(select(AuditLine))).all()
        text_of = str((await session.execute(text("SELECT * FROM audit_lines"))).all())
    shown = (await http.get(f"{URL}/export", headers=world.admin)).text
    assert {line.action.partition(".")[0] for line in lines} >= {
        "client",
        "device",
        "reorganisation",
        "response",
        "unit",
        "user",
    }
    assert [word for word in forbidden if word in text_of or word in shown] == []
    assert {line.address for line in lines} == {"127.0.0.1"}
    assert all(UUID(line.actor.partition(":")[2]) for line in lines if line.actor != "system")
