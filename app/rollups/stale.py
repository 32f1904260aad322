"""Marks of what must be counted again: a unit and a local day, written with the fact that made them stale."""

from collections.abc import Iterable
from datetime import date

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_MARK = text(
    "INSERT INTO stale_unit_days (unit_id, local_day)"
    " SELECT * FROM unnest(CAST(:units AS integer[]), CAST(:days AS date[]))"
)


async def mark(session: AsyncSession, unit_days: Iterable[tuple[int, date]]) -> None:
    """Append a mark for each distinct (unit id, local day), in the caller's transaction."""
    marks = sorted(set(unit_days))
    if marks:
        units, days = zip(*marks, strict=True)
        await session.execute(_MARK, {"units": list(units), "days": list(days)})
