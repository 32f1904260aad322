"""Cells of a spreadsheet: text that must never be taken for a formula. Pure.

Excel, LibreOffice and Google Sheets run what begins with =, +, - or @ (also behind a tab or a line break that
they drop), even out of a CSV file: a citizen's comment could so fetch a web address on a leader's machine. An
apostrophe before it makes it text again, as the spreadsheet itself would write it (OWASP, "CSV Injection").
Numbers are never touched: -1 as a number is no formula.
"""

STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a cell that is run begins with."""


def neutral(text: str) -> str:
    """The text as a cell may hold it: with an apostrophe before it where a spreadsheet would run it."""
    return f"'{text}" if text.startswith(STARTS) else text
