"""An official conversion table read against a small tree: what becomes of each row, and what is told."""

import csv
from datetime import date

import pytest

from app.core.imports import Table
from app.core.tables import read_rows
from app.units import official
from app.units.changes import FromTable
from app.units.conversion import convert
from app.units.forest import Node, State
from app.units.provinces import PROVINCES
from app.units.spelling import province_key, spelling_key
from tests.units.test_register_set_right import SHIPPED

DAY = date(2025, 7, 1)
TREE = (
    ("24", "Tỉnh Bắc Giang", "province", None),
    ("27", "Tỉnh Bắc Ninh", "province", None),
    ("213", "Thành phố Bắc Giang", "district", "24"),
    ("256", "Thành phố Bắc Ninh", "district", "27"),
    ("07210", "Phường Hoà Bình", "commune", "213"),
    ("07213", "Xã B", "commune", "213"),
    ("07216", "Xã C", "commune", "213"),
    ("09163", "Xã D", "commune", "256"),
    ("256.TT", "Trung tâm", "centre", "256"),
)
HEAD = "new_code,new_name,new_province_code,old_code,old_name,how,old_district_code,old_province_code"


def converted(*rows: str) -> tuple[FromTable, list[tuple[int, str]]]:
    forest: dict[int, Node] = {}
    ids: dict[str, int] = {}
    for number, (code, name, kind, parent) in enumerate(TREE, 1):
        ids[code] = number
        forest[number] = Node(number, None, None, State(code, name, kind, ids.get(parent or "")))
    data = "\n".join((HEAD, *rows)).encode()
    table = Table(*read_rows(data, "x.csv", official.COLUMNS, official.REQUIRED))
    read = convert(table, forest, DAY)
    return read, [(fault.row, fault.code) for fault in table.faults()]


def said(read: FromTable) -> list[str]:
    return [
        " ".join(
            (
                change.kind,
                "+".join(change.former),
                *(":".join(filter(None, target[:4])) for target in change.to),
            )
        )
        for change in read.changes
    ]


def test_whole_part_kept_and_closed_in_one_table() -> None:
    read, faults = converted(
        "07210,Phường Hòa Bình,24,07210,Phường Hòa Bình,Giữ nguyên,213,24",
        "07213,Xã Mới,24,07213,Xã B,Nhập toàn bộ,213,24",
        "07213,Xã Mới,24,07216,Xã C,Nhập một phần,213,24",
        "09999,Xã Khác,24,07216,Xã C,Nhập một phần,213,24",
        "09999,Xã Khác,24,9163,Xã D,Nhập toàn bộ,256,27",
    )
    assert faults == []
    assert said(read) == [
        "rename 07210 07210:24",
        "rename 07213 07213:Xã Mới:24",
        "merge 09163 09999:Xã Khác:commune:24",
        "split 07216 07213 09999",
        "merge 24+27 24:Bắc Ninh",
        "close 213",
        "move 256.TT 256.TT:24",
        "close 256",
    ]
    assert [(note.code, note.params["unit"]) for note in read.notes] == [("without_row", "256.TT")]


def test_a_slip_in_the_name_of_a_unit_that_goes_on_is_no_new_name() -> None:
    read, faults = converted(
        "07210,Phuong Hoà Bình,24,07210,Phường Hoà Bình,Nhập toàn bộ,213,24",
        "07210,Phuong Hoà Bình,24,07213,Xã B,Nhập toàn bộ,213,24",
    )
    assert (faults, said(read)[0]) == ([], "merge 07210+07213 07210:24")


@pytest.mark.parametrize(
    ("rows", "notes", "changes"),
    [
        # the code is another's, the name is right
        (["07999,Xã N,24,07213,Xã C,Nhập toàn bộ,213,24"], ["named_otherwise"], "merge 07216 07999"),
        # nobody has the name, the code lies in the district
        (["07999,Xã N,24,07216,Xã Xê,Nhập toàn bộ,213,24"], ["spelt_otherwise"], "merge 07216 07999"),
        # neither
        (["07999,Xã N,24,99999,Xã Z,Nhập toàn bộ,213,24"], ["predecessor_unknown"], "create  07999"),
        # another part of the country
        (["00004,Phường Ba Đình,01,00004,Phường Trúc Bạch,Nhập toàn bộ,001,01"], ["elsewhere"], ""),
        # a part, and nothing about the rest
        (["07999,Xã N,24,07216,Xã C,Nhập một phần,213,24"], ["part_without_rest"], ""),
        # its code is that of a new unit, and no row names it
        (["07216,Xã N,24,07213,Xã B,Nhập toàn bộ,213,24"], ["goes_on_unsaid"], "merge 07213+07216 07216"),
    ],
)
def test_what_the_table_leaves_open_is_told(rows: list[str], notes: list[str], changes: str) -> None:
    read, faults = converted(*rows)
    assert faults == []
    assert [note.code for note in read.notes if note.code != "without_row"] == notes
    assert "\n".join(said(read)).startswith(changes)
    assert all(note.detail("vi") and note.detail("en") for note in read.notes)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (
            [
                "07216,Xã N,24,07213,Xã B,Nhập toàn bộ,213,24",
                "07210,Xã M,24,07216,Xã C,Nhập toàn bộ,213,24",
                "07210,Xã M,24,07210,Phường Hoà Bình,Nhập toàn bộ,213,24",
            ],
            [(2, "code_goes_elsewhere")],
        ),
        (
            [
                "07999,Xã N,24,07213,Xã B,Nhập toàn bộ,213,24",
                "07999,Xã Q,24,07216,Xã C,Nhập toàn bộ,213,24",
            ],
            [(3, "row_differs")],
        ),
        (
            [
                "07999,Xã N,24,07213,Xã B,Nhập toàn bộ,213,24",
                "07999,Xã N,24,07213,Xã B,Nhập toàn bộ,213,24",
            ],
            [(3, "duplicate_row")],
        ),
    ],
)
def test_a_table_that_contradicts_itself_is_told_by_row(
    rows: list[str], expected: list[tuple[int, str]]
) -> None:
    assert converted(*rows)[1] == expected


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Xã Định Hoá", "xã  Định Hóa", True),
        ("Phường B’Lao", "Phường B'Lao", True),
        ("Phường Thuỷ Nguyên", "Phường Thủy Nguyên", True),
        ("Chân Mây – Lăng Cô", "Chân Mây - Lăng Cô", True),
        ("Xã Hòa", "Xã Hoa", False),
        ("Xã Quý Quân", "Xã Quí Quân", False),
        ("Xã Tam Hòa", "Xã Tám Hoa", False),
    ],
)
def test_spellings_of_one_name(one: str, other: str, same: bool) -> None:
    assert (spelling_key(one) == spelling_key(other)) is same


def test_a_province_is_one_whether_it_is_called_one_or_not() -> None:
    assert province_key("Tỉnh Khánh Hoà") == province_key("Khánh Hòa")


def test_the_provinces_are_those_of_the_register() -> None:
    with SHIPPED.open(encoding="utf-8", newline="") as file:
        register = {row["code"]: row["name"] for row in csv.DictReader(file) if row["kind"] == "province"}
    assert register == PROVINCES
