"""Drivers: which components and criteria pull a unit's index down, beside the unit above.

For a set of criteria with X valid answers in all, Y of them satisfied, the gap is 1 - Y/X. A criterion c with
x_c valid answers, y_c satisfied, contributes (x_c - y_c) / X to it: contributions add up to the gap exactly,
over criteria as over components, which is why drivers are always pooled. Dissatisfied means valid and not
satisfied: 1, 2 and 3.

How strongly a criterion goes together with the rest of a response is not in the cells and is read from the
responses (`raw.correlations`). Where these are many it is read from every k-th day, so that the cost has an
end: k is never a multiple of 7, and so takes all weekdays in turn.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.auth.reach import unit_unknown
from app.questionnaires.published import Published
from app.rollups import queries, raw, suppression
from app.rollups.breakdown import Question, Reader
from app.rollups.index import estimate, percent_of
from app.rollups.lanes import Shape, read_unit
from app.rollups.queries import Named
from app.rollups.raw import Correlation
from app.rollups.shown import Json, as_of, guarded, number, said
from app.rollups.sums import Sums

MAX_CORRELATED = 100_000
FEWEST_CORRELATED = 3
"""Two points always lie on a line."""

_PARENT = text("SELECT p.code FROM units u JOIN units p ON p.id = u.parent_id WHERE u.code = :unit")


class _Side(NamedTuple):
    """All that is known of the unit or of its parent."""

    unit: Named
    responses: int
    whole: Sums
    components: Sequence[Sums]
    criteria: Sequence[tuple[int, int]]
    """(valid, satisfied) of each."""
    correlations: Sequence[Correlation]
    every: int
    pending: int
    oldest_mark: datetime | None
    seen_at: datetime
    gone: suppression.Gone
    """The numbers of the figures that are hidden."""


async def drivers(
    connection: AsyncConnection, published: Published, reader: Reader, question: Question
) -> Json:
    """The strongest first. The parent is null at the top of the tree or of the subject's reach."""
    side = await _side(connection, published, reader, question)
    if side is None:
        raise await unit_unknown(connection, reader.subject, question.unit_code, "/unit_code")
    code = await connection.scalar(_PARENT, {"unit": question.unit_code})
    above = None
    if code is not None:
        asked = question._replace(unit_code=code, scope="subtree")
        above = await _side(connection, published, reader, asked)
    definition, components = published.definition, []
    for place, described in enumerate(definition.components):
        mine = _pull(side, *_pair(side.components[place]), 1 + place)
        theirs = above and _pull(above, *_pair(above.components[place]), 1 + place)
        named = {"code": described.code, "title": said(described.title, reader.language)}
        components.append({**named, **mine, "parent": theirs})
    criteria = []
    for at, asked_of in enumerate(definition.criteria):
        named = {
            "code": asked_of.code,
            "component": asked_of.component,
            "text": said(asked_of.text, reader.language),
        }
        theirs = above and _correlated(above, at, reader.min_n)
        criteria.append({**named, **_correlated(side, at, reader.min_n), "parent": theirs})
    return {
        "unit": side.unit._asdict(),
        "period": {"from": question.period.first, "to": question.period.last},
        "scope": question.scope,
        "questionnaire": {"code": published.code, "version": published.version},
        "formula": "pooled",
        # the unit above holds this one: what is still to be counted of it is the wider truth
        "as_of": as_of((above or side).oldest_mark, side.seen_at, reader.zone),
        "pending": (above or side).pending,
        **_overall(side),
        "parent": above and {"unit": above.unit._asdict(), **_overall(above)},
        "components": sorted(components, key=_strength),
        "criteria": sorted(criteria, key=_strength),
    }


def every_days(responses: int) -> int:
    """Of how many days one is read, so that about MAX_CORRELATED of so many responses are."""
    every = -(-responses // MAX_CORRELATED) or 1
    return every if every % 7 else every + 1


async def _side(
    connection: AsyncConnection, published: Published, reader: Reader, question: Question
) -> _Side | None:
    reach, subtree = reader.subject.unit_ids, question.scope == "subtree"
    first, last = question.period.first, question.period.last
    asked = queries.Asked(question.unit_code, reach, subtree, first, last, published.code, published.version)
    reading = await queries.read(connection, asked)
    if reading is None:
        return None
    shape = Shape.of(published.layout)
    responses = sum(total.responses for total in reading.totals)
    tally = read_unit(shape, responses, reading.totals[0].tally if reading.totals else "0")
    every = every_days(responses)
    days = _days(first, last, every) if responses else []
    correlations = await raw.correlations(
        connection, question.unit_code, reach, published.id, shape, days, subtree=subtree
    )
    return _Side(
        reading.unit,
        responses,
        tally.whole,
        tally.components,
        [(sum(counts[1:]), counts[4] + counts[5]) for counts in tally.counts],
        correlations,
        every,
        reading.pending,
        reading.oldest_mark,
        reading.seen_at,
        suppression.within_group(suppression.of_tally(tally), shape, reader.min_n),
    )


def _days(first: date, last: date, every: int) -> list[date]:
    return [first + timedelta(days=at) for at in range(0, (last - first).days + 1, every)]


def _pair(sums: Sums) -> tuple[int, int]:
    return sums.x, sums.y


def _overall(side: _Side) -> Json:
    found = estimate(side.whole, criteria=(), formula="pooled")
    hide = 0 in side.gone
    return {
        "responses": side.responses,
        "overall": guarded(found, hide=hide),
        "gap_points": None if hide else _points(side.whole.x - side.whole.y, side.whole.x),
        "correlations": {"every_days": side.every},
    }


def _pull(side: _Side, answers: int, satisfied: int, number: int) -> Json:
    """What a set of criteria with so many valid and satisfied answers contributes; its figure's number."""
    if number in side.gone:
        hidden = ("answers", "dissatisfied", "dissatisfied_percent", "gap_points", "gap_percent")
        return {**dict.fromkeys(hidden), "suppressed": True}
    dissatisfied, gap = answers - satisfied, side.whole.x - side.whole.y
    return {
        "answers": answers,
        "dissatisfied": dissatisfied,
        "dissatisfied_percent": _points(dissatisfied, answers),
        "gap_points": _points(dissatisfied, side.whole.x),
        "gap_percent": _points(dissatisfied, gap) if gap else None,
        "suppressed": False,
    }


def _correlated(side: _Side, at: int, min_n: int) -> Json:
    answers, satisfied = side.criteria[at]
    shown = _pull(side, answers, satisfied, 1 + len(side.components) + at)
    found = side.correlations[at]
    if shown["suppressed"] or found.n < max(min_n, FEWEST_CORRELATED):
        return {**shown, "correlation": None}
    coefficient = None if found.coefficient is None else round(found.coefficient, 3)
    return {**shown, "correlation": {"n": found.n, "coefficient": coefficient}}


def _points(part: int, whole: int) -> float | None:
    return number(percent_of(Fraction(part, whole)))


def _strength(one: Json) -> float:
    """Sorts the largest contribution to the front, what is suppressed to the end."""
    return 1.0 if one["suppressed"] else -float(one["dissatisfied"])
