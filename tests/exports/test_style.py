"""Semicolons and decimal commas: every table of the house, written as a Vietnamese spreadsheet opens it."""

import csv
import io
from typing import Any

import httpx
import pytest

from app.core.database import Database
from app.exports.jobs import Maker
from tests.house.test_routes import OPERATIONS, ROUTES
from tests.support.periods import FIRST, LAST, fill, published
from tests.support.planted import ADDRESS, FORM, OCTOBER, ORDER, ORDERS, OURS, plant
from tests.support.world import World

PARAMETERS = {"delimiter": ["comma", "semicolon"], "decimal": ["point", "comma"]}
STYLES = [(one, other) for one in PARAMETERS["delimiter"] for other in PARAMETERS["decimal"]]
TABLES = {
    name
    for name, operation in OPERATIONS.items()
    if name.startswith("GET ") and "text/csv" in operation["responses"].get("200", {}).get("content", {})
} - {"GET /api/v1/exports/{export_id}/file"}  # as it was ordered


def rows(answer: httpx.Response, delimiter: str = "comma") -> list[list[str]]:
    assert answer.status_code == 200, answer.text
    assert answer.content.startswith(b"\xef\xbb\xbf")
    mark = ";" if delimiter == "semicolon" else ","
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""), delimiter=mark))


def with_commas(table: list[list[str]], columns: set[str]) -> list[list[str]]:
    """The table as it must be with decimal commas in the columns that hold decimals."""
    header, *lines = table
    return [
        header,
        *(
            [
                cell.replace(".", ",") if name in columns else cell
                for name, cell in zip(header, line, strict=True)
            ]
            for line in lines
        ),
    ]


@pytest.mark.parametrize("name", sorted(TABLES))
def test_every_table_lets_its_reader_choose(name: str) -> None:
    taken = {
        each["name"]: str(each["schema"]) for each in OPERATIONS[name]["parameters"] if each["in"] == "query"
    }
    for parameter, values in PARAMETERS.items():
        assert all(f"'{value}'" in taken.get(parameter, "") for value in values), (parameter, taken)


def test_the_walk_finds_every_table() -> None:
    assert len(TABLES) >= 8
    assert {name for name in ROUTES if name.endswith((".csv", "/export"))} <= TABLES


@pytest.mark.parametrize(("delimiter", "decimal"), STYLES)
async def test_figures_are_the_same_however_they_are_written(
    http: httpx.AsyncClient, world: World, delimiter: str, decimal: str
) -> None:
    await fill(world, _09001=7, _09002=6)
    asked = {"from": str(FIRST), "to": str(LAST), **FORM}
    plain = rows(await http.get("/api/v1/exports/indices", params=asked, headers=world.admin))
    style = {"delimiter": delimiter, "decimal": decimal}
    found = rows(
        await http.get("/api/v1/exports/indices", params={**asked, **style}, headers=world.admin), delimiter
    )
    decimals = {"percent", "low", "high", "response_rate"} if decimal == "comma" else set()
    assert found == with_commas(plain, decimals)
    assert any("," in line[plain[0].index("low")] for line in found) is (decimal == "comma")


@pytest.mark.parametrize(("delimiter", "decimal"), STYLES)
async def test_published_figures_are_the_same_however_they_are_written(
    http: httpx.AsyncClient, world: World, delimiter: str, decimal: str
) -> None:
    await fill(world, _09001=7, _09002=6)
    two = [await world.person(name, ("system_admin", None)) for name in ("lan", "minh")]
    number = await published(http, two)
    style = {"delimiter": delimiter, "decimal": decimal}
    for path in ("", f"/{number}", f"/{number}/units/24"):
        address = f"/api/v1/public/periods{path}"
        plain = rows(await http.get(address, params={"format": "csv"}))
        found = rows(await http.get(address, params={"format": "csv", **style}), delimiter)
        decimals = {
            name
            for name in plain[0]
            if name.split("_")[-1] in {"percent", "low", "high"}
            or name in {"response_rate", "par_index_points"}
        }
        assert found == with_commas(plain, decimals if decimal == "comma" else set())
        by_header = await http.get(address, params=style, headers={"Accept": "text/csv"})
        assert rows(by_header, delimiter) == found


async def test_responses_and_an_order_of_them_part_cells_by_semicolons(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    await plant(world, OURS)
    plain = rows(await http.get(ADDRESS, params={**OCTOBER, "comments": "true"}, headers=world.admin))
    style = {"delimiter": "semicolon", "decimal": "comma"}
    asked = {**OCTOBER, "comments": "true", **style}
    assert rows(await http.get(ADDRESS, params=asked, headers=world.admin), "semicolon") == plain
    order = {**ORDER, "comments": True, **style}
    placed = (await http.post(ORDERS, json=order, headers=world.admin)).json()
    assert placed["query"].items() >= style.items()
    assert await Maker(database).work()
    done = (await http.get(f"{ORDERS}/{placed['id']}", headers=world.admin)).json()
    assert rows(await http.get(done["file"], headers=world.admin), "semicolon") == plain


async def test_what_is_not_said_is_not_on_record(http: httpx.AsyncClient, world: World) -> None:
    """A runner of the release before reads this, and knows neither."""
    placed = (await http.post(ORDERS, json=ORDER, headers=world.admin)).json()
    assert placed["query"].keys() & PARAMETERS.keys() == set()


@pytest.mark.parametrize("path", ["/api/v1/exports/codebook", "/api/v1/audit/export"])
async def test_the_other_tables_part_cells_by_semicolons(
    http: httpx.AsyncClient, world: World, path: str
) -> None:
    changed = await http.patch("/api/v1/units/09001", json={"require_totp": True}, headers=world.admin)
    assert changed.status_code == 200
    asked = {**FORM, "format": "csv"} if "codebook" in path else {}
    plain = rows(await http.get(path, params=asked, headers=world.admin))
    found = await http.get(path, params={**asked, "delimiter": "semicolon"}, headers=world.admin)
    assert rows(found, "semicolon") == plain
    assert len(plain) > 1


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        (ADDRESS, {**OCTOBER, "format": "xlsx"}),
        ("/api/v1/exports/indices", {**OCTOBER, "format": "jsonl"}),
        ("/api/v1/exports/codebook", FORM),
        ("/api/v1/public/periods", {}),
    ],
)
async def test_a_file_without_cells_refuses_to_be_told_of_them(
    http: httpx.AsyncClient, world: World, path: str, asked: dict[str, Any]
) -> None:
    style = {"delimiter": "semicolon", "decimal": "comma"}
    answer = await http.get(path, params={**asked, **style}, headers=world.admin)
    assert answer.status_code == 422, answer.text
    found = {fault["pointer"]: fault["code"] for fault in answer.json()["errors"]}
    assert found == {"/delimiter": "only_with", "/decimal": "only_with"}
