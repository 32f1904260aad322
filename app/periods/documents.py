"""Public documents in the database: of each published revision the one that stands now.

A document is kept with its snapshot. One whose hash could be tested by guessing may have a reissue, which
then stands in its place; the first stays in the database and is not shown.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ARRAY, ColumnElement, Integer, any_, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.period import Reissue, Snapshot


class PublishedRevision(NamedTuple):
    """A published revision, as the public may know of it."""

    revision: int
    published_at: datetime
    sha256: str
    issue: int
    reason: str | None


async def public_period(
    session: AsyncSession, period_id: int, revision: int | None
) -> tuple[str, str] | None:
    """A public document and its SHA-256: of this revision, or of the latest published one."""
    query = (
        select(
            func.coalesce(Reissue.body, Snapshot.public_body),
            func.coalesce(Reissue.digest, Snapshot.public_digest),
        )
        .select_from(Snapshot)
        .outerjoin(Reissue, Reissue.snapshot_id == Snapshot.id)
        .where(Snapshot.period_id == period_id, Snapshot.published_at.is_not(None))
    )
    if revision is not None:
        query = query.where(Snapshot.revision == revision)
    row = (await session.execute(query.order_by(Snapshot.revision.desc()).limit(1))).one_or_none()
    return None if row is None else (row[0], row[1])


async def public_revisions(
    session: AsyncSession, periods: Sequence[int]
) -> dict[int, list[PublishedRevision]]:
    """Every published revision of some periods, the first first."""
    query = (
        select(
            Snapshot.period_id,
            Snapshot.revision,
            Snapshot.published_at,
            func.coalesce(Reissue.digest, Snapshot.public_digest),
            Reissue.snapshot_id.is_not(None),
            Snapshot.reason,
        )
        .select_from(Snapshot)
        .outerjoin(Reissue, Reissue.snapshot_id == Snapshot.id)
        .where(
            Snapshot.period_id == any_(literal(periods, ARRAY(Integer))), Snapshot.published_at.is_not(None)
        )
        .order_by(Snapshot.period_id, Snapshot.revision)
    )
    found: dict[int, list[PublishedRevision]] = defaultdict(list)
    for period, revision, published_at, digest, replaced, reason in await session.execute(query):
        if published_at is not None:
            issue = 2 if replaced else 1
            found[period].append(PublishedRevision(revision, published_at, digest, issue, reason))
    return found


async def reissues(session: AsyncSession, period_id: int) -> dict[int, Reissue]:
    """The reissued documents of a period by their snapshots' ids."""
    query = (
        select(Reissue)
        .join(Snapshot, Snapshot.id == Reissue.snapshot_id)
        .where(Snapshot.period_id == period_id)
    )
    return {row.snapshot_id: row for row in await session.scalars(query)}


async def testable(session: AsyncSession, period_id: int | None) -> list[tuple[int, int]]:
    """(Period, snapshot) of each document that carries the hash of its snapshot alone, oldest first."""
    query = (
        select(Snapshot.period_id, Snapshot.id)
        .where(_names_its_digest(), ~select(Reissue).where(Reissue.snapshot_id == Snapshot.id).exists())
        .order_by(Snapshot.published_at, Snapshot.id)
    )
    if period_id is not None:
        query = query.where(Snapshot.period_id == period_id)
    return [(row[0], row[1]) for row in await session.execute(query)]


def _names_its_digest() -> ColumnElement[bool]:
    # canonical JSON spells the field in one way, and a text within the document has its quotes escaped
    field = func.concat('"snapshot_sha256":"', Snapshot.digest, '"')
    return func.strpos(Snapshot.public_body, field) > 0
