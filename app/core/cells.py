"""Cells of a spreadsheet: text that must never be taken for a formula. Pure.

Excel, LibreOffice and Google Sheets run what begins with =, +, - or @, even out of a CSV file: a citizen's
comment could so fetch a web address on a leader's machine. An apostrophe before it makes it text again, as
the spreadsheet itself would write it (OWASP, "CSV Injection"). Numbers are never touched: -1 as a number is
no formula.

Where a cell begins is not for the writer to say: a computer set to Vietnamese parts a line at every
semicolon, within quotation marks, too, if they do not stand at the cell's very start. So every place counts
at which *some* program begins a cell: the start of the text, and what follows a separator or a break of line,
spaces, marks and quotation marks being passed over. So does a tab or a break of line at the very start. An
apostrophe that stands there already gets another, so that the text can always be had back: docs/exports.md.

A space is no separator here, though one can be chosen by hand: every dash between two words would be changed.
"""

import re

SIGNS = "=+\\-@" + "\uff1d\uff0b\uff0d\uff20" + "\ufe66\ufe62\ufe63\ufe6b"
"""What a formula begins with; also full-width and small, which East Asian editions take for the same."""
SEPARATORS = ",;|\\t\\n\\v\\f\\r\\u001c-\\u001e\\u0085\\u2028\\u2029"
_PASSED_OVER = (
    '" \\u0001-\\u0008\\u000e-\\u001b\\u001f\\u007f-\\u0084\\u0086-\\u00a0\\u00ad\\u1680\\u180e'
    "\\u2000-\\u200f\\u202a-\\u202f\\u205f-\\u206f\\u3000\\ufeff"
)
FORMULA = f"(^|[{SEPARATORS}])([{_PASSED_OVER}]*)('*)(?=[{SIGNS}])"
"""Where a formula would begin: an apostrophe goes between its second group and the third."""
BREAK = "^('*[\\t\\n\\r])"
"""A start that some programs drop, to look at what follows. Python and PostgreSQL read both alike."""

_FORMULA, _BREAK = re.compile(FORMULA), re.compile(BREAK)


def neutral(text: str) -> str:
    """The text as a cell may hold it: with an apostrophe before whatever a spreadsheet would run."""
    return _BREAK.sub(r"'\1", _FORMULA.sub(r"\1\2'\3", text))
