"""An answer to a sample: its link spent and its words stored, by one statement and before anybody hears of
it.

A sample is answered by hundreds in weeks, so it needs no batch writer; but what the batch writer promises,
this promises too: acknowledged means committed, a repeated sending is known again by its id and content,
and of two racing answers to one link, one counts. What is copied from the link is its stratum, and nothing
else. Whoever answers in time, by our clock, counts: an estimate knows no days, so a wrong clock on a phone is
no reason to hold an answer back.
"""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text

from app.core.database import Database
from app.core.faults import Fault
from app.core.locks import Lock, share
from app.core.problems import (
    InvalidRequest,
    LinkExpired,
    LinkUnknown,
    LinkUsed,
    ResponseConflict,
    Unavailable,
)
from app.models.visit import OPEN

_WRITE = text(
    """
    WITH spent AS (
        UPDATE sample_links l SET answer_state = 1 FROM samples s
        WHERE l.unit_id = :unit_id AND l.id = :link_id AND l.answer_state = 0 AND s.id = l.sample_id
          AND s.expires_at > :received_at AND s.questionnaire_id = :questionnaire_id
          AND NOT EXISTS (SELECT FROM sample_responses r WHERE r.sample_id = s.id AND r.id = :id)
        RETURNING l.sample_id, l.stratum)
    INSERT INTO sample_responses (sample_id, stratum, id, verdict, verdict_reason, answers, comment,
        respondent, language, complete, received_at, content_digest)
    SELECT sample_id, stratum, :id, 'counted', NULL, :answers, :comment, CAST(:respondent AS jsonb),
        :language, :complete, :received_at, :content_digest
    FROM spent RETURNING sample_id
    """
)
_EXPLAIN = text(
    """
    SELECT l.answer_state, s.expires_at, s.questionnaire_id, r.content_digest, r.received_at
    FROM sample_links l JOIN samples s ON s.id = l.sample_id
    LEFT JOIN sample_responses r ON r.sample_id = s.id AND r.id = :id
    WHERE l.unit_id = :unit_id AND l.id = :link_id
    """
)


class Given(NamedTuple):
    """An answer, checked against its questionnaire, and the link it came by."""

    unit_id: int
    link_id: int
    id: UUID
    questionnaire_id: int
    answers: bytes
    comment: str | None
    respondent: str | None
    language: str | None
    complete: bool
    received_at: datetime
    content_digest: bytes


async def take(database: Database, given: Given) -> datetime | None:
    """Store an answer: None when it is new, else when the same was received before.

    LinkUnknown when the link is no sample's, LinkUsed, LinkExpired, ResponseConflict, or InvalidRequest for
    another questionnaire.
    """
    sent = given._asdict()
    async with database.transaction() as session:
        await share(session, Lock.SPENT_LINKS)
        if (await session.execute(_WRITE, sent)).first() is not None:
            return None
        names = ("id", "unit_id", "link_id")
        known = (await session.execute(_EXPLAIN, {name: sent[name] for name in names})).one_or_none()
    if known is None:
        raise LinkUnknown
    if known.content_digest is not None:
        if known.content_digest != given.content_digest:
            raise ResponseConflict
        received_at: datetime = known.received_at
        return received_at
    if known.answer_state != OPEN:
        raise LinkUsed
    if known.expires_at <= given.received_at:
        raise LinkExpired
    if known.questionnaire_id != given.questionnaire_id:
        raise InvalidRequest(faults=[Fault("/questionnaire", "questionnaire_differs")])
    raise Unavailable(retry_after=1)  # it was there a moment ago: whoever sends again will know
