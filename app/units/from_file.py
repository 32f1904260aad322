"""Reorganising units from a file, whose headings tell what kind of table it is; faults are told by row."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.subjects import Subject
from app.core.faults import Fault
from app.core.imports import Table
from app.core.locks import give_time
from app.core.problems import InvalidRequest, ReorganisationExists
from app.core.tables import RowFault, read_rows
from app.models.unit import UNIT_KINDS
from app.units import decisions, official, plan, reorganisations
from app.units.changes import COLUMNS, REQUIRED, FromTable, read_changes
from app.units.conversion import convert
from app.units.forest import Forest
from app.units.notes import Note
from app.units.register import compare_register
from app.units.reorganise import Asked, Done, Progress, quiet, reorganise


@dataclass(frozen=True, slots=True)
class FromFile:
    """What came of a file: with faults nothing is written."""

    done: Done | None = None
    faults: Sequence[RowFault] = ()
    notes: Sequence[Note] = ()


class Shape(NamedTuple):
    """A kind of table, and what makes changes of it by the tree; None: it lists changes itself."""

    columns: Sequence[str]
    required: Sequence[str]
    read: Callable[[Table, Forest, date], FromTable] | None = None


SHAPES = (
    Shape(COLUMNS, REQUIRED),
    Shape(official.COLUMNS, official.REQUIRED, convert),
    Shape(plan.COLUMNS, plan.REQUIRED, compare_register),
)
MAX_ROWS = 20_000


async def reorganise_from_file(
    session: AsyncSession,
    subject: Subject | None,
    data: bytes,
    filename: str,
    decision: str,
    effective_on: date,
    zone: ZoneInfo,
    now: datetime,
    *,
    dry_run: bool,
    progress: Progress = quiet,
) -> FromFile:
    """The same from a CSV or XLSX file; faults come back by row and column, and then nothing is written.

    The file is a table of changes, the official conversion table of a reform as it stands, or a register of
    units with the codes and names that are right: its headings tell. One of the latter two that a decision
    of this name and day has applied raises ReorganisationExists: read anew, it does not fit what it has made.
    """
    shape = await asyncio.to_thread(_shape_of, data, filename)
    rows, faults = await asyncio.to_thread(read_rows, data, filename, shape.columns, shape.required, MAX_ROWS)
    table, applied = Table(rows, faults), False
    if shape.read is None:
        read = await asyncio.to_thread(read_changes, table, UNIT_KINDS)
    elif table.faults():
        return FromFile(faults=table.faults())
    else:
        await give_time(session)
        forest = await reorganisations.read_forest(session, subject)
        read = await asyncio.to_thread(shape.read, table, forest, effective_on)
        codes = {row.values[shape.required[0]] for row in rows}
        applied = await decisions.applied(session, decision, effective_on, codes)
    if applied and (table.faults() or not read.changes):
        raise ReorganisationExists
    if not table.faults() and not read.changes:
        left_out = sum(int(str(note.params["count"])) for note in read.notes if note.code == "elsewhere")
        code = "units_of_before_missing" if left_out == len(rows) > 0 else "nothing_changes"
        return FromFile(faults=[RowFault(1, None, code)], notes=read.notes)
    if not table.faults():
        asked = Asked(decision, effective_on, read.changes)
        try:
            done = await reorganise(session, subject, asked, zone, now, dry_run=dry_run, progress=progress)
            return FromFile(done, notes=read.notes)
        except InvalidRequest as problem:
            if applied:
                raise ReorganisationExists from problem
            if not _tell_by_row(table, read, problem.faults):
                raise
    return FromFile(faults=table.faults(), notes=read.notes)


def _shape_of(data: bytes, filename: str) -> Shape:
    """The shape that the headings of a file fit best."""

    def misfits(shape: Shape) -> int:
        _, faults = read_rows(data, filename, shape.columns, shape.required, 0)
        return sum(fault.code in {"missing_column", "unknown_column"} for fault in faults)

    return min(SHAPES, key=misfits)


def _tell_by_row(table: Table, read: FromTable, faults: Sequence[Fault]) -> bool:
    """Accuse the rows that faults came from; whether there was any such fault."""
    for fault in faults:
        place, params = read.place(fault.pointer), dict(fault.params)
        first = read.place(str(params.get("first", "")))
        if place is not None and fault.code == "unit_touched_twice" and first is not None:
            table.accuse(place[0], place[1], "unit_in_row", first=first[0].number)
        elif place is not None:
            table.accuse(place[0], place[1], fault.code, **params)
    return bool(table.faults())
