"""Sums of a unit's cells by something: by point of a series, channel, procedure or field.

One statement each, however many groups there are. Cells are found as `queries.read` finds them: whole months
and some edge days, unit by unit.
"""

# ruff: noqa: S608  statements are made of names and numbers of our own, never of what somebody sent

from datetime import date, datetime
from functools import lru_cache
from typing import Literal, NamedTuple

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.replica import complete_until
from app.rollups.grains import Grain
from app.rollups.queries import REACH, SUBTREE, ranges
from app.rollups.spans import Spans

By = Literal["channel", "procedure", "field"]

_NOTHING = "SELECT NULL::text AS key, 0::bigint AS responses, 0::numeric AS tally WHERE false"


class Asked(NamedTuple):
    """Cells of one questionnaire version, of a unit alone or of its subtree; `reach` None: every unit."""

    unit_code: str
    reach: frozenset[int] | None
    subtree: bool
    spans: Spans
    questionnaire_id: int
    channel: str | None = None


class Group(NamedTuple):
    """The sum of one group's cells. `name` and `field` only of a procedure."""

    key: date | str
    name: str | None
    field: str | None
    responses: int
    tally: str


class Groups(NamedTuple):
    """Everything one answer is made of, seen at one moment."""

    code: str
    name: str
    kind: str
    pending: int
    oldest_mark: datetime | None
    seen_at: datetime
    groups: list[Group]


@lru_cache(maxsize=128)
def _reading(
    limited: bool, below: bool, by: By | Grain, channel: bool, months: bool, signs: tuple[bool, ...]
) -> TextClause:
    reach = f" AND id IN ({REACH})" if limited else ""
    table = (
        "procedure" if by in {"procedure", "field"} else "channel" if channel or by == "channel" else "unit"
    )
    condition = " AND questionnaire_id = :form" + (" AND channel = :channel" if channel else "")
    parts = [] if months or signs else [_NOTHING]
    for grain, within, sign in ranges(months, signs):
        key = {"channel": "channel", "procedure": "procedure_id", "field": "procedure_id"}.get(
            by, f"date_trunc('{by}', local_{grain}::timestamp)::date"
        )
        parts.append(
            f"SELECT key, {sign}sum(responses) AS responses, {sign}sum(tally) AS tally"
            f" FROM below CROSS JOIN LATERAL (SELECT {key} AS key, responses, tally FROM {table}_{grain}"
            f" WHERE unit_id = below.id AND {within}{condition} OFFSET 0) cells GROUP BY key"
        )
    named, joined = "spans.key, NULL AS name, NULL AS field", ""
    grouped = "spans.key"
    if table == "procedure":
        joined = " JOIN procedures p ON p.id = spans.key"
        by_field = by == "field"
        named = (
            "p.field AS key, NULL AS name, NULL AS field" if by_field else "p.code AS key, p.name, p.field"
        )
        grouped = "p.field" if by_field else "p.id"
    return text(
        f"""
        WITH asked AS MATERIALIZED (SELECT id, code, name, kind FROM units WHERE code = :unit{reach}),
        below AS MATERIALIZED ({SUBTREE if below else "SELECT id FROM asked"})
        SELECT asked.code, asked.name, asked.kind, s.pending, s.oldest, now(),
            c.key, c.name, c.field, c.responses, c.tally
        FROM asked CROSS JOIN (
            SELECT count(*) AS pending, min(oldest) AS oldest FROM (
                SELECT min(marked_at) AS oldest FROM stale_unit_days
                WHERE unit_id IN (SELECT id FROM below) GROUP BY unit_id, local_day) marks) s
        LEFT JOIN (
            SELECT {named}, sum(spans.responses)::bigint AS responses, sum(spans.tally)::text AS tally
            FROM ({" UNION ALL ".join(parts)}) spans{joined}
            GROUP BY {grouped} HAVING sum(spans.responses) > 0) c ON true
        ORDER BY c.key
        """
    )


async def read(connection: AsyncConnection, asked: Asked, by: By | Grain) -> Groups | None:
    """Groups with counted responses, by key; None for a unit that is unknown or out of reach."""
    spans = asked.spans
    statement = _reading(
        asked.reach is not None,
        asked.subtree,
        by,
        asked.channel is not None,
        spans.months is not None,
        spans.signs,
    )
    given = {"unit": asked.unit_code, "form": asked.questionnaire_id, **spans.parameters()}
    if asked.reach is not None:
        given["reach"] = sorted(asked.reach)
    if asked.channel is not None:
        given["channel"] = asked.channel
    rows = (await connection.execute(statement, given)).all()
    if not rows:
        return None
    found = [Group(*row[6:]) for row in rows if row[6] is not None]
    code, name, kind, pending, oldest, seen_at = rows[0][:6]
    return Groups(code, name, kind, pending, oldest, complete_until(connection, seen_at), found)
