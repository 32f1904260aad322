import asyncio
import os
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import xlsxwriter
from sqlalchemy import select, text, update

from app.core.clock import utc_now
from app.core.database import Database
from app.devices.known import DeviceTokens
from app.devices.moves import stays
from app.models.device import Device
from app.models.reorganisation import Reorganisation
from app.models.response import Response
from app.models.unit import Unit
from app.rollups.jobs import refresh
from app.units.jobs import take_effect
from tests.support.rows import Said, insert_responses
from tests.support.said import body, device
from tests.support.visits import register, today, visit
from tests.support.world import World

URL = "/api/v1/units/reorganisations"
SECRET = "kR8v-2mQpZ7wX4tB6nY9cF3hJ5gD1sLa0eUi"
HEAD = "kind,from,to_code,to_name,to_kind,to_parent\n"


async def decide(
    http: httpx.AsyncClient, world: World, *changes: object, on: date | None = None
) -> httpx.Response:
    sent = {"effective_on": str(on or today()), "decision": uuid4().hex, "changes": changes}
    return await http.post(URL, json=sent, headers={**world.admin, "Accept-Language": "en"})


def merger(*codes: str, to: str = "09900") -> dict[str, object]:
    return {"kind": "merge", "from": codes, "to": [{"code": to, "name": "Phường Mới"}]}


async def listed(http: httpx.AsyncClient, world: World, on: date) -> dict[str, str]:
    answer = await http.get(f"/api/v1/units?limit=200&on={on}", headers=world.admin)
    return {item["code"]: item["name"] for item in answer.json()["items"]}


async def the_day_comes(database: Database) -> None:
    """Time is not ours to move: the decision's day is moved to now, and the job looks at it."""
    async with database.transaction() as session:
        await session.execute(update(Reorganisation).values(effective_at=utc_now() - timedelta(seconds=1)))
    await take_effect(database)


async def test_a_day_to_come_is_kept_until_it_comes(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    day = today() + timedelta(days=30)
    _, _ = await device(world, "09001")
    rename = {"kind": "rename", "from": ["SNV"], "to": [{"code": "SNV", "name": "Sở Mới"}]}
    made = await decide(http, world, merger("09001", "09002"), rename, on=day)
    assert (made.status_code, made.json()["state"]) == (201, "scheduled")
    before, then = await listed(http, world, today()), await listed(http, world, day)
    assert (before["09001"], before["SNV"]) == ("Phường A", "Sở Nội vụ")
    assert (then["09900"], then["SNV"]) == ("Phường Mới", "Sở Mới")
    assert "09001" not in then
    assert "09900" not in before
    first, second = await register(http, world.admin, visit("H-1"), visit("H-2", "09900"))
    assert (first["status"], second["status"]) == ("created", "rejected")
    assert await take_effect(database) == 0
    async with database.read() as session:
        assert await session.scalar(select(Device.unit_id)) == world.units["09001"]
    again = await decide(http, world, {"kind": "close", "from": ["09001"]}, on=day + timedelta(days=9))
    assert [fault["code"] for fault in again.json()["errors"]] == ["unit_closed"]
    sooner = await decide(http, world, {"kind": "close", "from": ["SNV"]})
    assert [fault["code"] for fault in sooner.json()["errors"]] == ["changed_later"]

    await the_day_comes(database)
    async with database.read() as session:
        new = await session.scalar(select(Unit.id).where(Unit.code == "09900"))
        assert await session.scalar(select(Device.unit_id)) == new
        assert await session.scalar(select(Unit.name).where(Unit.code == "SNV")) == "Sở Mới"
    shown = await http.get(f"{URL}/{made.json()['id']}", headers=world.admin)
    assert shown.json()["state"] == "in_force"
    assert await take_effect(database) == 0


async def test_a_decision_to_come_can_be_taken_back(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    made = await decide(http, world, merger("09001", "09002"), on=today() + timedelta(days=3))
    assert (await http.post(f"{URL}/{made.json()['id']}/revert", headers=world.admin)).status_code == 200
    async with database.read() as session:
        assert await session.scalar(text("SELECT count(*) FROM units WHERE valid_to IS NOT NULL")) == 0
        assert await session.scalar(select(Unit.id).where(Unit.code == "09900")) is None


@pytest.mark.parametrize(
    ("day", "code"),
    [("1900-01-01", "too_small"), ("9999-12-31", "too_large"), ("2026-02-30", "invalid_date")],
)
async def test_a_day_beyond_reason_is_refused(
    http: httpx.AsyncClient, world: World, day: str, code: str
) -> None:
    sent = {"effective_on": day, "decision": "NQ", "changes": [merger("09001", "09002")]}
    answer = await http.post(URL, json=sent, headers=world.admin)
    assert [(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]] == [
        ("/effective_on", code)
    ]


async def test_what_waited_on_a_tablet_counts_for_the_unit_that_had_served(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    _, token = await device(world, "09001")
    made = await decide(http, world, merger("09001", "09002"))
    assert made.status_code == 201
    yesterday = (utc_now() - timedelta(days=1)).isoformat()
    late, fresh = body(submitted_at=yesterday), body()
    for one in (late, fresh):
        answer = await http.post("/api/v1/responses", json=one, headers=token)
        assert answer.status_code == 201, answer.text
    replayed = await http.post("/api/v1/responses", json=late, headers=token)
    assert replayed.status_code == 200
    async with database.read() as session:
        rows = await session.execute(select(Response.id, Unit.code).join(Unit, Unit.id == Response.unit_id))
        assert {str(row[0]): row[1] for row in rows} == {late["id"]: "09001", fresh["id"]: "09900"}


async def test_a_known_tablet_remembers_where_it_stood(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    _, token = await device(world, "09001")
    await decide(http, world, merger("09001", "09002"))
    known = await DeviceTokens(database).find(token["Authorization"].removeprefix("Bearer "))
    async with database.read() as session:
        found = (await stays(session, [known.id]))[known.id]
    assert [(stay.unit_id, stay.until) for stay in found] == [(world.units["09001"], known.moved_at)]


async def test_a_tablet_is_not_set_up_at_a_unit_that_has_ended(http: httpx.AsyncClient, world: World) -> None:
    await decide(http, world, merger("09001", "09002"))
    sent = {"unit_code": "09001", "name": "Bàn 1"}
    answer = await http.post("/api/v1/devices", json=sent, headers={**world.admin, "Accept-Language": "en"})
    assert (answer.status_code, answer.json()["code"]) == (409, "unit_closed")
    assert "09900" in answer.json()["detail"]


async def test_a_visit_with_a_code_of_old_is_told_the_new_one(http: httpx.AsyncClient, world: World) -> None:
    await decide(http, world, {"kind": "rename", "from": ["09001"], "to": [{"code": "H24.001"}]})
    (item,) = await register(http, world.admin, visit("H-1"))
    fault = item["problem"]["errors"][0]
    assert (fault["pointer"], fault["code"]) == ("/visits/0/unit_code", "unit_renumbered")
    assert "H24.001" in fault["detail"]
    new = {"code": "09001", "name": "X", "kind": "commune", "parent_code": "24"}
    assert (await http.post("/api/v1/units", json=new, headers=world.admin)).json()["code"] == "unit_exists"


async def test_a_split_is_left_out_and_said_so(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    before, since = today() - timedelta(days=40), today() - timedelta(days=10)
    form = world.questionnaires["quick-5"]
    await insert_responses(database, [Said(world.units["09001"], before, form, (5, 5, 5, 5, 5))])
    new = {"code": "N", "name": "Xã N"}
    made = await decide(http, world, {"kind": "split", "from": ["09001"], "to": ["09001", new]}, on=since)
    assert made.status_code == 201, made.text
    await insert_responses(database, [Said(world.units["09001"], today(), form, (1, 1, 1, 1, 1))])
    while await refresh(database):
        pass

    async def read(code: str, boundaries: str) -> tuple[int, list[Any]]:
        query = {"from": str(before), "to": str(today()), "boundaries": boundaries}
        answer = await http.get(f"/api/v1/indices/{code}", params=query, headers=world.admin)
        found = answer.json()
        assert found["boundaries"] == boundaries
        notes = [(one["code"], one["unit"]["code"], one["successors"]) for one in found["notes"]]
        return sum(one["responses"] for one in found["results"]), notes

    left_out = [("split_left_out", "09001", ["09001", "N"])]
    assert await read("09001", "as_now") == (1, left_out)
    assert await read("N", "as_now") == (0, left_out)
    assert await read("24", "as_now") == (2, [])
    assert await read("09001", "as_was") == (2, [])
    assert made.json()["outcome"]["figures"] == [
        {"unit": "09001", "sums_up": [], "left_out": ["09001"]},
        {"unit": "N", "sums_up": [], "left_out": ["09001"]},
    ]


@pytest.mark.parametrize("scope", ["subtree", "own"])
@pytest.mark.parametrize("unit_kind", ["split", "merge"])
async def test_a_closed_unit_is_asked_for_itself_with_all_that_it_was(
    http: httpx.AsyncClient, world: World, database: Database, scope: str, unit_kind: str
) -> None:
    """09001 with a desk beneath it is split, or merged into 09002, which itself is split a day later."""
    before, since = today() - timedelta(days=40), today() - timedelta(days=10)
    desk = {"code": "D", "name": "Quầy D", "kind": "centre", "parent_code": "09001"}
    assert (await http.post("/api/v1/units", json=desk, headers=world.admin)).status_code == 201
    async with database.read() as session:
        world.units["D"] = (await session.scalars(select(Unit.id).where(Unit.code == "D"))).one()
    form = world.questionnaires["quick-5"]
    answers = {"09001": 3, "D": 2, "09002": 7}
    said = [
        Said(world.units[code], before, form, (5, 5, 5, 5, 5))
        for code, n in answers.items()
        for _ in range(n)
    ]
    await insert_responses(database, said)
    while await refresh(database):
        pass
    moved = {"kind": "move", "from": ["D"], "to": [{"code": "D", "parent_code": "SNV"}]}
    new = [{"code": code, "name": code} for code in ("N1", "N2", "N3", "N4")]
    if unit_kind == "split":
        change: dict[str, Any] = {"kind": "split", "from": ["09001"], "to": new[:2]}
    else:
        change = {"kind": "merge", "from": ["09001"], "to": ["09002"]}
    made = await decide(http, world, moved, change, on=since)
    assert made.status_code == 201, made.text

    async def read(code: str, boundaries: str) -> tuple[int, list[Any]]:
        query = {"from": str(before), "to": str(today()), "boundaries": boundaries, "scope": scope}
        answer = await http.get(f"/api/v1/indices/{code}", params=query, headers=world.admin)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        return sum(one["responses"] for one in found["results"]), found["notes"]

    all_of_it = 5 if scope == "subtree" else 3
    assert await read("09001", "as_was") == (all_of_it, [])
    assert await read("09001", "as_now") == (all_of_it, [])
    if unit_kind == "merge":
        assert await read("09002", "as_now") == (10, [])
        again = {"kind": "split", "from": ["09002"], "to": new[2:]}
        assert (await decide(http, world, again, on=since + timedelta(days=1))).status_code == 201
        assert await read("09001", "as_now") == (all_of_it, [])
        assert await read("09002", "as_now") == (10, [])
        assert (await read("N3", "as_now"))[0] == 0


async def test_what_is_left_out_names_nobody_out_of_reach(http: httpx.AsyncClient, world: World) -> None:
    """09001 gives a part to a unit of the neighbouring province, whose people may know of nothing else."""
    new = {"code": "N", "name": "Xã N", "parent_code": "27"}
    split = {"kind": "split", "from": ["09001"], "to": ["09001", new]}
    since = today() - timedelta(days=10)
    assert (await decide(http, world, split, on=since)).status_code == 201
    query = {"from": str(today() - timedelta(days=40)), "to": str(today()), "boundaries": "as_now"}

    async def notes(code: str, headers: dict[str, str]) -> list[dict[str, Any]]:
        address = f"/api/v1/indices/{code}"
        answer = await http.get(address, params=query, headers={**headers, "Accept-Language": "en"})
        found: list[dict[str, Any]] = answer.json()["notes"]
        return found

    near, far = await world.client("24", "indices:read"), await world.client("27", "indices:read")
    (note,) = await notes("N", far)
    assert (note["unit"], note["successors"]) == (None, ["N"])
    assert ("09001" in str(note), "Phường A" in str(note)) == (False, False)
    (note,) = await notes("09001", near)
    assert (note["unit"]["code"], note["successors"]) == ("09001", ["09001"])
    assert "N" not in note["detail"].replace("09001", "")
    (note,) = await notes("N", world.admin)
    assert (note["unit"]["code"], note["successors"]) == ("09001", ["09001", "N"])


async def test_a_unit_tells_its_history(http: httpx.AsyncClient, world: World) -> None:
    day = today() - timedelta(days=20)
    await decide(http, world, {"kind": "rename", "from": ["09001"], "to": [{"code": "X1"}]}, on=day)
    made = await decide(http, world, merger("X1", "09002"))
    assert made.status_code == 201, made.text
    told = (await http.get("/api/v1/units/X1/history", headers=world.admin)).json()
    seen = [(one["code"], one["parent_code"], one["valid_from"], one["valid_to"]) for one in told["versions"]]
    assert seen == [
        ("09001", "24", None, str(day - timedelta(days=1))),
        ("X1", "24", str(day), str(today() - timedelta(days=1))),
    ]
    assert [(one["code"], one["kind"]) for one in told["successors"]] == [("09900", "merge")]
    told = (await http.get("/api/v1/units/09900/history", headers=world.admin)).json()
    assert [one["code"] for one in told["predecessors"]] == ["09002", "X1"]
    assert [(one["code"], one["valid_to"]) for one in told["versions"]] == [("09900", None)]
    shown = (await http.get("/api/v1/units/X1", headers=world.admin)).json()
    assert shown["parent_code"] == "24", "where it last stood, not where it hangs"


async def test_an_import_leaves_what_has_ended_alone(http: httpx.AsyncClient, world: World) -> None:
    await decide(http, world, merger("09001", "09002"))

    async def send(*rows: str) -> Any:
        content = "code,name,kind,parent_code,valid_from\n" + "\n".join(rows)
        files = {"file": ("x.csv", content.encode())}
        return (await http.post("/api/v1/units/import", files=files, headers=world.admin)).json()

    assert (await send("09001,Phường A,commune,24,"))["unchanged"] == 1
    faults = (await send("09001,Khác,commune,24,", "C,Điểm,centre,09002,"))["errors"]
    assert [(one["row"], one["column"], one["code"]) for one in faults] == [
        (2, "code", "unit_ended"),
        (3, "parent_code", "parent_closed"),
    ]


async def test_an_import_does_not_meddle_with_what_is_decided(http: httpx.AsyncClient, world: World) -> None:
    day = today() + timedelta(days=9)
    move = {"kind": "move", "from": ["09001"], "to": [{"code": "09001", "parent_code": "27"}]}
    assert (await decide(http, world, move, on=day)).status_code == 201
    content = "code,name,kind,parent_code,valid_from\n09001,Khác,commune,24,\n"
    files = {"file": ("x.csv", content.encode())}
    answer = await http.post("/api/v1/units/import", files=files, headers=world.admin)
    assert [(one["column"], one["code"]) for one in answer.json()["errors"]] == [("code", "changed_later")]


async def test_the_command_reads_a_file_and_says_what_it_did(
    http: httpx.AsyncClient, world: World, tmp_path: Path
) -> None:
    path = tmp_path / "x.csv"

    async def run(content: str, *more: str) -> tuple[int | None, str]:
        path.write_text(content)
        arguments = ["-m", "app.cli", "reorganise", str(path), "--decision", "NQ", *more]
        settings = {"SIPAS_DATABASE_URL": world.database.url, "SIPAS_SECRET_KEY": SECRET}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=os.environ | settings,
        )
        said, _ = await process.communicate()
        return process.returncode, said.decode()

    on = ["--effective-on", str(today())]
    good = HEAD + "merge,09001,N1,Xã N,commune,24\nmerge,09002,N1,,,\n"
    code, said = await run(HEAD + "merge,09001,N1,Xã N,commune,24\nmerge,99999,N1,,,\n", *on)
    assert (code, "row 3, from: This unit is not known." in said) == (1, True), said
    code, said = await run(good, *on, "--dry-run")
    assert (code, "1 units opened, 2 closed, 0 changed." in said, "nothing was written" in said) == (
        0,
        True,
        True,
    )
    code, said = await run(good, *on)
    assert (code, "is in force" in said) == (0, True), said
    assert (await http.get("/api/v1/units/N1", headers=world.admin)).status_code == 200


async def upload(
    http: httpx.AsyncClient, world: World, data: bytes, query: str = "", name: str = "x.csv"
) -> httpx.Response:
    form = {"effective_on": str(today()), "decision": "NQ tệp"}
    return await http.post(
        f"{URL}/import{query}", files={"file": (name, data)}, data=form, headers=world.admin
    )


async def test_a_file_with_faults_is_told_by_row_and_column(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    content = HEAD + (
        "merge,09001,N1,Xã N,commune,24\n"
        "merge,99999,N1,Xã M,,\n"  # unknown, and another name for the same unit
        "merge,09001,N2,Xã Hai,,\n"
        "close,SNV,N3,,,\n"  # nothing comes of a closing
        "fuse,09002,,,,\n"
        "create,,N4,,commune,24\n"
    )
    for query, status in (("", 422), ("?dry_run=true", 200)):
        answer = await upload(http, world, content.encode(), query)
        assert answer.status_code == status
        assert answer.json()["reorganisation"] is None
        assert [(one["row"], one["column"], one["code"]) for one in answer.json()["errors"]] == [
            (3, "to_name", "row_differs"),
            (5, "to_code", "not_for_this_kind"),
            (6, "kind", "not_allowed"),
            (7, "to_name", "missing"),
        ]
    content = HEAD + "merge,09001,N1,Xã N,commune,24\nmerge,99999,N1,,,\nclose,24,,,,\n"
    answer = await upload(http, world, content.encode())
    assert [(one["row"], one["column"], one["code"]) for one in answer.json()["errors"]] == [
        (2, "to_parent", "parent_closed"),
        (3, "from", "unit_unknown"),
        (4, "from", "children_left"),
    ]
    async with database.read() as session:
        assert await session.scalar(text("SELECT count(*) FROM reorganisations")) == 0


async def test_a_workbook_does_as_well(http: httpx.AsyncClient, world: World, tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        for number, line in enumerate([HEAD.strip(), "merge,09001,N1,Xã N,commune,24", "merge,09002,N1,,,"]):
            sheet.write_row(number, 0, line.split(","))
    answer = await upload(http, world, path.read_bytes(), name="x.xlsx")
    assert answer.status_code == 200, answer.text
    outcome = answer.json()["reorganisation"]["outcome"]
    assert [(one["code"], one["predecessors"]) for one in outcome["opened"]] == [("N1", ["09001", "09002"])]


async def test_a_province_that_merges_takes_its_communes_along(http: httpx.AsyncClient, world: World) -> None:
    made = await decide(http, world, {"kind": "merge", "from": ["27"], "to": ["24"]})
    assert made.status_code == 201, made.text
    assert [one["was"]["code"] for one in made.json()["outcome"]["changed"]] == ["09101"]
    now = await http.get("/api/v1/units", params={"on": str(today()), "parent": "24"}, headers=world.admin)
    assert "09101" in {item["code"] for item in now.json()["items"]}


async def test_two_provinces_cannot_be_put_beneath_one_another(http: httpx.AsyncClient, world: World) -> None:
    moves = [
        {"kind": "move", "from": ["24"], "to": [{"code": "24", "parent_code": "27"}]},
        {"kind": "move", "from": ["27"], "to": [{"code": "27", "parent_code": "24"}]},
    ]
    answer = await decide(http, world, *moves)
    assert {fault["code"] for fault in answer.json()["errors"]} == {"parent_loop"}
