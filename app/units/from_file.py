"""Reorganising units from a file: a table of changes, read row by row, faults told by row and column."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.subjects import Subject
from app.core.imports import Table
from app.core.problems import InvalidRequest
from app.core.tables import RowFault, read_rows
from app.models.unit import UNIT_KINDS
from app.units.changes import COLUMNS, MAX_CHANGES, REQUIRED, read_changes
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
            beside = [fault for fault in problem.faults if fault.pointer not in read.places]
            for fault in problem.faults:
                if fault.pointer in read.places:
                    row, column = read.places[fault.pointer]
                    table.accuse(row, column, fault.code, **dict(fault.params))
            if beside and not table.faults():
                raise
    return FromFile(faults=table.faults())
