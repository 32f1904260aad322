"""What stands in a file of responses: read back and held against the rows that were planted."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from datetime import date
from itertools import pairwise
from typing import Any
from uuid import UUID

import httpx
import pytest
from python_calamine import CalamineWorkbook

from app.core.database import Database
from app.exports import produce, writers
from app.models.response import Response
from tests.support.planted import (
    ADDRESS,
    CRITERIA,
    DAY,
    HEADER,
    NASTY,
    NOISE,
    OCTOBER,
    ORDERS,
    OURS,
    Planted,
    plant,
)
from tests.support.world import World


async def take(http: httpx.AsyncClient, auth: dict[str, str], **query: str) -> httpx.Response:
    answer = await http.get(ADDRESS, params={**OCTOBER, **query}, headers=auth)
    assert answer.status_code == 200, answer.text
    return answer


def key(row: dict[str, Any]) -> list[str]:
    return [str(row.get(name)) for name in [*HEADER, "comment"]]


def same(found: list[dict[str, Any]], planted: Sequence[dict[str, Any]]) -> None:
    assert sorted(found, key=key) == sorted(planted, key=key)


def neutral(text: str | None) -> str | None:
    """By the rule, as far as these texts need it: what would be run has one more apostrophe before it."""
    return "'" + text if text and text.lstrip("'")[:1] in set("=+-@\t\r\n") else text


@pytest.fixture
async def tablet(world: World) -> UUID:
    return await plant(world, [*OURS, *NOISE])


async def test_json_lines_hold_every_text_as_it_was_typed(
    http: httpx.AsyncClient, world: World, tablet: UUID
) -> None:
    answer = await take(http, world.admin, unit="24", format="jsonl", comments="true")
    assert answer.headers["content-type"] == "application/x-ndjson"
    found = [json.loads(line) for line in answer.text.split("\n")[:-1]]
    same(found, [{**each.row(), "comment": each.comment} for each in OURS])


async def test_a_csv_file_read_back_is_what_was_planted_with_formulas_made_harmless(
    http: httpx.AsyncClient, world: World, tablet: UUID
) -> None:
    answer = await take(http, world.admin, unit="24", comments="true")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.content.startswith(b"\xef\xbb\xbf")
    header, *lines = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    assert header == [*HEADER, "comment"]

    def cell(value: object) -> str:
        return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)

    expected = [
        [cell(value) for value in {**each.row(), "verdict_reason": neutral(each.reason)}.values()]
        + [cell(neutral(each.comment))]
        for each in OURS
    ]
    assert sorted(lines) == sorted(expected)
    assert not [one for line in lines for one in line if one[:1] in set("=+-@\t\r\n") and one]


async def test_a_workbook_read_back_holds_numbers_days_and_harmless_text(
    http: httpx.AsyncClient, world: World, tablet: UUID
) -> None:
    answer = await take(http, world.admin, unit="24", format="xlsx", comments="true")
    book = CalamineWorkbook.from_filelike(io.BytesIO(answer.content))
    assert book.sheet_names == ["Responses", "About"]
    header, *lines = book.get_sheet_by_name("Responses").to_python()
    assert header == [*HEADER, "comment"]

    def cell(value: object) -> str:
        return "" if value is None else str(value)

    found = [[cell(one) for one in line[: len(HEADER)]] for line in lines]
    expected = [
        [cell(value) for value in {**each.row(), "verdict_reason": neutral(each.reason)}.values()]
        for each in OURS
    ]
    numbers = [[one.removesuffix(".0") for one in line] for line in found]
    assert sorted(numbers) == sorted(expected)
    assert all(isinstance(line[3], (int, float)) and isinstance(line[1], date) for line in lines)
    said = {line[-1] for line in lines}
    assert {neutral(each) for each in NASTY if "\r" not in each and "\x01" not in each} <= said
    about = {str(line[0]): str(line[1]) for line in book.get_sheet_by_name("About").to_python()}
    assert (about["rows"], json.loads(about["query"])["unit"]) == (str(len(OURS)), "24")


async def test_without_asking_for_them_comments_stay_where_they_are(
    http: httpx.AsyncClient, world: World, tablet: UUID
) -> None:
    for format_ in ("csv", "jsonl"):
        answer = await take(http, world.admin, unit="24", format=format_)
        assert "comment" not in answer.text
        assert "HYPERLINK" not in answer.text


async def test_no_file_tells_moment_desk_tablet_or_the_clients_id(
    http: httpx.AsyncClient, world: World, database: Database, tablet: UUID
) -> None:
    async with database.read() as session:
        stored = (await session.execute(Response.__table__.select())).all()
    for format_ in ("csv", "jsonl"):
        told = (await take(http, world.admin, format=format_, comments="true")).text.casefold()
        traces = ["bí mật", str(tablet), tablet.hex, "40017", "03:17", "10:17", "17:41"]
        traces += [part for row in stored for part in (str(row.id), row.id.hex, row.content_digest.hex())]
        assert [trace for trace in traces if trace in told] == []


async def test_the_order_of_a_file_is_not_the_order_of_coming(http: httpx.AsyncClient, world: World) -> None:
    """Rows lie on disk as they came in: unit by unit and day by day they must be shuffled."""
    come = [Planted("09001", answers=(1 + at // 40, 1 + at // 8 % 5, 1 + at % 5, 1, 1)) for at in range(60)]
    await plant(world, come)
    answer = await take(http, world.admin, format="jsonl")
    rows = [json.loads(line) for line in answer.text.split("\n")[:-1]]
    said = [tuple(row[code] for code in CRITERIA) for row in rows]
    assert sorted(said) == sorted(each.answers for each in come)
    after = {one.answers: following.answers for one, following in pairwise(come)}
    assert sum(after.get(one) == following for one, following in pairwise(said)) < 30


async def test_rows_stand_by_unit_and_day(http: httpx.AsyncClient, world: World, tablet: UUID) -> None:
    answer = await take(http, world.admin, format="jsonl")
    rows = [json.loads(line) for line in answer.text.split("\n")[:-1]]
    order = [(world.units[row["unit"]], row["local_day"]) for row in rows]
    assert order == sorted(order)
    assert len(order) == len(OURS) + 2, "the neighbour's rows are within an administrator's reach"


FILTERS: tuple[tuple[dict[str, str], Callable[[Planted], bool]], ...] = (
    ({"unit": "09002"}, lambda each: each.unit == "09002"),
    ({"unit": "24", "channel": "link"}, lambda each: each.channel == "link"),
    ({"unit": "24", "verdict": "void"}, lambda each: each.verdict == "void"),
    ({"unit": "24", "from": "2026-10-05"}, lambda each: each.day >= DAY),
    ({"unit": "24", "to": "2026-10-04"}, lambda each: each.day < DAY),
    ({"unit": "SNV"}, lambda _: False),
)


async def test_filters_leave_what_they_say(http: httpx.AsyncClient, world: World, tablet: UUID) -> None:
    for query, kept in FILTERS:
        answer = await take(http, world.admin, format="jsonl", **query)
        found = [json.loads(line) for line in answer.text.split("\n")[:-1]]
        same(found, [each.row() for each in OURS if kept(each)])
        record = await http.get(f"{ORDERS}/{answer.headers['x-export-id']}", headers=world.admin)
        told = record.json()
        assert (told["state"], told["rows"], told["size"]) == ("done", len(found), len(answer.content))


async def test_a_file_without_rows_has_its_header(http: httpx.AsyncClient, world: World) -> None:
    answer = await take(http, world.admin)
    assert answer.content.decode("utf-8-sig") == ",".join(HEADER) + "\n"


async def test_more_rows_than_a_sheet_holds_go_on_on_the_next() -> None:
    async def batches() -> Any:
        for start in range(0, 10, 4):
            yield [(at, f"{at}") for at in range(start, min(start + 4, 10))]

    tally = writers.Tally()
    pieces = [
        piece async for piece in writers.workbook("Responses", ["n", "t"], batches(), [], tally, sheet_rows=4)
    ]
    book = CalamineWorkbook.from_filelike(io.BytesIO(b"".join(pieces)))
    assert book.sheet_names == ["Responses", "Responses 2", "Responses 3", "Responses 4", "About"]
    sheets = [book.get_sheet_by_name(name).to_python() for name in book.sheet_names[:-1]]
    assert [sheet[0] for sheet in sheets] == [["n", "t"]] * 4
    assert [line for sheet in sheets for line in sheet[1:]] == [[at, str(at)] for at in range(10)]
    assert tally.rows == 10


async def test_a_workbook_that_would_keep_people_waiting_is_to_be_ordered(
    http: httpx.AsyncClient, world: World, tablet: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.exports.stream.MOST_SHEET_ROWS", len(OURS) - 1)
    answer = await http.get(ADDRESS, params={**OCTOBER, "unit": "24", "format": "xlsx"}, headers=world.admin)
    assert (answer.status_code, answer.json()["code"]) == (409, "export_too_large")


async def test_rows_come_from_a_cursor_some_at_a_time(
    http: httpx.AsyncClient, world: World, tablet: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(produce, "ROWS_AT_ONCE", 3)
    answer = await take(http, world.admin, unit="24", format="xlsx")
    book = CalamineWorkbook.from_filelike(io.BytesIO(answer.content))
    assert len(book.get_sheet_by_name("Responses").to_python()) == 1 + len(OURS)
