"""A snapshot is published: by a second person, and beside all that stays readable.

What of it may be shown can take minutes to find out. So it is read in one short transaction, found out with
no transaction open and no lock held, and written in another, which asks first whether all is still as it was.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.subjects import Subject
from app.core.clock import utc_now
from app.core.database import Database
from app.core.locks import hold_named
from app.core.period_problems import (
    AlreadyPublished,
    NothingToPublish,
    PeriodState,
    RevisionSuperseded,
    RevisionUnknown,
    SecondPersonNeeded,
)
from app.core.problems import Conflict
from app.models.period import Period, Snapshot
from app.periods import beside, queries
from app.periods.apart import Apart
from app.periods.commitment import SALTED
from app.periods.figures import canonical, digest_of
from app.periods.layers import Layers, Question
from app.periods.public import public_body
from app.periods.service import Rules, by_a_person, commit_to, find, locked, record
from app.questionnaires.published import PublishedQuestionnaires


class _Asked(NamedTuple):
    """A question, and the ids of all publications that it was asked beside."""

    question: Question
    beside: list[int]


async def publish(
    database: Database,
    session: AsyncSession,
    apart: Apart,
    questionnaires: PublishedQuestionnaires,
    subject: Subject,
    period_id: int,
    revision: int,
    rules: Rules,
) -> Snapshot:
    """Publish the latest snapshot, which the caller names so that nobody publishes what they have not read.

    `session`: for what is written; nothing may have been asked of it yet. SecondPersonNeeded,
    RevisionUnknown, RevisionSuperseded, AlreadyPublished, NothingToPublish, TreeDiffers; Conflict when
    somebody publishes in the same moment.
    """
    by_a_person(subject)
    async with apart.turn:
        while True:  # until nobody has published meanwhile
            asked = await _asked(database, questionnaires, subject, period_id, revision)
            layers = await apart.answer(asked.question)
            async with database.read() as reading:
                period = (await find(reading, subject, period_id))[0]
                if await _published(reading, period) == asked.beside:
                    break
    if not layers.overall:
        raise NothingToPublish(min_n=asked.question.min_n)
    period = await locked(session, subject, period_id)
    # two publications at once must see each other, or together they could give a hidden figure away
    await hold_named(session, "periods.publish", str(period.questionnaire_id))
    snapshot = await _ready(session, subject, period, revision)
    if await _published(session, period) != asked.beside:
        raise Conflict
    await _write(session, subject, period, snapshot, layers, rules)
    return snapshot


async def _asked(
    database: Database,
    questionnaires: PublishedQuestionnaires,
    subject: Subject,
    period_id: int,
    revision: int,
) -> _Asked:
    async with database.read() as session:
        period = (await find(session, subject, period_id))[0]
        snapshot = await _ready(session, subject, period, revision)
        published = await questionnaires.by_id(period.questionnaire_id)
        question = await beside.question_for(session, period, snapshot, published)
        return _Asked(question, await _published(session, period))


async def _published(session: AsyncSession, period: Period) -> list[int]:
    return [snapshot for _, snapshot in await queries.published_beside(session, period.questionnaire_id)]


async def _ready(session: AsyncSession, subject: Subject, period: Period, revision: int) -> Snapshot:
    """The snapshot, when this person may publish it now."""
    snapshots = {one.revision: one for one in await queries.snapshots(session, period.id)}
    if not snapshots:
        raise PeriodState(state=period.state)
    snapshot, latest = snapshots.get(revision), max(snapshots)
    if snapshot is None:
        raise RevisionUnknown
    if snapshot.published_at is not None:
        raise AlreadyPublished
    if revision != latest:
        raise RevisionSuperseded(latest=latest)
    if subject.actor == snapshot.taken_by:
        raise SecondPersonNeeded
    return snapshot


async def _write(
    session: AsyncSession, subject: Subject, period: Period, snapshot: Snapshot, layers: Layers, rules: Rules
) -> None:
    now, committed = utc_now().replace(microsecond=0), commit_to(snapshot)
    about = {
        "licence": rules.licence,
        "reason": snapshot.reason,
        "closed_at": _written(snapshot.taken_at, rules.zone),
        "published_at": _written(now, rules.zone),
        "issue": 1,
        "issued_at": _written(now, rules.zone),
        "snapshot_sha256": committed,
        "snapshot_sha256_of": SALTED,
    }
    # of the nation it takes a second
    shown = await asyncio.to_thread(_shown, snapshot.body, layers, period.id, snapshot.revision, about)
    snapshot.public_body, snapshot.public_digest = shown, digest_of(shown)
    snapshot.published_by, snapshot.published_at = subject.actor, now
    period.state = "published"
    record(
        session,
        subject.actor,
        "period.publish",
        period,
        revision=snapshot.revision,
        commitment=committed,
        public_digest=snapshot.public_digest,
    )
    await session.flush()


def _shown(body: str, layers: Layers, period_id: int, revision: int, about: Mapping[str, object]) -> str:
    told = public_body(orjson.loads(body), layers, period_id=period_id, revision=revision, about=dict(about))
    return canonical(told)


def _written(instant: datetime, zone: ZoneInfo) -> str:
    return instant.astimezone(zone).replace(microsecond=0).isoformat()
