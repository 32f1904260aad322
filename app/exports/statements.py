"""SQL of what is exported. PostgreSQL writes a response's line itself; Python only passes it on.

At 100,000 rows a second there are ten microseconds a row: enough for COPY, not for a loop. So every value is
made ready in the SELECT: answers as numbers, codes as they are, and what somebody typed made harmless.

The order is by unit, day and digest. Rows lie on disk as they came in, so a COPY without an order would tell
who answered before whom, which staff are never shown.
"""

# ruff: noqa: S608  made of names of our own and of codes whose form the questionnaire's check has seen

from collections.abc import Sequence

from sqlalchemy import literal_column
from sqlalchemy.dialects.postgresql.base import PGDialect

from app.auth.reach import subtrees
from app.core.cells import BREAK, FORMULA
from app.exports.columns import Column
from app.models.distribution import EVERY_UNIT
from app.questionnaires.definition import Definition
from app.rollups.spans import Spans

_NUMBERED = PGDialect(paramstyle="named")  # type: ignore[no-untyped-call]  # SQLAlchemy gives it no types
# $1 are the units at the top; null means every unit
_BENEATH = str(subtrees(literal_column("CAST($1 AS integer[])")).compile(dialect=_NUMBERED))
_WITHIN = f"($1::integer[] IS NULL OR id IN ({_BENEATH}))"
_FORMULA, _BREAK = FORMULA.replace("'", "''"), BREAK.replace("'", "''")

_VALUES = {
    "unit": "u.code",
    "local_day": "r.local_day",
    "questionnaire": "(SELECT code FROM questionnaires WHERE id = $2::integer)",
    "version": "(SELECT version FROM questionnaires WHERE id = $2::integer)",
    "channel": "r.channel",
    "verdict": "r.verdict",
    "verdict_reason": "r.verdict_reason",
    "procedure": "r.procedure",
    "language": "r.language",
    "complete": "r.complete",
    "comment": "r.comment",
}
_FILTERS = (
    "r.questionnaire_id = $2::integer AND r.local_day BETWEEN $3::date AND $4::date"
    " AND ($5::text IS NULL OR r.channel = $5::text) AND ($6::text IS NULL OR r.verdict = $6::text)"
)
# Unit by unit, each unit's rows sorted by themselves (LATERAL, OFFSET 0): the first line comes at once, a
# sort never holds more than one unit, and a neighbour's responses are not even looked at. Values are made
# after the sort, because whatever is sorted is copied: a quarter of PostgreSQL's time.
_SORTED = f"""
FROM (SELECT id, code FROM units WHERE {_WITHIN} ORDER BY id) u
CROSS JOIN LATERAL (
    SELECT r.local_day, r.channel, r.verdict, r.verdict_reason, p.code AS procedure, r.answers, r.respondent,
        r.language, r.complete, r.comment
    FROM responses r LEFT JOIN procedures p ON p.id = r.procedure_id
    WHERE r.unit_id = u.id AND {_FILTERS}
    ORDER BY r.local_day, r.content_digest OFFSET 0) r
"""

COUNT = f"""
SELECT count(*) FROM responses r JOIN (SELECT id FROM units WHERE {_WITHIN}) u ON u.id = r.unit_id
WHERE {_FILTERS}
"""


def neutral(value: str) -> str:
    """`cells.neutral`, in SQL."""
    harmless = rf"regexp_replace({value}, '{_FORMULA}', '\1\2''\3', 'g')"
    return rf"regexp_replace({harmless}, '{_BREAK}', '''\1')"


def responses(columns: Sequence[Column], definition: Definition, *, harmless: bool) -> str:
    """The SELECT of responses, one column each; `harmless` for files that spreadsheets open.

    Parameters: tops (null: every unit), questionnaire id, first day, last day, channel, verdict (null: any).
    """
    places = {criterion.code: place for place, criterion in enumerate(definition.criteria)}
    told = {field.code for field in definition.respondent_fields}
    listed = []
    for column in columns:
        if column.name in places:
            value = f"nullif(get_byte(r.answers, {places[column.name]}), 0)"
        elif column.name in told:
            value = f"r.respondent->>'{column.name}'"
        else:
            value = _VALUES[column.name]
        if harmless and column.typed:
            value = neutral(value)
        elif harmless and column.name == "complete":
            value += "::text"  # COPY itself would say t and f
        listed.append(f'{value} AS "{column.name}"')
    return f"SELECT {', '.join(listed)} {_SORTED}"


def as_json(select: str) -> str:
    """The same, each row as one line of JSON."""
    return f"SELECT row_to_json(line)::text FROM ({select}) line"


def figures(spans: Spans) -> str:
    """The sums of each unit's subtree in the period, unit by unit, in the order of codes.

    Parameters: tops, questionnaire id, then the bounds that `figure_bounds` gives.
    """
    cells = _spanned(
        "unit", ("responses", "held_back", "tally"), spans, " AND questionnaire_id = $2::integer"
    )
    visits = _spanned("visit", ("visits", "answered"), spans, "")
    return f"""
{EVERY_UNIT}
WITH RECURSIVE chosen AS MATERIALIZED (SELECT id, code, name, kind, parent_id FROM units WHERE {_WITHIN}),
pairs (top, id) AS (
    SELECT id, id FROM chosen
    UNION ALL SELECT pairs.top, units.id FROM pairs JOIN units ON units.parent_id = pairs.id),
cells AS MATERIALIZED (
    SELECT unit_id, sum(responses) AS responses, sum(held_back) AS held_back, sum(tally) AS tally
    FROM ({cells}) spans GROUP BY unit_id),
counted AS MATERIALIZED (
    SELECT unit_id, sum(visits) AS visits, sum(answered) AS answered FROM ({visits}) spans GROUP BY unit_id)
SELECT c.code, c.name, c.kind, above.code AS parent,
    coalesce(sum(cells.responses), 0)::bigint AS responses,
    coalesce(sum(cells.held_back), 0)::bigint AS held_back, coalesce(sum(cells.tally), 0)::text AS tally,
    coalesce(sum(counted.visits), 0)::bigint AS visits, coalesce(sum(counted.answered), 0)::bigint AS answered
FROM chosen c
JOIN pairs ON pairs.top = c.id
LEFT JOIN cells ON cells.unit_id = pairs.id
LEFT JOIN counted ON counted.unit_id = pairs.id
LEFT JOIN units above ON above.id = c.parent_id
GROUP BY c.id, c.code, c.name, c.kind, above.code
ORDER BY c.code
"""


def figure_bounds(spans: Spans) -> list[object]:
    """The days `figures` asks for, in its order, after tops and questionnaire."""
    months = list(spans.months) if spans.months else []
    return [*months, *(bound for days in spans.days for bound in (days.first, days.last))]


def _spanned(table: str, values: Sequence[str], spans: Spans, condition: str) -> str:
    """Cells of the period's months and edge days, those to be taken off negative."""
    ranges = [("month", "local_month >= {}::date AND local_month < {}::date", "")] if spans.months else []
    ranges += [
        ("day", "local_day BETWEEN {}::date AND {}::date", "" if sign else "-") for sign in spans.signs
    ]
    return " UNION ALL ".join(
        f"SELECT unit_id, {', '.join(f'{sign}{value} AS {value}' for value in values)} FROM {table}_{grain}"
        f" WHERE {within.format(f'${3 + 2 * at}', f'${4 + 2 * at}')}{condition}"
        for at, (grain, within, sign) in enumerate(ranges)
    )
