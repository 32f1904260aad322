"""Marks of what must be counted: a unit and a local day, written with the fact that made them stale.

Intake writes its own marks, which name the responses they were made for (`app/responses/queries.py`).
"""

from collections.abc import Iterable
from datetime import date
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_MARK = text(
    "INSERT INTO stale_unit_days (unit_id, local_day, arrivals)"
    " SELECT *, CAST(:arrivals AS uuid[]) FROM unnest(CAST(:units AS integer[]), CAST(:days AS date[]))"
)


async def mark(session: AsyncSession, unit_days: Iterable[tuple[int, date]]) -> None:
    """Have each distinct (unit id, local day) counted again as a whole; in the caller's transaction."""
    await _mark(session, unit_days, None)


async def mark_visits(session: AsyncSession, unit_days: Iterable[tuple[int, date]]) -> None:
    """The same, where nothing has changed but visits."""
    await _mark(session, unit_days, [])


async def _mark(
    session: AsyncSession, unit_days: Iterable[tuple[int, date]], arrivals: list[UUID] | None
) -> None:
    marks = sorted(set(unit_days))
    if marks:
        units, days = zip(*marks, strict=True)
        await session.execute(_MARK, {"units": list(units), "days": list(days), "arrivals": arrivals})
