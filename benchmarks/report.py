"""Rows of the table that is printed: what was asked, what was measured, whether it was kept."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line. `kept` is None for a figure that is information only."""

    part: str
    what: str
    measured: str
    promised: str = ""
    kept: bool | None = None


def table(rows: Sequence[Row]) -> str:
    """The rows in columns."""
    verdicts = {True: "kept", False: "MISSED", None: ""}
    lines = [("", "what", "measured", "promised", "")]
    lines += [(row.part, row.what, row.measured, row.promised, verdicts[row.kept]) for row in rows]
    widths = [max(len(line[place]) for line in lines) for place in range(5)]
    shown = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    return "\n".join([shown[0], "-" * max(map(len, shown)), *shown[1:]])


def at_least(part: str, what: str, value: float, bound: float, text: str) -> Row:
    """A promise that a value is not below a bound."""
    return Row(part, what, text, f">= {bound:,g}", value >= bound)


def at_most(part: str, what: str, value: float, bound: float, text: str, unit: str = "") -> Row:
    """A promise that a value is not above a bound."""
    return Row(part, what, text, f"<= {bound:,g}{unit}", value <= bound)
