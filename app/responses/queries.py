"""SQL of responses: the one statement that writes a batch, and what staff read.

The statement takes a batch as one array a column. It spends the links, writes the responses of those it
could spend (and of every device that is not revoked and stands where it was thought to), and marks the
unit-days stale: all of it or nothing. A link is spent by the same statement that stores its answer, so two
racing answers cannot both count.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import asyncpg
from sqlalchemy import BindParameter, ColumnElement, bindparam, case, func, literal, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.auth.reach import subtree, within_reach
from app.auth.subjects import Subject
from app.core.locks import Lock
from app.models.questionnaire import Questionnaire
from app.models.response import Response
from app.models.unit import Procedure, Unit
from app.responses.submission import Submission

_TYPES = {
    "unit_id": "int",
    "id": "uuid",
    "questionnaire_id": "int",
    "local_day": "date",
    "channel": "text",
    "verdict": "text",
    "verdict_reason": "text",
    "device_id": "uuid",
    "visit_id": "bigint",
    "answers": "bytea",
    "comment": "text",
    "respondent": "jsonb",
    "language": "text",
    "submitted_at": "timestamptz",
    "duration_seconds": "int",
    "received_at": "timestamptz",
    "content_digest": "bytea",
    "complete": "bool",
    "moved_at": "timestamptz",
}
if tuple(_TYPES) != Submission._fields:
    raise TypeError("the arrays are passed by position: names and types must follow Submission")

_ARRAYS = ", ".join(f"${place}::{kind}[]" for place, kind in enumerate(_TYPES.values(), 1))
_STORED = [name for name in _TYPES if name not in {"local_day", "visit_id", "moved_at"}]
_INPUT = f"input AS (SELECT * FROM unnest({_ARRAYS}) WITH ORDINALITY AS t({', '.join(_TYPES)}, place))"  # noqa: S608
_INSERT = f"INSERT INTO responses ({', '.join(_STORED)}, local_day, procedure_id, counter)"
_RETURNING = "ON CONFLICT (unit_id, id) DO NOTHING RETURNING unit_id, id, local_day"
# A process that has not yet heard of a move would store the response for the unit of before, and another one,
# asked again, for the unit of now.
_AS_KNOWN = "d.revoked_at IS NULL AND d.moved_at IS NOT DISTINCT FROM i.moved_at"
_MARK = (
    "marked AS (INSERT INTO stale_unit_days (unit_id, local_day, arrivals)"
    " SELECT unit_id, local_day, array_agg(id) FROM written GROUP BY unit_id, local_day)"
)

# Names and types come from the table above, never from a request.
WRITE_DEVICES = f"""
WITH {_INPUT},
written AS (
    {_INSERT}
    SELECT {", ".join(f"i.{name}" for name in _STORED)}, i.local_day, NULL, NULL
    FROM input i JOIN devices d ON d.id = i.device_id AND {_AS_KNOWN}
    {_RETURNING}
),
{_MARK}
SELECT i.place, true AS written, false AS spent
FROM written JOIN input i ON i.unit_id = written.unit_id AND i.id = written.id
"""  # noqa: S608
WRITE_MIXED = f"""
WITH {_INPUT},
spent AS (
    UPDATE visits v SET answer_state = 1
    FROM input i
    WHERE i.visit_id IS NOT NULL AND v.unit_id = i.unit_id AND v.id = i.visit_id
      AND v.answer_state = 0 AND v.expires_at > i.received_at AND v.questionnaire_id = i.questionnaire_id
      AND NOT EXISTS (SELECT FROM responses r WHERE r.unit_id = i.unit_id AND r.id = i.id)
    RETURNING i.place, v.served_on, v.procedure_id, v.counter
),
written AS (
    {_INSERT}
    SELECT {", ".join(f"i.{name}" for name in _STORED)},
           coalesce(s.served_on, i.local_day), s.procedure_id, s.counter
    FROM input i LEFT JOIN spent s USING (place)
    WHERE s.place IS NOT NULL
       OR (i.visit_id IS NULL
           AND EXISTS (SELECT FROM devices d WHERE d.id = i.device_id AND {_AS_KNOWN}))
    {_RETURNING}
),
{_MARK}
SELECT i.place, written.id IS NOT NULL AS written, s.place IS NOT NULL AS spent
FROM input i
LEFT JOIN written ON written.unit_id = i.unit_id AND written.id = i.id
LEFT JOIN spent s USING (place)
WHERE written.id IS NOT NULL OR s.place IS NOT NULL
"""  # noqa: S608
# A backup that is about to take its snapshot holds it alone for a moment.
_SHARE = f"SELECT pg_advisory_xact_lock_shared({Lock.SPENT_LINKS:d})"
# Why a row was not written: what is known of its id, its link and its device.
EXPLAIN = """
SELECT i.place, r.content_digest, r.received_at, v.answer_state, v.expires_at, v.questionnaire_id,
       d.revoked_at IS NOT NULL AS revoked
FROM unnest($1::int[], $2::uuid[], $3::bigint[], $4::uuid[])
     WITH ORDINALITY AS i(unit_id, id, visit_id, device_id, place)
LEFT JOIN responses r ON r.unit_id = i.unit_id AND r.id = i.id
LEFT JOIN visits v ON v.unit_id = i.unit_id AND v.id = i.visit_id
LEFT JOIN devices d ON d.id = i.device_id
ORDER BY i.place
"""


class LinkSpentWithoutResponse(Exception):
    """A link would have been spent although its response was not written: the transaction is rolled back."""


async def write(connection: asyncpg.Connection, batch: Sequence[Submission]) -> set[int]:
    """Write a batch of distinct (unit, id); the places (from 0) that were written. Committed on return."""
    columns = [list(column) for column in zip(*batch, strict=True)]
    if all(submission.visit_id is None for submission in batch):
        return {row["place"] - 1 for row in await connection.fetch(WRITE_DEVICES, *columns)}
    async with connection.transaction():
        await connection.execute(_SHARE)
        rows = await connection.fetch(WRITE_MIXED, *columns)
        if any(row["spent"] and not row["written"] for row in rows):
            raise LinkSpentWithoutResponse
    return {row["place"] - 1 for row in rows if row["written"]}


async def explain(connection: asyncpg.Connection, refused: Sequence[Submission]) -> list[asyncpg.Record]:
    """What is known about submissions that were not written, in their order."""
    return await connection.fetch(
        EXPLAIN,
        [submission.unit_id for submission in refused],
        [submission.id for submission in refused],
        [submission.visit_id for submission in refused],
        [submission.device_id for submission in refused],
    )


@dataclass(frozen=True, slots=True)
class Listed:
    """A response with the codes of what it belongs to."""

    response: Response
    unit: str
    questionnaire: str
    version: int
    procedure: str | None


class Place(NamedTuple):
    """Where a response stands in the list."""

    unit_id: int
    local_day: date
    digest: bytes


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which responses staff ask for; `unit_id` means its subtree, `after` the last of the page before."""

    unit_id: int | None
    first: date
    last: date
    channel: str | None
    verdict: str | None
    after: Place | None
    limit: int


def _word(verdict: str) -> BindParameter[str]:
    """A verdict as it stands in the statement, so that every plan sees that the index of the few will do."""
    return bindparam(None, verdict, unique=True, literal_execute=True)


async def listed(session: AsyncSession, subject: Subject, wanted: Wanted) -> list[Listed]:
    """Responses within reach, one more than the limit.

    Ordered by unit, day and digest: an order that says nothing about the moment of answering, and the one in
    which an index leads to them. From unit to unit (LATERAL) no more is read than the page and the day it
    ends in, however many units are reached and however long the period is; of one channel alone also what the
    others have in between, since no index tells them apart.
    """
    after, most = wanted.after, wanted.limit + 1
    units = select(Unit.id, Unit.code).where(
        within_reach(Unit.id, subject),
        *([Unit.id.in_(subtree(wanted.unit_id))] if wanted.unit_id is not None else []),
        *([Unit.id >= after.unit_id] if after is not None else []),
    )
    unit = units.order_by(Unit.id).subquery("unit")
    first: ColumnElement[date] = literal(wanted.first)
    behind: ColumnElement[bool] = true()
    if after is not None:
        begun = unit.c.id == after.unit_id
        first = case((begun, func.greatest(first, literal(after.local_day))), else_=first)
        behind = or_(
            ~begun, Response.local_day > after.local_day, Response.content_digest > literal(after.digest)
        )
    of_unit = (
        select(Response)
        .where(
            Response.unit_id == unit.c.id,
            Response.local_day.between(first, literal(wanted.last)),
            behind,
            *([Response.channel == wanted.channel] if wanted.channel is not None else []),
            *([Response.verdict == _word(wanted.verdict)] if wanted.verdict is not None else []),
        )
        .order_by(Response.local_day, Response.content_digest)
        .limit(most)
        .lateral("of_unit")
    )
    # cut off before anything else is joined, so that no plan can be thought of that joins first
    paged = (
        select(of_unit, unit.c.code.label("unit_code"))
        .select_from(unit.join(of_unit, true()))
        .order_by(unit.c.id, of_unit.c.local_day, of_unit.c.content_digest)
        .limit(most)
        .subquery("paged")
    )
    response = aliased(Response, paged)
    query = (
        select(response, paged.c.unit_code, Questionnaire.code, Questionnaire.version, Procedure.code)
        .join(Questionnaire, Questionnaire.id == response.questionnaire_id)
        .outerjoin(Procedure, Procedure.id == response.procedure_id)
        .order_by(response.unit_id, response.local_day, response.content_digest)
    )
    return [Listed(*row) for row in await session.execute(query)]


async def by_digest(session: AsyncSession, unit_id: int, digest: bytes) -> Response | None:
    """The response of this digest in this unit, locked for a change of its verdict.

    Looked for first among those that do not count: that is what people judge, and those few have an index.
    """
    found = select(Response).where(Response.unit_id == unit_id, Response.content_digest == digest)
    locked = found.with_for_update()
    held_back = await session.scalar(locked.where(Response.verdict != _word("counted")))
    return held_back or await session.scalar(locked)
