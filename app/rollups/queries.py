"""What is asked of the cells: the sums of a period.

A period is read as whole months plus edge days, so that its cost depends on units and months, never on the
number of responses. The texts of the statements are few and stable: drivers keep them prepared.
"""

# ruff: noqa: S608  statements are made of names and numbers of our own, never of what somebody sent

from collections.abc import Collection, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import Integer, TextClause, literal_column, text
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.ext.asyncio import AsyncConnection

from app.auth.reach import subtree, subtrees
from app.core.replica import complete_until
from app.rollups.spans import Spans


class Asked(NamedTuple):
    """Which cells: those of a unit alone or of its subtree; filters that are None let everything pass.

    `reach` are the units at the top of what the subject may see; None reaches every unit.
    """

    unit_code: str
    reach: frozenset[int] | None
    subtree: bool
    first: date
    last: date
    questionnaire: str | None = None
    version: int | None = None
    channel: str | None = None
    units: tuple[int, ...] | None = None
    """These units instead of those of the tree; what was only held back is then told, too."""


class Total(NamedTuple):
    """The sum of one questionnaire version's cells."""

    questionnaire_id: int
    responses: int
    held_back: int
    tally: str


class Named(NamedTuple):
    """The unit that was asked for."""

    code: str
    name: str
    kind: str


class Reading(NamedTuple):
    """Everything one answer is made of, seen at one moment."""

    unit: Named
    totals: list[Total]
    visits: int
    answered: int
    pending: int
    oldest_mark: datetime | None
    seen_at: datetime


_NAMED = PGDialect(paramstyle="named")  # type: ignore[no-untyped-call]  # SQLAlchemy gives it no types
SUBTREE = str(subtree(literal_column("(SELECT id FROM asked)", Integer)).compile(dialect=_NAMED))
REACH = str(subtrees(literal_column("CAST(:reach AS integer[])")).compile(dialect=_NAMED))


def ranges(months: bool, signs: tuple[bool, ...], prefix: str = "") -> list[tuple[str, str, str]]:
    """Of each span: the suffix of its tables, the condition on their rows, and the sign of their sums."""
    found = []
    if months:
        within = f"local_month >= :{prefix}months_from AND local_month < :{prefix}months_to"
        found.append(("month", within, ""))
    for at, added in enumerate(signs):
        within = f"local_day BETWEEN :{prefix}days_from_{at} AND :{prefix}days_to_{at}"
        found.append(("day", within, "" if added else "-"))
    return found


def _spanned(
    table: str,
    keys: Sequence[str],
    values: Sequence[str],
    spans: tuple[bool, tuple[bool, ...]],
    condition: str,
) -> str:
    """Sums of the units' cells, span by span: whether there are months, and the edge days' signs.

    Cells are looked up unit by unit (LATERAL, OFFSET 0): whatever PostgreSQL believes of their number, this
    is the way to read some months of some units.
    """
    grouped = f" GROUP BY {', '.join(keys)}" if keys else ""
    parts = []
    for grain, within, sign in ranges(*spans):
        sums = [f"{sign}sum({value}) AS {value}" for value in values]
        parts.append(
            f"SELECT {', '.join((*keys, *sums))} FROM below CROSS JOIN LATERAL ("
            f"SELECT {', '.join((*keys, *values))} FROM {table}_{grain}"
            f" WHERE unit_id = below.id AND {within}{condition} OFFSET 0) cells{grouped}"
        )
    return " UNION ALL ".join(parts)


@lru_cache(maxsize=128)
def _reading(
    limited: bool, below: str, spans: tuple[bool, tuple[bool, ...]], filters: tuple[str, ...]
) -> TextClause:
    reach = f" AND id IN ({REACH})" if limited else ""
    condition = ""
    if "channel" in filters:
        condition += " AND channel = :channel"
    if chosen := [f"{name} = :{column}" for name, column in _CHOICE if column in filters]:
        condition += f" AND questionnaire_id IN (SELECT id FROM questionnaires WHERE {' AND '.join(chosen)})"
    table = "channel" if "channel" in filters else "unit"
    cells = _spanned(table, ["questionnaire_id"], ["responses", "held_back", "tally"], spans, condition)
    visits = _spanned("visit", [], ["visits", "answered"], spans, "")
    having = "" if below == _CHOSEN else " HAVING sum(responses) > 0"
    return text(
        f"""
        WITH asked AS MATERIALIZED (SELECT id, code, name, kind FROM units WHERE code = :unit{reach}),
        below AS MATERIALIZED ({below})
        SELECT c.questionnaire_id, c.responses, c.held_back, c.tally, asked.code, asked.name, asked.kind,
            v.visits, v.answered, s.pending, s.oldest, now() AS seen_at
        FROM asked CROSS JOIN (
            SELECT coalesce(sum(visits), 0) AS visits, coalesce(sum(answered), 0) AS answered
            FROM ({visits}) spans) v
        CROSS JOIN (
            SELECT count(*) AS pending, min(oldest) AS oldest FROM (
                SELECT min(marked_at) AS oldest FROM stale_unit_days
                WHERE unit_id IN (SELECT id FROM below) GROUP BY unit_id, local_day) marks) s
        LEFT JOIN (
            SELECT questionnaire_id, sum(responses)::bigint AS responses, sum(held_back)::bigint AS held_back,
                sum(tally)::text AS tally
            FROM ({cells}) spans GROUP BY questionnaire_id{having}) c ON true
        """
    )


_OWN = "SELECT id FROM asked"
_CHOSEN = "SELECT unnest(CAST(:units AS integer[])) AS id"
_PENDING = text("""
    SELECT count(*), min(oldest) FROM (
        SELECT min(marked_at) AS oldest FROM stale_unit_days
        WHERE unit_id = ANY(CAST(:units AS integer[])) GROUP BY unit_id, local_day) marks
""")
_CHOICE = (("code", "questionnaire"), ("version", "version"))


async def read(connection: AsyncConnection, asked: Asked) -> Reading | None:
    """Sums by questionnaire version, visits, and what is still due; None for a unit unknown or out of reach.

    One statement for all of it: each trip to the database costs as much as reading a hundred cells.
    """
    spans = Spans.of(asked.first, asked.last)
    chosen = {"questionnaire": asked.questionnaire, "version": asked.version, "channel": asked.channel}
    filters: dict[str, object] = {name: value for name, value in chosen.items() if value is not None}
    limited = asked.reach is not None
    reach = sorted(asked.reach) if asked.reach is not None else None
    below = SUBTREE if asked.subtree else _OWN
    if asked.units is not None:
        below, filters["units"] = _CHOSEN, list(asked.units)
    statement = _reading(limited, below, (spans.months is not None, spans.signs), tuple(filters))
    given = {"unit": asked.unit_code, "reach": reach, **spans.parameters(), **filters}
    rows = (await connection.execute(statement, given)).all()
    if not rows:
        return None
    totals = sorted(Total(*row[:4]) for row in rows if row[0] is not None)
    unit, (visits, answered, *rest) = Named(*rows[0][4:7]), rows[0][7:]
    pending, oldest, seen_at = rest
    seen_at = complete_until(connection, seen_at)
    return Reading(unit, totals, int(visits), int(answered), pending, oldest, seen_at)


async def pending(connection: AsyncConnection, units: Collection[int]) -> tuple[int, datetime | None]:
    """Unit-days of these units still to be counted, and the oldest mark among them."""
    row = (await connection.execute(_PENDING, {"units": list(units)})).one()
    return row[0], row[1]


async def questionnaire_exists(connection: AsyncConnection, code: str, version: int | None) -> bool:
    """Whether such a questionnaire was ever published."""
    condition = "" if version is None else " AND version = :version"
    statement = (
        f"SELECT EXISTS (SELECT FROM questionnaires WHERE code = :code AND status <> 'draft'{condition})"
    )
    parameters = {"code": code} if version is None else {"code": code, "version": version}
    return bool(await connection.scalar(text(statement), parameters))
