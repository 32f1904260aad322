import asyncio
import csv
import io
from pathlib import Path
from typing import Any

import httpx
import pytest
import xlsxwriter
from sqlalchemy import select, text, update
from sqlalchemy.exc import IntegrityError

from app.core.database import Database
from app.models.par import ParScore, ParSheet
from app.models.record import AuditLine
from tests.support.par import PAR, put, sheet
from tests.support.people import faults, refusal
from tests.support.world import World

KNOWN = Path(__file__).parent / "data" / "par_index_bacgiang_2020.csv"
HEAD = "unit_code,domain,points,published_total\n"


def bac_giang(**more: object) -> dict[str, Any]:
    rows = csv.DictReader(KNOWN.read_text("utf-8-sig").splitlines())
    return {
        "template": "provinces-2020",
        "domains": [{"code": row["domain_no"], "points": float(row["points"])} for row in rows],
        "published_total": 85.58,
        **more,
    }


async def read(
    http: httpx.AsyncClient, headers: dict[str, str], unit: str = "24", year: int = 2020, **params: int
) -> httpx.Response:
    return await http.get(f"{PAR}/sheets/{unit}/{year}", params=params, headers=headers)


async def send(
    http: httpx.AsyncClient, headers: dict[str, str], content: str | bytes, **params: str | int
) -> httpx.Response:
    data = content.encode() if isinstance(content, str) else content
    asked = {"year": 2020, "template": "provinces-2020", **params}
    files = {"file": ("par.csv", data)}
    return await http.post(f"{PAR}/sheets/import", params=asked, files=files, headers=headers)


async def deeds(database: Database) -> list[tuple[str, str, dict[str, Any]]]:
    async with database.read() as session:
        lines = (await session.scalars(select(AuditLine).order_by(AuditLine.id))).all()
    return [(line.action, line.target, line.details) for line in lines]


async def test_bac_giang_2020_adds_up_to_a_hundredth_more_than_was_published(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    await put(http, world.admin, "27", 2020, bac_giang(published_total=None) | {"final": False})
    written = await put(http, world.admin, "24", 2020, bac_giang(final=True, source="Báo Bắc Giang"))
    assert written.status_code == 200, written.text
    body = written.json()
    assert body["totals"]["points"] == "85.59"
    assert body["totals"]["max_points"] == "100.00"
    assert (body["published_total"], body["difference"], body["band"]) == ("85.58", "0.01", "B")
    assert (body["unit"], body["year"], body["revision"], body["state"]) == (
        {"code": "24", "name": "Bắc Ninh"},
        2020,
        1,
        "final",
    )
    assert body["domains"][7] == {
        "code": "8",
        "title": {"vi": "Tác động của CCHC", "en": "Impact (contains SIPAS)"},
        "max_points": "16.00",
        "self_score": None,
        "appraised_score": None,
        "survey_score": None,
        "points": "12.29",
    }
    shown = await read(http, world.admin)
    assert shown.json() == body
    again = await http.get(
        f"{PAR}/sheets/24/2020", headers={**world.admin, "If-None-Match": shown.headers["etag"]}
    )
    assert again.status_code == 304
    assert (await deeds(database))[-1] == (
        "par.sheet",
        "unit:24",
        {"year": 2020, "revision": 1, "state": "final", "points": "85.59"},
    )


async def test_scores_of_appraisal_and_survey_are_summed_and_the_self_score_stands_beside(
    http: httpx.AsyncClient, world: World
) -> None:
    scores = {"self_score": "8.25", "appraised_score": 6.9, "survey_score": "1.0225"}
    body = {"template": "provinces-2020", "domains": [{"code": "1", **scores}]}
    shown = (await put(http, world.admin, "24", 2021, body)).json()
    assert shown["domains"][0]["points"] == "7.9225"
    assert shown["domains"][0]["self_score"] == "8.25"
    assert shown["totals"]["points"] is None
    assert (shown["state"], shown["difference"], shown["band"]) == ("draft", None, None)


async def test_a_draft_is_written_anew_and_a_repetition_writes_nothing(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    for first in ("50", "50.0", "51", "51"):
        written = await put(http, world.admin, "24", 2020, sheet(first, final=False))
        assert written.status_code == 200
    shown = (await read(http, world.admin)).json()
    assert (shown["totals"]["points"], shown["revision"]) == ("81.00", 1)
    assert len(await deeds(database)) == 2
    async with database.read() as session:
        assert len((await session.scalars(select(ParScore))).all()) == 2


async def test_a_final_sheet_changes_only_by_a_revision_with_a_reason(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    for first in ("50", "50"):  # writing it again as it stands is no change
        assert (await put(http, world.admin, "24", 2020, sheet(first))).status_code == 200
    assert refusal(await put(http, world.admin, "24", 2020, sheet("51"))) == (409, "par_sheet_final")
    draft = sheet("50", final=False)
    assert refusal(await put(http, world.admin, "24", 2020, draft)) == (409, "par_sheet_final")
    reason: dict[str, Any] = {"reason": "Bộ Nội vụ đính chính"}
    assert faults(await put(http, world.admin, "24", 2020, sheet("51", final=False, **reason))) == [
        ("/final", "revision_is_final")
    ]
    for _ in range(2):  # a repetition is the same revision
        revised = await put(http, world.admin, "24", 2020, sheet("51", **reason))
        assert (revised.status_code, revised.json()["revision"]) == (200, 2)
    shown = (await read(http, world.admin)).json()
    assert (shown["totals"]["points"], shown["reason"]) == ("81.00", "Bộ Nội vụ đính chính")
    assert (await read(http, world.admin, revision=1)).json()["totals"]["points"] == "80.00"
    assert refusal(await read(http, world.admin, revision=3)) == (404, "par_sheet_unknown")
    assert [details["revision"] for _, _, details in await deeds(database)] == [1, 2]


async def test_of_two_who_write_at_once_one_is_first(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    sent = [put(http, world.admin, "24", 2020, sheet(first)) for first in ("50", "51", "52", "53")]
    assert sorted([answer.status_code for answer in await asyncio.gather(*sent)]) == [200, 409, 409, 409]
    assert len(await deeds(database)) == 1


async def test_a_reason_without_a_final_sheet_is_a_fault(http: httpx.AsyncClient, world: World) -> None:
    answer = await put(http, world.admin, "24", 2020, sheet("50", reason="Vì sao"))
    assert faults(answer) == [("/reason", "nothing_to_revise")]


@pytest.mark.parametrize("table", [ParSheet, ParScore])
async def test_the_database_keeps_a_final_sheet_too(
    http: httpx.AsyncClient, world: World, database: Database, table: type[Any]
) -> None:
    await put(http, world.admin, "24", 2020, sheet("50"))
    column = "source" if table is ParSheet else "title_vi"
    with pytest.raises(IntegrityError, match="never changes"):
        async with database.transaction() as session:
            await session.execute(update(table).values({column: "x"}))


async def test_every_fault_of_a_sheet_has_its_pointer(http: httpx.AsyncClient, world: World) -> None:
    body = {
        "template": "provinces-2020",
        "domains": [
            {"code": "1", "self_score": 8.51, "points": "-1"},
            {"code": "9", "points": 1},
            {"code": "2", "points": "8.98001"},
            {"code": "2", "points": 1},
        ],
        "published_total": "100.01",
    }
    assert faults(await put(http, world.admin, "24", 2020, body)) == [
        ("/domains/0/self_score", "above_maximum"),
        ("/domains/0/points", "too_small"),
        ("/domains/1/code", "unknown_domain"),
        ("/domains/2/points", "too_many_decimals"),
        ("/domains/3/code", "duplicate_code"),
        ("/published_total", "above_maximum"),
    ]
    short = {"template": "provinces-2020", "domains": [{"code": "1", "points": 1}], "final": True}
    assert set(faults(await put(http, world.admin, "24", 2020, short))) == {("/domains", "no_points")}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"template": "none", "domains": []}, [("/template", "not_allowed")]),
        (sheet("x"), [("/domains/0/points", "invalid_points")]),
        (sheet(True), [("/domains/0/points", "invalid_points")]),
        (sheet([]), [("/domains/0/points", "invalid_points")]),
        (sheet(1e-7), [("/domains/0/points", "too_many_decimals")]),
        (sheet(10**30), [("/domains/0/points", "above_maximum")]),
        (sheet("50", unknown=1), [("/unknown", "unknown_field")]),
        ({"domains": []}, [("/template", "missing")]),
    ],
)
async def test_what_cannot_be_a_sheet(
    http: httpx.AsyncClient, world: World, body: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert faults(await put(http, world.admin, "24", 2020, body)) == expected


@pytest.mark.parametrize("year", [1999, 2101])
async def test_years_have_bounds(http: httpx.AsyncClient, world: World, year: int) -> None:
    assert (await put(http, world.admin, "24", year, sheet("50"))).status_code == 422


async def test_outside_the_reach_nothing_exists_and_without_the_scope_nothing_is_done(
    http: httpx.AsyncClient, world: World
) -> None:
    await put(http, world.admin, "24", 2020, sheet("50"))
    neighbour = await world.client("27", "indices:read", "periods:publish")
    reader = await world.client("24", "indices:read")
    writer = await world.client("24", "periods:publish")
    assert refusal(await read(http, neighbour)) == (404, "unit_unknown")
    assert refusal(await put(http, neighbour, "24", 2020, sheet("50"))) == (404, "unit_unknown")
    assert refusal(await read(http, neighbour, "27")) == (404, "par_sheet_unknown")
    assert (await read(http, reader)).status_code == 200
    assert (await put(http, reader, "24", 2020, sheet("50"))).status_code == 403
    assert (await send(http, reader, HEAD)).status_code == 403
    assert (await read(http, writer)).status_code == 403
    assert (await put(http, writer, "09001", 2020, sheet("50"))).status_code == 200


async def test_templates_are_shown(http: httpx.AsyncClient, world: World) -> None:
    shown = (await http.get(f"{PAR}/templates", headers=world.admin)).json()["items"]
    assert [template["code"] for template in shown] == ["provinces-2020"]
    assert [domain["max_points"] for domain in shown[0]["domains"]][:2] == ["8.50", "10.00"]
    assert shown[0]["bands"][0] == {"code": "A", "lowest": "90"}


def rows(unit: str, *, first: str = "7.92", total: str = "85.58") -> str:
    known = csv.DictReader(KNOWN.read_text("utf-8-sig").splitlines())
    points = {row["domain_no"]: row["points"] for row in known} | {"1": first}
    return "".join(f"{unit},{code},{value},{total}\n" for code, value in points.items())


async def test_a_years_sheets_are_imported_after_a_rehearsal(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    await put(http, world.admin, "27", 2020, bac_giang(source="Bản nháp", published_total=None))
    before = len(await deeds(database))
    content = HEAD + rows("24") + rows("27")
    rehearsed = await send(http, world.admin, content, dry_run="true", final="true")
    changes = [
        {"code": "27", "field": "state", "before": "draft", "after": "final"},
        {"code": "27", "field": "published_total", "before": None, "after": "85.58"},
    ]
    assert (rehearsed.status_code, rehearsed.json()) == (
        200,
        {"created": 1, "updated": 1, "unchanged": 0, "errors": [], "changes": changes},
    )
    assert (await read(http, world.admin)).status_code == 404
    assert len(await deeds(database)) == before
    imported = await send(http, world.admin, content, final="true")
    assert imported.json() == rehearsed.json()
    again = await send(http, world.admin, content, final="true")
    assert again.json() == {"created": 0, "updated": 0, "unchanged": 2, "errors": [], "changes": []}
    for unit, source in (("24", None), ("27", "Bản nháp")):
        shown = (await read(http, world.admin, unit)).json()
        assert (shown["totals"]["points"], shown["difference"]) == ("85.59", "0.01")
        assert (shown["state"], shown["source"]) == ("final", source)
    assert [target for _, target, _ in await deeds(database)][before:] == ["unit:24", "unit:27"]


async def test_with_any_fault_no_sheet_of_the_file_is_written(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    await put(http, world.admin, "27", 2020, bac_giang(final=True))
    content = HEAD + rows("09001") + rows("99999") + rows("27", first="8") + rows("24", first="8.51")
    for params, status in (({"dry_run": "true"}, 200), ({}, 422)):
        answer = await send(http, world.admin, content, final="true", **params)
        assert answer.status_code == status
        assert [(fault["row"], fault["column"], fault["code"]) for fault in answer.json()["errors"]] == [
            (10, "unit_code", "unit_unknown"),
            (18, "unit_code", "sheet_is_final"),
            (26, "points", "above_maximum"),
        ]
    assert (await read(http, world.admin, "09001")).status_code == 404
    async with database.read() as session:
        assert await session.scalar(text("SELECT count(*) FROM par_sheets")) == 1


async def test_a_neighbours_units_are_unknown_to_an_import(http: httpx.AsyncClient, world: World) -> None:
    neighbour = await world.client("27", "periods:publish")
    answer = await send(http, neighbour, HEAD + rows("09101") + rows("24"))
    assert [fault["code"] for fault in answer.json()["errors"]] == ["unit_unknown"]
    assert (await send(http, neighbour, HEAD + rows("09101"))).json()["created"] == 1


async def test_a_workbook_is_imported_with_the_numbers_that_excel_shows(
    http: httpx.AsyncClient, world: World
) -> None:
    file = io.BytesIO()
    book = xlsxwriter.Workbook(file)
    page = book.add_worksheet()
    page.write_row(0, 0, ["unit_code", "domain", "appraised_score", "survey_score"])
    page.write_row(1, 0, ["24", 1, 0.1 + 0.2, 7])
    book.close()
    assert (await send(http, world.admin, file.getvalue())).json()["created"] == 1
    assert (await read(http, world.admin)).json()["domains"][0]["points"] == "7.30"


async def test_an_import_names_a_template_that_exists(http: httpx.AsyncClient, world: World) -> None:
    assert faults(await send(http, world.admin, HEAD, template="none")) == [("/template", "not_allowed")]


async def test_a_unit_code_that_lost_its_zero_is_told_with_the_likely_one(
    http: httpx.AsyncClient, world: World
) -> None:
    answer = await send(http, world.admin, HEAD + "9001,1,5,\n24,1,5,\n9999,1,5,\n")
    told = [(one["row"], one["column"], one["code"]) for one in answer.json()["errors"]]
    assert told == [(2, "unit_code", "code_taken_for_number"), (4, "unit_code", "unit_unknown")]
    assert "09001" in answer.json()["errors"][0]["detail"]


async def test_an_import_of_sheets_lists_every_score_it_changes(
    http: httpx.AsyncClient, world: World
) -> None:
    first = await send(http, world.admin, HEAD + "24,1,5,\n24,2,6,\n")
    assert (first.json()["created"], first.json()["changes"]) == (1, [])
    again = await send(http, world.admin, HEAD + '24,1,"5,5",80\n24,2,6,\n')
    assert (again.json()["updated"], again.json()["changes"]) == (
        1,
        [
            {"code": "24", "field": "published_total", "before": None, "after": "80"},
            {"code": "24", "field": "1.points", "before": "5", "after": "5.5"},
        ],
    )
