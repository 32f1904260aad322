import unicodedata
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.headings import word_of
from app.core.messages import FAULTS
from app.core.tables import MAX_CELL, Row, RowFault, read_rows

COLUMNS = ("code", "name", "kind", "parent_code", "valid_from")
REQUIRED = ("code", "name", "kind")
HEADER = "code,name,kind,parent_code,valid_from\n"


def read(
    data: bytes | str, filename: str = "units.csv", max_rows: int = 100_000
) -> tuple[list[Row], list[RowFault]]:
    content = data.encode() if isinstance(data, str) else data
    return read_rows(content, filename, COLUMNS, REQUIRED, max_rows)


def codes(faults: list[RowFault]) -> list[tuple[int, str | None, str]]:
    return [(fault.row, fault.column, fault.code) for fault in faults]


HA_NOI = {"code": "01", "name": "Hà Nội", "kind": "province", "parent_code": "", "valid_from": "2025-07-01"}


# --- CSV: what people send ---------------------------------------------------


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["no mark", "byte order mark"])
@pytest.mark.parametrize("separator", [",", ";", "\t"], ids=["comma", "semicolon", "tab"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_every_dialect_of_csv_reads_the_same(mark: bytes, separator: str, newline: str) -> None:
    text = HEADER + "01,Hà Nội,province,,2025-07-01\n"
    data = mark + text.replace(",", separator).replace("\n", newline).encode()
    assert read(data) == ([Row(2, HA_NOI)], [])


def test_a_separator_inside_quotes_is_text() -> None:
    rows, faults = read('name;code;kind\n"Xã A; B, C ""D""";1;commune\n')
    assert (rows[0].values["name"], faults) == ('Xã A; B, C "D"', [])


def test_commas_in_a_quoted_heading_do_not_mislead_the_separator() -> None:
    rows, faults = read('"code";"name";"kind"\n"1";"a,b,c,d";"commune"\n')
    assert (rows[0].values["name"], faults) == ("a,b,c,d", [])


def test_columns_may_stand_in_any_order_case_and_spacing() -> None:
    rows, faults = read(" KIND , Name,CODE\nprovince, Hà Nội ,01\n")
    assert faults == []
    assert rows == [Row(2, HA_NOI | {"valid_from": ""})]


def test_leading_zeros_of_text_are_kept() -> None:
    assert read(HEADER + "00007,a,commune\n")[0][0].values["code"] == "00007"


def test_decomposed_letters_are_composed() -> None:
    rows, _ = read(HEADER + unicodedata.normalize("NFD", "1,Bắc Ninh,province") + "\n")
    assert rows[0].values["name"] == unicodedata.normalize("NFC", "Bắc Ninh")


def test_empty_rows_are_skipped_but_counted() -> None:
    rows, faults = read("\n" + HEADER + "\n1,a,commune,,\n,,,,\n  \n2,b,commune,,\n")
    assert ([row.number for row in rows], faults) == ([4, 7], [])


def test_a_last_line_without_an_end_counts() -> None:
    assert len(read(HEADER + "1,a,commune\n2,b,commune")[0]) == 2


def test_short_rows_and_trailing_separators_are_no_fault() -> None:
    rows, faults = read(HEADER.strip() + ",,\n1,a,commune\n2,b,commune,,,,\n")
    assert ([row.values["valid_from"] for row in rows], faults) == (["", ""], [])


def test_a_header_alone_is_an_empty_list() -> None:
    assert read(HEADER) == ([], [])


def test_the_real_units_read_whole() -> None:
    data = resources.files("app.demo").joinpath("data/units-vietnam.csv").read_bytes()
    rows, faults = read(data)
    assert faults == []
    assert len(rows) == 3_355
    assert rows[0] == Row(2, HA_NOI | {"name": "Thành phố Hà Nội"})
    assert {row.values["kind"] for row in rows} == {"province", "commune"}


def test_the_sample_procedures_read_whole() -> None:
    data = resources.files("app.demo").joinpath("data/procedures-sample.csv").read_bytes()
    rows, faults = read_rows(data, "p.csv", ("code", "name", "field", "level"), ("code", "name"))
    assert (len(rows), faults) == (20, [])
    assert rows[0].values["code"] == "1.001193"


# --- CSV: what goes wrong -----------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b"\n\n", b" , ,\n,,\n"])
def test_a_file_without_content_says_so(data: bytes) -> None:
    assert codes(read(data)[1]) == [(1, None, "empty_table")]


def test_an_unknown_column_is_a_fault_and_the_rows_are_still_judged() -> None:
    rows, faults = read("code,name,kind,parrent_code\n1,,commune,24\n")
    assert codes(faults) == [(1, "parrent_code", "unknown_column"), (2, "name", "missing")]
    assert faults[0].params == {"allowed": ", ".join(COLUMNS)}
    assert rows[0].values["parent_code"] == ""


def test_every_missing_column_is_named() -> None:
    rows, faults = read("\nname\nA\n")
    assert rows == []
    assert codes(faults) == [(2, "code", "missing_column"), (2, "kind", "missing_column")]


def test_a_column_that_stands_twice_is_a_fault() -> None:
    _, faults = read("code,name,kind,Code\n1,a,commune,2\n")
    assert codes(faults) == [(1, "code", "duplicate_column")]


def test_a_strange_heading_is_repeated_shortened_and_without_hidden_characters() -> None:
    faults = read("code,name,kind,\x00" + "x" * 500 + "\n")[1]
    assert codes(faults) == [(1, "\ufffd" + "x" * 59, "unknown_column")]


def test_all_faults_of_all_rows_come_at_once() -> None:
    rows, faults = read(HEADER + ",a,commune\n2,b,commune\n3,,\n")
    assert codes(faults) == [(2, "code", "missing"), (4, "name", "missing"), (4, "kind", "missing")]
    assert [row.number for row in rows] == [2, 3, 4]


def test_a_value_under_no_heading_is_a_fault() -> None:
    _, faults = read(HEADER + "1,a,commune,,,,stray\n")
    assert faults == [RowFault(2, None, "cell_without_heading", {"position": 7})]


@pytest.mark.parametrize(
    ("char", "shown"),
    [("\0", "U+0000"), ("\x07", "U+0007"), ("\t", "U+0009"), ("\u202e", "U+202E")],
)
def test_a_hidden_character_is_a_fault_and_does_not_travel_on(char: str, shown: str) -> None:
    rows, faults = read(HEADER + f"1,a{char}b,commune\n")
    assert faults == [RowFault(2, "name", "hidden_character", {"character": shown})]
    assert rows[0].values["name"] == "a\ufffdb"


def test_a_line_break_inside_a_cell_is_a_fault_of_that_row() -> None:
    rows, faults = read(HEADER + '1,"a\nb",commune\n2,c,commune\n')
    assert codes(faults) == [(2, "name", "hidden_character")]
    assert [row.number for row in rows] == [2, 3]


def test_broken_utf8_is_a_fault_of_its_cell() -> None:
    rows, faults = read(HEADER.encode() + b"1,H\xe0 N\xf4i,province\n2,b,commune\n")
    assert codes(faults) == [(2, "name", "not_utf8")]
    assert rows[0].values["name"] == "H\ufffd N\ufffdi"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_the_unicode_text_of_a_spreadsheet_is_read(encoding: str) -> None:
    rows, faults = read((HEADER + "1,Hà Nội,commune\n").replace(",", "\t").encode(encoding))
    assert ([row.values["name"] for row in rows], faults) == (["Hà Nội"], [])


def test_utf16_cut_off_in_a_letter_is_a_fault() -> None:
    assert codes(read((HEADER + "1,a,commune").encode("utf-16-le")[:-1])[1]) == [(2, "kind", "lost_letters")]


def test_an_open_quote_ends_the_reading_with_a_fault() -> None:
    rows, faults = read(HEADER + '1,a,commune\n2,"b,commune\n3,c,commune\n')
    assert codes(faults) == [(3, None, "broken_row")]
    assert [row.number for row in rows] == [2]


def test_a_cell_longer_than_excel_holds_is_a_fault() -> None:
    rows, faults = read(HEADER + f"1,{'x' * (MAX_CELL + 1)},commune\n2,{'x' * MAX_CELL},commune\n")
    assert faults == [RowFault(2, "name", "too_long", {"limit": MAX_CELL})]
    assert len(rows) == 2


def test_a_cell_longer_than_the_reader_takes_is_a_fault_too() -> None:
    assert codes(read(HEADER + f"1,{'x' * 200_000},commune\n")[1]) == [(2, None, "broken_row")]


def test_more_rows_than_allowed_are_a_fault_and_exactly_as_many_are_not() -> None:
    text = HEADER + "1,a,commune\n2,b,commune\n3,c,commune\n"
    assert read(text, max_rows=3)[1] == []
    rows, faults = read(text, max_rows=2)
    assert faults == [RowFault(4, None, "too_many_rows", {"limit": 2})]
    assert len(rows) == 2


def test_many_faults_of_one_kind_are_told_once_with_how_many_and_the_first() -> None:
    code, name = read(HEADER + ",,x\n" * 5_000)[1]
    assert (code.row, code.column, code.code, len(code.rows)) == (2, "code", "missing", 5_000)
    assert (name.row, name.column, name.code, len(name.rows)) == (2, "name", "missing", 5_000)
    assert code.detail("en") == (
        "This field is required. (There are 5000 such rows, the first: 2, 3, 4, 5, 6, 7, 8, 9, 10, 11.)"
    )
    strange = read(",".join(f"strange{n}" for n in range(5_000)))[1]
    assert [(fault.code, len(fault.rows)) for fault in strange if fault.column not in REQUIRED] == [
        ("unknown_column", 5_000)
    ]


def test_ten_faults_of_a_kind_are_told_one_by_one_and_eleven_as_one() -> None:
    assert [fault.row for fault in read(HEADER + ",a,x\n" * 10)[1]] == list(range(2, 12))
    assert [fault.row for fault in read(HEADER + ",a,x\n" * 11)[1]] == [2]


@given(st.binary(max_size=300), st.sampled_from(["a.csv", "a.xlsx", ""]))
def test_no_bytes_make_reading_fail(data: bytes, filename: str) -> None:
    for content in (data, HEADER.encode() + data):
        for fault in read(content, filename)[1]:
            assert fault.detail("vi")
            assert fault.detail("en")


@given(
    st.lists(st.tuples(*[st.text(st.sampled_from('abXYZđĐắỡƠỵ019,;."()-/&%'), min_size=1)] * 3), max_size=20)
)
def test_what_is_written_as_csv_reads_back_composed(cells: list[tuple[str, str, str]]) -> None:
    quoted = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in cells]
    rows, faults = read("\r\n".join(["code,name,kind", *quoted]))
    assert faults == []
    assert [(row.values["code"], row.values["name"], row.values["kind"]) for row in rows] == [
        tuple(cell if place < 2 else word_of("kind", cell) for place, cell in enumerate(row)) for row in cells
    ]


def test_a_fault_speaks_both_languages_with_its_values() -> None:
    fault = RowFault(7, None, "too_many_rows", {"limit": 5})
    assert fault.detail("en") == "The file has more than 5 rows; the rest was not read."
    assert fault.detail("vi") == FAULTS["too_many_rows"].vi.replace("{limit}", "5")
