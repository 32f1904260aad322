"""Taking a reorganisation back: everything is as it was, or the answer says what depends on it by now."""

import json
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.subjects import Subject
from app.core.faults import Fault
from app.core.locks import Lock, give_time, hold
from app.core.problems import ReorganisationInUse, ReorganisationReverted, ReorganisationUnknown
from app.models.reorganisation import Reorganisation
from app.units import decisions, deeds, dependents, reorganisations
from app.units.forest import Forest, State, as_restored
from app.units.loops import in_loops_since


async def revert(
    session: AsyncSession, subject: Subject, reorganisation_id: int, now: datetime
) -> Reorganisation:
    """Take a reorganisation back: everything is as it was. ReorganisationInUse says what depends on it."""
    await give_time(session)
    await hold(session, Lock.UNITS)
    row = await get(session, subject, reorganisation_id, lock=True)
    if row.state == "reverted":
        raise ReorganisationReverted
    moved = {what: [str(one["id"]) for one in rows] for what, rows in row.moved.items()}
    opened = [one["id"] for one in row.touched if one["was"] is None]
    parents = {one["was"]["parent_id"] for one in row.touched if one["was"]} - {None}
    forest = await reorganisations.read_forest(session)
    involved = {one["id"] for one in row.touched} | set(row.unit_ids) - parents
    parts = dependents.Parts(opened, sorted(involved), sorted(parents))
    found = await dependents.depending(session, row.id, parts, _since(row), moved)
    faults = [Fault(_at(forest, one.unit), one.code, {"count": one.many}) for one in found]
    for one in row.touched:
        expected = one["becomes"] if row.state == "in_force" else one["was"] or one["becomes"]
        now_is = forest[one["id"]].now
        if now_is != State(*(expected[name] for name in ("code", "name", "kind", "parent_id"))):
            faults.append(Fault(_at(forest, one["id"]), "changed_since"))
    faults += [Fault(_at(forest, unit), "code_taken_since") for unit in _taken(forest, row)]
    restored = as_restored(forest, row.touched, row.effective_on)
    faults += [
        Fault(_at(forest, unit), "parent_loop")
        for unit in sorted(in_loops_since(restored, involved & restored.keys(), row.effective_on))
    ]
    if faults:
        raise ReorganisationInUse(faults=faults)
    await reorganisations.take_back(
        session, row, {what: json.dumps(rows) for what, rows in row.moved.items() if rows}
    )
    row.state, row.reverted_at = "reverted", now
    await deeds.record_return(session, row, forest, subject.actor)
    await session.flush()
    return row


async def get(
    session: AsyncSession, subject: Subject, reorganisation_id: int, *, lock: bool = False
) -> Reorganisation:
    """A reorganisation within the reach; ReorganisationUnknown otherwise."""
    row = await decisions.one(session, subject, reorganisation_id, lock=lock)
    if row is None:
        raise ReorganisationUnknown
    return row


def _at(forest: Forest, unit: int) -> str:
    return f"/units/{forest[unit].now.code}"


def _taken(forest: Forest, row: Reorganisation) -> list[int]:
    """Units that would have a code again that another was given since."""
    touched = {one["id"] for one in row.touched}
    others = (node for node in forest.values() if node.id not in touched)
    borne = {state.code for node in others for state in (node.now, *(node.ahead or ())[1:])}
    return [one["id"] for one in row.touched if one["was"] and one["was"]["code"] in borne]


def _since(row: Reorganisation) -> dependents.Since:
    """The day it was decided for, or the moment of the decision, by either clock, when that day had come."""
    if row.in_force_at is None or row.created_at < row.effective_at:
        return dependents.Since(row.effective_on, row.effective_at, row.effective_at)
    return dependents.Since(row.effective_on, row.created_at, row.in_force_at)
