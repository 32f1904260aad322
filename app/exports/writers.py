"""Writers: rows become a file, piece by piece, whatever their number.

PostgreSQL's own COPY for responses, which only has to be passed on; plain lines for tables we compute; and
workbooks, which must lie on disk before their first byte can be sent, because an XLSX is a ZIP archive.
"""

import asyncio
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import xlsxwriter

from app.core.cells import neutral
from app.core.csvs import BOM, CsvStyle

Batch = Sequence[Sequence[Any]]

SHEET_ROWS = 1_048_576
PIECE = 64 * 1024
WAITING = 4
"""Pieces of COPY that wait for a slow reader; then PostgreSQL waits, too."""

# JSON escapes control characters, so these two never stand in a line and COPY leaves it as it is
AS_CSV: Mapping[str, Any] = {"format": "csv", "header": True}
AS_LINES: Mapping[str, Any] = {"format": "csv", "quote": "\x01", "delimiter": "\x02"}


class Tally:
    """How many rows an export has so far; exact when it has ended."""

    def __init__(self) -> None:
        self.rows = 0


async def copied(
    connection: asyncpg.Connection,
    select: str,
    arguments: Sequence[object],
    options: Mapping[str, Any],
    tally: Tally,
) -> AsyncGenerator[bytes, None]:
    """What COPY writes, in pieces; line breaks stand for rows until the exact number is known at the end."""
    if options.get("header"):
        yield BOM
    pieces: asyncio.Queue[bytes | None] = asyncio.Queue(WAITING)
    gathered = bytearray()

    async def take(data: bytes) -> None:
        gathered.extend(data)
        if len(gathered) >= PIECE:
            await pieces.put(bytes(gathered))
            gathered.clear()

    async def copy() -> str:
        try:
            status: str = await connection.copy_from_query(select, *arguments, output=take, **options)
        except Exception:  # whatever it was: whoever reads must not wait for ever, and hears it below
            await pieces.put(None)
            raise
        await pieces.put(bytes(gathered))
        await pieces.put(None)
        return status

    copying = asyncio.create_task(copy())
    try:
        while (piece := await pieces.get()) is not None:
            tally.rows += piece.count(b"\n")
            yield piece
        tally.rows = int((await copying).split()[-1])
    finally:
        copying.cancel()
        await asyncio.wait([copying])


async def csv_lines(
    names: Sequence[str], batches: AsyncIterator[Batch], tally: Tally, style: CsvStyle
) -> AsyncGenerator[bytes, None]:
    """A CSV file of rows; what is text is made harmless."""
    yield BOM + style.lines([names], "\n")
    async for batch in batches:
        tally.rows += len(batch)
        yield style.lines(batch, "\n")


async def json_lines(
    names: Sequence[str], batches: AsyncIterator[Batch], tally: Tally
) -> AsyncGenerator[bytes, None]:
    """One JSON object a line."""
    async for batch in batches:
        tally.rows += len(batch)
        yield b"".join(orjson.dumps(dict(zip(names, map(_plain, row), strict=True))) + b"\n" for row in batch)


async def workbook(
    name: str,
    names: Sequence[str],
    batches: AsyncIterator[Batch],
    about: Sequence[Sequence[str]],
    tally: Tally,
    *,
    sheet_rows: int = SHEET_ROWS,
) -> AsyncGenerator[bytes, None]:
    """An XLSX file: as many sheets as the rows need, and a last one that says what they are.

    Rows go to disk as they are written (constant memory), in a thread, so that others are served meanwhile.
    """
    with tempfile.TemporaryDirectory(prefix="sipas-export-") as directory:
        path = Path(directory) / "export.xlsx"
        book = _Book(path, name, names, sheet_rows)
        async for batch in batches:
            await asyncio.to_thread(book.add, batch)
            tally.rows += len(batch)
        await asyncio.to_thread(book.finish, [*about, ("rows", str(tally.rows))])
        with path.open("rb") as file:
            while piece := await asyncio.to_thread(file.read, 4 * PIECE):
                yield piece


class _Book:
    """A workbook under way. Everything here may run in a thread."""

    def __init__(self, path: Path, name: str, names: Sequence[str], sheet_rows: int) -> None:
        options = {
            "constant_memory": True,
            "tmpdir": str(path.parent),
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        }
        self._book = xlsxwriter.Workbook(str(path), options)
        self._bold = self._book.add_format({"bold": True})
        self._day = self._book.add_format({"num_format": "yyyy-mm-dd"})
        self._name, self._names, self._sheet_rows = name, names, sheet_rows
        self._sheets = 0
        self._open()

    def _open(self) -> None:
        self._sheets += 1
        self._sheet = self._book.add_worksheet(
            self._name if self._sheets == 1 else f"{self._name} {self._sheets}"
        )
        self._sheet.freeze_panes(1, 0)
        for place, name in enumerate(self._names):
            self._sheet.write_string(0, place, name, self._bold)
        self._row = 1

    def add(self, batch: Batch) -> None:
        for row in batch:
            if self._row == self._sheet_rows:
                self._open()
            for place, value in enumerate(row):
                self._write(place, value)
            self._row += 1

    def _write(self, place: int, value: object) -> None:
        if value is None:
            return
        if isinstance(value, str):
            self._sheet.write_string(self._row, place, neutral(value))
        elif isinstance(value, bool):
            self._sheet.write_boolean(self._row, place, value)
        elif isinstance(value, date):
            self._sheet.write_datetime(self._row, place, value, self._day)
        else:
            self._sheet.write_number(self._row, place, float(value))  # type: ignore[arg-type]  # a number is left

    def finish(self, about: Iterable[Sequence[str]]) -> None:
        sheet = self._book.add_worksheet("About")
        for row, cells in enumerate(about):
            for place, cell in enumerate(cells):
                sheet.write_string(row, place, neutral(cell))
        self._book.close()


def code_lines(codes: Sequence[Sequence[str | None]], style: CsvStyle) -> bytes:
    """A code book as CSV."""
    return BOM + style.lines([("column", "value", "vi", "en"), *codes], "\n")


def _plain(value: object) -> object:
    """Two exact decimals as the nearest JSON number."""
    return float(value) if isinstance(value, Decimal) else value
