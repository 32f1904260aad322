"""Lines of an XLSX workbook, read where a hostile file can do no harm.

A workbook is a zip of XML, and both can lie. A few kilobytes may unpack to gigabytes; and a sheet
with one cell in the first and one in the last corner makes the reading library ask for half a
terabyte and abort the whole process. The library cannot be told to stop, so it works in a child
process of its own with limits on memory, time and output: this very file, run as a script, data in
on stdin, one JSON line a row out. What the zip directory admits to is checked before that, because
it is cheap and gives the clearer answer.

Road not taken: scanning the XML for far-away cells first. Two parsers never agree on everything, and
it is the difference that an attacker uses.
"""

import datetime as dt
import io
import json
import resource
import subprocess
import sys
import zipfile
from collections.abc import Iterator

import python_calamine

MAX_UNPACKED = 200 * 1024 * 1024
MAX_MEMORY = 1024 * 1024 * 1024  # of the child, address space
MAX_SECONDS = 60
MAX_OUTPUT = 100_000_000  # characters: one long text shared by a million cells is small only in the file

_CONTENTS = "[Content_Types].xml"  # every Office Open XML file has it, no other zip does

CellValue = int | float | str | bool | dt.date | dt.time | dt.timedelta


class WorkbookError(Exception):
    """This workbook cannot be read; `code` is a code of messages.FAULTS."""

    def __init__(self, code: str, **params: object) -> None:
        super().__init__(code)
        self.code = code
        self.params = params


def is_zip(data: bytes) -> bool:
    """Whether the content begins as a zip archive does, an empty one included."""
    return data.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def read_lines(data: bytes, max_lines: int) -> Iterator[tuple[int, list[str]]]:
    """Lines with something in them, of the first visible sheet, each with the number Excel shows.

    At most `max_lines`. Blocks while the child works: call it from a thread. Raises WorkbookError.
    """
    _check_directory(data)
    try:
        child = subprocess.run(
            [sys.executable, "-I", __file__, str(max_lines)],
            input=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # a stack trace of the library's; the exit code says enough
            timeout=MAX_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise WorkbookError("unreadable_workbook") from late
    if child.returncode != 0:
        raise WorkbookError("unreadable_workbook")
    for line in child.stdout.splitlines():
        number, cells = json.loads(line)
        yield number, cells


def _check_directory(data: bytes) -> None:
    """Refuse what is no workbook, and what says itself that it unpacks to too much."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
            names = archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as broken:
        raise WorkbookError("unreadable_workbook") from broken
    if unpacked > MAX_UNPACKED:
        raise WorkbookError("unpacks_too_large", limit=MAX_UNPACKED // 1024**2)
    if _CONTENTS not in names:
        raise WorkbookError("unreadable_workbook")


def cell_text(value: CellValue) -> str:
    """A cell as text. Excel keeps every number as a float, so that the code 24 arrives as 24.0.

    Fifteen digits are what Excel itself keeps and shows. A day, and an instant at midnight, becomes
    YYYY-MM-DD. Text stays as it is, leading zeros included.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else format(value, ".15g")
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time.min else value.isoformat(" ")
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    return str(value)


def _first_visible(book: python_calamine.CalamineWorkbook) -> int:
    """The index of the sheet that a person sees first; hidden sheets and charts are none."""
    for index, sheet in enumerate(book.sheets_metadata):
        is_cells = sheet.typ == python_calamine.SheetTypeEnum.WorkSheet
        if is_cells and sheet.visible == python_calamine.SheetVisibleEnum.Visible:
            return index
    raise python_calamine.WorksheetNotFound


def _merged_down(sheet: python_calamine.CalamineSheet) -> dict[int, list[tuple[int, int]]]:
    """Cells merged over several rows, by their first row: column and last row. A person sees them in each."""
    merged: dict[int, list[tuple[int, int]]] = {}
    for (top, left), (bottom, _) in sheet.merged_cell_ranges or ():
        if bottom > top:
            merged.setdefault(top + 1, []).append((left, bottom + 1))
    return merged


def _limit(kind: int, most: int) -> None:
    """Lower a limit of this process; one that is lower already stays."""
    hard = resource.getrlimit(kind)[1]
    lowest = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (lowest, lowest))


def _child(max_lines: int) -> None:
    """The child's work: stdin to stdout, within limits. Any failure is an exit code other than 0."""
    _limit(resource.RLIMIT_AS, MAX_MEMORY)
    _limit(resource.RLIMIT_CPU, MAX_SECONDS)
    _limit(resource.RLIMIT_CORE, 0)
    book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(sys.stdin.buffer.read()))
    sheet = book.get_sheet_by_index(_first_visible(book))
    merged = _merged_down(sheet)
    spread: dict[int, tuple[int, str]] = {}  # column: last row of the merged cell, its text
    written = lines = 0
    for number, row in enumerate(sheet.iter_rows(), start=1):
        cells = [cell_text(value) for value in row]
        if not any(cells):
            continue
        for column, (last, shown) in spread.items():
            if number <= last and column < len(cells):
                cells[column] = cells[column] or shown
        spread |= {
            column: (last, cells[column]) for column, last in merged.get(number, ()) if column < len(cells)
        }
        line = json.dumps([number, cells])
        written += len(line)
        lines += 1
        if written > MAX_OUTPUT:
            sys.exit(3)
        sys.stdout.write(line + "\n")
        if lines == max_lines:
            return


if __name__ == "__main__":
    _child(int(sys.argv[1]))
