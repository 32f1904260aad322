"""Drawing a sample, and drawing it again.

The frame are all visits of the period, answered or not: to draw among those whose link is still open would
leave out whoever is quick to say something. A draw gets links of its own, and is recorded with its seed and
its digest.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from fractions import Fraction
from secrets import token_hex
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app import audit
from app.auth.reach import find_unit, subtree
from app.auth.subjects import Subject
from app.core.clock import MAX_PERIOD_YEARS, day_bounds, is_too_long, local_day
from app.core.faults import Fault
from app.core.problems import InvalidRequest
from app.core.sample_problems import SampleUnknown
from app.models.sample import Sample, SampleStratum, Stratify
from app.models.unit import Unit
from app.samples import drawing, queries
from app.samples.drawing import Part, Where
from app.samples.plan import allocate, merged, too_small, yamane
from app.samples.queries import SampleRow
from app.samples.schemas import SampleIn, VerificationOut
from app.visits.queries import questionnaires_by_code

LONGEST_DAYS = 366
FEWEST = 2
"""One answer has no variance; and nobody should be alone in a stratum, whatever `MIN_N` says."""
NAMED = 20
"""Strata named in a refusal."""


class Stratum(NamedTuple):
    """A part of the frame to be."""

    keys: tuple[int, ...]
    members: tuple[str | None, ...]


async def draw(
    session: AsyncSession,
    subject: Subject,
    sent: SampleIn,
    *,
    zone: ZoneInfo,
    link_days: int,
    min_n: int,
    now: datetime,
) -> int:
    """Draw a sample; its id. Every fault of the request is named at once, UnitUnknown outside the reach."""
    until = await drawing.now(session)
    unit = await find_unit(session, subject, sent.unit_code, "/unit_code")
    today = local_day(now, zone)
    last_day = sent.answer_until or today + timedelta(days=link_days)
    known = await questionnaires_by_code(session, {sent.questionnaire.code})
    questionnaire = known.get((sent.questionnaire.code, sent.questionnaire.version))
    faults = _faults(sent, today, last_day)
    if questionnaire is None:
        faults.append(Fault("/questionnaire", "questionnaire_unknown"))
    if faults or questionnaire is None or sent.stratify == "channel":
        raise InvalidRequest(faults=faults)
    unit_ids = (await session.scalars(select(Unit.id).where(Unit.id.in_(subtree(unit.id))))).all()
    where = Where(sorted(unit_ids), sent.first, sent.last, until, sent.stratify)
    counts = await drawing.count(session, where)
    strata = await _strata(session, sent.stratify, counts)
    size = _size(sent, sum(counts.values()), max(min_n, FEWEST))
    visits = _settled(sent, strata, size, max(min_n, FEWEST))
    sample = Sample(
        unit_id=unit.id,
        name=sent.name,
        first_day=sent.first,
        last_day=sent.last,
        unit_ids=list(where.unit_ids),
        stratify=sent.stratify,
        questionnaire_id=questionnaire,
        seed=sent.seed or token_hex(16),
        visits=sum(counts.values()),
        size=size,
        digest="",
        expires_at=day_bounds(last_day, zone)[1],
        actor=subject.actor,
        drawn_at=until,
    )
    session.add(sample)
    await session.flush()
    sizes = allocate(visits, size)
    parts = []
    for number, (stratum, count) in enumerate(visits.items(), 1):
        parts.append(Part(number, stratum.keys, count, sizes[stratum]))
        session.add(
            SampleStratum(
                sample_id=sample.id,
                number=number,
                keys=list(stratum.keys),
                members=list(stratum.members),
                visits=count,
                size=sizes[stratum],
            )
        )
    await session.flush()
    drawn = await drawing.draw(session, where, parts, sample.seed)
    await queries.add_links(session, sample.id, drawn)
    sample.digest = drawing.digest(drawn)
    audit.record(
        session,
        subject.actor,
        "sample.draw",
        f"sample:{sample.id}",
        [sample.unit_id],
        unit=sent.unit_code,
        name=sent.name,
        first=str(sent.first),
        last=str(sent.last),
        stratify=sent.stratify,
        visits=sample.visits,
        size=size,
        seed=sample.seed,
        seed_given=sent.seed is not None,
        digest=sample.digest,
    )
    return sample.id


def _faults(sent: SampleIn, today: date, last_day: date) -> list[Fault]:
    faults = []
    if sent.first > sent.last:
        faults.append(Fault("/from", "period_reversed"))
    elif is_too_long(sent.first, sent.last):
        faults.append(Fault("/to", "period_too_long", {"years": MAX_PERIOD_YEARS}))
    if sent.last > today:
        faults.append(Fault("/to", "day_in_future"))
    if (sent.size is None) == (sent.margin_of_error is None):
        faults.append(Fault("/size", "one_of", {"fields": "size, margin_of_error"}))
    if sent.stratify == "channel":
        faults.append(Fault("/stratify", "channel_no_stratum"))
    if last_day < today:
        faults.append(Fault("/answer_until", "day_past"))
    elif (last_day - today).days > LONGEST_DAYS:
        faults.append(Fault("/answer_until", "too_large", {"limit": today + timedelta(days=LONGEST_DAYS)}))
    return faults


def _size(sent: SampleIn, visits: int, least: int) -> int:
    """How many to draw; InvalidRequest where there are not as many, or too few to hide among."""
    if visits == 0:
        raise InvalidRequest(faults=[Fault("/from", "no_visits")])
    if sent.margin_of_error is None:
        where, size = "/size", sent.size or 0
    else:
        where, size = "/margin_of_error", yamane(visits, Fraction(sent.margin_of_error))
    if size > visits:
        raise InvalidRequest(faults=[Fault(where, "too_large", {"limit": visits})])
    if size < least:
        raise InvalidRequest(faults=[Fault(where, "sample_too_small", {"least": least, "size": size})])
    return size


async def _strata(session: AsyncSession, stratify: Stratify, counts: Mapping[int, int]) -> dict[Stratum, int]:
    """The strata with their visits, by name; procedures of one field are one."""
    named = await drawing.names(session, stratify, list(counts))
    if stratify != "field":
        strata = {Stratum((key,), (named[key],)): count for key, count in counts.items()}
    else:
        fields: dict[str | None, list[int]] = {}
        for key in counts:
            fields.setdefault(named[key], []).append(key)
        strata = {
            Stratum(tuple(keys), (field,)): sum(counts[key] for key in keys) for field, keys in fields.items()
        }
    return dict(
        sorted(strata.items(), key=lambda item: (item[0].members[0] is None, item[0].members[0] or ""))
    )


def _settled(sent: SampleIn, strata: dict[Stratum, int], size: int, least: int) -> dict[Stratum, int]:
    """The strata, small ones put together if that was asked for; InvalidRequest names them if not."""
    if sent.small_strata == "merge":
        groups = merged(strata, size, least)
        return {_together(group): sum(strata[one] for one in group) for group in groups}
    if small := too_small(strata, size, least):
        listed = ", ".join(one.members[0] or "–" for one in small[:NAMED])
        told = {"least": least, "strata": listed + (" …" if len(small) > NAMED else "")}
        raise InvalidRequest(faults=[Fault("/stratify", "strata_too_small", told)])
    return strata


def _together(group: Sequence[Stratum]) -> Stratum:
    return Stratum(
        tuple(key for one in group for key in one.keys), tuple(name for one in group for name in one.members)
    )


async def found(session: AsyncSession, subject: Subject, sample_id: int) -> SampleRow:
    """A sample within reach; SampleUnknown otherwise."""
    row = await queries.find(session, subject, sample_id)
    if row is None:
        raise SampleUnknown
    return row


async def close(session: AsyncSession, subject: Subject, row: SampleRow, now: datetime) -> None:
    """End the time to answer now; closing again changes nothing."""
    sample = row[0]
    if sample.expires_at > now:
        audit.record(
            session,
            subject.actor,
            "sample.close",
            f"sample:{sample.id}",
            [sample.unit_id],
            planned=sample.expires_at.isoformat(),
        )
        sample.expires_at = now


async def verify(session: AsyncSession, row: SampleRow) -> VerificationOut:
    """Draw again from the recorded seed and strata, and compare with the links that were made."""
    sample = row[0]
    stratify = next(one for one in drawing.KEYS if one == sample.stratify)
    where = Where(sample.unit_ids, sample.first_day, sample.last_day, sample.drawn_at, stratify)
    strata = await queries.strata_of(session, sample.id)
    parts = [Part(one.number, one.keys, one.visits, one.size) for one in strata]
    again = set(await drawing.draw(session, where, parts, sample.seed))
    then = set(await queries.drawn(session, sample.id))
    visits = sum((await drawing.count(session, where)).values())
    digest = drawing.digest(list(again))
    gone = await drawing.forgotten(session, where) or sum(one.dossier_code.startswith(" ") for one in then)
    return VerificationOut(
        matches=again == then and digest == sample.digest and visits == sample.visits,
        digest=digest,
        recorded=sample.digest,
        visits=visits,
        visits_recorded=sample.visits,
        missing=len(then - again),
        unexpected=len(again - then),
        codes_gone=gone,
    )
