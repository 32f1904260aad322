"""CSV files, as every room writes them: UTF-8 that a spreadsheet opens as it is, text made harmless.

What parts cells, and how a decimal is written, are the reader's to choose: a computer set to Vietnamese wants
semicolons and decimal commas for a double click, a program commas and points. Any two go together: a decimal
comma between commas stands in quotation marks.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Literal, NamedTuple

from app.core.cells import neutral
from app.core.faults import Fault
from app.core.problems import InvalidRequest

Delimiter = Literal["comma", "semicolon"]
Point = Literal["point", "comma"]

DELIMITER = "What parts the cells of a CSV file; default `comma`."
DECIMAL = "How decimals are written in a CSV file; default `point`."

BOM = "\ufeff".encode()
"""Excel takes a CSV file for UTF-8, and leaves Vietnamese intact, only where it begins with this."""


class CsvStyle(NamedTuple):
    """How a CSV file is wanted; None where nothing was said."""

    delimiter: Delimiter | None = None
    decimal: Point | None = None

    @property
    def mark(self) -> str:
        """The character between two cells."""
        return ";" if self.delimiter == "semicolon" else ","

    def refuse_without_csv(self) -> None:
        """InvalidRequest where something was said of a file that is no CSV."""
        faults = [
            Fault(f"/{name}", "only_with", {"other": "format=csv"})
            for name, said in self._asdict().items()
            if said is not None
        ]
        if faults:
            raise InvalidRequest(faults=faults)

    def lines(self, rows: Iterable[Sequence[object]], end: str = "\r\n") -> bytes:
        """Rows as lines in UTF-8, without `BOM`: text as `cells.neutral` leaves it, numbers as numbers."""
        written = io.StringIO()
        writer = csv.writer(written, delimiter=self.mark, lineterminator=end)
        writer.writerows([self._cell(value) for value in row] for row in rows)
        return written.getvalue().encode()

    def _cell(self, value: object) -> object:
        if isinstance(value, str):
            return neutral(value)
        if isinstance(value, (float, Decimal)) and self.decimal == "comma":
            return str(value).replace(".", ",")
        return value
