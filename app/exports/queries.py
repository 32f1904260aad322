"""Rows of exports and the parts of their files."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, literal, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.reach import within_reach
from app.auth.subjects import Subject
from app.models.export import Export, ExportPart
from app.models.unit import Unit

MOST_ATTEMPTS = 3
ROW_KEPT = timedelta(days=365)
STREAM_OVER = timedelta(minutes=20)
"""After so long no stream goes on: its statement has come to its end."""


async def own(session: AsyncSession, actor: str, export_id: UUID) -> Export | None:
    """An export by its id, if it is this one's own."""
    return await session.scalar(select(Export).where(Export.id == export_id, Export.actor == actor))


async def listed(
    session: AsyncSession, actor: str, before: tuple[datetime, UUID] | None, limit: int
) -> Sequence[Export]:
    """One's own exports, the newest first, one more than the limit."""
    query = select(Export).where(Export.actor == actor)
    if before is not None:
        created_at, export_id = before
        query = query.where(
            tuple_(Export.created_at, Export.id) < tuple_(literal(created_at), literal(export_id))
        )
    query = query.order_by(Export.created_at.desc(), Export.id.desc()).limit(limit + 1)
    return (await session.scalars(query)).all()


async def waiting(session: AsyncSession, actor: str) -> int:
    """How many of one's orders are not done."""
    query = select(func.count()).where(
        Export.actor == actor, Export.state.in_(("queued", "running")), ~Export.streamed
    )
    return await session.scalar(query) or 0


async def inside(session: AsyncSession, units: Collection[int], subject: Subject) -> set[int]:
    """Which of these units the subject, narrowed to a scope, reaches."""
    query = select(Unit.id).where(Unit.id.in_(units), within_reach(Unit.id, subject))
    return set((await session.scalars(query)).all())


async def due(session: AsyncSession, most: int) -> Sequence[UUID]:
    """Orders to be worked off, the oldest first; some of them may be under way."""
    query = (
        select(Export.id)
        .where(Export.state.in_(("queued", "running")), ~Export.streamed)
        .order_by(Export.created_at)
        .limit(most)
    )
    return (await session.scalars(query)).all()


async def begin(session: AsyncSession, export_id: UUID) -> Export | None:
    """Start an order, or start it again; None when it is no longer due. Whoever calls holds its lock."""
    export = await session.scalar(
        select(Export)
        .where(Export.id == export_id, Export.state.in_(("queued", "running")))
        .with_for_update()
    )
    if export is None:
        return None
    await session.execute(delete(ExportPart).where(ExportPart.export_id == export_id))
    if export.attempts >= MOST_ATTEMPTS:
        export.state, export.failure, export.finished_at = "failed", "gave_up", func.now()
        return None
    export.state, export.attempts, export.rows_done = "running", export.attempts + 1, 0
    return export


async def change(session: AsyncSession, export_id: UUID, **values: Any) -> None:
    """Set columns of a running export."""
    await session.execute(
        update(Export).where(Export.id == export_id, Export.state == "running").values(**values)
    )


async def part(session: AsyncSession, export_id: UUID, place: int) -> bytes | None:
    """One part of a file; None after the last, and when the file is gone."""
    return await session.scalar(
        select(ExportPart.content).where(ExportPart.export_id == export_id, ExportPart.place == place)
    )


async def purge(session: AsyncSession, now: datetime) -> int:
    """Delete files past their day and rows past their year; end streams nobody ended. How many files went."""
    late = select(Export.id).where(Export.expires_at <= now)
    parts = delete(ExportPart).where(ExportPart.export_id.in_(late)).returning(ExportPart.export_id)
    gone = set((await session.scalars(parts)).all())
    await session.execute(
        update(Export)
        .where(Export.state == "running", Export.streamed, Export.created_at < now - STREAM_OVER)
        .values(state="failed", failure="broken_off", finished_at=now)
    )
    await session.execute(delete(Export).where(Export.created_at < now - ROW_KEPT))
    return len(gone)
