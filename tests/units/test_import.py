import io
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import xlsxwriter
from sqlalchemy import func, select
from sqlalchemy.orm import aliased

import app.demo
from app.core.database import Database
from app.models.record import AuditLine
from app.models.unit import Unit
from app.units.service import import_units
from tests.support.world import World

HEAD = "code,name,kind,parent_code,valid_from\n"
REAL = Path(app.demo.__file__).parent / "data" / "units-vietnam.csv"


async def send(
    http: httpx.AsyncClient,
    headers: dict[str, str],
    content: str | bytes,
    query: str = "",
    name: str = "units.csv",
) -> httpx.Response:
    data = content.encode() if isinstance(content, str) else content
    return await http.post(f"/api/v1/units/import{query}", files={"file": (name, data)}, headers=headers)


def counts(answer: httpx.Response) -> tuple[int, int, int, int]:
    body = answer.json()
    return body["created"], body["updated"], body["unchanged"], len(body["errors"])


def faults(answer: httpx.Response) -> list[tuple[int, str | None, str]]:
    return [(fault["row"], fault["column"], fault["code"]) for fault in answer.json()["errors"]]


async def tree(database: Database) -> dict[str, str | None]:
    parent = aliased(Unit)
    async with database.read() as session:
        rows = await session.execute(
            select(Unit.code, parent.code).outerjoin(parent, Unit.parent_id == parent.id)
        )
        return {row[0]: row[1] for row in rows}


async def test_units_are_created_changed_and_left_alone(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    content = HEAD + "09003,Xã Mới,commune,24,2025-07-01\n09002,Xã Bê,commune,24,\n24,Bắc Ninh,province,,\n"
    answer = await send(http, world.admin, content)
    assert answer.status_code == 200
    assert counts(answer) == (1, 1, 1, 0)
    shown = (await http.get("/api/v1/units/09002", headers=world.admin)).json()
    assert (shown["name"], shown["parent_code"]) == ("Xã Bê", "24")
    found = await http.get("/api/v1/units?q=xa+be", headers=world.admin)
    assert [item["code"] for item in found.json()["items"]] == ["09002"]
    assert (await tree(database))["09003"] == "24"


async def test_importing_the_same_file_twice_changes_nothing(http: httpx.AsyncClient, world: World) -> None:
    content = HEAD + "09003,Xã Mới,commune,24,2025-07-01\n"
    assert counts(await send(http, world.admin, content)) == (1, 0, 0, 0)
    assert counts(await send(http, world.admin, content)) == (0, 0, 1, 0)


async def test_a_parent_may_come_after_its_children(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    content = HEAD + "c,C,centre,b,\nb,B,commune,a,\na,A,province,,\n09001,Phường A,commune,b,\n"
    assert counts(await send(http, world.admin, content)) == (3, 1, 0, 0)
    stands = await tree(database)
    assert (stands["c"], stands["b"], stands["a"], stands["09001"]) == ("b", "a", None, "b")


async def test_all_faults_of_all_rows_are_named_and_nothing_is_written(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    before = await tree(database)
    content = (
        HEAD + "09003,Xã Mới,commune,24,\n"
        "09003,Xã Khác,commune,24,\n"  # row 3: the code again
        ",Xã Không Mã,commune,24,\n"  # row 4: no code
        "09004,Xã Lạc,commune,99,\n"  # row 5: no such parent
        "09005,Xã Sai,village,24,31/06/2025\n"  # row 6: kind and day
        "24,Bắc Ninh,province,09001,\n"  # row 7: a loop through the database
        "l1,L1,commune,l2,\nl2,L2,commune,l1,\n"  # rows 8 and 9: a loop in the file
    )
    answer = await send(http, world.admin, content)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/json"
    assert faults(answer) == [
        (3, "code", "duplicate_row"),
        (4, "code", "missing"),
        (5, "parent_code", "unknown_parent"),
        (6, "kind", "not_allowed"),
        (6, "valid_from", "invalid_date"),
        (7, "parent_code", "parent_loop"),
        (8, "parent_code", "parent_loop"),
        (9, "parent_code", "parent_loop"),
    ]
    assert counts(answer)[:3] == (0, 0, 0)
    assert await tree(database) == before


async def test_a_dry_run_says_the_same_with_200_and_writes_nothing(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    before = await tree(database)
    good = await send(http, world.admin, HEAD + "09003,Xã Mới,commune,24,\n", "?dry_run=true")
    bad = await send(http, world.admin, HEAD + "09003,Xã Mới,village,24,\n", "?dry_run=true")
    assert (good.status_code, counts(good)) == (200, (1, 0, 0, 0))
    assert (bad.status_code, faults(bad)) == (200, [(2, "kind", "not_allowed")])
    assert await tree(database) == before
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(AuditLine)) == 0


async def test_details_come_in_the_callers_language(http: httpx.AsyncClient, world: World) -> None:
    for language, words in (("en", "stands in row 2"), ("vi", "đã có ở dòng 2")):
        headers = world.admin | {"Accept-Language": language}
        answer = await send(http, headers, HEAD + "a,A,centre,24,\na,A,centre,24,\n")
        assert words in answer.json()["errors"][0]["detail"]


async def test_an_import_leaves_a_line_with_its_counts_and_one_for_each_unit(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    await send(http, world.admin, HEAD + "09003,Xã Mới,commune,24,\n09002,Xã Bê,commune,,\n")
    async with database.read() as session:
        lines = (await session.scalars(select(AuditLine).order_by(AuditLine.id))).all()
    made = {"name": "Xã Mới", "kind": "commune", "parent": "24", "valid_from": None}
    assert [(line.action, line.target, line.details) for line in lines] == [
        ("unit.import", "units", {"created": 1, "updated": 1, "unchanged": 0}),
        ("unit.create", "unit:09003", {"after": made}),
        ("unit.change", "unit:09002", {"before": {"name": "Xã B"}, "after": {"name": "Xã Bê"}}),
    ]


async def test_the_operator_at_the_command_line_is_the_system(world: World, database: Database) -> None:
    async with database.transaction() as session:
        result = await import_units(session, None, (HEAD + "top,Top,nation,,\n").encode(), "u.csv", False)
    assert (result.created, list(result.faults)) == (1, [])
    async with database.read() as session:
        assert set(await session.scalars(select(AuditLine.actor))) == {"system"}


async def test_an_import_stays_below_the_reach(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    before = await tree(database)
    content = (
        HEAD + "09003,Xã Mới,commune,24,\n"
        "top,Đỉnh,province,,\n"  # row 3: at the top
        "09004,Xã Hàng Xóm,commune,27,\n"  # row 4: below a neighbour
        "09101,Xã X,commune,24,\n"  # row 5: a neighbour's unit, taken over
        "09002,Xã B,commune,27,\n"  # row 6: given away
    )
    answer = await send(http, await world.client("24", "units:manage"), content)
    assert answer.status_code == 422
    assert faults(answer) == [
        (3, "parent_code", "parent_needed"),
        (4, "parent_code", "unknown_parent"),
        (5, "code", "code_taken"),
        (6, "parent_code", "unknown_parent"),
    ]
    assert await tree(database) == before


async def test_within_the_reach_a_unit_manager_may_build(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    headers = await world.client("24", "units:manage")
    content = (
        HEAD
        + "d2,Điểm 2,centre,d1,\nd1,Điểm 1,centre,09001,\n24,Bắc Ninh,province,,\n09002,Xã B,commune,09001,\n"
    )
    assert counts(await send(http, headers, content)) == (2, 1, 1, 0)
    stands = await tree(database)
    assert (stands["d2"], stands["d1"], stands["09002"], stands["24"]) == ("d1", "09001", "09001", None)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
async def test_a_byte_order_mark_does_not_matter(http: httpx.AsyncClient, world: World, mark: bytes) -> None:
    answer = await send(http, world.admin, mark + (HEAD + "09003,Xã Mới,commune,24,\n").encode())
    assert counts(answer) == (1, 0, 0, 0)


async def test_a_workbook_is_read_like_a_table(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    file = io.BytesIO()
    book = xlsxwriter.Workbook(file)
    sheet = book.add_worksheet()
    day = book.add_format({"num_format": "dd/mm/yyyy"})
    sheet.write_row(0, 0, ["code", "name", "kind", "parent_code", "valid_from"])
    sheet.write_row(
        1, 0, ["h1", "Trung tâm Hành chính công", "centre", 24]
    )  # a number where a code was meant
    sheet.write_number(1, 4, 45839, day)  # the day as Excel keeps it: 2025-07-01
    book.close()
    answer = await send(http, world.admin, file.getvalue(), name="đơn vị.xlsx")
    assert counts(answer) == (1, 0, 0, 0), answer.text
    shown = (await http.get("/api/v1/units/h1", headers=world.admin)).json()
    assert (shown["parent_code"], shown["valid_from"]) == ("24", "2025-07-01")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty_table"),
        (b"PK\x03\x04 no workbook", "unreadable_workbook"),
        (b"\xff\xfea\0", "missing_column"),
        (b"code,name\n1,a\n", "missing_column"),
        (b"code,name,kind,parent\n1,a,commune,2\n", "unknown_column"),
        (HEAD.encode() + b'a,"A,centre,24,\n', "broken_row"),
        (HEAD.encode() + b"a,\xff,centre,24,\n", "not_utf8"),
        (HEAD.encode() + b"a,A\0B,centre,24,\n", "hidden_character"),
    ],
)
async def test_files_nobody_can_read_are_faults(
    http: httpx.AsyncClient, world: World, content: bytes, code: str
) -> None:
    answer = await send(http, world.admin, content)
    assert answer.status_code == 422
    assert code in {fault["code"] for fault in answer.json()["errors"]}


async def test_a_request_without_a_file_is_a_problem(http: httpx.AsyncClient, world: World) -> None:
    several: list[dict[str, Any]] = [
        {},
        {"json": {}},
        {"data": {"file": "text"}},
        {"files": {"other": b"x"}},
    ]
    for options in several:
        answer = await http.post("/api/v1/units/import", headers=world.admin, **options)
        assert answer.status_code == 422, answer.text
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_broken_multipart_body_is_a_bad_request(http: httpx.AsyncClient, world: World) -> None:
    headers = world.admin | {"Content-Type": "multipart/form-data; boundary=x"}
    answer = await http.post("/api/v1/units/import", content=b"--y\r\nnonsense", headers=headers)
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"


async def test_the_whole_country_is_imported_at_once(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    # the world's own units stand in the way of real codes: what is there already is updated or unchanged
    lines = REAL.read_text(encoding="utf-8").splitlines()
    real = {line.split(",")[0] for line in lines[1:]}
    known = real & set(world.units)
    answer = await send(http, world.admin, REAL.read_bytes())
    assert answer.status_code == 200, answer.text[:500]
    created, updated, unchanged, errors = counts(answer)
    assert (created, updated + unchanged, errors) == (len(real) - len(known), len(known), 0)
    assert len(real) == 3_355
    async with database.read() as session:
        provinces = await session.scalar(select(func.count()).where(Unit.kind == "province"))
    assert provinces == 34 + len({"24", "27"} - real)
    again = await send(http, world.admin, REAL.read_bytes())
    assert counts(again) == (0, 0, 3_355, 0)
    found = await http.get("/api/v1/units?q=bac+ninh&kind=province", headers=world.admin)
    assert [item["name"] for item in found.json()["items"]] == ["Bắc Ninh"]
    stands = await tree(database)
    assert all(stands[line.split(",")[0]] == (line.split(",")[-2] or None) for line in lines[1:])


async def test_the_report_is_what_openapi_says(http: httpx.AsyncClient, world: World) -> None:
    described = (await http.get("/openapi.json")).json()["paths"]["/api/v1/units/import"]["post"]["responses"]
    assert set(described) == {"200", "400", "401", "403", "408", "413", "422", "429", "503"}
    shape = described["422"]["content"]
    assert (
        json.dumps(shape["application/json"]) == '{"schema": {"$ref": "#/components/schemas/ImportReport"}}'
    )
    assert "application/problem+json" in shape
