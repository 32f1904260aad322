"""Whether a unit still serves: asked before anything new is tied to it."""

from datetime import date

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.problems import UnitClosed
from app.models.unit import Unit
from app.units import reorganisations


async def require_open(session: AsyncSession, unit: Unit, today: date) -> None:
    """UnitClosed, naming who succeeded it, for a unit whose last day is over."""
    if unit.valid_to is not None and unit.valid_to < today:
        heirs = await reorganisations.successors(session, [unit.id], today)
        raise UnitClosed(unit=unit.code, day=unit.valid_to, successor=heirs.get(unit.id, "—"))
