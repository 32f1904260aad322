"""What columns are called in tables that offices keep, and where the table begins. Pure.

Above the header stand titles, beneath it a row that numbers the columns, at the end the totals: a person
reads past all that. What is called by a name of this list is the column; what is not is a fault, because it
is most often a known column misspelt.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from app.core.text import fold

HEADER_WITHIN = 20
"""So many lines with something in them may stand down to the header, itself included."""

_CALLED: Mapping[str, Sequence[str]] = {
    "code": ("mã", "mã số", "mã đơn vị", "mã đơn vị hành chính", "mã đvhc", "mã thủ tục", "mã tthc", "mã px"),
    "name": (
        "tên",
        "tên đơn vị",
        "tên đơn vị hành chính",
        "tên đvhc",
        "tên thủ tục",
        "tên tthc",
        "phường xã",
    ),
    "kind": ("loại", "loại đơn vị", "cấp đơn vị", "loại hình"),
    "parent_code": ("mã cấp trên", "mã đơn vị cấp trên", "mã đơn vị cha", "mã cha", "trực thuộc mã"),
    "valid_from": ("ngày hiệu lực", "có hiệu lực từ", "hiệu lực từ", "hiệu lực từ ngày", "từ ngày"),
    "field": ("lĩnh vực", "tên lĩnh vực"),
    "level": ("cấp", "cấp thực hiện", "cấp giải quyết"),
    "unit_code": ("mã đơn vị",),
    "province_code": ("mã tp", "mã tỉnh"),
    "province": ("tỉnh thành phố", "tỉnh / thành phố", "tên tỉnh"),
    "district_code": ("mã qh", "mã huyện"),
    "district": ("quận huyện", "quận / huyện", "tên huyện"),
    "english_name": ("tên tiếng anh",),
    "domain": ("lĩnh vực", "mã lĩnh vực", "nội dung"),
}
_WORDS: Mapping[str, Mapping[str, str]] = {
    "kind": {
        **dict.fromkeys(("tỉnh", "cấp tỉnh"), "province"),
        **dict.fromkeys(("huyện", "quận", "thị xã", "cấp huyện"), "district"),
        **dict.fromkeys(("xã", "phường", "đặc khu", "thị trấn", "cấp xã"), "commune"),
        "sở": "department",
        "trung tâm": "centre",
        "trung ương": "nation",
    },
    "level": {
        **dict.fromkeys(("trung ương", "cấp trung ương", "bộ", "cấp bộ"), "nation"),
        **dict.fromkeys(("tỉnh", "cấp tỉnh"), "province"),
        **dict.fromkeys(("huyện", "cấp huyện"), "district"),
        **dict.fromkeys(("xã", "cấp xã"), "commune"),
    },
}
_NAMES = {column: frozenset(map(fold, names)) for column, names in _CALLED.items()}
_FOLDED_WORDS = {
    column: {fold(said): word for said, word in words.items()} for column, words in _WORDS.items()
}
_FOLDED_WORDS["to_kind"] = _FOLDED_WORDS["kind"]
# Columns that say nothing of the unit: the number of the row, and what somebody noted.
_LEFT_OUT = frozenset({"stt", "tt", "so tt", "so thu tu", "no", "no.", "#", "ghi chu"})
_SIGNS = re.compile(r"[\s_]+")
_TOTAL = re.compile(r"tong (?:cong|so)\b.*|(?:tong|cong) *:?[ 0-9.,]*")
_NUMBERED = re.compile(r"\(?([0-9]{1,2})\)?")


def column_of(heading: str, columns: Iterable[str]) -> str | None:
    """The column that a heading names; "" for one that is left out; None for a name nobody knows."""
    known = list(columns)
    name = _SIGNS.sub(" ", fold(heading).strip(" *:")).strip()
    if name.replace(" ", "_") in known:
        return name.replace(" ", "_")
    for column in known:
        if name in _NAMES.get(column, ()):
            return column
    return "" if name in _LEFT_OUT else None


def word_of(column: str, value: str) -> str:
    """A word of a column in the table's own language; any other value as it is."""
    words = _FOLDED_WORDS.get(column)
    return value if words is None or value in words.values() else words.get(fold(value), value)


def header_place(lines: Sequence[Sequence[str]], columns: Sequence[str], required: Sequence[str]) -> int:
    """Which of a file's first lines is the header: all that is required, else most of what is known."""
    known = [{column_of(cell, columns) for cell in cells} - {None, ""} for cells in lines]
    for place, names in enumerate(known):
        if names.issuperset(required):
            return place
    most = max(map(len, known), default=0)
    return next((place for place, names in enumerate(known) if len(names) == most), 0)


def numbers_columns(cells: Sequence[str]) -> bool:
    """Whether a row counts its columns: (1), (2), (3), …"""
    found = [_NUMBERED.fullmatch(cell.strip()) for cell in cells if cell.strip()]
    numbers = [int(one[1]) for one in found if one is not None]
    return len(found) >= 3 and numbers == list(range(1, len(found) + 1))


def is_total(cells: Iterable[str]) -> bool:
    """Whether a row adds others up."""
    return any(
        cell[:1].lower() in {"t", "c"} and _TOTAL.fullmatch(fold(cell)) for cell in map(str.strip, cells)
    )
