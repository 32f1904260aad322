"""Units in the database: one, a list, and what an import reads and writes."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Integer,
    Text,
    and_,
    any_,
    case,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.auth.reach import within_reach
from app.auth.subjects import Subject
from app.core.searching import matches
from app.models.reorganisation import UnitVersion
from app.models.response import Response
from app.models.rollup import UnitDay, UnitMonth, VisitDay, VisitMonth
from app.models.unit import Unit
from app.models.visit import Visit
from app.units.forest import search_text
from app.units.plan import Standing, Wanted

_COUNTED = (Visit, Response, UnitDay, UnitMonth, VisitDay, VisitMonth)
"""Where it shows that a unit has served; the figures stay when the rows they are of are deleted."""


class Found(NamedTuple):
    """A unit as it was on some day, or is; no parent at the top, and where the parent is outside the reach.

    A unit that has ended is shown as it last was, though today it hangs beneath its successor.
    """

    unit: Unit
    code: str
    name: str
    kind: str
    parent_code: str | None


@dataclass(slots=True)
class InForce:
    """What holds for a unit, its own or that of the nearest unit above; None where none of them says so."""

    contact: dict[str, str] | None = None
    opening_hours: dict[str, list[list[str]]] | None = None
    inherited: list[str] = field(default_factory=list)


def _on(version: type[UnitVersion], unit: type[Unit], on: date | None) -> ColumnElement[bool]:
    """Which state that is not the present one holds: that of a day, or the last one of a unit that ended."""
    if on is None:
        holds = version.valid_to == unit.valid_to
    else:
        begun = or_(version.valid_from.is_(None), version.valid_from <= on)
        holds = and_(begun, or_(version.valid_to.is_(None), version.valid_to >= on))
    return and_(version.unit_id == unit.id, holds)


def _visible(subject: Subject, on: date | None) -> tuple[Any, dict[str, ColumnElement[Any]]]:
    """The query and its columns: the state of each unit within the reach, and its parent's code."""
    version, parent, parents = aliased(UnitVersion), aliased(Unit), aliased(UnitVersion)
    state: dict[str, ColumnElement[Any]] = {
        "parent_id": case((version.id.is_not(None), version.parent_id), else_=Unit.parent_id)
    }
    for name in ("code", "name", "kind", "search_text"):
        now = getattr(Unit, name)
        # without a day only the place differs: codes stay in the order of their index
        state[name] = now if on is None else func.coalesce(getattr(version, name), now)
    above = parent.code if on is None else func.coalesce(parents.code, parent.code)
    shown = [state[name].label(f"shown_{name}") for name in ("code", "name", "kind")]
    query = (
        select(Unit, *shown, above.label("above"))
        .outerjoin(version, _on(version, Unit, on))
        .outerjoin(parent, and_(parent.id == state["parent_id"], within_reach(parent.id, subject)))
        .where(within_reach(Unit.id, subject))
    )
    if on is not None:
        query = query.outerjoin(parents, _on(parents, parent, on))
    return query, state


async def one(session: AsyncSession, subject: Subject, code: str) -> Found | None:
    """The unit of this code within the reach."""
    query, _ = _visible(subject, None)
    row = (await session.execute(query.where(Unit.code == code))).one_or_none()
    return None if row is None else Found(*row)


async def called(session: AsyncSession, subject: Subject, code: str, on: date) -> int | None:
    """The unit within reach that had this code on a day; else one that has it, had it or shall have it.

    Codes may have moved from one unit to another since.
    """
    version = aliased(UnitVersion)
    on_day = case((func.coalesce(version.code, Unit.code) == code, 0), (Unit.code == code, 1), else_=2)
    versions = select(UnitVersion.unit_id).where(UnitVersion.code == code)
    query = (
        select(Unit.id)
        .outerjoin(version, _on(version, Unit, on))
        .where(or_(Unit.code == code, Unit.id.in_(versions)), within_reach(Unit.id, subject))
    )
    return await session.scalar(query.order_by(on_day, Unit.id.desc()).limit(1))


async def listing(
    session: AsyncSession,
    subject: Subject,
    *,
    parent_id: int | None,
    kind: str | None,
    q: str | None,
    on: date | None,
    after: str | None,
    limit: int,
) -> Sequence[Found]:
    """Units within the reach by code: `limit` and one more, behind the code `after`."""
    query, state = _visible(subject, on)
    if parent_id is not None:
        query = query.where(state["parent_id"] == parent_id)
    if kind is not None:
        query = query.where(state["kind"] == kind)
    if q is not None:
        query = query.where(matches(state["search_text"], q))
    if on is not None:
        begun = or_(Unit.valid_from.is_(None), Unit.valid_from <= on)
        query = query.where(begun, or_(Unit.valid_to.is_(None), Unit.valid_to >= on))
    if after is not None:
        query = query.where(state["code"] > after)
    return [Found(*row) for row in await session.execute(query.order_by(state["code"]).limit(limit + 1))]


async def in_force(session: AsyncSession, unit_ids: Collection[int]) -> dict[int, InForce]:
    """Contact and opening hours of these units, whoever says so: reach does not apply to what is public."""
    wanted = any_(literal(list(unit_ids), ARRAY(Integer)))
    columns = Unit.id, Unit.parent_id, Unit.contact, Unit.opening_hours
    up = select(*columns).where(Unit.id == wanted).cte("up", recursive=True)
    up = up.union(select(*columns).join(up, Unit.id == up.c.parent_id))
    chain = {row[0]: row[1:] for row in await session.execute(select(up))}
    return {unit_id: _nearest(unit_id, chain) for unit_id in unit_ids}


def _nearest(unit_id: int, chain: Mapping[int, Sequence[Any]]) -> InForce:
    """The first in the chain of parents that says so; a loop, which there should never be, ends."""
    unit, inherited, seen = InForce(), False, set[int]()
    at: int | None = unit_id
    while at is not None and at in chain and at not in seen:
        seen.add(at)
        at, contact, opening_hours = chain[at]
        if unit.contact is None and contact is not None:
            unit.contact = contact
            unit.inherited += ["contact"] if inherited else []
        if unit.opening_hours is None and opening_hours is not None:
            unit.opening_hours = opening_hours
            unit.inherited += ["opening_hours"] if inherited else []
        inherited = True
    return unit


async def former_codes(session: AsyncSession) -> frozenset[str]:
    """Codes that units once had, or shall have: none of them is given to another."""
    return frozenset(await session.scalars(select(UnitVersion.code).distinct()))


async def all_standing(
    session: AsyncSession, subject: Subject | None
) -> tuple[dict[str, Standing], dict[str, int]]:
    """Every unit as an import compares it, and the ids, by code. Without a subject all are reached.

    All of them, because codes are unique beyond every reach; some ten thousand narrow rows at most.
    """
    parent, last, ahead, above = aliased(Unit), aliased(UnitVersion), aliased(UnitVersion), aliased(Unit)
    stood = case((last.id.is_not(None), last.parent_id), else_=Unit.parent_id)
    reached: ColumnElement[bool] = true() if subject is None else within_reach(Unit.id, subject)
    # only a reorganisation ends a unit, and one that was closed or split has no other state
    changed = or_(Unit.valid_to.is_not(None), exists().where(UnitVersion.unit_id == Unit.id))
    past = aliased(UnitVersion)
    names = (
        select(func.array_agg(past.name))
        .where(past.unit_id == Unit.id, past.valid_to.is_not(None))
        .scalar_subquery()
    )
    rows = await session.execute(
        select(
            Unit.id,
            Unit.code,
            Unit.name,
            Unit.kind,
            parent.code,
            Unit.valid_from,
            Unit.valid_to,
            reached,
            changed,
            ahead.valid_from,
            above.code,
            func.coalesce(names, literal([], ARRAY(Text))),
        )
        .outerjoin(last, _on(last, Unit, None))
        .outerjoin(parent, stood == parent.id)
        .outerjoin(ahead, and_(ahead.unit_id == Unit.id, ahead.valid_to.is_(None)))
        .outerjoin(above, above.id == ahead.parent_id)
    )
    standing: dict[str, Standing] = {}
    ids: dict[str, int] = {}
    for row in rows:
        ids[row[1]] = row[0]
        state: list[Any] = list(row[2:])
        standing[row[1]] = Standing(*state)
    return standing, ids


async def used(session: AsyncSession, ids: Mapping[str, int], *, lock: bool) -> set[str]:
    """Which of these have visits, responses or figures, their own or those of a unit beneath.

    With `lock` nothing is added to them until the transaction ends.
    """
    wanted = any_(literal(list(ids.values()), ARRAY(Integer)))
    if lock:
        await session.execute(select(Unit.id).where(Unit.id == wanted).order_by(Unit.id).with_for_update())
    top = select(Unit.id.label("top"), Unit.id).where(Unit.id == wanted).cte("beneath", recursive=True)
    beneath = top.union(select(top.c.top, Unit.id).join(top, Unit.parent_id == top.c.id))
    counted = or_(*(exists().where(one.unit_id == beneath.c.id) for one in _COUNTED))
    found = set(await session.scalars(select(beneath.c.top).where(counted).distinct())) if ids else set()
    return {code for code, unit_id in ids.items() if unit_id in found}


async def write(
    session: AsyncSession, created: Sequence[Wanted], updated: Sequence[Wanted], ids: Mapping[str, int]
) -> dict[str, int]:
    """Write an import: two statements with many rows. Ids come first, so that children know their parents.

    The ids of all units by code, the new ones among them.
    """
    known = dict(ids)
    if created:
        sequence = func.nextval(func.pg_get_serial_sequence("units", "id"))
        fresh = await session.scalars(select(sequence).select_from(func.generate_series(1, len(created))))
        known.update(zip([unit.code for unit in created], fresh, strict=True))
        await session.execute(insert(Unit), [_values(unit, known) for unit in created])
    if updated:
        await session.execute(update(Unit), [_values(unit, known) for unit in updated])
    return known


def _values(unit: Wanted, ids: Mapping[str, int]) -> dict[str, object]:
    return {
        "id": ids[unit.code],
        "code": unit.code,
        "name": unit.name,
        "kind": unit.kind,
        "parent_id": None if unit.parent_code is None else ids[unit.parent_code],
        "valid_from": unit.valid_from,
        "search_text": search_text(unit.code, unit.name),
    }
