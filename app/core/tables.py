"""Uploaded tables (CSV or XLSX) as rows of text, with every fault of every row at once.

Pure to its callers: bytes in, rows and faults out; whether a code exists or a day is sensible is the
room's affair. People prepare these files in Excel, so we take what Excel makes: semicolons where the
computer is Vietnamese, the encodings it saves in, numbers that were meant as codes, merged cells, columns
in any order, titles above and totals beneath. What we never do is guess at content: a column we do not
know is a fault and not a shrug, because it is most often a known one misspelt; letters that were lost are
lost.

A row with a fault stays among the rows, its unreadable characters replaced by U+FFFD: the room's own
checks ("does the parent exist?") would otherwise accuse innocent neighbours. Whoever receives a
fault writes nothing at all.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import NamedTuple

from app.core import workbook
from app.core.decoding import decode
from app.core.headings import (
    HEADER_WITHIN,
    column_of,
    header_place,
    is_total,
    numbers_columns,
    word_of,
)
from app.core.row_faults import MAX_FAULTS as MAX_FAULTS
from app.core.row_faults import FaultsByKind
from app.core.row_faults import RowFault as RowFault
from app.core.spoiled import find_damage, tidied
from app.core.text import first_hidden

MAX_CELL = 32_767  # characters; the most that a cell of Excel holds

_SEPARATORS = ",;\t"
_WORKBOOK_NAMES = (".xlsx", ".xlsm", ".xls", ".ods")
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"
_SHOWN = 60  # characters of a stranger's heading that a message repeats

Line = tuple[int, list[str]]


class Row(NamedTuple):
    """One row: its number as a person sees it in the file, and a text for every known column."""

    number: int
    values: dict[str, str]


def read_rows(
    data: bytes, filename: str, columns: Sequence[str], required: Sequence[str], max_rows: int = 100_000
) -> tuple[list[Row], list[RowFault]]:
    """Read a table whose header is among the first lines that hold something: see `headings`.

    `columns` are all that may stand there, lower-case; those in `required` must, and their cells may
    not be empty. Values are tidied (see `spoiled`), "" where there is none. Content decides what kind of
    file it is, `filename` only helps to say what is wrong. Faults come in the order of the file, many of
    one kind as one. Blocks (see workbook.read_lines); never raises on any `data`.
    """
    rows: list[Row] = []
    faults = FaultsByKind()
    lines = _lines(data, filename, columns, max_rows, faults)
    first = list(islice(lines, HEADER_WITHIN))
    if not first:
        if not faults.listed():
            faults.add(RowFault(1, None, "empty_table"))
        return rows, faults.listed()
    place = header_place([cells for _, cells in first], columns, required)
    places, complete = _places(first[place], columns, required, faults)
    if not complete:
        return rows, faults.listed()
    after_header = True
    for number, cells in chain(first[place + 1 :], lines):
        counted = after_header and numbers_columns(cells)
        after_header = False
        if counted or _repeats_header(cells, places, columns) or _adds_up(cells, places, required):
            continue
        if len(rows) == max_rows:
            faults.add(RowFault(number, None, "too_many_rows", {"limit": max_rows}))
            break
        rows.append(_row(number, cells, places, columns, required, faults))
    return rows, faults.listed()


def _lines(
    data: bytes, filename: str, columns: Sequence[str], max_rows: int, faults: FaultsByKind
) -> Iterator[Line]:
    """Numbered lines that hold something, from whichever kind of file this is; adds why they end early."""
    if workbook.is_zip(data):
        try:
            # above the first row the header and titles, beneath the last one that shows it is too many
            yield from workbook.read_lines(data, max_rows + HEADER_WITHIN + 2)
        except workbook.WorkbookError as error:
            faults.add(RowFault(1, None, error.code, error.params))
    elif data.startswith(_OLD_EXCEL) or filename.lower().endswith(_WORKBOOK_NAMES):
        faults.add(RowFault(1, None, "unreadable_workbook"))
    else:
        yield from _csv_lines(data, columns, faults)


def _csv_lines(data: bytes, columns: Sequence[str], faults: FaultsByKind) -> Iterator[Line]:
    """Lines of a CSV file. Broken bytes travel on as lone surrogates, to be found in their own cell."""
    text = decode(data)
    filled = (line.strip() for line in io.StringIO(text, newline=None) if line.strip(" \t\r\n,;"))
    first = list(islice(filled, HEADER_WITHIN))
    separator = max(
        _SEPARATORS, key=lambda mark: max((_recognised(x, mark, columns) for x in first), default=(0, 0))
    )
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    number = 0
    while True:
        number += 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            # An open quote swallows the rest of the file: nothing after it can be trusted.
            faults.add(RowFault(number, None, "broken_row", {"limit": csv.field_size_limit()}))
            return
        if any(cell.strip() for cell in cells) and not _says_separator(number, cells):
            yield number, cells


def _says_separator(number: int, cells: Sequence[str]) -> bool:
    """Whether it is the line `sep=;`, which Excel writes for itself."""
    return number == 1 and cells[0].strip().lower() in {"sep=", *(f"sep={mark}" for mark in _SEPARATORS)}


def _recognised(header: str, separator: str, columns: Sequence[str]) -> tuple[int, int]:
    """How well a separator explains a line: known columns first, then the number of parts."""
    parts = [column_of(tidied(part.strip().strip('"')), columns) for part in header.split(separator)]
    return sum(bool(part) for part in parts), len(parts)


def _places(
    header: Line, columns: Sequence[str], required: Sequence[str], faults: FaultsByKind
) -> tuple[dict[int, str | None], bool]:
    """Where each column stands (None: a heading is none of ours), and whether all required ones are there.

    Adds the header's faults.
    """
    number, cells = header
    places: dict[int, str | None] = {}
    for index, cell in enumerate(cells):
        heading = tidied(cell)
        if not heading:
            continue
        places[index] = None
        name = column_of(heading, columns)
        if name is None:
            shown = _without_hidden(heading[:_SHOWN])
            faults.add(RowFault(number, shown, "unknown_column", {"allowed": ", ".join(columns)}))
        elif name and name in places.values():
            faults.add(RowFault(number, name, "duplicate_column"))
        else:
            places[index] = name or None
    absent = [name for name in required if name not in places.values()]
    for name in absent:
        faults.add(RowFault(number, name, "missing_column"))
    return places, not absent


def _repeats_header(cells: Sequence[str], places: Mapping[int, str | None], columns: Sequence[str]) -> bool:
    """Whether a row is the header again, as it stands at the top of every printed page."""
    named = [(cells[index], name) for index, name in places.items() if name and index < len(cells)]
    return bool(named) and all(column_of(tidied(cell), columns) == name for cell, name in named)


def _adds_up(cells: Sequence[str], places: Mapping[int, str | None], required: Sequence[str]) -> bool:
    """Whether a row adds others up: it says so, and has no key, or a number in its place and nothing else."""
    keys = [cells[index] for index, name in places.items() if name == required[0] and index < len(cells)]
    if is_total(keys) or not is_total(cells):
        return is_total(keys)
    others = [cells[index] for index, name in places.items() if name in required[1:] and index < len(cells)]
    lacking = len(required) > 1 and not any(cell.strip() and not is_total([cell]) for cell in others)
    return lacking or not any(key.strip() for key in keys)


def _row(
    number: int,
    cells: list[str],
    places: Mapping[int, str | None],
    columns: Sequence[str],
    required: Sequence[str],
    faults: FaultsByKind,
) -> Row:
    """One row's values; adds its faults."""
    values = dict.fromkeys(columns, "")
    for index, cell in enumerate(cells):
        column = places.get(index)
        if column is not None:
            values[column] = _value(number, column, cell, faults)
        elif index not in places and cell.strip():
            faults.add(RowFault(number, None, "cell_without_heading", {"position": index + 1}))
    for column in required:
        if not values[column]:
            faults.add(RowFault(number, column, "missing"))
    return Row(number, values)


def _value(number: int, column: str, cell: str, faults: FaultsByKind) -> str:
    """One cell as it was meant; adds its fault if it has one."""
    value = tidied(cell)
    if len(value) > MAX_CELL:
        faults.add(RowFault(number, column, "too_long", {"limit": MAX_CELL}))
        value = value[:MAX_CELL]
    damage = find_damage(value)
    if damage is None:
        return word_of(column, value)
    faults.add(RowFault(number, column, *damage))
    return _without_hidden(value)


def _without_hidden(text: str) -> str:
    return "".join("\ufffd" if first_hidden(char) else char for char in text)
