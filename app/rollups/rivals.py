"""The sums of many units' subtrees at once, for one period or two: what a ranking is made of.

One statement for all units: the tree says beneath which ranked units a unit stands, and cells are added up by
that. Units that have ended are not ranked: merged ones hang beneath their successor and count there.
"""

# ruff: noqa: S608  statements are made of names and numbers of our own, never of what somebody sent

from collections.abc import Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.replica import complete_until
from app.rollups.queries import REACH, ranges
from app.rollups.spans import Spans


class Asked(NamedTuple):
    """Units of a kind beneath a parent, or in all that is reached; periods are read in one snapshot."""

    parent: str | None
    reach: frozenset[int] | None
    kind: str
    today: date
    questionnaire_id: int
    periods: Sequence[Spans]


class Rival(NamedTuple):
    """A unit with, for each period, its responses and their tally; None without a counted response."""

    code: str
    name: str
    totals: list[tuple[int, str] | None]


class Rivals(NamedTuple):
    """All of them by code, seen at one moment."""

    rivals: list[Rival]
    pending: int
    oldest_mark: datetime | None
    seen_at: datetime


@lru_cache(maxsize=128)
def _reading(parent: bool, limited: bool, periods: tuple[tuple[bool, tuple[bool, ...]], ...]) -> TextClause:
    if parent:
        tops = "SELECT id FROM units WHERE code = :parent" + (f" AND id IN ({REACH})" if limited else "")
    else:
        tops = (
            "SELECT unnest(CAST(:reach AS integer[]))"
            if limited
            else "SELECT id FROM units WHERE parent_id IS NULL"
        )
    itself = " AND u.id NOT IN (SELECT id FROM asked)" if parent else ""
    parts = []
    for number, (months, signs) in enumerate(periods):
        parts += [
            f"SELECT {number} AS period, top, {sign}sum(responses) AS responses, {sign}sum(tally) AS tally"
            f" FROM members CROSS JOIN LATERAL (SELECT responses, tally FROM unit_{grain}"
            f" WHERE unit_id = members.id AND {within} AND questionnaire_id = :form OFFSET 0) cells"
            " GROUP BY top"
            for grain, within, sign in ranges(months, signs, f"p{number}_")
        ]
    return text(
        f"""
        WITH RECURSIVE asked(id) AS MATERIALIZED ({tops}),
        beneath(id) AS (
            SELECT id FROM asked
            UNION SELECT u.id FROM units u JOIN beneath b ON u.parent_id = b.id),
        ranked AS MATERIALIZED (
            SELECT u.id, u.code, u.name FROM units u JOIN beneath b ON u.id = b.id
            WHERE u.kind = :kind{itself} AND (u.valid_to IS NULL OR u.valid_to >= :today)
                AND (u.valid_from IS NULL OR u.valid_from <= :today)),
        members(top, id) AS (
            SELECT id, id FROM ranked
            UNION ALL SELECT m.top, u.id FROM units u JOIN members m ON u.parent_id = m.id)
        SELECT k.known, s.pending, s.oldest, now(), ranked.code, ranked.name, c.period, c.responses, c.tally
        FROM (SELECT EXISTS (SELECT FROM asked) AS known) k CROSS JOIN (
            SELECT count(*) AS pending, min(oldest) AS oldest FROM (
                SELECT min(marked_at) AS oldest FROM stale_unit_days
                WHERE unit_id IN (SELECT id FROM members) GROUP BY unit_id, local_day) marks) s
        LEFT JOIN ranked ON true
        LEFT JOIN (
            SELECT period, top, sum(responses)::bigint AS responses, sum(tally)::text AS tally
            FROM ({" UNION ALL ".join(parts)}) spans
            GROUP BY period, top HAVING sum(responses) > 0) c ON c.top = ranked.id
        ORDER BY ranked.code, c.period
        """
    )


async def read(connection: AsyncConnection, asked: Asked) -> Rivals | None:
    """Every unit to be ranked, by code; None for a parent that is unknown or out of reach."""
    shapes = tuple((spans.months is not None, spans.signs) for spans in asked.periods)
    statement = _reading(asked.parent is not None, asked.reach is not None, shapes)
    given: dict[str, object] = {"kind": asked.kind, "today": asked.today, "form": asked.questionnaire_id}
    if asked.parent is not None:
        given["parent"] = asked.parent
    if asked.reach is not None:
        given["reach"] = sorted(asked.reach)
    for number, spans in enumerate(asked.periods):
        given |= {f"p{number}_{name}": day for name, day in spans.parameters().items()}
    rows = (await connection.execute(statement, given)).all()
    if asked.parent is not None and not rows[0][0]:
        return None
    rivals: dict[str, Rival] = {}
    for _, _, _, _, code, name, period, responses, tally in rows:
        if code is None:
            continue
        if code not in rivals:
            rivals[code] = Rival(code, name, [None] * len(asked.periods))
        if period is not None:
            rivals[code].totals[period] = responses, tally
    pending, oldest, seen_at = rows[0][1:4]
    return Rivals(list(rivals.values()), pending, oldest, complete_until(connection, seen_at))
