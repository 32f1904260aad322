"""Tablets and units that end: who may take a tablet elsewhere, and which unit it asks for then."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.core.database import Database
from tests.support.reorganised import decide, merger
from tests.support.said import body, device
from tests.support.visits import today
from tests.support.waiting import until
from tests.support.world import World

URL = "/api/v1/devices"
CLOSE = {"kind": "close", "from": ["09001"]}
YESTERDAY = today() - timedelta(days=1)


async def config(http: httpx.AsyncClient, token: dict[str, str]) -> dict[str, Any]:
    answer = await http.get("/api/v1/device/config", headers=token)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def test_a_tablet_of_a_closed_unit_is_taken_to_another(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    tablet, token = await device(world, "09001")
    await http.post("/api/v1/responses", json=body(), headers=token)
    await decide(http, world, CLOSE, on=YESTERDAY)
    changed = await http.patch(
        f"{URL}/{tablet}", json={"unit_code": "09002", "name": "Quầy 5"}, headers=world.admin
    )
    assert changed.status_code == 200, changed.text
    assert (changed.json()["unit"]["code"], changed.json()["name"]) == ("09002", "Quầy 5")
    shown = await config(http, token)
    assert (shown["unit"], shown["former_codes"]) == ({"code": "09002", "name": "Xã B"}, ["09001"])
    given = await http.post("/api/v1/responses", json=body(), headers=token)
    assert given.status_code == 201
    async with database.read() as session:
        rows = await session.execute(
            text("SELECT u.code, verdict FROM responses r JOIN units u ON u.id = r.unit_id ORDER BY 1")
        )
        assert [tuple(row) for row in rows] == [("09001", "counted"), ("09002", "counted")]
        lines = await session.execute(
            text("SELECT action, details, unit_ids FROM audit_lines WHERE target = :it ORDER BY id"),
            {"it": f"device:{tablet}"},
        )
        assert [tuple(line) for line in lines] == [
            (
                "device.change",
                {"before": {"name": "Quầy 1"}, "after": {"name": "Quầy 5"}},
                [world.units["09001"]],
            ),
            (
                "device.move",
                {"before": {"unit": "09001"}, "after": {"unit": "09002"}},
                sorted([world.units["09001"], world.units["09002"]]),
            ),
        ]


async def test_naming_the_unit_it_stands_in_moves_nothing(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    tablet, _ = await device(world, "09001")
    same = await http.patch(f"{URL}/{tablet}", json={"unit_code": "09001"}, headers=world.admin)
    assert same.status_code == 200
    async with database.read() as session:
        assert await session.scalar(text("SELECT count(*) FROM devices WHERE moved_at IS NOT NULL")) == 0
        assert await session.scalar(text("SELECT count(*) FROM audit_lines")) == 0


async def test_a_tablet_is_moved_within_the_reach_only_and_to_an_open_unit_only(
    http: httpx.AsyncClient, world: World
) -> None:
    ours, _ = await device(world, "09002")
    theirs, _ = await device(world, "09101")
    here = await world.client("24", "devices:manage")
    await decide(http, world, CLOSE, on=YESTERDAY)

    async def move(tablet: object, code: str) -> tuple[int, str]:
        answer = await http.patch(f"{URL}/{tablet}", json={"unit_code": code}, headers=here)
        return answer.status_code, answer.json().get("code", "")

    assert await move(theirs, "09002") == (404, "device_unknown")
    assert await move(ours, "09101") == (404, "unit_unknown")
    assert await move(ours, "09001") == (409, "unit_closed")
    assert (await move(ours, "SNV"))[0] == 200


@pytest.mark.parametrize("change", [CLOSE, merger("09001", to="M1")], ids=["closed", "merged"])
async def test_no_tablet_begins_to_ask_for_a_unit_that_has_ended(
    http: httpx.AsyncClient, world: World, change: dict[str, object]
) -> None:
    made = await http.post(URL, json={"unit_code": "09001", "name": "Quầy 1"}, headers=world.admin)
    tomorrow = today() + timedelta(days=1)
    await decide(http, world, change, on=tomorrow)
    renewed = await http.post(f"{URL}/{made.json()['id']}/pairing-code", headers=world.admin)
    assert renewed.status_code == 201, "its last day is not over"
    async with world.database.transaction() as session:
        await session.execute(
            text("UPDATE units SET valid_to = :day WHERE code = '09001'"), {"day": YESTERDAY}
        )
    paired = await http.post(f"{URL}/pair", json={"pairing_code": renewed.json()["pairing_code"]})
    assert (paired.status_code, paired.json()["code"]) == (409, "unit_closed")
    again = await http.post(f"{URL}/{made.json()['id']}/pairing-code", headers=world.admin)
    assert (again.status_code, again.json()["code"]) == (409, "unit_closed")


async def test_a_tablet_knows_the_codes_it_once_asked_for(http: httpx.AsyncClient, world: World) -> None:
    _, token = await device(world, "09001")
    _, neighbour = await device(world, "09002")
    assert (await config(http, token))["former_codes"] == []
    rename = {"kind": "rename", "from": ["09001"], "to": [{"code": "H24.001"}]}
    await decide(http, world, rename, on=today() - timedelta(days=2))
    assert (await config(http, token))["former_codes"] == ["09001"]
    await decide(http, world, merger("H24.001", to="M1"), on=YESTERDAY)
    shown = await config(http, token)
    assert (shown["unit"]["code"], shown["former_codes"]) == ("M1", ["09001", "H24.001"])
    assert (await config(http, neighbour))["former_codes"] == []


async def test_a_tablet_that_is_moved_on_by_hand_again_and_again_keeps_all_it_has_to_send(
    http: httpx.AsyncClient, world: World
) -> None:
    tablet, token = await device(world, "09001")
    for code in ("09002", "SNV", "09001", "09002"):
        moved = await http.patch(f"{URL}/{tablet}", json={"unit_code": code}, headers=world.admin)
        assert moved.status_code == 200
    assert (await config(http, token))["former_codes"] == ["09001", "SNV"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (merger("09001", to="M1"), "M1"),
        ({"kind": "rename", "from": ["09001"], "to": [{"code": "H24.001"}]}, "H24.001"),
    ],
    ids=["moved", "renumbered"],
)
async def test_what_was_asked_for_under_a_code_that_was_taken_back_is_sent_all_the_same(
    http: httpx.AsyncClient, world: World, change: dict[str, object], code: str
) -> None:
    _, token = await device(world, "09001")
    _, neighbour = await device(world, "09002")
    made = await decide(http, world, change, on=YESTERDAY)
    assert (await config(http, token))["unit"]["code"] == code
    back = await http.post(f"/api/v1/units/reorganisations/{made['id']}/revert", headers=world.admin)
    assert back.status_code == 200, back.text
    shown = await config(http, token)
    assert (shown["unit"]["code"], shown["former_codes"], shown["moved_at"]) == ("09001", [code], None)
    assert (await config(http, neighbour))["former_codes"] == []


@pytest.mark.parametrize("door", ["create", "move"])
async def test_no_tablet_is_put_where_a_unit_is_just_ending(
    http: httpx.AsyncClient, world: World, database: Database, door: str
) -> None:
    tablet, _ = await device(world, "09002")
    sent = {"unit_code": "09001", "name": "Quầy 5"}
    method, address = ("POST", URL) if door == "create" else ("PATCH", f"{URL}/{tablet}")
    async with database.transaction() as session:  # a reorganisation that has moved tablets, and not ended
        await session.execute(
            text("UPDATE units SET valid_to = :day WHERE code = '09001'"), {"day": YESTERDAY}
        )
        asked = asyncio.create_task(http.request(method, address, json=sent, headers=world.admin))
        await until(lambda: waiting(database), lambda count: count == 1 or asked.done())
    answer = await asked
    assert (answer.status_code, answer.json()["code"]) == (409, "unit_closed")


async def test_a_tablet_on_its_way_to_a_unit_goes_on_with_it_to_its_successor(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    tablet, token = await device(world, "09002")
    async with database.transaction() as session:
        row = text("SELECT id FROM devices WHERE id = :id FOR UPDATE")
        await session.execute(row, {"id": tablet})  # somebody else is at it: the move waits
        move = http.patch(f"{URL}/{tablet}", json={"unit_code": "09001"}, headers=world.admin)
        moving = asyncio.create_task(move)
        await until(lambda: waiting(database), lambda count: count == 1)
        merging = asyncio.create_task(decide(http, world, merger("09001", to="M1"), on=YESTERDAY))
        await until(lambda: waiting(database), lambda count: count == 2 or merging.done())
    await merging
    assert (await moving).status_code == 200
    shown = await config(http, token)
    assert (shown["unit"]["code"], shown["former_codes"]) == ("M1", ["09001", "09002"])


async def waiting(database: Database) -> int:
    """How many wait for a lock of somebody else."""
    async with database.read() as session:
        query = "SELECT count(*) FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0"
        return await session.scalar(text(query)) or 0
