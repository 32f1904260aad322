import datetime as dt
import io
import zipfile
from collections.abc import Sequence

import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core import workbook
from app.core.tables import Row, RowFault, read_rows

COLUMNS = ("code", "name", "kind", "parent_code", "valid_from")
REQUIRED = ("code", "name", "kind")
HEADER = "code,name,kind,parent_code,valid_from\n"


def read(
    data: bytes | str, filename: str = "units.csv", max_rows: int = 100_000
) -> tuple[list[Row], list[RowFault]]:
    content = data.encode() if isinstance(data, str) else data
    return read_rows(content, filename, COLUMNS, REQUIRED, max_rows)


def book(*rows: Sequence[object]) -> bytes:
    """A workbook of these rows as Excel would save it; None leaves a cell out."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "default_date_format": "dd/mm/yyyy"}) as made:
        sheet = made.add_worksheet()
        for y, row in enumerate(rows):
            for x, value in enumerate(row):
                if isinstance(value, str):
                    sheet.write_string(y, x, value)
                elif value is not None:
                    sheet.write(y, x, value)
    return out.getvalue()


def archive(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files.items():
            made.writestr(name, content)
    return out.getvalue()


def codes(faults: list[RowFault]) -> list[tuple[int, str | None, str]]:
    return [(fault.row, fault.column, fault.code) for fault in faults]


def test_a_workbook_reads_as_people_see_it() -> None:
    data = book(
        ["Code", " name", "kind", "parent_code", "valid_from"],
        [24, "Bắc Ninh", "province", None, dt.date(2025, 7, 1)],
        [],
        ["007", "  Xã A ", "commune", 24.0, dt.datetime(2025, 7, 1)],  # noqa: DTZ001  cells have no zone
        [1.001193, "b", "commune", 10**14, "2025-07-01"],
    )
    rows, faults = read(data, "units.xlsx")
    assert faults == []
    assert [(row.number, *row.values.values()) for row in rows] == [
        (2, "24", "Bắc Ninh", "province", "", "2025-07-01"),
        (4, "007", "Xã A", "commune", "24", "2025-07-01"),
        (5, "1.001193", "b", "commune", "100000000000000", "2025-07-01"),
    ]


def test_content_decides_the_kind_of_file_whatever_its_name() -> None:
    assert len(read(book(COLUMNS, ["1", "a", "commune"]), "units.csv")[0]) == 1
    assert len(read(HEADER + "1,a,commune\n", "units.txt")[0]) == 1


def test_rows_keep_the_numbers_that_excel_shows() -> None:
    rows, _ = read(book([], [], COLUMNS, [], ["1", "a", "commune"]))
    assert [row.number for row in rows] == [5]


def test_columns_that_start_further_right_are_found() -> None:
    rows, faults = read(book([], [None, None, *COLUMNS], [None, None, "1", "a", "commune"]))
    assert (rows[0].values["code"], faults) == ("1", [])


def test_hidden_characters_in_a_workbook_are_faults() -> None:
    assert codes(read(book(COLUMNS, ["1", "a\nb", "commune"]))[1]) == [(2, "name", "hidden_character")]


def test_only_the_first_sheet_that_is_visible_counts() -> None:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as made:
        hidden, shown, later = (made.add_worksheet() for _ in range(3))
        hidden.write(0, 0, "secret")
        for x, name in enumerate(COLUMNS):
            shown.write(0, x, name)
        later.write(0, 0, "notes")
        shown.activate()
        shown.set_first_sheet()
        hidden.hide()
    assert read(out.getvalue()) == ([], [])


def test_too_many_rows_of_a_workbook_are_a_fault() -> None:
    rows, faults = read(book(COLUMNS, *[["1", "a", "commune"]] * 3), max_rows=2)
    assert codes(faults) == [(4, None, "too_many_rows")]
    assert len(rows) == 2


def test_an_empty_workbook_says_so() -> None:
    assert codes(read(book())[1]) == [(1, None, "empty_table")]


GOOD = book(COLUMNS, ["1", "a", "commune"])


@pytest.mark.parametrize(
    ("data", "filename"),
    [
        (GOOD[: len(GOOD) // 2], "half.xlsx"),
        (GOOD[:4], "a.csv"),
        (GOOD.replace(b"PK\x01\x02", b"PK\x09\x09"), "a.xlsx"),
        (archive(**{"readme.txt": b"hello"}), "a.zip"),
        (archive(), "empty.zip"),
        (archive(**{"[Content_Types].xml": b"<Types/>"}), "a.xlsx"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "old.xls"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "locked"),
        (b"code,name,kind\n", "units.xlsx"),
    ],
    ids=["half", "magic", "directory", "other zip", "empty zip", "hollow", "xls", "locked", "not a zip"],
)
def test_a_broken_workbook_gives_one_clear_fault(data: bytes, filename: str) -> None:
    assert read(data, filename) == ([], [RowFault(1, None, "unreadable_workbook")])


def with_sheet(xml: bytes) -> bytes:
    """The good workbook with this XML in place of its first sheet."""
    with zipfile.ZipFile(io.BytesIO(GOOD)) as good:
        files = {name: good.read(name) for name in good.namelist()}
    return archive(**files | {"xl/worksheets/sheet1.xml": xml})


def test_a_workbook_that_unpacks_to_too_much_is_refused_unread() -> None:
    data = with_sheet(b" " * (workbook.MAX_UNPACKED + 1))
    assert len(data) < 1_000_000
    assert read(data) == ([], [RowFault(1, None, "unpacks_too_large", {"limit": 200})])


def test_two_cells_in_far_corners_do_not_take_the_process_down() -> None:
    """The library asks for half a terabyte and aborts; only its own process may die of that."""
    data = with_sheet(
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        b'<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
        b"</sheetData></worksheet>"
    )
    assert read(data) == ([], [RowFault(1, None, "unreadable_workbook")])


def test_a_sheet_of_broken_xml_is_a_fault() -> None:
    assert codes(read(with_sheet(b"<worksheet><sheetData><row"))[1])[0][2] in {
        "unreadable_workbook",
        "empty_table",
    }


@settings(max_examples=25)
@given(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=8))
def test_no_damage_to_a_workbook_makes_reading_fail(place: int, noise: bytes) -> None:
    for fault in read(GOOD[:place] + noise + GOOD[place + len(noise) :], "a.xlsx")[1]:
        assert fault.detail("vi")
        assert fault.detail("en")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (24.0, "24"),
        (24, "24"),
        (-3.0, "-3"),
        (0.0, "0"),
        (0.1 + 0.2, "0.3"),
        (1.001193, "1.001193"),
        (1e15, "1e+15"),
        (1e300, "1e+300"),
        (True, "TRUE"),
        (False, "FALSE"),
        ("007", "007"),
        (dt.date(2025, 7, 1), "2025-07-01"),
        (dt.datetime(2025, 7, 1), "2025-07-01"),  # noqa: DTZ001  cells have no zone
        (dt.datetime(2025, 7, 1, 9, 5), "2025-07-01 09:05:00"),  # noqa: DTZ001
        (dt.time(9, 5), "09:05:00"),
        (dt.timedelta(days=1), "1 day, 0:00:00"),
    ],
)
def test_a_cell_becomes_the_text_a_person_meant(value: workbook.CellValue, text: str) -> None:
    assert workbook.cell_text(value) == text
