"""From what was sent to what is stored: the decisions about one response that need no database. Pure.

Time: a tablet's clock may be wrong by years, but it is wrong by the same amount in everything it says, so
each of its times is corrected by (received - sent_at). What then still lies in the future, or too far back,
is stored and held back, never thrown away.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson

from app.core.clock import local_day, shift
from app.core.faults import Fault
from app.questionnaires.definition import Layout
from app.responses.answers import check_respondent, encode

FUTURE_TOLERANCE = timedelta(minutes=5)
OLDEST = timedelta(days=30)
LONGEST_DURATION = 24 * 3600


@dataclass(frozen=True, slots=True)
class Source:
    """Whence a response comes: a paired device, or a visit's link. The unit follows from either."""

    unit_id: int
    device_id: UUID | None = None
    visit_id: int | None = None
    moved_at: datetime | None = None
    """When the device was last moved, as far as this process knows."""
    closed_after: date | None = None
    """The last day of the device's unit, where nobody took it over whole."""


class Said(NamedTuple):
    """What the citizen said, shape already checked."""

    id: UUID
    answers: Mapping[str, object]
    comment: str | None
    respondent: Mapping[str, object] | None
    language: str | None
    started_at: datetime | None
    submitted_at: datetime
    sent_at: datetime
    complete: bool = True


class Submission(NamedTuple):
    """One row for the batch writer. A link's day, procedure and counter are the visit's, filled in there."""

    unit_id: int
    id: UUID
    questionnaire_id: int
    local_day: date
    channel: str
    verdict: str
    verdict_reason: str | None
    device_id: UUID | None
    visit_id: int | None
    answers: bytes
    comment: str | None
    respondent: str | None
    language: str | None
    submitted_at: datetime
    duration_seconds: int | None
    received_at: datetime
    content_digest: bytes
    complete: bool = True
    moved_at: datetime | None = None
    """The move of the device that this row goes by; compared with the device's own when it is written."""


def prepare(
    said: Said, questionnaire_id: int, layout: Layout, source: Source, received_at: datetime, zone: ZoneInfo
) -> Submission | list[Fault]:
    """The row to store, or every fault of the content."""
    answers, faults = encode(layout, said.answers, said.complete)
    if said.respondent:
        faults += check_respondent(layout, said.respondent)
    if faults:
        return faults
    submitted_at = shift(said.submitted_at, received_at - said.sent_at)
    respondent = orjson.dumps(said.respondent, option=orjson.OPT_SORT_KEYS) if said.respondent else None
    row = Submission(
        unit_id=source.unit_id,
        id=said.id,
        questionnaire_id=questionnaire_id,
        local_day=local_day(submitted_at, zone),
        channel="link" if source.visit_id is not None else "kiosk",
        verdict="counted",
        verdict_reason=None,
        device_id=source.device_id,
        visit_id=source.visit_id,
        answers=answers,
        comment=said.comment or None,
        respondent=respondent.decode() if respondent else None,
        language=said.language,
        submitted_at=submitted_at,
        duration_seconds=_duration(said),
        received_at=received_at,
        content_digest=digest(said, questionnaire_id, answers, respondent),
        complete=said.complete,
        moved_at=source.moved_at,
    )
    return served_by(row, source.unit_id, source.closed_after)


def served_by(row: Submission, unit_id: int, closed_after: date | None) -> Submission:
    """The row as one of this unit, with its verdict: a tablet may have gone on asking for a closed unit."""
    reason = held_back_for(row.submitted_at, row.received_at)
    if reason is None and closed_after is not None and row.local_day > closed_after:
        reason = "unit_closed"
    verdict = "quarantined" if reason else "counted"
    return row._replace(unit_id=unit_id, verdict=verdict, verdict_reason=reason)


def held_back_for(submitted_at: datetime, received_at: datetime) -> str | None:
    """`clock` for a time over 5 minutes ahead, `late` for one over 30 days back, None for a time to count."""
    if submitted_at > received_at + FUTURE_TOLERANCE:
        return "clock"
    if submitted_at < received_at - OLDEST:
        return "late"
    return None


def digest(said: Said, questionnaire_id: int, answers: bytes, respondent: bytes | None) -> bytes:
    """16 bytes that recognise the same response sent again: its id and content, not `sent_at`, not the link.

    Were the link in it, whoever holds a list of links could try which of them fits. Being unfinished is told
    apart only where it is so: what was stored before anybody could be keeps its digest.
    """
    content: tuple[object, ...] = (
        said.id.hex,
        questionnaire_id,
        answers.hex(),
        said.comment or None,
        respondent.decode() if respondent else None,
        said.language,
        _instant(said.started_at),
        _instant(said.submitted_at),
    )
    if not said.complete:
        content = *content, "partial"
    return blake2b(orjson.dumps(content), digest_size=16).digest()


def _instant(instant: datetime | None) -> str | None:
    return None if instant is None else shift(instant, timedelta(0)).astimezone(UTC).isoformat()


def _duration(said: Said) -> int | None:
    if said.started_at is None:
        return None
    seconds = (said.submitted_at - said.started_at).total_seconds()
    return int(seconds) if 0 <= seconds <= LONGEST_DURATION else None
