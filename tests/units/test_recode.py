"""Codes that were wrong move, in a ring if need be; whatever belongs to a unit stays with the unit."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.core.database import Database
from app.devices.moves import stays
from app.rollups.jobs import refresh
from app.units.jobs import take_effect
from tests.support import said
from tests.support.reorganised import decide
from tests.support.rows import Said, insert_responses
from tests.support.visits import day, faults, register, today, visit
from tests.support.world import World
from tests.units.test_reorganise_loops import decide as ask
from tests.units.test_reorganise_loops import faults as refused
from tests.units.test_reorganise_loops import made, take_back

RING = {"09001": "09002", "09002": "09101", "09101": "09001"}
YESTERDAY, LONG_AGO = today() - timedelta(days=1), today() - timedelta(days=20)


def recode(old: str, new: str, **more: object) -> dict[str, Any]:
    return {"kind": "recode", "from": [old], "to": [{"code": new, **more}]}


def ring() -> list[dict[str, Any]]:
    return [recode(*pair) for pair in RING.items()]


async def codes(database: Database) -> dict[int, str]:
    async with database.read() as session:
        return {row[0]: row[1] for row in await session.execute(text("SELECT id, code FROM units"))}


async def responses(http: httpx.AsyncClient, world: World, unit: str) -> int:
    query = {"from": str(LONG_AGO), "to": str(today())}
    answer = await http.get(f"/api/v1/indices/{unit}", params=query, headers=world.admin)
    assert answer.status_code == 200, answer.text
    return sum(one["responses"] for one in answer.json()["results"])


async def test_codes_move_in_a_ring_and_back(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    number = await made(http, world, *ring())
    known = await codes(database)
    assert {old: known[world.units[old]] for old in RING} == RING
    answer = await http.get(f"/api/v1/units/reorganisations/{number}", headers=world.admin)
    changed = answer.json()["outcome"]["changed"]
    assert [(one["was"]["code"], one["becomes"]["code"]) for one in changed] == sorted(RING.items())
    assert (await take_back(http, world, number)).status_code == 200
    assert {code: known for known, code in (await codes(database)).items()} == world.units


async def test_a_ring_of_a_day_to_come_waits_for_it(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    await made(http, world, *ring(), on=today() + timedelta(days=3))
    assert {code: known for known, code in (await codes(database)).items()} == world.units
    async with database.transaction() as session:
        await session.execute(text("UPDATE reorganisations SET effective_at = now()"))
    assert await take_effect(database) == 1
    known = await codes(database)
    assert {old: known[world.units[old]] for old in RING} == RING


async def test_figures_links_and_tablets_stay_with_their_unit(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    form = world.questionnaires["quick-5"]
    for many, code in enumerate(RING, 1):
        unit = world.units[code]
        await insert_responses(database, [Said(unit, YESTERDAY, form, (5, 5, 5, 5, 5)) for _ in range(many)])
    (item,) = await register(http, world.admin, visit("H-1", "09001"))
    tablet, token = await said.device(world, "09001")
    while await refresh(database):
        pass
    await decide(http, world, *ring())
    assert [await responses(http, world, RING[code]) for code in RING] == [1, 2, 3]
    link = await http.get(f"/api/v1/links/{item['link']['code']}")
    assert link.status_code == 200, link.text
    assert link.json()["unit"]["code"] == "09002"
    config = (await http.get("/api/v1/device/config", headers=token)).json()
    assert (config["unit"]["code"], config["former_codes"]) == ("09002", ["09001"]), tablet
    assert (await http.post("/api/v1/responses", json=said.body(), headers=token)).status_code == 201
    async with database.read() as session:
        unit = await session.scalar(text("SELECT unit_id FROM responses WHERE device_id IS NOT NULL"))
    assert unit == world.units["09001"]


async def test_a_tablet_moved_twice_is_followed_back_though_the_codes_have_moved(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    """The record names units by their codes of the time."""
    tablet, _ = await said.device(world, "09001")
    for code in ("09002", "SNV"):
        path = f"/api/v1/devices/{tablet}"
        assert (await http.patch(path, json={"unit_code": code}, headers=world.admin)).status_code == 200
    await decide(http, world, *ring())
    async with database.read() as session:
        stood = (await stays(session, [tablet]))[tablet]
    assert [one.unit_id for one in stood] == [world.units["09001"], world.units["09002"]]


async def test_the_tree_of_a_day_is_asked_for_by_the_codes_of_that_day(
    http: httpx.AsyncClient, world: World
) -> None:
    await decide(http, world, recode("24", "27"), recode("27", "24"), on=today())

    async def children(query: str) -> set[str]:
        answer = await http.get(f"/api/v1/units?{query}", headers=world.admin)
        return {one["code"] for one in answer.json()["items"]}

    assert await children(f"on={YESTERDAY}&parent=24") == {"09001", "09002", "SNV"}
    assert await children(f"on={today()}&parent=24") == {"09101"} == await children("parent=24")


async def test_a_code_that_nobody_has_any_more_is_told_the_new_one(
    http: httpx.AsyncClient, world: World
) -> None:
    await decide(http, world, recode("09001", "09002"), recode("09002", "09003"))
    (item,) = await register(http, world.admin, visit("H-1", "09001"))
    assert faults(item) == [("/visits/0/unit_code", "unit_renumbered")]
    assert "09002" in item["problem"]["errors"][0]["detail"]


async def test_a_late_visit_whose_code_has_moved_is_not_counted_for_the_wrong_unit(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    """09002 was the code of what is 09003 by now. Whoever sends it for a day of before may mean either."""
    await decide(http, world, recode("09001", "09002"), recode("09002", "09003"))
    (late,) = await register(http, world.admin, visit("H-1", "09002", served_on=day(3)))
    assert faults(late) == [("/visits/0/unit_code", "code_moved")]
    assert "give 09003" in late["problem"]["errors"][0]["detail"]
    good = await register(
        http,
        world.admin,
        visit("H-2", "09003", served_on=day(3)),
        visit("H-3", "09001", served_on=day(3)),
        visit("H-4", "09002"),
    )
    assert [one["status"] for one in good] == ["created"] * 3
    async with database.read() as session:
        rows = await session.execute(text("SELECT dossier_code, unit_id FROM visits"))
        found = {row[0]: row[1] for row in rows}
    first, second = world.units["09001"], world.units["09002"]
    assert found == {"H-2": second, "H-3": first, "H-4": first}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ([recode("09001", "09002")], [("/changes/0/to/0/code", "code_in_use")]),
        ([recode("09001", "X"), recode("09002", "X")], [("/changes/1/to/0/code", "code_in_use")]),
        (
            [recode("09001", "09002"), {"kind": "rename", "from": ["09002"], "to": [{"code": "X"}]}],
            [("/changes/0/to/0/code", "code_in_use")],
        ),
        ([recode("09001", "09001")], [("/changes/0/to/0", "nothing_changes")]),
        (
            [
                recode("09001", "09002"),
                recode("09002", "09003"),
                {"kind": "create", "to": [{"code": "09001", "name": "Y", "kind": "commune"}]},
            ],
            [("/changes/2/to/0/code", "code_in_use")],
        ),
    ],
)
async def test_a_code_moves_only_where_nobody_else_bears_it(
    http: httpx.AsyncClient, world: World, changes: list[dict[str, Any]], found: list[tuple[str, str]]
) -> None:
    answer = await ask(http, world, *changes)
    assert answer.status_code == 422, answer.text
    assert refused(answer) == found


async def test_a_code_that_another_was_given_since_is_not_given_back(
    http: httpx.AsyncClient, world: World
) -> None:
    first = await made(http, world, recode("09001", "09003"))
    second = await made(http, world, recode("09002", "09001"))
    answer = await take_back(http, world, first)
    assert (answer.status_code, answer.json()["code"]) == (409, "reorganisation_in_use"), answer.text
    assert ("/units/09003", "code_taken_since") in refused(answer)
    assert (await take_back(http, world, second)).status_code == 200
    assert (await take_back(http, world, first)).status_code == 200


async def test_parents_are_named_by_the_codes_of_the_day(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    """24 becomes 27 and 27 becomes 24; whoever moves beneath 24 moves beneath what was 27."""
    move = {"kind": "move", "from": ["09001"], "to": [{"code": "09001", "parent_code": "24"}]}
    await decide(http, world, move, recode("24", "27"), recode("27", "24"))
    async with database.read() as session:
        query = text("SELECT parent_id FROM units WHERE code = '09001'")
        assert await session.scalar(query) == world.units["27"]


async def test_a_table_of_codes_moves_them(http: httpx.AsyncClient, world: World, database: Database) -> None:
    rows = ["kind,from,to_code,to_name", *(f"recode,{old},{new},Xã {new}" for old, new in RING.items())]
    answer = await http.post(
        "/api/v1/units/reorganisations/import",
        files={"file": ("x.csv", "\n".join(rows).encode())},
        data={"effective_on": str(today()), "decision": "Đính chính mã"},
        headers=world.admin,
    )
    assert answer.status_code == 200, answer.text
    known = await codes(database)
    assert {old: known[world.units[old]] for old in RING} == RING
