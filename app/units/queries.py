"""Units in the database: one, a list, and what an import reads and writes."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Integer,
    Select,
    and_,
    any_,
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
from app.core.text import fold
from app.models.unit import Unit
from app.units.plan import Standing, Wanted

Found = tuple[Unit, str | None]
"""A unit and the code of its parent; None at the top, and where the parent lies outside the reach."""


@dataclass(slots=True)
class InForce:
    """What holds for a unit, its own or that of the nearest unit above; None where none of them says so."""

    contact: dict[str, str] | None = None
    opening_hours: dict[str, list[list[str]]] | None = None
    inherited: list[str] = field(default_factory=list)


def search_text(code: str, name: str) -> str:
    """What `q` is matched against."""
    return fold(f"{name} {code}")


def _visible(subject: Subject) -> Select[Unit, str]:
    parent = aliased(Unit)
    above = and_(Unit.parent_id == parent.id, within_reach(parent.id, subject))
    return select(Unit, parent.code).outerjoin(parent, above).where(within_reach(Unit.id, subject))


async def one(session: AsyncSession, subject: Subject, code: str) -> Found | None:
    """The unit of this code within the reach."""
    row = (await session.execute(_visible(subject).where(Unit.code == code))).one_or_none()
    return None if row is None else (row[0], row[1])


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
    query = _visible(subject).order_by(Unit.code).limit(limit + 1)
    if parent_id is not None:
        query = query.where(Unit.parent_id == parent_id)
    if kind is not None:
        query = query.where(Unit.kind == kind)
    if q is not None:
        query = query.where(Unit.search_text.contains(fold(q), autoescape=True))
    if on is not None:
        begun = or_(Unit.valid_from.is_(None), Unit.valid_from <= on)
        query = query.where(begun, or_(Unit.valid_to.is_(None), Unit.valid_to >= on))
    if after is not None:
        query = query.where(Unit.code > after)
    return [(row[0], row[1]) for row in await session.execute(query)]


async def in_force(session: AsyncSession, unit_ids: Collection[int]) -> dict[int, InForce]:
    """Contact and opening hours of these units, whoever says so: reach does not apply to what is public."""
    wanted = any_(literal(list(unit_ids), ARRAY(Integer)))
    asked = select(
        Unit.id.label("asked"), Unit.parent_id, Unit.contact, Unit.opening_hours, literal(0).label("height")
    )
    up = asked.where(Unit.id == wanted).cte("up", recursive=True)
    above = select(up.c.asked, Unit.parent_id, Unit.contact, Unit.opening_hours, up.c.height + 1)
    up = up.union_all(above.join(Unit, Unit.id == up.c.parent_id))
    rows = await session.execute(
        select(up.c.asked, up.c.height, up.c.contact, up.c.opening_hours)
        .where(or_(up.c.contact.is_not(None), up.c.opening_hours.is_not(None)))
        .order_by(up.c.height)
    )
    found = {unit_id: InForce() for unit_id in unit_ids}
    for unit_id, height, contact, opening_hours in rows:
        unit = found[unit_id]
        if unit.contact is None and contact is not None:
            unit.contact = contact
            unit.inherited += ["contact"] if height else []
        if unit.opening_hours is None and opening_hours is not None:
            unit.opening_hours = opening_hours
            unit.inherited += ["opening_hours"] if height else []
    return found


async def all_standing(
    session: AsyncSession, subject: Subject | None
) -> tuple[dict[str, Standing], dict[str, int]]:
    """Every unit as an import compares it, and the ids, by code. Without a subject all are reached.

    All of them, because codes are unique beyond every reach; some ten thousand narrow rows at most.
    """
    parent = aliased(Unit)
    reached: ColumnElement[bool] = true() if subject is None else within_reach(Unit.id, subject)
    rows = await session.execute(
        select(
            Unit.id, Unit.code, Unit.name, Unit.kind, parent.code, Unit.valid_from, Unit.valid_to, reached
        ).outerjoin(parent, Unit.parent_id == parent.id)
    )
    standing: dict[str, Standing] = {}
    ids: dict[str, int] = {}
    for row in rows:
        ids[row[1]] = row[0]
        standing[row[1]] = Standing(*row[2:])
    return standing, ids


async def write(
    session: AsyncSession, created: Sequence[Wanted], updated: Sequence[Wanted], ids: Mapping[str, int]
) -> None:
    """Write an import: two statements with many rows. Ids come first, so that children know their parents."""
    known = dict(ids)
    if created:
        sequence = func.nextval(func.pg_get_serial_sequence("units", "id"))
        fresh = await session.scalars(select(sequence).select_from(func.generate_series(1, len(created))))
        known.update(zip([unit.code for unit in created], fresh, strict=True))
        await session.execute(insert(Unit), [_values(unit, known) for unit in created])
    if updated:
        await session.execute(update(Unit), [_values(unit, known) for unit in updated])


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
