"""The links of a sample as a table for whoever sends them: CSV that opens in a spreadsheet as it is.

Pure.
"""

import csv
import io
from collections.abc import Iterable, Sequence

from app.core.cells import neutral

HEADINGS = ("dossier_code", "unit_code", "served_on", "procedure_code", "url", "expires_at")


def table(rows: Iterable[Sequence[str]]) -> bytes:
    """Rows of cells under the headings, in UTF-8 with the mark by which Excel knows it."""
    written = io.StringIO(newline="")
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow(HEADINGS)
    writer.writerows([neutral(cell) for cell in row] for row in rows)
    return b"\xef\xbb\xbf" + written.getvalue().encode()
