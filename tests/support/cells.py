"""The stored cells, unpacked, in the shape in which tests/support/rows.py counts."""

# ruff: noqa: S608  names of tables are our own

from datetime import date
from typing import NamedTuple

from sqlalchemy import text

from app.core.database import Database
from app.rollups.lanes import Shape, UnitTally, read_procedure, read_unit
from tests.support.rows import FORMS, Figures, Form

Sums = tuple[tuple[int, ...], ...]
ChannelKey = tuple[int, date, int, str]
UnitKey = tuple[int, date, int]
ProcedureKey = tuple[int, date, int, int]


class Cells(NamedTuple):
    """Every table of cells by its key."""

    channel_day: dict[ChannelKey, Figures]
    channel_month: dict[ChannelKey, Figures]
    unit_day: dict[UnitKey, Figures]
    unit_month: dict[UnitKey, Figures]
    procedure_day: dict[ProcedureKey, tuple[int, Sums]]
    procedure_month: dict[ProcedureKey, tuple[int, Sums]]
    visit_day: dict[tuple[int, date], tuple[int, int]]
    visit_month: dict[tuple[int, date], tuple[int, int]]


def shape_of(form: Form) -> Shape:
    """The product's name for a form."""
    return Shape(tuple((places.start, len(places)) for places in form.parts()))


def unpacked(responses: int, held_back: int, tally: UnitTally) -> Figures:
    """A unit's tally as the tests count."""
    sums = tuple((one.n, one.x, one.y, one.xx, one.xy, one.yy) for one in (tally.whole, *tally.components))
    return Figures(responses, held_back, tally.counts, sums)


async def stored(database: Database, questionnaires: dict[str, int]) -> Cells:
    """Everything the roll-up has written."""
    shapes = {questionnaires[code]: shape_of(form) for code, form in FORMS.items()}
    async with database.read() as session:

        async def channels(table: str, period: str) -> dict[ChannelKey, Figures]:
            rows = await session.execute(
                text(
                    f"SELECT unit_id, {period}, questionnaire_id, channel, responses, held_back, tally::text"
                    f" FROM {table}"
                )
            )
            return {
                (unit, at, form, channel): unpacked(n, held, read_unit(shapes[form], n, tally))
                for unit, at, form, channel, n, held, tally in rows
            }

        async def units(table: str, period: str) -> dict[UnitKey, Figures]:
            rows = await session.execute(
                text(
                    f"SELECT unit_id, {period}, questionnaire_id, responses, held_back, tally::text"
                    f" FROM {table}"
                )
            )
            return {
                (unit, at, form): unpacked(n, held, read_unit(shapes[form], n, tally))
                for unit, at, form, n, held, tally in rows
            }

        async def procedures(table: str, period: str) -> dict[ProcedureKey, tuple[int, Sums]]:
            rows = await session.execute(
                text(
                    f"SELECT unit_id, {period}, questionnaire_id, procedure_id, responses, tally::text"
                    f" FROM {table}"
                )
            )
            cells: dict[ProcedureKey, tuple[int, Sums]] = {}
            for unit, at, form, procedure, n, digits in rows:
                tally = read_procedure(shapes[form], n, digits)
                sums = [(s.n, s.x, s.y, s.xx, s.xy, s.yy) for s in (tally.whole, *tally.components)]
                cells[unit, at, form, procedure] = n, tuple(sums)
            return cells

        async def visits(table: str, period: str) -> dict[tuple[int, date], tuple[int, int]]:
            rows = await session.execute(text(f"SELECT unit_id, {period}, visits, answered FROM {table}"))
            return {(unit, at): (visits, answered) for unit, at, visits, answered in rows}

        return Cells(
            await channels("channel_day", "local_day"),
            await channels("channel_month", "local_month"),
            await units("unit_day", "local_day"),
            await units("unit_month", "local_month"),
            await procedures("procedure_day", "local_day"),
            await procedures("procedure_month", "local_month"),
            await visits("visit_day", "local_day"),
            await visits("visit_month", "local_month"),
        )
