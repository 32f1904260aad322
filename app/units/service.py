"""Adding units, one at a time or as a table, and changing them: nobody does so outside their reach."""

import asyncio

from sqlalchemy.ext.asyncio import AsyncSession

from app import audit
from app.auth.reach import find_unit
from app.auth.subjects import Subject
from app.core.faults import Fault
from app.core.imports import MAX_ROWS, ImportResult, Table
from app.core.locks import Lock, hold
from app.core.problems import InvalidRequest, UnitExists
from app.core.tables import read_rows
from app.models.unit import UNIT_KINDS, Unit
from app.units import queries
from app.units.forest import search_text
from app.units.plan import COLUMNS, REQUIRED, make_plan
from app.units.schemas import NewUnit, UnitChange


async def create_unit(session: AsyncSession, subject: Subject, new: NewUnit) -> Unit:
    """Add one unit; UnitUnknown for a parent outside the reach, UnitExists when the code is taken."""
    if new.parent_code is None and subject.unit_ids is not None:
        raise InvalidRequest(faults=[Fault("/parent_code", "parent_needed")])
    await hold(session, Lock.UNITS)
    parent = None if new.parent_code is None else await find_unit(session, subject, new.parent_code)
    if parent is not None and parent.valid_to is not None:
        raise InvalidRequest(faults=[Fault("/parent_code", "parent_closed", {"parent": parent.code})])
    if new.code in await queries.former_codes(session):
        raise UnitExists
    unit = Unit(
        code=new.code,
        name=new.name,
        kind=new.kind,
        parent_id=parent.id if parent else None,
        valid_from=new.valid_from,
        search_text=search_text(new.code, new.name),
    )
    session.add(unit)
    await session.flush()
    audit.record(
        session, subject.actor, "unit.create", f"unit:{unit.code}", kind=unit.kind, parent=new.parent_code
    )
    return unit


async def change_unit(session: AsyncSession, subject: Subject, code: str, sent: UnitChange) -> Unit:
    """Change what was sent of a unit within reach; UnitUnknown otherwise. Changing nothing leaves no line."""
    unit = await find_unit(session, subject, code)
    changes: dict[str, object] = {}
    if "contact" in sent.model_fields_set:
        contact = sent.contact.model_dump(exclude_none=True) if sent.contact else None
        if contact != unit.contact:
            unit.contact = changes["contact"] = contact
    if "opening_hours" in sent.model_fields_set:
        hours = sent.opening_hours.to_store() if sent.opening_hours else None
        if hours != unit.opening_hours:
            unit.opening_hours = changes["opening_hours"] = hours
    if "require_totp" in sent.model_fields_set and sent.require_totp != unit.require_totp:
        unit.require_totp = changes["require_totp"] = sent.require_totp
    if changes:
        audit.record(session, subject.actor, "unit.change", f"unit:{unit.code}", **changes)
        await session.flush()
    return unit


async def import_units(
    session: AsyncSession, subject: Subject | None, data: bytes, filename: str, dry_run: bool
) -> ImportResult:
    """Add and change units by code from a CSV or XLSX file: all of it, or with any fault nothing.

    Without a subject it is the operator at the command line, who reaches every unit.
    """
    # reading and comparing take the processor, not the network: in a thread, so that nobody waits for them
    rows, faults = await asyncio.to_thread(read_rows, data, filename, COLUMNS, REQUIRED, MAX_ROWS)
    if not dry_run:
        await hold(session, Lock.UNITS)
    standing, ids = await queries.all_standing(session, subject)
    reaches_all = subject is None or subject.unit_ids is None
    former = await queries.former_codes(session)
    table = Table(rows, faults)
    plan = await asyncio.to_thread(make_plan, table, standing, UNIT_KINDS, reaches_all, former)
    if plan.faults:
        return ImportResult(faults=plan.faults)
    result = ImportResult(len(plan.created), len(plan.updated), plan.unchanged)
    if not dry_run:
        await queries.write(session, plan.created, plan.updated, ids)
        actor = subject.actor if subject else audit.SYSTEM
        counts = {"created": result.created, "updated": result.updated, "unchanged": result.unchanged}
        audit.record(session, actor, "unit.import", "units", **counts)
    return result
