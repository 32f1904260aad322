"""Adding units, one at a time or as a table, and changing them: nobody does so outside their reach."""

import asyncio
from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncSession

from app import audit
from app.auth.reach import find_unit
from app.auth.subjects import Subject
from app.core.faults import Fault
from app.core.imports import ImportResult
from app.core.locks import Lock, give_time, hold
from app.core.problems import InvalidRequest, UnitExists
from app.core.tables import Row
from app.models.unit import UNIT_KINDS, Unit
from app.units import deeds, queries
from app.units.forest import search_text
from app.units.office_list import read_units
from app.units.plan import SPOILED, Standing, make_plan, moves
from app.units.register import codes_moved
from app.units.schemas import NewUnit, UnitChange

_CHANGEABLE = ("contact", "opening_hours", "require_totp")


async def create_unit(session: AsyncSession, subject: Subject, new: NewUnit) -> Unit:
    """Add one unit; UnitUnknown for a parent outside the reach, UnitExists when the code is taken."""
    if new.parent_code is None and subject.unit_ids is not None:
        raise InvalidRequest(faults=[Fault("/parent_code", "parent_needed")])
    await hold(session, Lock.UNITS)
    parent = (
        None
        if new.parent_code is None
        else await find_unit(session, subject, new.parent_code, "/parent_code")
    )
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
        session,
        subject.actor,
        "unit.create",
        f"unit:{unit.code}",
        [unit.id],
        after={
            "name": unit.name,
            "kind": unit.kind,
            "parent": new.parent_code,
            "valid_from": str(unit.valid_from) if unit.valid_from else None,
        },
    )
    return unit


async def change_unit(session: AsyncSession, subject: Subject, code: str, sent: UnitChange) -> Unit:
    """Change what was sent of a unit within reach; UnitUnknown otherwise. Changing nothing leaves no line."""
    unit = await find_unit(session, subject, code, "/code")
    before = {name: getattr(unit, name) for name in _CHANGEABLE}
    if "contact" in sent.model_fields_set:
        unit.contact = sent.contact.model_dump(exclude_none=True) if sent.contact else None
    if "opening_hours" in sent.model_fields_set:
        unit.opening_hours = sent.opening_hours.to_store() if sent.opening_hours else None
    if "require_totp" in sent.model_fields_set:
        unit.require_totp = sent.require_totp
    if changes := audit.changed(before, {name: getattr(unit, name) for name in _CHANGEABLE}):
        audit.record(session, subject.actor, "unit.change", f"unit:{unit.code}", [unit.id], **changes)
        await session.flush()
    return unit


async def import_units(
    session: AsyncSession, subject: Subject | None, data: bytes, filename: str, dry_run: bool
) -> ImportResult:
    """Add and change units by code from a CSV or XLSX file: all of it, or with any fault nothing.

    Without a subject it is the operator at the command line, who reaches every unit.
    """
    # reading and comparing take the processor, not the network: in a thread, so that nobody waits for them
    table = await asyncio.to_thread(read_units, data, filename)
    await give_time(session)
    if not dry_run:
        await hold(session, Lock.UNITS)
    standing, ids = await queries.all_standing(session, subject)
    reaches_all = subject is None or subject.unit_ids is None
    former = await queries.former_codes(session)
    moved = {row.values["code"] for row in table.rows if _moves(row, standing)}
    used = await queries.used(session, {code: ids[code] for code in moved}, lock=not dry_run)
    plan = await asyncio.to_thread(make_plan, table, standing, UNIT_KINDS, reaches_all, former, used)
    # a code that lost its zeros is no other code: a reorganisation would take it for one
    spoiled = any(fault.code == SPOILED for fault in plan.faults)
    if not spoiled and (renumbered := await asyncio.to_thread(codes_moved, table.rows, standing)):
        return ImportResult(faults=renumbered)
    if plan.faults:
        return ImportResult(faults=plan.faults)
    changes = [change for unit in plan.updated for change in unit.changes_from(standing[unit.code])]
    result = ImportResult(len(plan.created), len(plan.updated), plan.unchanged, changes=changes)
    if not dry_run:
        known = await queries.write(session, plan.created, plan.updated, ids)
        actor = subject.actor if subject else audit.SYSTEM
        counts = {"created": result.created, "updated": result.updated, "unchanged": result.unchanged}
        # the counts are for who reaches all that was imported, each unit's line for who reaches that unit
        tops = subject.unit_ids if subject and subject.unit_ids else ()
        audit.record(session, actor, "unit.import", "units", tops if len(tops) == 1 else (), **counts)
        await session.flush()
        await deeds.record_import(session, actor, plan, standing, known)
    return result


def _moves(row: Row, standing: Mapping[str, Standing]) -> bool:
    known = standing.get(row.values["code"])
    return known is not None and known.reached and moves(row, known)
