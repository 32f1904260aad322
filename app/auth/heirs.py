"""Heirs: who serves today in place of a unit that has ended. Whoever refuses a closed unit names them."""

from collections.abc import Collection
from datetime import date

from sqlalchemy import ColumnElement, case, exists, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.faults import Fault
from app.core.problems import UnitClosed
from app.models.reorganisation import UnitSuccession
from app.models.unit import Unit

NOBODY = "—"

_SUCCESSORS = text(
    """
    WITH RECURSIVE heirs AS (
        SELECT from_unit AS unit, to_unit AS heir FROM unit_successions
        WHERE from_unit = ANY(CAST(:units AS int[])) AND effective_on <= :today
        UNION
        SELECT heirs.unit, s.to_unit FROM heirs
        JOIN unit_successions s ON s.from_unit = heirs.heir AND s.effective_on <= :today)
    SELECT heirs.unit, string_agg(u.code, ', ' ORDER BY u.code)
    FROM heirs JOIN units u ON u.id = heirs.heir
    WHERE u.valid_to IS NULL OR u.valid_to >= :today GROUP BY heirs.unit
    """
)


_SERVING = text(
    """
    WITH RECURSIVE line AS (
        SELECT id AS unit, id AS heir FROM units WHERE id = ANY(CAST(:units AS int[]))
        UNION
        SELECT line.unit, s.to_unit FROM line
        JOIN unit_successions s ON s.from_unit = line.heir AND s.kind = 'merge' AND s.effective_on <= :today)
    SELECT line.unit, line.heir FROM line JOIN units u ON u.id = line.heir
    WHERE u.valid_to IS NULL OR u.valid_to >= :today
    """
)


async def successors(session: AsyncSession, unit_ids: Collection[int], today: date) -> dict[int, str]:
    """The codes of those who serve today in place of units that ended, in words; none: left out."""
    rows = await session.execute(_SUCCESSORS, {"units": list(unit_ids), "today": today})
    return {row[0]: row[1] for row in rows}


def has_ended(unit: Unit, today: date) -> bool:
    """Whether a unit's last day is over."""
    return unit.valid_to is not None and unit.valid_to < today


async def serving(session: AsyncSession, unit_ids: Collection[int], today: date) -> dict[int, int]:
    """Who serves today in place of each unit: itself, or who took it over whole; nobody: left out."""
    rows = await session.execute(_SERVING, {"units": list(unit_ids), "today": today})
    return {row[0]: row[1] for row in rows}


def ended_without_heir() -> ColumnElement[date | None]:
    """A unit's last day, if it has one and no other unit takes it over whole: nothing moves by itself."""
    merged = exists().where(UnitSuccession.from_unit == Unit.id, UnitSuccession.kind == "merge")
    return case((merged, None), else_=Unit.valid_to)


async def closed_fault(session: AsyncSession, unit: Unit, at: str, today: date) -> Fault:
    """The fault of naming a unit that has ended."""
    heirs = await successors(session, [unit.id], today)
    told = {"unit": unit.code, "day": unit.valid_to, "successor": heirs.get(unit.id, NOBODY)}
    return Fault(at, "unit_closed", told)


async def require_open(session: AsyncSession, unit: Unit, today: date) -> None:
    """UnitClosed, naming who succeeded it, for a unit whose last day is over."""
    if has_ended(unit, today):
        heirs = await successors(session, [unit.id], today)
        raise UnitClosed(unit=unit.code, day=unit.valid_to, successor=heirs.get(unit.id, NOBODY))
