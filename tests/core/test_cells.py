import csv
import io
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import text

from app.core.cells import neutral
from app.core.database import Database
from app.exports import statements

SIGNS = "=+-@＝＋－＠﹦﹢﹣﹫"
BREAKS = ",;|\t\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029"
BLANKS = '" \u00a0\ufeff\u200b\u3000\u202f\u2060\x01\x7f'

TYPED = ["", "Tốt", "=1+1", "+84", "-1", "@a", "\tx", "\r\nx", "\nx", "'=1", " =1", "=", "😀", '"=1"', "＝1"]
TYPED += ["ok;=1+1;", "ok,\u00a0=1", 'a;"=1+1"', "a\t@b|+c", "a\n\n=b", "a; '=b", "=;=;'=;''=", "a - b", "''"]
TYPED += [f"x{mark}{blank}{sign}1" for mark in BREAKS for blank in ("", *BLANKS) for sign in SIGNS]

cells = st.lists(st.sampled_from([*SIGNS, *BREAKS, *BLANKS, "'", "a", "1"])).map("".join) | st.text()


def starts(cell: str) -> list[str]:
    """What some spreadsheet would begin a cell with: written once more, without the rule's expression."""
    return [part.lstrip(BLANKS) for part in re.split(f"[{re.escape(BREAKS)}]", cell)]


def typed(cell: str) -> str:
    """How docs/exports.md says that the text is had back: one apostrophe less at each such place."""
    place = f"(^|[{re.escape(BREAKS)}])([{re.escape(BLANKS)}]*)'('*)(?=[{re.escape(SIGNS)}])"
    return re.sub(place, r"\1\2\3", re.sub("^'('*[\t\r\n])", r"\1", cell))


@pytest.mark.parametrize(
    ("said", "made"),
    [
        ("ok;=1+1;", "ok;'=1+1;"),
        ("=1+1", "'=1+1"),
        ("'=1+1", "''=1+1"),
        ('a;"=1+1"', 'a;"\'=1+1"'),
        ("Tốt\n- nhanh\n- gọn", "Tốt\n'- nhanh\n'- gọn"),
        ("\u00a0\ufeff＝1", "\u00a0\ufeff'＝1"),
        ("+84 222 3822 333", "'+84 222 3822 333"),
        ("\tx", "'\tx"),
        ("\t=1", "'\t'=1"),
    ],
)
def test_a_formula_has_an_apostrophe_wherever_a_cell_may_begin(said: str, made: str) -> None:
    assert neutral(said) == made
    assert typed(made) == said


@pytest.mark.parametrize(
    "said",
    [
        "H15.50-261008-0975",
        "1.001193",
        "0222 3822 333",
        "a - b",
        "Tốt, nhanh; gọn",
        "a=b",
        "x@y.vn",
        "'",
    ],
)
def test_plain_text_stays_as_it_is(said: str) -> None:
    assert neutral(said) == said


@given(cells)
@example("=;=;'=;''=")
def test_no_cell_begins_a_formula_under_any_separator_and_every_text_can_be_had_back(said: str) -> None:
    made = neutral(said)
    assert not [part for part in starts(made) if part.startswith(tuple(SIGNS))]
    assert made[:1] not in tuple("\t\r\n")
    assert typed(made) == said
    assert made.replace("'", "") == said.replace("'", "")


@given(st.lists(cells, min_size=2, max_size=4), st.sampled_from([",", ";"]))
def test_a_file_read_with_any_separator_has_no_formula_in_it(row: list[str], written: str) -> None:
    """Not even where the reader takes another mark for the separator than the writer did."""
    file = io.StringIO()
    csv.writer(file, delimiter=written).writerow([neutral(cell) for cell in row])
    for mark in ",;\t|":
        read = csv.reader(io.StringIO(file.getvalue(), newline=""), delimiter=mark)
        assert not [cell for line in read for cell in line if cell.lstrip(BLANKS).startswith(tuple(SIGNS))]


async def test_sql_makes_cells_harmless_in_the_same_way(database: Database) -> None:
    said = "unnest(CAST(:said AS text[])) WITH ORDINALITY AS said(cell, place)"
    select = text(f"SELECT {statements.neutral('cell')} FROM {said} ORDER BY place")  # noqa: S608  our own
    async with database.read() as session:
        found = list(await session.scalars(select, {"said": TYPED}))
    assert found == [neutral(each) for each in TYPED]
