"""Reorganisations as they are looked up: those decided, those due, and those that somebody may see."""

from collections.abc import Collection, Sequence
from datetime import date, datetime

from sqlalchemy import ARRAY, ColumnElement, Integer, and_, func, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.reach import subtrees
from app.auth.subjects import Subject
from app.models.reorganisation import Reorganisation


async def due(session: AsyncSession, now: datetime) -> Sequence[Reorganisation]:
    """Reorganisations whose day has come, locked, in the order of their days."""
    query = select(Reorganisation).where(
        Reorganisation.state == "scheduled", Reorganisation.effective_at <= now
    )
    ordered = query.order_by(Reorganisation.effective_on, Reorganisation.id)
    return (await session.scalars(ordered.with_for_update())).all()


async def standing(session: AsyncSession, decision: str, digest: bytes) -> int | None:
    """The id of a reorganisation of this decision and content that was not taken back."""
    return await session.scalar(
        select(Reorganisation.id).where(
            Reorganisation.decision == decision,
            Reorganisation.digest == digest,
            Reorganisation.state != "reverted",
        )
    )


async def applied(session: AsyncSession, decision: str, day: date, codes: Collection[str]) -> bool:
    """Whether a reorganisation of this decision and day stands that ended in a unit of one of the codes."""
    found = await session.scalars(
        select(Reorganisation.changes).where(
            Reorganisation.decision == decision,
            Reorganisation.effective_on == day,
            Reorganisation.state != "reverted",
        )
    )
    return any(target["code"] in codes for changes in found for change in changes for target in change["to"])


async def one(
    session: AsyncSession, subject: Subject, reorganisation_id: int, *, lock: bool = False
) -> Reorganisation | None:
    """A reorganisation of which every unit lies within the reach."""
    query = select(Reorganisation).where(Reorganisation.id == reorganisation_id, _visible(subject))
    return await session.scalar(query.with_for_update() if lock else query)


async def listed(
    session: AsyncSession, subject: Subject, state: str | None, after: int | None, limit: int
) -> Sequence[Reorganisation]:
    """Reorganisations within the reach, the newest first: `limit` and one more."""
    query = select(Reorganisation).where(_visible(subject)).order_by(Reorganisation.id.desc())
    if state is not None:
        query = query.where(Reorganisation.state == state)
    if after is not None:
        query = query.where(Reorganisation.id < after)
    return (await session.scalars(query.limit(limit + 1))).all()


def _visible(subject: Subject) -> ColumnElement[bool]:
    """Whether every unit that has a part in it is reached; one without any is for those who reach all."""
    if subject.unit_ids is None:
        return true()
    reached = func.array(subtrees(subject.unit_ids).scalar_subquery(), type_=ARRAY(Integer))
    parts = Reorganisation.unit_ids
    return and_(func.cardinality(parts) > 0, parts.op("<@", is_comparison=True)(reached))
