"""Adding procedures, one at a time or as a table.

The list is the nation's, not a unit's: everybody who reads may read all of it, and only who reaches every
unit may change it.
"""

import asyncio

from sqlalchemy.ext.asyncio import AsyncSession

from app import audit
from app.auth.subjects import Subject
from app.core.imports import MAX_ROWS, ImportResult, Table, changes_of
from app.core.locks import Lock, give_time, hold
from app.core.problems import WholeReachNeeded
from app.core.tables import read_rows
from app.models.unit import PROCEDURE_LEVELS, Procedure
from app.procedures import queries
from app.procedures.plan import COLUMNS, make_plan
from app.procedures.schemas import NewProcedure


async def create_procedure(session: AsyncSession, subject: Subject, new: NewProcedure) -> Procedure:
    """Add one procedure; ProcedureExists when the code is taken."""
    _check_reach(subject)
    await hold(session, Lock.PROCEDURES)
    procedure = Procedure(
        code=new.code,
        name=new.name,
        field=new.field,
        level=new.level,
        search_text=queries.search_text(new.code, new.name),
    )
    session.add(procedure)
    await session.flush()
    audit.record(session, subject.actor, "procedure.create", f"procedure:{procedure.code}", [])
    return procedure


async def import_procedures(
    session: AsyncSession, subject: Subject | None, data: bytes, filename: str, dry_run: bool
) -> ImportResult:
    """Add and change procedures by code from a CSV or XLSX file: all of it, or with any fault nothing.

    Without a subject it is the operator at the command line.
    """
    _check_reach(subject)
    rows, faults = await asyncio.to_thread(read_rows, data, filename, COLUMNS, COLUMNS, MAX_ROWS)
    await give_time(session)
    if not dry_run:
        await hold(session, Lock.PROCEDURES)
    standing, ids = await queries.all_standing(session)
    plan = await asyncio.to_thread(make_plan, Table(rows, faults), standing, PROCEDURE_LEVELS)
    if plan.faults:
        return ImportResult(faults=plan.faults)
    changes = [
        change
        for one in plan.updated
        for change in changes_of(one.code, standing[one.code]._asdict(), one._asdict())
    ]
    result = ImportResult(len(plan.created), len(plan.updated), plan.unchanged, changes=changes)
    if not dry_run:
        await queries.write(session, plan.created, plan.updated, ids)
        actor = subject.actor if subject else audit.SYSTEM
        counts = {"created": result.created, "updated": result.updated, "unchanged": result.unchanged}
        audit.record(session, actor, "procedure.import", "procedures", [], **counts)
    return result


def _check_reach(subject: Subject | None) -> None:
    if subject is not None and subject.unit_ids is not None:
        raise WholeReachNeeded
