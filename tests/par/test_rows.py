from decimal import Decimal

from app.core.imports import Table
from app.core.tables import read_rows
from app.par.rows import COLUMNS, REQUIRED, Read, read_sheets
from app.par.templates import Template, shipped

PROVINCES = shipped()["provinces-2020"]


def read(
    text: str, template: Template | None = PROVINCES, *, complete: bool = False
) -> tuple[list[Read], list[tuple[int, str | None, str]]]:
    table = Table(*read_rows(text.encode(), "par.csv", COLUMNS, REQUIRED))
    sheets = read_sheets(table, template, complete=complete)
    return sheets, [(fault.row, fault.column, fault.code) for fault in table.faults()]


def test_rows_of_a_unit_may_stand_anywhere() -> None:
    sheets, faults = read(
        "unit_code,domain,points,published_total\n24,2,8.98,\n27,1,5,\n24,1,7.92,16.89\n24,3,11.95,16.89\n"
    )
    assert faults == []
    assert [one.unit_code for one in sheets] == ["24", "27"]
    assert [one.points for one in sheets[0].scores[:4]] == [
        Decimal("7.92"),
        Decimal("8.98"),
        Decimal("11.95"),
        None,
    ]
    assert [one.published_total for one in sheets] == [Decimal("16.89"), None]


def test_a_vietnamese_spreadsheet_writes_commas() -> None:
    sheets, faults = read("unit_code;domain;appraised_score;survey_score\n24;1;6,92;1\n")
    assert faults == []
    assert sheets[0].scores[0].points == Decimal("7.92")


def test_every_fault_of_every_row_is_named_at_once() -> None:
    _, faults = read(
        "unit_code,domain,self_score,points,published_total\n"
        "24,1,8.6,x,85.58\n"
        "24,9,,1,\n"
        "24,1,,1,\n"
        "24,2,-1,1.00001,85.59\n"
        ",3,,1,\n"
        "27,1,,1,100.01\n"
    )
    assert faults == [
        (2, "points", "invalid_points"),
        (2, "self_score", "above_maximum"),
        (3, "domain", "unknown_domain"),
        (4, "domain", "domain_twice"),
        (5, "published_total", "row_differs"),
        (5, "self_score", "too_small"),
        (5, "points", "too_many_decimals"),
        (6, "unit_code", "missing"),
        (7, "published_total", "above_maximum"),
    ]


def test_what_only_follows_from_other_faults_is_not_said() -> None:
    text = "unit_code,domain,points\n24,1,x\n27,1,1\n"
    assert read(text, complete=True)[1] == [
        (2, "points", "invalid_points"),
        (3, "unit_code", "no_points"),
    ]


def test_a_table_may_bring_its_own_domains() -> None:
    text = "unit_code,domain,title_vi,title_en,max_points,points\n24,A,Một,One,60,50\n24,B,Hai,Two,40,30\n"
    sheets, faults = read(text, None, complete=True)
    assert faults == []
    assert [(one.domain.code, one.domain.title.en, one.points) for one in sheets[0].scores] == [
        ("A", "One", Decimal(50)),
        ("B", "Two", Decimal(30)),
    ]
    assert read(text.replace("40,30", "41,30").replace("One", ""), None)[1] == [
        (2, "title_vi", "missing"),
    ]
    assert read(text.replace("40,30", "41,30"), None)[1] == [(2, "unit_code", "maxima_not_whole")]
