"""What is told of a table beside what it does: where it is incomplete, and what was made of it. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from app.core.texts import Language, Text

NOTES: Mapping[str, Text] = MappingProxyType(
    {
        "named_otherwise": Text(
            "Mã {code} là của {stands}; theo tên thì đây là {unit} ({name}), nên lấy theo tên.",
            "{code} is the code of {stands}; by its name the row means {unit} ({name}), and is taken so.",
        ),
        "spelt_otherwise": Text(
            "{code} trong hệ thống tên là {stands}, trong bảng là {name}; lấy theo mã.",
            "{code} is called {stands} here and {name} in the table; taken by its code.",
        ),
        "predecessor_unknown": Text(
            "Không có đơn vị trước sắp xếp nào là {code} {name}; bỏ qua dòng này.",
            "No unit of before is {code} {name}; the row is left out.",
        ),
        "elsewhere": Text(
            "{count} dòng thuộc các tỉnh không có trong hệ thống; bỏ qua.",
            "{count} rows are about provinces that are not in this tree; they are left out.",
        ),
        "without_row": Text(
            "Bảng không nói {unit} ({name}) nhập vào đâu: đơn vị được giữ nguyên, trực thuộc {parent}.",
            "No row says what became of {unit} ({name}): it stays as it is, beneath {parent}.",
        ),
        "part_without_rest": Text(
            "Bảng chỉ nói một phần của {unit} ({name}) nhập vào {to}, không nói phần còn lại: đơn vị được giữ"
            " nguyên.",
            "The table says that a part of {unit} ({name}) goes to {to}, and not what becomes of the rest:"
            " the unit stays.",
        ),
        "goes_on_unsaid": Text(
            "Bảng không nói {unit} ({name}) nhập vào đâu; mã này nay là của {to}, nên tính là nhập vào đó.",
            "No row says what became of {unit} ({name}); its code is that of {to} now, so it is taken to go"
            " on as that.",
        ),
        "province_divided": Text(
            "Các xã của tỉnh {unit} ({name}) vào nhiều tỉnh: {to}; cấp tỉnh được tính vào tỉnh đầu.",
            "The communes of province {unit} ({name}) go to several: {to}; the province itself to the first.",
        ),
        "province_unnamed": Text(
            "Bảng không có tên tỉnh {unit}; giữ tên {name}.",
            "The table does not name the province {unit}; it keeps the name {name}.",
        ),
        "name_twice": Text(
            "Tên {name} có nhiều lần dưới {parent}: {units}; không so được.",
            "The name {name} stands several times beneath {parent}: {units}; these are not compared.",
        ),
        "not_in_tree": Text(
            "{unit} ({name}) có trong tệp, không có trong hệ thống.",
            "{unit} ({name}) is in the file and not in this tree.",
        ),
        "not_in_file": Text(
            "{unit} ({name}) có trong hệ thống, không có trong tệp.",
            "{unit} ({name}) is in this tree and not in the file.",
        ),
    }
)
_EXAMPLES = 5


class Note(NamedTuple):
    """One remark: the row of the table it is about, if it is one; a code of `NOTES`, with which values."""

    row: int | None
    code: str
    params: Mapping[str, object]

    def detail(self, language: Language) -> str:
        """The sentence for people."""
        return NOTES[self.code].render(language, self.params)


def lines(notes: Iterable[Note]) -> list[str]:
    """A few words for a shell: of each kind some, and how many more there are."""
    by_code: defaultdict[str, list[Note]] = defaultdict(list)
    for note in notes:
        by_code[note.code].append(note)
    said = []
    for found in by_code.values():
        shown = found[:_EXAMPLES]
        said += [(f"row {note.row}: " if note.row else "") + note.detail("en") for note in shown]
        if len(found) > _EXAMPLES:
            said.append(f"... and {len(found) - _EXAMPLES} more like this.")
    return said
