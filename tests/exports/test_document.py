"""docs/exports.md names every column there is, in its order and with its meaning, and no other."""

import re
from pathlib import Path

from app.exports.columns import AFTER_ANSWERS, BEFORE_ANSWERS, COMMENT, INDICES, Column

DOCUMENT = (Path(__file__).parents[2] / "docs" / "exports.md").read_text()


def told(heading: str) -> list[tuple[str, str, str]]:
    """The rows of the table of columns beneath a heading."""
    section = DOCUMENT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| `(\w+)` \| (.+) \| (.+) \|$", section, re.MULTILINE)


def rows(columns: tuple[Column, ...]) -> list[tuple[str, str, str]]:
    return [(column.name, column.meaning.vi, column.meaning.en) for column in columns]


def test_the_columns_of_responses_are_documented() -> None:
    assert told("Responses") == rows((*BEFORE_ANSWERS, *AFTER_ANSWERS, COMMENT))


def test_the_columns_of_indices_are_documented() -> None:
    assert told("Indices") == rows(INDICES)
