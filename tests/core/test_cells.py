from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import text

from app.core.cells import STARTS, neutral
from app.core.database import Database
from app.exports import statements

TYPED = ["", "Tốt", "=1+1", "+84", "-1", "@a", "\tx", "\r\nx", "\nx", "'=1", " =1", "=", "😀", '"=1"', "＝1"]


@given(st.text())
@example("=1+1")
@example("'=1+1")
@example("")
def test_no_text_begins_a_formula_any_more_and_none_is_changed_otherwise(typed: str) -> None:
    made = neutral(typed)
    assert not made.startswith(STARTS)
    assert made in (typed, "'" + typed)
    assert (made == typed) is (typed[:1] not in {"=", "+", "-", "@", "\t", "\r", "\n"})


async def test_sql_makes_cells_harmless_in_the_same_way(database: Database) -> None:
    typed = "unnest(CAST(:typed AS text[])) WITH ORDINALITY AS typed(cell, place)"
    select = text(f"SELECT {statements.neutral('cell')} FROM {typed} ORDER BY place")  # noqa: S608  our own
    async with database.read() as session:
        found = list(await session.scalars(select, {"typed": TYPED}))
    assert found == [neutral(each) for each in TYPED]
