"""Uploaded tables (CSV or XLSX) as rows of text, with every fault of every row at once.

Pure to its callers: bytes in, rows and faults out; whether a code exists or a day is sensible is the
room's affair. People prepare these files in Excel, so we take what Excel makes: semicolons where the
computer is Vietnamese, a byte order mark, numbers that were meant as codes, columns in any order.
What we never do is guess at content: a column we do not know is a fault and not a shrug, because it
is most often a known one misspelt.

A row with a fault stays among the rows, its unreadable characters replaced by U+FFFD: the room's own
checks ("does the parent exist?") would otherwise accuse innocent neighbours. Whoever receives a
fault writes nothing at all.
"""

import csv
import io
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from app.core import workbook
from app.core.messages import FAULTS
from app.core.text import clean, first_hidden
from app.core.texts import Language

MAX_FAULTS = 1_000
MAX_CELL = 32_767  # characters; the most that a cell of Excel holds

_NO_PARAMS: Mapping[str, object] = MappingProxyType({})
_SEPARATORS = ",;\t"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_WORKBOOK_NAMES = (".xlsx", ".xlsm", ".xls", ".ods")
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"
_SHOWN = 60  # characters of a stranger's heading that a message repeats

Line = tuple[int, list[str]]


class Row(NamedTuple):
    """One row: its number as a person sees it in the file, and a text for every known column."""

    number: int
    values: dict[str, str]


class RowFault(NamedTuple):
    """One fault of a file: row (1 for the file as a whole), column if it is one cell's, what is wrong."""

    row: int
    column: str | None
    code: str
    params: Mapping[str, object] = _NO_PARAMS

    def detail(self, language: Language) -> str:
        """The sentence for people."""
        return FAULTS[self.code].render(language, self.params)


class _Stop(Exception):
    """Reading cannot go on after this fault."""

    def __init__(self, fault: RowFault) -> None:
        super().__init__(fault.code)
        self.fault = fault


def read_rows(
    data: bytes, filename: str, columns: Sequence[str], required: Sequence[str], max_rows: int = 100_000
) -> tuple[list[Row], list[RowFault]]:
    """Read a table whose first line that is not empty names the columns.

    `columns` are all that may stand there, lower-case; those in `required` must, and their cells may
    not be empty. Values are NFC and stripped, "" where there is none. Content decides what kind of
    file it is, `filename` only helps to say what is wrong. At most MAX_FAULTS faults are reported, in
    the order of the file, and reading ends there. Blocks (see workbook.read_lines); never raises on
    any `data`.
    """
    rows: list[Row] = []
    faults: list[RowFault] = []
    try:
        lines = _lines(data, filename, [*columns], max_rows)
        header = next(lines, None)
        if header is None:
            raise _Stop(RowFault(1, None, "empty_table"))
        places = _places(header, columns, required, faults)
        if not places or any(fault.code == "missing_column" for fault in faults):
            return rows, faults[:MAX_FAULTS]
        for number, cells in lines:
            if len(rows) == max_rows:
                raise _Stop(RowFault(number, None, "too_many_rows", {"limit": max_rows}))
            rows.append(_row(number, cells, places, columns, required, faults))
            if len(faults) >= MAX_FAULTS:
                break
    except _Stop as stop:
        faults.append(stop.fault)
    return rows, faults[:MAX_FAULTS]


def _lines(data: bytes, filename: str, columns: list[str], max_rows: int) -> Iterator[Line]:
    """Numbered lines that hold something, from whichever kind of file this is."""
    if workbook.is_zip(data):
        try:
            yield from workbook.read_lines(data, max_rows + 2)  # the header, and one to see it is too many
        except workbook.WorkbookError as error:
            raise _Stop(RowFault(1, None, error.code, error.params)) from error
    elif data.startswith(_OLD_EXCEL) or filename.lower().endswith(_WORKBOOK_NAMES):
        raise _Stop(RowFault(1, None, "unreadable_workbook"))
    elif data.startswith(_UTF16_MARKS):
        raise _Stop(RowFault(1, None, "not_utf8"))
    else:
        yield from _csv_lines(data, columns)


def _csv_lines(data: bytes, columns: list[str]) -> Iterator[Line]:
    """Lines of a CSV file. Broken bytes travel on as lone surrogates, to be found in their own cell."""
    text = data.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    first = next((line for line in io.StringIO(text, newline="") if line.strip(" \t\r\n,;")), "")
    separator = max(_SEPARATORS, key=lambda mark: _recognised(first, mark, columns))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    number = 0
    while True:
        number += 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            # An open quote swallows the rest of the file: nothing after it can be trusted.
            raise _Stop(RowFault(number, None, "broken_row", {"limit": csv.field_size_limit()})) from error
        if any(cell.strip() for cell in cells):
            yield number, cells


def _recognised(header: str, separator: str, columns: list[str]) -> tuple[int, int]:
    """How well a separator explains the header: known columns first, then the number of parts."""
    parts = [_heading(part.strip().strip('"')) for part in header.split(separator)]
    return sum(part in columns for part in parts), len(parts)


def _heading(cell: str) -> str:
    return clean(cell).lower()


def _places(
    header: Line, columns: Sequence[str], required: Sequence[str], faults: list[RowFault]
) -> dict[int, str | None]:
    """Where each column stands; None where a heading is faulty. Adds the header's faults."""
    number, cells = header
    places: dict[int, str | None] = {}
    for index, cell in enumerate(cells):
        name = _heading(cell)
        if not name:
            continue
        places[index] = None
        if name in places.values():
            faults.append(RowFault(number, name, "duplicate_column"))
        elif name in columns:
            places[index] = name
        else:
            shown = _without_hidden(cell.strip()[:_SHOWN])
            faults.append(RowFault(number, shown, "unknown_column", {"allowed": ", ".join(columns)}))
    present = set(places.values())
    faults.extend(RowFault(number, name, "missing_column") for name in required if name not in present)
    return places


def _row(
    number: int,
    cells: list[str],
    places: Mapping[int, str | None],
    columns: Sequence[str],
    required: Sequence[str],
    faults: list[RowFault],
) -> Row:
    """One row's values; adds its faults."""
    values = dict.fromkeys(columns, "")
    for index, cell in enumerate(cells):
        column = places.get(index)
        if column is not None:
            values[column] = _value(number, column, cell, faults)
        elif index not in places and cell.strip():
            faults.append(RowFault(number, None, "cell_without_heading", {"position": index + 1}))
    faults.extend(RowFault(number, column, "missing") for column in required if not values[column])
    return Row(number, values)


def _value(number: int, column: str, cell: str, faults: list[RowFault]) -> str:
    """One cell, cleaned; adds its fault if it has one."""
    value = clean(cell)
    if len(value) > MAX_CELL:
        faults.append(RowFault(number, column, "too_long", {"limit": MAX_CELL}))
        value = value[:MAX_CELL]
    hidden = first_hidden(value)
    if hidden is None:
        return value
    if unicodedata.category(hidden) == "Cs":
        faults.append(RowFault(number, column, "not_utf8"))
    else:
        faults.append(RowFault(number, column, "hidden_character", {"character": f"U+{ord(hidden):04X}"}))
    return _without_hidden(value)


def _without_hidden(text: str) -> str:
    return "".join("\ufffd" if first_hidden(char) else char for char in text)
