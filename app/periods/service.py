"""From an open period to published figures, one step at a time, and each by a person who answers for it.

open -> closing -> closed -> published. Whoever orders the closing cannot publish: two pairs of eyes. What
arrives later changes nothing that is stored; it can be made a revision, with a reason, which again a second
person publishes.
"""

import asyncio
import secrets
from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from app import audit
from app.auth.reach import find_unit
from app.auth.subjects import Subject
from app.core.clock import MAX_PERIOD_YEARS, day_bounds, is_too_long, local_day, utc_now
from app.core.faults import Fault
from app.core.period_problems import (
    NothingRevised,
    PeriodNotOver,
    PeriodPending,
    PeriodState,
    PeriodUnknown,
    PersonNeeded,
)
from app.core.problems import InvalidRequest, QuestionnaireUnknown
from app.models.period import Period, Snapshot
from app.periods import queries, trees
from app.periods.commitment import SALT_BYTES, commitment_of
from app.periods.figures import Frame, Ground, build, canonical, digest_of, method_of
from app.periods.schemas import NewPeriod
from app.questionnaires.published import Published, PublishedQuestionnaires


class Rules(NamedTuple):
    """What the deployment has set."""

    zone: ZoneInfo
    grace_days: int
    min_n: int
    licence: str


async def open_period(
    session: AsyncSession, questionnaires: PublishedQuestionnaires, subject: Subject, new: NewPeriod
) -> Period:
    """A new period; UnitUnknown outside the reach, QuestionnaireUnknown, PeriodExists."""
    if new.first > new.last:
        raise InvalidRequest(faults=[Fault("/from", "period_reversed")])
    if is_too_long(new.first, new.last):
        raise InvalidRequest(faults=[Fault("/to", "period_too_long", {"years": MAX_PERIOD_YEARS})])
    unit = await find_unit(session, subject, new.unit)
    published = await questionnaires.get(new.questionnaire, new.version)
    if published is None:
        raise QuestionnaireUnknown(questionnaire=f"{new.questionnaire}/{new.version}")
    period = Period(
        unit_id=unit.id,
        first_day=new.first,
        last_day=new.last,
        questionnaire_id=published.id,
        name=new.name,
        state="open",
        opened_by=subject.actor,
    )
    session.add(period)
    await session.flush()
    days = {"from": str(new.first), "to": str(new.last)}
    record(session, subject.actor, "period.open", period, unit=unit.code, **days)
    return period


async def close(
    session: AsyncSession,
    questionnaires: PublishedQuestionnaires,
    subject: Subject,
    period_id: int,
    rules: Rules,
) -> Period:
    """Order the closing; with the days of grace over, take the snapshot at once.

    Ordering it again while tablets are still waited for changes nothing. PeriodNotOver, PeriodPending,
    PeriodState.
    """
    await one_moment(session)
    by_a_person(subject)
    period = await locked(session, subject, period_id)
    if period.state not in {"open", "closing"}:
        raise PeriodState(state=period.state)
    if period.state == "open":
        if local_day(utc_now(), rules.zone) <= period.last_day:
            raise PeriodNotOver(day=period.last_day)
        period.state, period.closing_by, period.min_n = "closing", subject.actor, rules.min_n
        grace_to = period.last_day + timedelta(days=rules.grace_days)
        period.grace_until = day_bounds(grace_to, rules.zone)[1]
        record(session, subject.actor, "period.closing", period, grace_to=str(grace_to))
    if period.grace_until is not None and period.grace_until <= utc_now():
        await take_first(session, questionnaires, period)
    return period


async def take_first(
    session: AsyncSession, questionnaires: PublishedQuestionnaires, period: Period
) -> Snapshot:
    """Close a period whose grace is over: its first snapshot, in the name of whoever ordered it."""
    actor = period.closing_by or audit.SYSTEM
    snapshot = await _take(session, questionnaires, period, actor, 1, None)
    period.state = "closed"
    record(session, actor, "period.close", period, commitment=commit_to(snapshot))
    return snapshot


async def revise(
    session: AsyncSession,
    questionnaires: PublishedQuestionnaires,
    subject: Subject,
    period_id: int,
    reason: str,
) -> Snapshot:
    """A new snapshot beside the old ones; NothingRevised when every figure is as it was."""
    await one_moment(session)
    by_a_person(subject)
    period = await locked(session, subject, period_id)
    before = await queries.snapshots(session, period.id)
    if period.state not in {"closed", "published"} or not before:
        raise PeriodState(state=period.state)
    snapshot = await _take(
        session, questionnaires, period, subject.actor, before[-1].revision + 1, reason, before[-1]
    )
    details = {"revision": snapshot.revision, "reason": reason, "commitment": commit_to(snapshot)}
    record(session, subject.actor, "period.revise", period, **details)
    return snapshot


async def one_moment(session: AsyncSession) -> None:
    """Let the whole transaction see one moment: figures of several statements must belong together."""
    _ = await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


async def find(session: AsyncSession, subject: Subject, period_id: int) -> queries.Found:
    """A period within the reach; PeriodUnknown."""
    found = await queries.period(session, subject, period_id)
    if found is None:
        raise PeriodUnknown
    return found


async def locked(session: AsyncSession, subject: Subject, period_id: int) -> Period:
    """A period within the reach, kept from others until the transaction ends; PeriodUnknown."""
    found = await queries.period(session, subject, period_id, lock=True)
    if found is None:
        raise PeriodUnknown
    return found[0]


async def _take(
    session: AsyncSession,
    questionnaires: PublishedQuestionnaires,
    period: Period,
    actor: str,
    revision: int,
    reason: str | None,
    before: Snapshot | None = None,
) -> Snapshot:
    published = await questionnaires.by_id(period.questionnaire_id)
    ground = await _read(session, period)
    # of the nation it takes seconds, in which others want to be served
    last = None if before is None else before.body
    body, digest = await asyncio.to_thread(_written_down, frame_of(period), published, ground, last)
    if before is not None and digest == before.digest:
        raise NothingRevised
    snapshot = Snapshot(
        period_id=period.id,
        revision=revision,
        reason=reason,
        body=body,
        digest=digest,
        salt=secrets.token_bytes(SALT_BYTES),
        taken_by=actor,
        taken_at=await queries.moment(session),
    )
    session.add(snapshot)
    await session.flush()
    return snapshot


def _written_down(frame: Frame, published: Published, ground: Ground, before: str | None) -> tuple[str, str]:
    if before is not None:  # figures differ in what was said, and not in how it is counted
        frame = replace(frame, method=method_of(orjson.loads(before)))
    body = canonical(build(frame, published.definition, published.layout, ground))
    return body, digest_of(body)


def frame_of(period: Period) -> Frame:
    """What the period's snapshots are about; ValueError before its closing was ordered."""
    if period.min_n is None:
        raise ValueError("a period that is not closing has no snapshot")
    return Frame(period.name, period.first_day, period.last_day, period.min_n)


async def _read(session: AsyncSession, period: Period) -> Ground:
    """From the cells; PeriodPending while any unit-day of the period is still to be counted."""
    days = period.first_day, period.last_day
    forest = await trees.forest_of(session)
    places = trees.standing(forest, period.unit_id, period.last_day)
    units = [place.id for place in places]
    if waiting := await queries.pending(session, units, *days):
        raise PeriodPending(pending=waiting)
    cells = await queries.cells(session, units, period.questionnaire_id, *days)
    reasons = await queries.reasons(session, units, period.questionnaire_id, *days)
    return Ground(trees.alive(forest, places, cells, *days), cells, reasons)


def commit_to(snapshot: Snapshot) -> str:
    """What may be told of a snapshot to those who may not read it; one without a salt is given one.

    ValueError for one that was published without.
    """
    if snapshot.salt is None:
        if snapshot.published_at is not None:
            raise ValueError("a snapshot that was published without a salt has no commitment")
        snapshot.salt = secrets.token_bytes(SALT_BYTES)
    return commitment_of(snapshot.body, snapshot.salt)


def by_a_person(subject: Subject) -> None:
    """A client's deeds are its maker's: with one of them, one person would be two."""
    if subject.kind != "user":
        raise PersonNeeded


def record(session: AsyncSession, actor: str, action: str, period: Period, **details: object) -> None:
    """A line of the record about a period."""
    audit.record(session, actor, action, f"period:{period.id}", [period.unit_id], **details)
