"""Reorganising units from a file: a table of changes, read row by row, faults told by row and column."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.subjects import Subject
from app.core.faults import Fault
from app.core.imports import Table
from app.core.problems import InvalidRequest
from app.core.tables import RowFault, read_rows
from app.models.unit import UNIT_KINDS
from app.units.changes import COLUMNS, MAX_CHANGES, REQUIRED, FromTable, read_changes
from app.units.reorganise import Asked, Done, Progress, quiet, reorganise


@dataclass(frozen=True, slots=True)
class FromFile:
    """What came of a file: with faults nothing is written."""

    done: Done | None = None
    faults: Sequence[RowFault] = ()


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
    """The same from a CSV or XLSX file; faults come back by row and column, and then nothing is written."""
    rows, faults = await asyncio.to_thread(read_rows, data, filename, COLUMNS, REQUIRED, MAX_CHANGES)
    table = Table(rows, faults)
    read = await asyncio.to_thread(read_changes, table, UNIT_KINDS)
    if not table.faults():
        asked = Asked(decision, effective_on, read.changes)
        try:
            return FromFile(
                await reorganise(session, subject, asked, zone, now, dry_run=dry_run, progress=progress)
            )
        except InvalidRequest as problem:
            if not _tell_by_row(table, read, problem.faults):
                raise
    return FromFile(faults=table.faults())


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
