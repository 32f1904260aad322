"""An uploaded table of score sheets: one row for each domain of a unit. Pure.

Rows of a unit may stand anywhere. What a single sheet is refused for, a table is refused for too, by the same
check; a fault is said of its row and column.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from app.core.faults import Fault
from app.core.imports import MAX_CODE, MAX_NAME, Table
from app.core.tables import Row
from app.par.scores import SCORES, Score, Scored, points_fault, read_points, scored
from app.par.templates import WHOLE, Template, Words

COLUMNS = (
    "unit_code",
    "domain",
    "title_vi",
    "title_en",
    "max_points",
    *SCORES,
    "published_total",
)
REQUIRED = ("unit_code", "domain")

_COLUMN = {"code": "domain", "title": "title_vi"}
_OF_THE_WHOLE = {"maxima_not_whole", "no_points"}
"""Faults that may only follow from others: not said where cells are faulty, or rows may be missing."""


class Read(NamedTuple):
    """A unit's sheet as the table has it; `row` is its first."""

    unit_code: str
    row: Row
    scores: tuple[Scored, ...]
    published_total: Decimal | None


def read_sheets(table: Table, template: Template | None, *, complete: bool) -> list[Read]:
    """The sheets of a table in the order of their first rows; accuses what is wrong with them."""
    for column, limit in (("unit_code", MAX_CODE), ("domain", MAX_CODE)):
        table.check_length(column, limit)
    for column in ("title_vi", "title_en"):
        table.check_length(column, MAX_NAME)
    units: dict[str, list[Row]] = {}
    for row in table.rows:
        if row.values["unit_code"] and row.values["domain"]:
            units.setdefault(row.values["unit_code"], []).append(row)
    return [_read(table, template, rows, complete=complete) for rows in units.values()]


def _read(table: Table, template: Template | None, rows: Sequence[Row], *, complete: bool) -> Read:
    before = len(table.faults())
    first: dict[str, Row] = {}
    for row in rows:
        domain = row.values["domain"]
        if domain in first:
            table.accuse(row, "domain", "domain_twice", first=first[domain].number)
        else:
            first[domain] = row
    kept = list(first.values())
    scores = [_score(table, row) for row in kept]
    total = _published(table, rows)
    sheet, faults = scored(template, scores, complete=complete)
    sound = table.whole and len(table.faults()) == before
    for fault in faults:
        if sound or fault.code not in _OF_THE_WHOLE:
            _accuse(table, kept, fault)
    return Read(rows[0].values["unit_code"], rows[0], tuple(sheet), total)


def _accuse(table: Table, rows: Sequence[Row], fault: Fault) -> None:
    """A fault of the list of scores, said of its row; of the first row where it is the whole sheet's."""
    _, place, field = [*fault.pointer.split("/"), "", ""][:3]
    row = rows[int(place)] if place else rows[0]
    column = _COLUMN.get(field, field) or ("domain" if place else "unit_code")
    table.accuse(row, column, fault.code, **fault.params)


def _score(table: Table, row: Row) -> Score:
    numbers: Mapping[str, Decimal | None] = {
        name: _number(table, row, name) for name in (*SCORES, "max_points")
    }
    vi, en = row.values["title_vi"], row.values["title_en"]
    return Score(row.values["domain"], **numbers, title=Words(vi, en) if vi and en else None)


def _number(table: Table, row: Row, column: str) -> Decimal | None:
    """The number of a cell; None where it is empty or (accused) no number."""
    text = row.values[column]
    number = read_points(text)
    if text and number is None:
        table.accuse(row, column, "invalid_points")
    return number


def _published(table: Table, rows: Sequence[Row]) -> Decimal | None:
    """The unit's published total: in one of its rows, or the same in several."""
    found: tuple[Row, Decimal] | None = None
    for row in rows:
        number = _number(table, row, "published_total")
        if number is None:
            continue
        if wrong := points_fault(number, WHOLE, ""):
            table.accuse(row, "published_total", wrong.code, **wrong.params)
        elif found is not None and found[1] != number:
            table.accuse(row, "published_total", "row_differs", first=found[0].number)
        found = found or (row, number)
    return found[1] if found else None
