"""What cells do not keep, counted from the responses when it is asked for: counters, and correlations.

Bounded by days, found through the index of responses by unit and day. `docs/decisions/0008-comparisons.md`
says why these are not cells.
"""

# ruff: noqa: S608  statements are made of names and numbers of our own, never of what somebody sent

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.rollups.lanes import Shape
from app.rollups.queries import REACH, SUBTREE
from app.rollups.sums import Sums

_ROUNDING = 1e-9
"""A smaller sum of squares is rounding: shares of at most 60 answers that differ at all have a larger one."""


class Counter(NamedTuple):
    """What was said at one desk; `name` None where it is not known."""

    name: str | None
    responses: int
    whole: Sums
    components: tuple[Sums, ...]


class Correlation(NamedTuple):
    """Pearson's coefficient over `n` responses; None where one of the two never varies."""

    n: int
    coefficient: float | None


def _said(shape: Shape, where: str, columns: str) -> str:
    """Responses with b<i>, the answer to each criterion, x<i> and y<i> of each component, and x and y."""
    taken = ", ".join(f"get_byte(answers, {at}) AS b{at}" for at in range(shape.width))
    parts = []
    for place, (first, length) in enumerate(shape.components):
        for name, least in (("x", 0), ("y", 3)):
            added = " + ".join(f"(b{at} > {least})::integer" for at in range(first, first + length))
            parts.append(f"{added} AS {name}{place}")
    places = range(len(shape.components))
    x, y = (" + ".join(f"{name}{place}" for place in places) for name in ("x", "y"))
    return f"""SELECT *, {x} AS x, {y} AS y FROM (
        SELECT *, {", ".join(parts)} FROM (
            SELECT {columns}{taken} FROM {where} OFFSET 0) bytes OFFSET 0) parts OFFSET 0"""


@lru_cache(maxsize=64)
def _counting(shape: Shape) -> TextClause:
    names = [("x", "y"), *((f"x{place}", f"y{place}") for place in range(len(shape.components)))]
    sums = ", ".join(
        f"count(*) FILTER (WHERE {x} > 0), sum({x}), sum({y}), sum({x} * {x}), sum({x} * {y}), sum({y} * {y})"
        for x, y in names
    )
    where = """responses WHERE unit_id = (SELECT id FROM units WHERE code = :unit)
        AND local_day BETWEEN :first AND :last AND questionnaire_id = :form AND verdict = 'counted'"""
    rows = _said(shape, where, "counter, ")
    return text(f"SELECT counter, count(*), {sums} FROM ({rows}) r GROUP BY counter ORDER BY counter")


async def counters(
    connection: AsyncConnection, unit_code: str, questionnaire_id: int, shape: Shape, first: date, last: date
) -> list[Counter]:
    """The desks of a unit itself, by name. Whether the caller may see the unit is settled before."""
    given = {"unit": unit_code, "form": questionnaire_id, "first": first, "last": last}
    found = []
    for name, responses, *values in await connection.execute(_counting(shape), given):
        sums = [Sums.from_row(values[at : at + 6]) for at in range(0, len(values), 6)]
        found.append(Counter(name, responses, sums[0], tuple(sums[1:])))
    return found


@lru_cache(maxsize=64)
def _correlating(shape: Shape) -> TextClause:
    where = """responses WHERE unit_id = ANY(CAST(:units AS integer[]))
        AND local_day = ANY(CAST(:days AS date[])) AND questionnaire_id = :form AND verdict = 'counted'"""
    pairs = []
    for at in range(shape.width):
        two = f"(b{at}::float8, (y - (b{at} > 3)::integer)::float8 / nullif(x - 1, 0))"
        both = f"FILTER (WHERE b{at} > 0 AND x > 1)"
        # all aggregates of the same two columns are one sum to PostgreSQL
        varies = f"regr_sxx{two} {both} > {_ROUNDING}"
        pairs.append(f"regr_count{two} {both}, CASE WHEN {varies} THEN corr{two} {both} END")
    return text(f"SELECT {', '.join(pairs)} FROM ({_said(shape, where, '')}) r")


@lru_cache(maxsize=4)
def _units(limited: bool, subtree: bool) -> TextClause:
    reach = f" AND id IN ({REACH})" if limited else ""
    asked = f"WITH asked AS MATERIALIZED (SELECT id FROM units WHERE code = :unit{reach})"
    return text(f"{asked} SELECT id FROM ({SUBTREE if subtree else 'SELECT id FROM asked'}) below(id)")


_TO_MEASURE = text(
    # units and days are known: a plan for any would walk the index for a whole province
    "SELECT set_config('plan_cache_mode', 'force_custom_plan', true),"
    " set_config('statement_timeout', '10s', true)"
)


async def correlations(
    connection: AsyncConnection,
    unit_code: str,
    reach: frozenset[int] | None,
    questionnaire_id: int,
    shape: Shape,
    days: Sequence[date],
    *,
    subtree: bool,
) -> list[Correlation]:
    """For each criterion: its answer (1 to 5) with the share of satisfied ones among the response's others.

    Over counted responses of these days that answer the criterion and at least one more. The criterion itself
    is left out of the share, or it would correlate with itself, the more so the fewer there are:
    the "corrected" item-total correlation (Henrysson 1963, Psychometrika 28, 211-218).
    """
    whose: dict[str, object] = {"unit": unit_code}
    if reach is not None:
        whose["reach"] = sorted(reach)
    units = (await connection.scalars(_units(reach is not None, subtree), whose)).all()
    await connection.execute(_TO_MEASURE)
    given = {"units": list(units), "form": questionnaire_id, "days": list(days)}
    row = (await connection.execute(_correlating(shape), given)).one()
    return [Correlation(*row[at : at + 2]) for at in range(0, len(row), 2)]
