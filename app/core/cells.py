"""Texts as cells of a table that somebody opens in a spreadsheet program. Pure.

A text that begins like a formula would be computed there: `=HYPERLINK(...)` in a name becomes a trap in the
table of whoever exports it (CWE-1236). An apostrophe before it makes it a text again, in every such program.
"""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def harmless(text: str) -> str:
    """The text, with an apostrophe before it where it begins like a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
