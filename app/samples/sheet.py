"""The links of a sample as a table for whoever sends them: CSV that opens in a spreadsheet as it is.

Pure.
"""

from collections.abc import Iterable, Sequence

from app.core.csvs import BOM, CsvStyle

HEADINGS = ("dossier_code", "unit_code", "served_on", "procedure_code", "url", "expires_at")


def table(rows: Iterable[Sequence[str]], style: CsvStyle) -> bytes:
    """Rows of cells under the headings, in UTF-8 with the mark by which Excel knows it."""
    return BOM + style.lines([HEADINGS, *rows])
