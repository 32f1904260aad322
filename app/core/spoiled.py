"""What a file's travels do to the text of a cell: letters lost, garbled, of an old font or another script.

Pure. None of it can be mended with certainty, so each is a fault that says what to do. What can be, `tidied`
mends: marks that keep a spreadsheet from taking a code for a number, and characters nobody sees.
"""

import re
import unicodedata
from collections.abc import Mapping

from app.core.text import first_hidden, respell, without_unseen

# An apostrophe in front, or ="07210": how people keep a spreadsheet from taking a code for a number.
_GUARDED = re.compile(r"""=\s*"(?P<formula>[^"]*)"|['’‘`´](?P<text>\S.*)""", re.DOTALL)
# What stands where a program could not write a letter: Thành ph? Hà N?i.
_LOST = re.compile(r"\ufffd|\w\?\w|(?<!\S)\?\w")
# UTF-8 that was once read as a western code page: HÃ¡, Ná»™i, ÄÃ´ng.
_LATER_BYTES = "\u0080-\u009f\u00a1-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"
_GARBLED = re.compile(f"á[º»][{_LATER_BYTES}]|Ã[{_LATER_BYTES}]|Æ[°¡]|Ä[\u0090‘]|â€")
# Signs that the fonts of before Unicode show as letters, among letters: B¾c Ninh (TCVN3), Baéc Haø (VNI).
_TCVN3 = re.compile(r"[^\W\d_][¸µ¶¨¾¼½¬÷×¤]|[^\W\d_][¹©®§ª»«][^\W\d_]|[§®][^\W\d_]")
_VNI = re.compile(r"[aeiouyôöAEIOUYÔÖ][øûäåØÛÄÅ]")
_ERRORS = frozenset({"#N/A", "#REF!", "#NAME?", "#VALUE!", "#DIV/0!", "#NUM!", "#NULL!", "#SPILL!"})
_OTHER_SCRIPTS = ("CYRILLIC", "GREEK")


def tidied(cell: str) -> str:
    """A cell as it was meant: without guards and unseen characters, with letters and spaces of our own."""
    value = respell(without_unseen(cell))
    guarded = _GUARDED.fullmatch(value)
    return value if guarded is None else (guarded["formula"] or guarded["text"] or "").strip()


def find_damage(value: str) -> tuple[str, Mapping[str, object]] | None:
    """A code of messages.FAULTS and the values of its sentence; None for a text that is sound."""
    if value.isascii() and value.isprintable():
        lost = "lost_letters" if _LOST.search(value) else "spreadsheet_error" if value in _ERRORS else None
        return None if lost is None else (lost, {})
    if _LOST.search(value):
        return "lost_letters", {}
    hidden = first_hidden(value)
    if hidden is not None and unicodedata.category(hidden) == "Cs":
        read = value.encode("utf-8", "surrogateescape").decode("cp1252", "replace")
        return ("old_font" if _of_old_font(read) else "not_utf8"), {}
    if _GARBLED.search(value):
        return "garbled_letters", {}
    if hidden is not None:
        return "hidden_character", {"character": f"U+{ord(hidden):04X}"}
    if _of_old_font(value):
        return "old_font", {}
    foreign = next((char for char in value if _is_foreign(char)), None)
    return None if foreign is None else ("foreign_letter", {"character": foreign})


def _of_old_font(text: str) -> bool:
    return _TCVN3.search(text) is not None or _VNI.search(text) is not None


def _is_foreign(char: str) -> bool:
    """Whether it is a letter of a script that shares its shapes with Latin ones."""
    return ord(char) > 0x36F and char.isalpha() and unicodedata.name(char, "").startswith(_OTHER_SCRIPTS)
