from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select, text

from app.core.database import Database
from app.models.device import Device
from app.models.record import AuditLine
from app.models.subject import UserRole
from app.models.unit import Unit
from tests.support.visits import register, today, visit
from tests.support.world import World

URL = "/api/v1/units/reorganisations"


def merger(*codes: str, to: object = "09900", **more: object) -> dict[str, object]:
    described = {"code": to, "name": "Phường Mới"} if isinstance(to, str) else to
    return {"kind": "merge", "from": list(codes), "to": [described], **more}


async def send(
    http: httpx.AsyncClient,
    headers: Mapping[str, str],
    *changes: object,
    on: date | None = None,
    decision: str = "NQ 1",
    query: str = "",
) -> httpx.Response:
    body = {"effective_on": str(on or today()), "decision": decision, "changes": changes}
    return await http.post(URL + query, json=body, headers={**headers, "Accept-Language": "en"})


def faults(answer: httpx.Response) -> list[tuple[str, str]]:
    assert answer.status_code in {409, 422}, answer.text
    return [(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]]


async def rows(database: Database) -> list[tuple[object, ...]]:
    """The table of units with all that a reorganisation may change, by code."""
    columns = "code, name, kind, parent_id, valid_from, valid_to"
    async with database.read() as session:
        found = await session.execute(text(f"SELECT {columns} FROM units ORDER BY code"))  # noqa: S608
        return [tuple(row) for row in found]


async def tree(http: httpx.AsyncClient, world: World, on: date) -> dict[str, str | None]:
    answer = await http.get(f"/api/v1/units?on={on}&limit=200", headers=world.admin)
    assert answer.status_code == 200, answer.text
    return {item["code"]: item["parent_code"] for item in answer.json()["items"]}


async def test_two_communes_become_one(http: httpx.AsyncClient, world: World) -> None:
    answer = await send(http, world.admin, merger("09001", "09002"))
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert (body["state"], body["effective_on"]) == ("in_force", str(today()))
    outcome = body["outcome"]
    assert outcome["opened"] == [
        {
            "code": "09900",
            "name": "Phường Mới",
            "kind": "commune",
            "parent_code": "24",
            "predecessors": ["09001", "09002"],
        }
    ]
    yesterday = str(today() - timedelta(days=1))
    assert [(one["code"], one["last_day"], one["successors"]) for one in outcome["closed"]] == [
        ("09001", yesterday, ["09900"]),
        ("09002", yesterday, ["09900"]),
    ]
    assert outcome["figures"] == [{"unit": "09900", "sums_up": ["09001", "09002"], "left_out": []}]


async def test_the_tree_of_a_day_is_the_tree_of_that_day(http: httpx.AsyncClient, world: World) -> None:
    before = await tree(http, world, today())
    assert (await send(http, world.admin, merger("09001", "09002"))).status_code == 201
    assert await tree(http, world, today() - timedelta(days=1)) == before
    after = await tree(http, world, today())
    assert after == {**{k: v for k, v in before.items() if k not in {"09001", "09002"}}, "09900": "24"}


async def test_a_dry_run_shows_all_and_writes_nothing(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    before = await rows(database)
    tried = await send(http, world.admin, merger("09001", "09002"), query="?dry_run=true")
    assert tried.status_code == 200
    assert (tried.json()["id"], tried.json()["state"]) == (None, "planned")
    assert await rows(database) == before
    done = await send(http, world.admin, merger("09001", "09002"))
    assert done.json()["outcome"] == tried.json()["outcome"]


async def test_a_decision_is_not_applied_twice(http: httpx.AsyncClient, world: World) -> None:
    assert (await send(http, world.admin, merger("09001", "09002"))).status_code == 201
    again = await send(http, world.admin, merger("09001", "09002"))
    assert (again.status_code, again.json()["code"]) == (409, "reorganisation_exists")


async def test_a_unit_may_take_in_another_and_change_its_name_with_it(
    http: httpx.AsyncClient, world: World
) -> None:
    answer = await send(
        http, world.admin, merger("09001", "09002", to={"code": "09001", "name": "Phường AB"})
    )
    assert answer.status_code == 201, answer.text
    assert [one["code"] for one in answer.json()["outcome"]["closed"]] == ["09002"]
    shown = (await http.get("/api/v1/units/09001", headers=world.admin)).json()
    assert (shown["name"], shown["valid_to"]) == ("Phường AB", None)


async def test_tablets_and_accounts_go_to_the_one_successor(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    await world.client("09001", "visits:write")
    async with database.transaction() as session:
        session.add(Device(unit_id=world.units["09001"], name="Bàn 1", questionnaire_code="quick-5"))
        admin = await session.scalar(select(UserRole.user_id))
        session.add_all(
            [
                UserRole(user_id=admin, role="viewer", unit_id=world.units[code])
                for code in ("09001", "09002", "SNV")
            ]
        )
    answer = await send(http, world.admin, merger("09001", "09002"))
    assert answer.status_code == 201, answer.text
    outcome = answer.json()["outcome"]
    assert [(one["unit"], one["to"]) for one in outcome["devices"]] == [("09001", "09900")]
    assert outcome["accounts"] == [
        {"unit": "09001", "to": "09900", "people": 1, "clients": 1},
        {"unit": "09002", "to": "09900", "people": 1, "clients": 0},
    ]
    async with database.read() as session:
        new = await session.scalar(select(Unit.id).where(Unit.code == "09900"))
        device = (await session.execute(select(Device.unit_id, Device.former_unit_id))).one()
        assert tuple(device) == (new, world.units["09001"])
        held = set(await session.scalars(select(UserRole.unit_id).where(UserRole.unit_id.is_not(None))))
    assert held == {new, world.units["09002"], world.units["SNV"]}


async def test_new_visits_belong_to_the_successor_and_old_ones_stay(
    http: httpx.AsyncClient, world: World
) -> None:
    before = (await register(http, world.admin, visit("H-1", served_on=str(today() - timedelta(days=1)))))[0]
    assert (await send(http, world.admin, merger("09001", "09002"))).status_code == 201
    link = await http.get(f"/api/v1/links/{before['link']['code']}")
    assert (link.status_code, link.json()["unit"]["code"]) == (200, "09001")
    refused, late, fresh = await register(
        http,
        world.admin,
        visit("H-2"),
        visit("H-3", served_on=str(today() - timedelta(days=1))),
        visit("H-2", "09900"),
    )
    fault = refused["problem"]["errors"][0]
    assert (fault["pointer"], fault["code"]) == ("/visits/0/served_on", "unit_closed")
    assert "09900" in fault["detail"]
    assert (late["status"], fresh["status"]) == ("created", "created")


async def test_a_change_is_on_record(http: httpx.AsyncClient, world: World, database: Database) -> None:
    made = (await send(http, world.admin, merger("09001", "09002"))).json()
    async with database.read() as session:
        lines = (await session.scalars(select(AuditLine).order_by(AuditLine.id))).all()
    assert [(line.action, line.target) for line in lines] == [
        ("reorganisation.decide", f"reorganisation:{made['id']}"),
        ("unit.open", "unit:09900"),
        ("unit.close", "unit:09001"),
        ("unit.close", "unit:09002"),
        ("reorganisation.in_force", f"reorganisation:{made['id']}"),
    ]
    assert lines[1].details["after"]["parent"] == "24"
    assert set(lines[0].unit_ids) == set().union(*(line.unit_ids for line in lines))


async def test_whatever_goes_to_the_successor_and_comes_back_is_on_record_one_by_one(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    await world.client("09001", "visits:write")
    await world.person("lan", ("viewer", "09002"))
    device = {"unit_code": "09001", "name": "Quầy 1"}
    tablet = (await http.post("/api/v1/devices", json=device, headers=world.admin)).json()["id"]
    made = (await send(http, world.admin, merger("09001", "09002"))).json()
    taken_back = await http.post(f"{URL}/{made['id']}/revert", headers=world.admin)
    assert taken_back.status_code == 200, taken_back.text
    async with database.read() as session:
        lines = (await session.scalars(select(AuditLine).order_by(AuditLine.id))).all()
    moved = {line.action: line for line in lines if ".move" in line.action}
    assert moved.keys() == {"device.move", "client.move", "user.move_role"}
    assert moved["device.move"].target == f"device:{tablet}"
    assert moved["device.move"].details == {
        "before": {"unit": "09001"},
        "after": {"unit": "09900"},
        "reorganisation": made["id"],
    }
    assert (moved["user.move_role"].details["role"], moved["user.move_role"].details["before"]) == (
        "viewer",
        {"unit": "09002"},
    )
    assert [(line.action, line.target) for line in lines[-4:]] == [
        ("reorganisation.revert", f"reorganisation:{made['id']}"),
        ("unit.remove", "unit:09900"),
        ("unit.restore", "unit:09001"),
        ("unit.restore", "unit:09002"),
    ]


async def test_taking_back_restores_everything(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    await world.client("09001", "visits:write")
    async with database.transaction() as session:
        session.add(Device(unit_id=world.units["09001"], name="Bàn 1", questionnaire_code="quick-5"))
    before = await rows(database)
    made = (await send(http, world.admin, merger("09001", "09002"))).json()
    answer = await http.post(f"{URL}/{made['id']}/revert", headers=world.admin)
    assert (answer.status_code, answer.json()["state"]) == (200, "reverted"), answer.text
    assert await rows(database) == before
    async with database.read() as session:
        device = (await session.execute(select(Device.unit_id, Device.former_unit_id, Device.moved_at))).one()
        assert tuple(device) == (world.units["09001"], None, None)
        for table in ("unit_versions", "unit_successions"):
            assert await session.scalar(text(f"SELECT count(*) FROM {table}")) == 0  # noqa: S608
    again = await http.post(f"{URL}/{made['id']}/revert", headers=world.admin)
    assert again.json()["code"] == "reorganisation_reverted"
    assert (await send(http, world.admin, merger("09001", "09002"))).status_code == 201


async def test_what_depends_on_it_keeps_it_from_being_taken_back(
    http: httpx.AsyncClient, world: World
) -> None:
    made = (await send(http, world.admin, merger("09001", "09002"))).json()
    await register(http, world.admin, visit("H-1", "09900"))
    new = {"code": "C1", "name": "Điểm", "kind": "centre", "parent_code": "09900"}
    assert (await http.post("/api/v1/units", json=new, headers=world.admin)).status_code == 201
    answer = await http.post(f"{URL}/{made['id']}/revert", headers=world.admin)
    assert answer.json()["code"] == "reorganisation_in_use"
    assert sorted(faults(answer)) == [("/units/09900", "has_children"), ("/units/09900", "has_visits")]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([merger("09001", "99999")], [("/changes/0/from/1", "unit_unknown")]),
        ([merger("09001", "09001")], [("/changes/0/from/1", "unit_touched_twice")]),
        ([merger("09001", to="09002")], [("/changes/0/to/0/code", "stands_already")]),
        ([{"kind": "merge", "from": ["09001"], "to": ["09001"]}], [("/changes/0/to/0", "nothing_changes")]),
        ([merger("09001", "09002", to={"code": "N"})], [("/changes/0/to/0/code", "unit_unknown")]),
        (
            [merger("09001", "09101")],
            [("/changes/0/to/0/parent_code", "parent_needed")],
        ),
        (
            [merger("09001", "09002", to={"code": "N", "name": "N", "parent_code": "nowhere"})],
            [("/changes/0/to/0/parent_code", "unknown_parent")],
        ),
        ([{"kind": "close", "from": ["24"]}], [("/changes/0/from/0", "children_left")]),
        (
            [{"kind": "move", "from": ["24"], "to": [{"code": "24", "parent_code": "09001"}]}],
            [("/changes/0/from/0", "parent_loop")],
        ),
        (
            [{"kind": "rename", "from": ["24"], "to": [{"code": "24", "name": "Bắc Ninh"}]}],
            [("/changes/0/to/0", "nothing_changes")],
        ),
        ([{"kind": "split", "from": ["09001"], "to": ["09002"]}], [("/changes/0/to", "too_few_items")]),
        (
            [merger("09001", "09002"), {"kind": "close", "from": ["09002"]}],
            [("/changes/1/from/0", "unit_touched_twice")],
        ),
        ([{"kind": "create", "to": ["09001"]}], [("/changes/0/to/0/name", "missing")]),
    ],
)
async def test_what_cannot_be_is_named_where_it_stands(
    http: httpx.AsyncClient, world: World, database: Database, changes: list[Any], expected: list[Any]
) -> None:
    before = await rows(database)
    assert faults(await send(http, world.admin, *changes)) == expected
    assert await rows(database) == before


async def test_a_merger_of_closed_units_names_who_followed_them(
    http: httpx.AsyncClient, world: World
) -> None:
    assert (await send(http, world.admin, merger("09001", "09002"))).status_code == 201
    answer = await send(
        http,
        world.admin,
        merger("09001", "SNV", to={"code": "N2", "name": "N", "kind": "commune"}),
        decision="NQ 2",
    )
    assert faults(answer) == [("/changes/0/from/0", "unit_closed")]
    assert "09900" in answer.json()["errors"][0]["detail"]


async def test_a_second_change_of_a_unit_on_the_same_day_contradicts_the_first(
    http: httpx.AsyncClient, world: World
) -> None:
    rename = {"kind": "rename", "from": ["09001"], "to": [{"code": "09001", "name": "Khác"}]}
    assert (await send(http, world.admin, rename)).status_code == 201
    again = {"kind": "rename", "from": ["09001"], "to": [{"code": "09001", "name": "Nữa"}]}
    answer = await send(http, world.admin, again, decision="NQ 2")
    assert faults(answer) == [("/changes/0/from/0", "changed_same_day")]
    earlier = await send(http, world.admin, again, decision="NQ 2", on=today() - timedelta(days=3))
    assert faults(earlier) == [("/changes/0/from/0", "changed_later")]


async def test_outside_the_reach_a_unit_does_not_exist(http: httpx.AsyncClient, world: World) -> None:
    near = await world.client("24", "units:manage")
    answer = await send(
        http, near, merger("09001", "09101", to={"code": "N", "name": "N", "parent_code": "24"})
    )
    assert faults(answer) == [("/changes/0/from/1", "unit_unknown")]
    made = await send(http, world.admin, merger("09001", "09002"))
    far = await world.client("27", "units:manage")
    assert (await http.get(f"{URL}/{made.json()['id']}", headers=near)).status_code == 200
    assert (await http.get(f"{URL}/{made.json()['id']}", headers=far)).status_code == 404
    assert (await http.get(URL, headers=far)).json()["items"] == []
    assert (await http.post(f"{URL}/{made.json()['id']}/revert", headers=far)).status_code == 404
    assert [one["id"] for one in (await http.get(URL, headers=near)).json()["items"]] == [made.json()["id"]]


async def test_the_order_of_the_changes_does_not_count(http: httpx.AsyncClient, world: World) -> None:
    """What goes by a new code may stand before the change that gives it, in a file as in a decree."""
    rename = {"kind": "rename", "from": ["09002"], "to": [{"code": "B2", "name": "Xã Hai"}]}
    absorb = {"kind": "merge", "from": ["09001"], "to": ["B2"]}
    beneath = {"kind": "move", "from": ["SNV"], "to": [{"code": "SNV", "parent_code": "B2"}]}
    shown = []
    for changes in ([rename, absorb, beneath], [beneath, absorb, rename]):
        answer = await send(http, world.admin, *changes, query="?dry_run=true")
        assert answer.status_code == 200, answer.text
        shown.append(answer.json()["outcome"])
    assert shown[0] == shown[1]
    assert [one["successors"] for one in shown[0]["closed"]] == [["B2"]]


async def test_every_unit_left_behind_is_named(http: httpx.AsyncClient, world: World) -> None:
    codes = [f"C{number}" for number in range(9)]
    for code in codes:
        new = {"code": code, "name": code, "kind": "centre", "parent_code": "09001"}
        assert (await http.post("/api/v1/units", json=new, headers=world.admin)).status_code == 201
    answer = await send(http, world.admin, {"kind": "close", "from": ["09001"]})
    assert faults(answer) == [("/changes/0/from/0", "children_left")]
    assert ", ".join(codes) in answer.json()["errors"][0]["detail"]
