"""Registers of units that went through an office: lost zeros, old lists, changes that need a decision."""

import csv
import io
from datetime import UTC, date, datetime
from importlib.resources import files

import httpx
import pytest
from sqlalchemy import func, select, update

from app.core.database import Database
from app.core.imports import Table
from app.core.tables import Row
from app.models.rollup import UnitMonth
from app.models.unit import UNIT_KINDS, Unit
from app.models.visit import Visit
from app.units.plan import Plan, Standing, make_plan
from tests.support.rows import Said, insert_responses
from tests.support.world import World

REGISTER = list(csv.DictReader(files("app.demo").joinpath("data/units-vietnam.csv").read_text().splitlines()))
COLUMNS = ("code", "name", "kind", "parent_code", "valid_from")
HEAD = ",".join(COLUMNS) + "\n"


def as_number(code: str) -> str:
    return str(int(code)) if code.isdigit() else code


def plan(rows: list[dict[str, str]], there: list[dict[str, str]], used: frozenset[str] = frozenset()) -> Plan:
    standing = {
        one["code"]: Standing(
            one["name"], one["kind"], one["parent_code"] or None, date(2025, 7, 1), None, True
        )
        for one in there
    }
    table = Table([Row(number, row) for number, row in enumerate(rows, 2)], [])
    return make_plan(table, standing, UNIT_KINDS, True, (), used)


def without_zeros(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    return [
        row | {"code": as_number(row["code"]), "parent_code": as_number(row["parent_code"])} for row in rows
    ]


HA_NOI = [row for row in REGISTER if row["code"] == "01" or row["parent_code"] == "01"]
BAC_NINH = [row for row in REGISTER if row["code"] == "24" or row["parent_code"] == "24"]


@pytest.mark.parametrize("there", [REGISTER, []], ids=["into the register", "into nothing"])
@pytest.mark.parametrize(("rows", "lost"), [(HA_NOI, 100), (BAC_NINH, 99)], ids=["Hà Nội", "Bắc Ninh"])
def test_a_province_that_lost_its_zeros_is_refused_in_one_sentence_for_each_column(
    rows: list[dict[str, str]], lost: int, there: list[dict[str, str]]
) -> None:
    faults = plan(without_zeros(rows), there).faults
    assert {fault.code for fault in faults} == {"code_taken_for_number"}
    assert [len(fault.rows) for fault in faults if fault.column == "code"] == [lost]
    told = {fault.column: fault.params["likely"] for fault in faults}
    assert told["code"] == next(row["code"] for row in rows if row["code"] != as_number(row["code"]))
    assert told.get("parent_code", "01") == "01"


def test_every_code_that_lost_a_zero_is_told_what_it_was() -> None:
    for row in (one for one in HA_NOI if one["code"].startswith("0")):
        changed = row | {"code": as_number(row["code"])}
        faults = plan([changed], REGISTER).faults
        assert [(fault.column, fault.params.get("likely")) for fault in faults] == [("code", row["code"])]


def test_the_whole_register_without_zeros_is_three_faults() -> None:
    faults = plan(without_zeros(REGISTER), []).faults
    assert {(fault.column, fault.code) for fault in faults if fault.rows} == {
        ("code", "code_taken_for_number"),
        ("parent_code", "code_taken_for_number"),
    }
    assert len(faults) <= 12


def test_the_register_itself_is_sound_in_any_state_and_order() -> None:
    half = REGISTER[::2]
    for rows, there in ((REGISTER, []), (REGISTER, half), (half[::-1], REGISTER), (REGISTER, REGISTER)):
        assert not plan(rows, there).faults


@pytest.mark.parametrize("code", ["7210.0", "7,210", "7.210", "7210"])
def test_a_code_that_became_a_number_in_any_way_is_told(code: str) -> None:
    row = {"code": code, "name": "Phường Bắc Giang", "kind": "commune", "parent_code": "24", "valid_from": ""}
    (fault,) = plan([row], REGISTER).faults
    assert (fault.column, fault.code, fault.params["likely"]) == ("code", "code_taken_for_number", "07210")


def test_a_deployments_own_short_numbers_are_left_alone() -> None:
    rows = [
        {"code": code, "name": "N", "kind": kind, "parent_code": parent, "valid_from": ""}
        for code, kind, parent in (("SO", "department", ""), ("7", "centre", "SO"), ("101", "commune", "SO"))
    ]
    assert not plan(rows, []).faults


def test_codes_equal_but_for_zeros_in_one_file_are_told_apart_by_kind() -> None:
    rows = [
        {"code": code, "name": "N", "kind": "centre", "parent_code": "", "valid_from": ""}
        for code in ("12", "0012")
    ]
    assert [fault.params["likely"] for fault in plan(rows, []).faults] == ["0012", "12"]


async def send(http: httpx.AsyncClient, world: World, content: str, query: str = "") -> httpx.Response:
    return await http.post(
        f"/api/v1/units/import{query}", files={"file": ("u.csv", content.encode())}, headers=world.admin
    )


def told(answer: httpx.Response) -> list[tuple[int, str, str]]:
    return [(one["row"], one["column"], one["code"]) for one in answer.json()["errors"]]


async def test_ha_noi_without_zeros_makes_no_phantom_units(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    text = files("app.demo").joinpath("data/units-vietnam.csv").read_text()
    assert (await send(http, world, text)).status_code == 200
    out = io.StringIO()
    table = csv.DictWriter(out, COLUMNS)
    table.writeheader()
    table.writerows(without_zeros(HA_NOI))
    answer = await send(http, world, out.getvalue())
    assert answer.status_code == 422
    told = [(one["column"], one["count"], one["rows"][:3]) for one in answer.json()["errors"]]
    assert told == [("code", 100, [2, 3, 4]), ("parent_code", 126, [3, 4, 5])]
    async with database.read() as session:
        assert await session.scalar(select(func.count()).where(Unit.code.in_(["1", "4", "8"]))) == 0


async def serve(world: World, database: Database, how: str, unit: str) -> None:
    if how == "responses":
        said = [Said(world.units[unit], date(2026, 11, 2), world.questionnaires["quick-5"], (5, 5, 5, 5, 5))]
        await insert_responses(database, said)
        return
    async with database.transaction() as session:
        if how == "visits":
            session.add(
                Visit(
                    unit_id=world.units[unit],
                    dossier_code="H1",
                    served_on=date(2026, 11, 2),
                    questionnaire_id=world.questionnaires["quick-5"],
                    expires_at=datetime(2026, 12, 2, tzinfo=UTC),
                )
            )
        else:
            session.add(
                UnitMonth(
                    unit_id=world.units[unit],
                    local_month=date(2026, 11, 1),
                    questionnaire_id=world.questionnaires["quick-5"],
                    responses=1,
                    held_back=0,
                    tally=0,
                )
            )


@pytest.mark.parametrize("how", ["visits", "responses", "figures alone"])
async def test_kind_and_parent_of_a_unit_that_served_change_by_no_import(
    http: httpx.AsyncClient, world: World, database: Database, how: str
) -> None:
    await serve(world, database, how, "09002")
    content = (
        HEAD + "09002,Xã B,commune,27,\n"  # another parent
        "09001,Phường A,centre,,\n"  # nothing was served here
    )
    answer = await send(http, world, content)
    assert (answer.status_code, told(answer)) == (422, [(2, "parent_code", "only_by_reorganisation")])
    answer = await send(http, world, HEAD + "09002,Xã B,centre,24,\n", "?dry_run=true")
    assert told(answer) == [(2, "kind", "only_by_reorganisation")]
    answer = await send(http, world, HEAD + "09002,Xã Bê,commune,24,2025-07-01\n")
    assert answer.status_code == 200, answer.text


async def test_moving_a_unit_would_move_what_is_beneath_it(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    await serve(world, database, "responses", "09002")
    answer = await send(http, world, HEAD + "24,Bắc Ninh,province,27,\n")
    assert told(answer) == [(2, "parent_code", "only_by_reorganisation")]


@pytest.mark.parametrize("query", ["", "?dry_run=true"])
async def test_the_report_lists_every_change(http: httpx.AsyncClient, world: World, query: str) -> None:
    content = (
        HEAD + "09003,Xã Mới,commune,24,\n09002,Xã Bê,centre,27,01/07/2025\n09001,Phường A,commune,24,\n"
    )
    body = (await send(http, world, content, query)).json()
    assert (body["created"], body["updated"], body["unchanged"]) == (1, 1, 1)
    assert body["changes"] == [
        {"code": "09002", "field": "name", "before": "Xã B", "after": "Xã Bê"},
        {"code": "09002", "field": "kind", "before": "commune", "after": "centre"},
        {"code": "09002", "field": "parent_code", "before": "24", "after": "27"},
        {"code": "09002", "field": "valid_from", "before": None, "after": "2025-07-01"},
    ]


async def test_a_list_of_before_a_decision_does_not_undo_it(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    async with database.transaction() as session:
        await session.execute(
            update(Unit).where(Unit.code == "09002").values(name="Xã Lộc Ninh", valid_from=date(2025, 7, 1))
        )
    to = [{"code": "09002", "name": "Phường Lộc Ninh"}]
    done = await http.post(
        "/api/v1/units/reorganisations",
        json={
            "effective_on": "2026-04-30",
            "decision": "NQ 30/2026",
            "changes": [{"kind": "rename", "from": ["09002"], "to": to}],
        },
        headers=world.admin,
    )
    assert done.status_code == 201, done.text
    for name in ("Xã Lộc Ninh", "Xã Lôc Ninh"):
        answer = await send(http, world, HEAD + f"09002,{name},commune,24,2025-07-01\n")
        assert (answer.status_code, told(answer)) == (422, [(2, "name", "name_of_before")])
        assert "Phường Lộc Ninh" in answer.json()["errors"][0]["detail"]
    answer = await send(http, world, HEAD + "09002,Phường Lộc Ninh,commune,24,2025-07-01\n")
    assert answer.json()["unchanged"] == 1
    answer = await send(http, world, HEAD + "09002,Phường Lộc Ninh,commune,27,\n")
    assert told(answer) == [(2, "parent_code", "only_by_reorganisation")]


async def test_a_day_that_no_calendar_has_hears_both_forms(http: httpx.AsyncClient, world: World) -> None:
    table = "code,name,kind,valid_from\n90,Tỉnh Thử,province,31/02/2025\n"
    answer = await http.post(
        "/api/v1/units/import",
        files={"file": ("x.csv", table.encode())},
        headers={**world.admin, "Accept-Language": "en"},
    )
    (fault,) = answer.json()["errors"]
    assert fault["detail"] == "A day must exist and look like YYYY-MM-DD (in a table also DD/MM/YYYY)."
