"""What tables go through in offices: each is read as it was meant, or refused with one sentence."""

import csv
import io
import unicodedata
from collections.abc import Callable
from datetime import date
from importlib.resources import files

import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from app.core.clock import read_written_day
from app.core.decoding import decode
from app.core.row_faults import RowFault
from app.core.tables import Row, read_rows

COLUMNS = ("code", "name", "kind", "parent_code", "valid_from")
REQUIRED = ("code", "name", "kind")
HEADER = "code,name,kind,parent_code,valid_from\n"
REGISTER = files("app.demo").joinpath("data/units-vietnam.csv").read_text("utf-8")
TCVN3 = dict(
    zip(
        "àáảãạăằắẳẵặâầấẩẫậđèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵ",
        "µ¸¶·¹¨»¾¼½Æ©ÇÊÈÉË®ÌÐÎÏÑªÒÕÓÔÖ×ÝØÜÞßãáâä«åèæçé¬êíëìîïóñòô\u00adõøö÷ùúýûüþ",
        strict=True,
    )
)


def read(data: bytes | str) -> tuple[list[Row], list[RowFault]]:
    return read_rows(data.encode() if isinstance(data, str) else data, "u.csv", COLUMNS, REQUIRED)


def one(line: str) -> tuple[dict[str, str], list[str]]:
    rows, faults = read(HEADER + line + "\n")
    return rows[0].values, [fault.code for fault in faults]


def in_1258(text: str) -> bytes:
    """As Windows writes its old Vietnamese code page: a letter, then its tone."""
    out = b""
    for char in unicodedata.normalize("NFC", text):
        parts = unicodedata.normalize("NFD", char)
        tones = "".join(part for part in parts if part in "\u0300\u0301\u0303\u0309\u0323")
        letter = unicodedata.normalize("NFC", "".join(part for part in parts if part not in tones))
        out += (letter + tones).encode("cp1258")
    return out


# --- encodings ------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_the_register_reads_the_same_from_every_encoding_of_unicode(encoding: str) -> None:
    assert read(REGISTER.encode(encoding)) == read(REGISTER)


def test_the_register_reads_the_same_from_the_old_vietnamese_code_page() -> None:
    assert read(in_1258(REGISTER)) == read(REGISTER)


def test_the_register_reads_the_same_decomposed() -> None:
    assert read(unicodedata.normalize("NFD", REGISTER)) == read(REGISTER)


def test_a_western_code_page_is_not_taken_for_the_vietnamese_one() -> None:
    for text in ("Bình", "Hòa", "Señor à", "café"):
        assert "\udc80" <= max(decode(text.encode("cp1252"))) <= "\udcff", text


@given(st.binary(max_size=200))
def test_decoding_never_fails(data: bytes) -> None:
    assert isinstance(decode(data), str)


def in_tcvn3(text: str) -> str:
    return "".join(TCVN3.get(char, char) for char in text.lower())


@pytest.mark.parametrize(
    ("spoil", "codes"),
    [
        (lambda text: text.encode("cp1252", "replace"), {"lost_letters", "not_utf8"}),
        (lambda text: text.replace("ạ", "\ufffd").encode(), {"lost_letters"}),
        (lambda text: text.encode().decode("cp1252", "ignore").encode(), {"garbled_letters"}),
        (lambda text: in_tcvn3(text).encode(), {"old_font"}),
        (lambda text: in_tcvn3(text).encode("cp1252"), {"old_font", "not_utf8"}),
        (lambda text: text.replace("Hà Nội", "Haø Noäi").encode(), {"old_font"}),
        (lambda text: text.replace("H", "Н").encode(), {"foreign_letter"}),
    ],
    ids=["question marks", "replacement", "read wrongly", "TCVN3", "TCVN3 in bytes", "VNI", "Cyrillic"],
)
def test_letters_that_are_lost_are_one_fault_of_a_kind(
    spoil: Callable[[str], bytes], codes: set[str]
) -> None:
    text = HEADER + "\n".join(line for line in REGISTER.splitlines() if ",01," in line)
    faults = read(spoil(text.replace("Phường", "Phường Hà Nội")))[1]
    assert {fault.code for fault in faults} == codes
    assert [fault.column for fault in faults] == ["name"] * len(codes)
    assert len(faults[0].rows) > 10
    assert "dòng như vậy" in faults[0].detail("vi")


def test_what_looks_a_little_like_lost_letters_is_none() -> None:
    for name in ("Có hài lòng không?", "Trung tâm «Hoá»", "Tổ 1½", "Zalo® 24h", "Mục § 5", "Phòng A·B 3m²"):
        assert one(f"1,{name},commune") == (one(f"1,{name},commune")[0], []), name


# --- guards, spaces, errors -------------------------------------------------------


@pytest.mark.parametrize(
    "cell",
    ["'07210", "’07210", '="07210"', '"=""07210"""', " 07210 ", "\u00a007210\u00a0", "\ufeff0721\u200b0"],
)
def test_a_code_with_a_guard_against_lost_zeros_is_the_code(cell: str) -> None:
    values, faults = one(f"{cell},Phường Bắc Giang,commune")
    assert (values["code"], faults) == ("07210", [])


def test_spaces_of_every_kind_are_one_plain_space() -> None:
    assert one("1,Xã\u00a0 Bắc\u202fHà,commune")[0]["name"] == "Xã Bắc Hà"


@pytest.mark.parametrize("cell", ["#N/A", "#REF!", "#NAME?"])
def test_the_error_of_a_formula_is_no_name(cell: str) -> None:
    assert one(f"1,{cell},commune")[1] == ["spreadsheet_error"]


# --- above, beneath and between the rows -------------------------------------------


def test_titles_above_the_header_numbers_beneath_it_and_totals_at_the_end_are_passed_over() -> None:
    rows, faults = read(
        "ỦY BAN NHÂN DÂN TỈNH BẮC NINH,,,\n"
        ",,,\n"
        "DANH MỤC ĐƠN VỊ HÀNH CHÍNH,,,\n"
        "(Kèm theo Quyết định số 01/QĐ-UBND, ngày 01/7/2025)\n"
        "STT,Mã đơn vị,Tên đơn vị,Loại,Mã cấp trên,Có hiệu lực từ,Ghi chú\n"
        "(1),(2),(3),(4),(5),(6),(7)\n"
        "1,07210,Phường Bắc Giang,Phường,24,01/07/2025,mới\n"
        "STT,Mã đơn vị,Tên đơn vị,Loại,Mã cấp trên,Có hiệu lực từ,Ghi chú\n"
        "2,07228,Phường Đa Mai,phường,24,01/07/2025,\n"
        "Tổng cộng,,2,,,,\n"
        ",,Tổng số: 2 đơn vị,,,,\n"
    )
    assert faults == []
    assert [(row.number, *list(row.values.values())[:4]) for row in rows] == [
        (7, "07210", "Phường Bắc Giang", "commune", "24"),
        (9, "07228", "Phường Đa Mai", "commune", "24"),
    ]


@pytest.mark.parametrize("total", ["Tổng cộng,127,,", "Tổng cộng,127", ",127,Tổng số:,"])
def test_a_total_beneath_the_codes_is_no_unit(total: str) -> None:
    rows, faults = read(f"STT,Mã đơn vị,Tên đơn vị,Loại\n1,07210,Phường Bắc Giang,Phường\n{total}\n")
    assert ([row.values["code"] for row in rows], faults) == (["07210"], [])


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_titles_do_not_mislead_the_separator(separator: str) -> None:
    text = "Danh sách, cập nhật; theo QĐ 1; ngày 1, tháng 7\ncode|name|kind\n1|a|commune\n"
    rows, faults = read(text.replace("|", separator))
    assert ([row.values["code"] for row in rows], faults) == (["1"], [])


def test_the_line_in_which_excel_names_its_separator_is_no_content() -> None:
    rows, faults = read("sep=;\ncode;name;kind\n1;a;commune\n")
    assert ([row.number for row in rows], faults) == ([3], [])


def test_a_unit_whose_name_begins_like_a_total_is_a_unit() -> None:
    rows, faults = read(HEADER + "1,Tổng cục Thuế,commune\n,Công an tỉnh,commune\n")
    assert [row.values["name"] for row in rows] == ["Tổng cục Thuế", "Công an tỉnh"]
    assert [fault.code for fault in faults] == ["missing"]


def test_cells_merged_over_rows_hold_for_each_of_them() -> None:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.merge_range(0, 0, 0, 4, "DANH SÁCH")
        sheet.write_row(1, 0, COLUMNS)
        for place, code in enumerate(("07210", "07228", "07246"), 2):
            sheet.write_row(place, 0, [code, "Phường", "commune"])
        sheet.merge_range(2, 3, 3, 3, "24")
        sheet.merge_range(2, 4, 4, 4, "01/07/2025")
    rows, faults = read(out.getvalue())
    assert faults == []
    assert [(row.values["parent_code"], row.values["valid_from"]) for row in rows] == [
        ("24", "01/07/2025"),
        ("24", "01/07/2025"),
        ("", "01/07/2025"),
    ]


def test_a_parent_code_heading_in_words_of_either_language_is_known() -> None:
    for heading in ("Parent code", "PARENT_CODE", "Mã  cấp trên *", "mã đơn vị cấp trên:", "Ma cap tren"):
        rows, faults = read(f"code,name,kind,{heading}\n1,a,commune,24\n")
        assert ([row.values["parent_code"] for row in rows], faults) == (["24"], []), heading


# --- days ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "2025-07-01",
        "01/07/2025",
        "1/7/2025",
        "01-07-2025",
        "01.07.2025",
        "45839",
        "45839.0",
        "2025-07-01 00:00:00",
        "2025-07-01T00:00:00",
        "01/07/2025 0:00",
        "ngày 01 tháng 7 năm 2025",
        "Ngày 1 tháng 07 năm 2025",
    ],
)
def test_a_day_as_tables_have_it_is_read(text: str) -> None:
    assert read_written_day(text) == date(2025, 7, 1)


@pytest.mark.parametrize(
    "text", ["", "07/25/2025", "31/06/2025", "1/7/25", "2025", "20250701", "2025-07-01 10:00", "tháng 7"]
)
def test_what_is_no_day_is_none(text: str) -> None:
    assert read_written_day(text) is None


def test_every_unit_of_the_register_survives_a_spreadsheet_that_keeps_texts() -> None:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        for place, line in enumerate(csv.reader(REGISTER.splitlines())):
            for column, value in enumerate(line):
                sheet.write_string(place, column, value)
    rows, faults = read(out.getvalue())
    assert (faults, len(rows)) == ([], 3_355)
    assert rows == read(REGISTER)[0]
