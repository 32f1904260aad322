import io
from pathlib import Path

import httpx
import pytest
import xlsxwriter
from sqlalchemy import select

import app.demo
from app.core.database import Database
from app.core.imports import Table
from app.core.tables import Row
from app.models.record import AuditLine
from app.models.unit import PROCEDURE_LEVELS, Procedure
from app.procedures.plan import Wanted, make_plan
from tests.support.world import World

NEW = {"code": "2.000635", "name": "Cấp bản sao trích lục hộ tịch", "field": "Hộ tịch", "level": "commune"}
HEAD = "code,name,field,level\n"
SAMPLE = Path(app.demo.__file__).parent / "data" / "procedures-sample.csv"


async def send(
    http: httpx.AsyncClient, headers: dict[str, str], content: str | bytes, query: str = ""
) -> httpx.Response:
    data = content.encode() if isinstance(content, str) else content
    files = {"file": ("procedures.csv", data)}
    return await http.post(f"/api/v1/procedures/import{query}", files=files, headers=headers)


def counts(answer: httpx.Response) -> tuple[int, int, int, int]:
    body = answer.json()
    return body["created"], body["updated"], body["unchanged"], len(body["errors"])


async def test_a_procedure_is_added_and_read_again(http: httpx.AsyncClient, world: World) -> None:
    added = await http.post("/api/v1/procedures", json=NEW, headers=world.admin)
    assert (added.status_code, added.json()) == (201, NEW)
    read = await http.get("/api/v1/procedures/2.000635", headers=world.admin)
    assert (read.status_code, read.json()) == (200, NEW)


async def test_a_taken_code_is_a_conflict(http: httpx.AsyncClient, world: World) -> None:
    answer = await http.post("/api/v1/procedures", json=NEW | {"code": "1.001193"}, headers=world.admin)
    assert (answer.status_code, answer.json()["code"]) == (409, "procedure_exists")


async def test_an_unknown_procedure_is_not_found(http: httpx.AsyncClient, world: World) -> None:
    answer = await http.get("/api/v1/procedures/9.9", headers=world.admin)
    assert (answer.status_code, answer.json()["code"]) == (404, "procedure_unknown")


async def test_every_fault_of_a_body_is_named_at_once(http: httpx.AsyncClient, world: World) -> None:
    body = {"code": "1/2", "name": "x" * 301, "level": "village"}
    answer = await http.post("/api/v1/procedures", json=body, headers=world.admin)
    assert {(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]} == {
        ("/code", "invalid_character"),
        ("/name", "too_long"),
        ("/field", "missing"),
        ("/level", "not_allowed"),
    }


async def test_all_may_read_and_only_who_reaches_every_unit_may_write(
    http: httpx.AsyncClient, world: World
) -> None:
    local = await world.client("24", "units:read", "units:manage")
    assert (await http.get("/api/v1/procedures/1.001193", headers=local)).status_code == 200
    listed = (await http.get("/api/v1/procedures", headers=local)).json()
    assert [item["code"] for item in listed["items"]] == ["1.001193", "1.004222"]
    for answer in (
        await http.post("/api/v1/procedures", json=NEW, headers=local),
        await send(http, local, HEAD),
        await send(http, local, HEAD, "?dry_run=true"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "whole_reach_needed")
    whole = await world.client(None, "units:manage")
    assert (await http.post("/api/v1/procedures", json=NEW, headers=whole)).status_code == 201


async def test_scopes_are_asked_for(http: httpx.AsyncClient, world: World) -> None:
    reader, stranger = await world.client(None, "units:read"), await world.client(None, "indices:read")
    assert (await http.post("/api/v1/procedures", json=NEW, headers=reader)).status_code == 403
    assert (await http.get("/api/v1/procedures", headers=stranger)).status_code == 403
    assert (await http.get("/api/v1/procedures/1.001193", headers=stranger)).status_code == 403
    assert (await http.get("/api/v1/procedures")).status_code == 401


async def test_search_ignores_diacritics_and_case(http: httpx.AsyncClient, world: World) -> None:
    await http.post("/api/v1/procedures", json=NEW, headers=world.admin)
    for q in ("trich luc", "TRÍCH LỤC", "000635", "cap ban sao"):
        answer = await http.get("/api/v1/procedures", params={"q": q}, headers=world.admin)
        assert [item["code"] for item in answer.json()["items"]] == ["2.000635"], q
    nothing = await http.get("/api/v1/procedures", params={"q": "%"}, headers=world.admin)
    assert nothing.json()["items"] == []


@pytest.mark.parametrize("limit", [1, 2, 3, 200])
async def test_pages_hold_every_procedure_once(http: httpx.AsyncClient, world: World, limit: int) -> None:
    await http.post("/api/v1/procedures", json=NEW, headers=world.admin)
    seen: list[str] = []
    params: dict[str, str | int] = {"limit": limit}
    while True:
        body = (await http.get("/api/v1/procedures", params=params, headers=world.admin)).json()
        seen += [item["code"] for item in body["items"]]
        if body["next"] is None:
            break
        params["cursor"] = body["next"]
    assert seen == ["1.001193", "1.004222", "2.000635"]


async def test_procedures_are_created_changed_and_left_alone(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    content = (
        HEAD + "2.1,Mới,Đất đai,province\n"
        "1.001193,Đăng ký khai sinh,Hộ tịch,commune\n"
        "1.004222,Đăng ký tạm trú,Cư trú,commune\n"
    )
    rehearsed = await send(http, world.admin, content, "?dry_run=true")
    assert (rehearsed.status_code, counts(rehearsed)) == (200, (1, 1, 1, 0))
    assert (await http.get("/api/v1/procedures/2.1", headers=world.admin)).status_code == 404
    assert counts(await send(http, world.admin, content)) == (1, 1, 1, 0)
    assert counts(await send(http, world.admin, content)) == (0, 0, 3, 0)
    found = await http.get("/api/v1/procedures?q=tam+tru", headers=world.admin)
    assert [item["code"] for item in found.json()["items"]] == ["1.004222"]
    async with database.read() as session:
        lines = (await session.scalars(select(AuditLine).order_by(AuditLine.id))).all()
    assert [line.action for line in lines] == ["procedure.import", "procedure.import"]
    assert lines[0].details == {"created": 1, "updated": 1, "unchanged": 1}


async def test_all_faults_of_all_rows_are_named_and_nothing_is_written(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    content = HEAD + "2.1,Mới,Đất đai,province\n2.1,Nữa,Đất đai,province\n2.2,,Đất đai,village\n"
    answer = await send(http, world.admin, content)
    assert answer.status_code == 422
    assert [(fault["row"], fault["column"], fault["code"]) for fault in answer.json()["errors"]] == [
        (3, "code", "duplicate_row"),
        (4, "name", "missing"),
        (4, "level", "not_allowed"),
    ]
    async with database.read() as session:
        assert await session.scalar(select(Procedure.id).where(Procedure.code == "2.1")) is None


async def test_a_workbook_keeps_codes_that_look_like_numbers(http: httpx.AsyncClient, world: World) -> None:
    file = io.BytesIO()
    book = xlsxwriter.Workbook(file)
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, ["level", "code", "name", "field"])
    sheet.write_row(1, 0, ["nation", "1.001190", "Cấp hộ chiếu", "Xuất nhập cảnh"])
    book.close()
    assert counts(await send(http, world.admin, file.getvalue())) == (1, 0, 0, 0)
    assert (await http.get("/api/v1/procedures/1.001190", headers=world.admin)).status_code == 200


async def test_the_sample_is_imported(http: httpx.AsyncClient, world: World) -> None:
    rows = len(SAMPLE.read_text(encoding="utf-8").splitlines()) - 1
    created, updated, unchanged, errors = counts(await send(http, world.admin, SAMPLE.read_bytes()))
    assert (created + updated + unchanged, errors) == (rows, 0)


def test_the_plan_compares_by_code() -> None:
    there = {code: Wanted(code, "N", "F", "nation") for code in ("a", "b")}
    rows = [
        Row(number, {"code": code, "name": name, "field": "F", "level": "nation"})
        for number, (code, name) in enumerate((("a", "N"), ("b", "M"), ("c", "N")), 2)
    ]
    plan = make_plan(Table(rows, []), there, PROCEDURE_LEVELS)
    assert [procedure.code for procedure in plan.created] == ["c"]
    assert [procedure.name for procedure in plan.updated] == ["M"]
    assert plan.unchanged == 1


@pytest.mark.parametrize("code", ["1.00119", "1,00119", "1001190", "1,001190"])
def test_a_number_of_the_nation_that_a_spreadsheet_shortened_is_told(code: str) -> None:
    there = {"1.001193": Wanted("1.001193", "N", "F", "nation")}
    row = Row(2, {"code": code, "name": "N", "field": "F", "level": "nation"})
    (fault,) = make_plan(Table([row], []), there, PROCEDURE_LEVELS).faults
    assert (fault.column, fault.code, fault.params["likely"]) == ("code", "code_taken_for_number", "1.001190")
    assert not make_plan(Table([row], []), {}, PROCEDURE_LEVELS).faults  # who numbers in a way of their own


async def test_an_import_of_procedures_lists_every_change(http: httpx.AsyncClient, world: World) -> None:
    answer = await send(http, world.admin, HEAD + "1.001193,Đăng ký khai sinh,Tư pháp,cấp tỉnh\n")
    assert answer.json()["changes"] == [
        {"code": "1.001193", "field": "field", "before": "Hộ tịch", "after": "Tư pháp"},
        {"code": "1.001193", "field": "level", "before": "commune", "after": "province"},
    ]
