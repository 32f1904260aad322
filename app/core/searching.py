"""Searching names in the database, by the key of `core/text` and nothing else.

What is searched in is keyed as it is read and not as it is kept: rows of former releases are found, too, and
the release before reads what this one writes. It is done to some ten thousand short texts at most.
"""

from typing import Any

from sqlalchemy import ColumnElement, false, func
from sqlalchemy.orm import InstrumentedAttribute

from app.core.text import search_key

_BLOCKS = (
    range(0x20, 0x370),  # Latin letters, signs, and marks put upon letters
    range(0x400, 0x460),  # Cyrillic
    range(0x1E00, 0x1F00),  # Vietnamese letters with two marks
    range(0x2000, 0x2070),  # spaces, hyphens, quotation marks
    (0x2212, 0x3000, 0xFEFF, *range(0xFF01, 0xFF5F)),
)


def _letter_keys() -> tuple[str, str]:
    """Letters and their keys for SQL's `translate`, which drops the letters that have no counterpart."""
    keys = {chr(code): search_key(chr(code)) for block in _BLOCKS for code in block}
    kept = {letter: key for letter, key in keys.items() if len(key) == 1 and key != letter}
    dropped = [letter for letter, key in keys.items() if not key]
    return "".join([*kept, *dropped]), "".join(kept.values())


_LETTERS, _KEYS = _letter_keys()


def matches(column: ColumnElement[Any] | InstrumentedAttribute[Any], wanted: str) -> ColumnElement[bool]:
    """Whether a text holds what is wanted: marks, case, spaces and spellings of one letter do not matter.

    Nothing holds a text of apostrophes and hyphens alone.
    """
    key = search_key(wanted)
    if not key:
        return false()
    return func.translate(column, _LETTERS, _KEYS).contains(key, autoescape=True)
