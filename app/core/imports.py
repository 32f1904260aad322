"""What every import of a table shares: checking cells, the result, and how the result looks to the caller.

An import is all or nothing. All faults of all rows are collected, so that a person mends the file once;
with any fault nothing is written, and the answer is 422 with the same body a dry run shows with 200: who
reads only the status still learns that nothing happened.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from app.core.clock import read_written_day
from app.core.errors import Problem
from app.core.openapi import problems
from app.core.problems import BadRequest, BodyTooLarge, InvalidRequest
from app.core.row_faults import FEW, FaultsByKind, RowFault
from app.core.schema import Out
from app.core.tables import Row
from app.core.text import fits_in_address
from app.core.texts import Language

MAX_ROWS = 50_000
MAX_CODE = 64
MAX_NAME = 300

# After one of these, rows or columns are missing from what was read: what "is not there" may well be.
_INCOMPLETE = frozenset(
    {"unknown_column", "missing_column", "duplicate_column", "broken_row", "too_many_rows", "empty_table"}
)


@dataclass(frozen=True, slots=True)
class ImportResult:
    """How many rows were (or, in a dry run, would be) written; all 0 where there are faults."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    faults: Sequence[RowFault] = ()
    changes: Sequence["FieldChange"] = ()


class ImportFault(Out):
    """One fault of the file: the row as a spreadsheet numbers it, and the column if it is one cell's.

    Where more than ten rows have it, it is told once: `count` says how many they are, `rows` the first ten.
    """

    row: int
    column: str | None
    code: str
    detail: str
    count: int = 1
    rows: Sequence[int] = ()

    @classmethod
    def of(cls, fault: RowFault, language: Language) -> "ImportFault":
        """The fault in the caller's language."""
        return cls(
            row=fault.row,
            column=fault.column,
            code=fault.code,
            detail=fault.detail(language),
            count=len(fault.rows) or 1,
            rows=list(fault.rows[:FEW] or (fault.row,)),
        )


class FieldChange(Out):
    """A field that an import changes: as it was and as it becomes, null where there is nothing."""

    code: str
    field: str
    before: str | None
    after: str | None


class ImportReport(Out):
    """What an import did, or would do. With errors nothing is written."""

    created: int
    updated: int
    unchanged: int
    errors: list[ImportFault]
    changes: Sequence[FieldChange] = ()
    """Of each row counted as updated every field that changes."""


class Table:
    """The rows of an uploaded table with the faults found so far. A faulty cell is accused only once."""

    def __init__(self, rows: Sequence[Row], faults: Sequence[RowFault]) -> None:
        self.rows = rows
        self._faults = FaultsByKind(faults)
        self.whole = not any(fault.code in _INCOMPLETE for fault in faults)
        """Whether everything was read: only then may one say of a code that it is not in the file."""

    def accuse(self, row: Row, column: str, code: str, **params: object) -> None:
        """Add a fault of one cell, unless the cell has one."""
        self._faults.add(RowFault(row.number, column, code, params))

    def is_accused(self, row: Row, column: str) -> bool:
        """Whether the cell has a fault already."""
        return (row.number, column) in self._faults

    def faults(self) -> list[RowFault]:
        """All faults in the order of the file, many of one kind as one."""
        return self._faults.listed()

    def by_code(self) -> dict[str, Row]:
        """The rows by their code; accuses codes that are no codes, and every row that repeats one."""
        found: dict[str, Row] = {}
        self.check_length("code", MAX_CODE)
        for row in self.rows:
            code = row.values["code"]
            if not fits_in_address(code):
                self.accuse(row, "code", "invalid_character")
            if code and code in found:
                self.accuse(row, "code", "duplicate_row", first=found[code].number)
            elif code:
                found[code] = row
        return found

    def check_length(self, column: str, limit: int) -> None:
        """Accuse cells longer than `limit` characters."""
        for row in self.rows:
            if len(row.values[column]) > limit:
                self.accuse(row, column, "too_long", limit=limit)

    def check_word(self, column: str, allowed: Sequence[str]) -> None:
        """Accuse cells that hold none of the allowed words; empty ones are the reader's affair."""
        for row in self.rows:
            if row.values[column] and row.values[column] not in allowed:
                self.accuse(row, column, "not_allowed", allowed=", ".join(allowed))

    def day(self, row: Row, column: str) -> date | None:
        """The cell as a day; None where it is empty or (accused) no day."""
        value = row.values[column]
        day = read_written_day(value)
        if day is None and value:
            self.accuse(row, column, "invalid_date")
        return day


def changes_of(code: str, before: Mapping[str, object], after: Mapping[str, object]) -> list[FieldChange]:
    """The fields of one row that differ, as texts; a field that one of them lacks is nothing there."""

    def said(facts: Mapping[str, object], field: str) -> str | None:
        fact = facts.get(field)
        return None if fact is None else f"{fact.normalize():f}" if isinstance(fact, Decimal) else str(fact)

    return [
        FieldChange(code=code, field=field, before=said(before, field), after=said(after, field))
        for field in {**after, **before}
        if before.get(field) != after.get(field)
    ]


def report(result: ImportResult, language: Language) -> ImportReport:
    """The result in the caller's language."""
    return ImportReport(
        created=result.created,
        updated=result.updated,
        unchanged=result.unchanged,
        errors=[ImportFault.of(fault, language) for fault in result.faults],
        changes=list(result.changes),
    )


def status_of(result: ImportResult, dry_run: bool) -> int:
    """422 when something should have been written and was not; else 200."""
    return 422 if result.faults and not dry_run else 200


def import_responses(*kinds: type[Problem]) -> dict[int | str, dict[str, Any]]:
    """For OpenAPI: what an import can answer besides 200."""
    documented: dict[int | str, dict[str, Any]] = problems(BadRequest, BodyTooLarge, InvalidRequest, *kinds)
    documented[422] |= {
        "model": ImportReport,
        "description": "The file has faults (the report), or the request has (a problem).",
    }
    return documented
