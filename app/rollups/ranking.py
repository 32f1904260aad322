"""A ranking: units of one kind beside each other by one figure, and against a second period."""

from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from app.auth.reach import unit_unknown
from app.core.clock import local_day, utc_now
from app.core.deps import Period
from app.core.faults import Fault
from app.core.problems import InvalidRequest
from app.models.unit import UnitKind
from app.questionnaires.published import Published
from app.rollups import rivals
from app.rollups.bands import band
from app.rollups.breakdown import Reader
from app.rollups.index import Estimate
from app.rollups.lanes import WHOLE, Shape
from app.rollups.ranks import Standing, difference, standings
from app.rollups.shown import Json, as_of, number, of_part
from app.rollups.spans import Spans

OVERALL = "overall"


class Question(NamedTuple):
    """Which units, when, and by what; `compared` None: no second period."""

    parent: str | None
    kind: UnitKind
    period: Period
    compared: Period | None
    sort: str = OVERALL


class _Place(NamedTuple):
    """A unit's figure and standing in one period."""

    estimate: Estimate | None
    standing: Standing


async def ranking(
    connection: AsyncConnection, published: Published, reader: Reader, question: Question
) -> Json:
    """Ranked units by rank, then the unranked ones, each by code; UnitUnknown for a parent out of reach.

    Figures are of each unit's whole subtree, by the questionnaire's official formula.
    """
    place = _place_of(published, question.sort)
    periods = [question.period] if question.compared is None else [question.period, question.compared]
    asked = rivals.Asked(
        question.parent,
        reader.subject.unit_ids,
        question.kind,
        local_day(utc_now(), reader.zone),
        published.id,
        [Spans.of(each.first, each.last) for each in periods],
    )
    found = await rivals.read(connection, asked)
    if found is None:
        raise await unit_unknown(connection, reader.subject, question.parent or "", "/parent")
    now, *before = (
        _places(published, place, [rival.totals[at] for rival in found.rivals], reader.min_n)
        for at in range(len(periods))
    )
    items = [
        _item(rival, question.kind, now[at], before[0][at] if before else None, reader.min_n)
        for at, rival in enumerate(found.rivals)
    ]
    items.sort(key=lambda item: (item["rank"] is None, item["rank"]))  # stable: they come by code
    return {
        "parent": question.parent,
        "kind": question.kind,
        "period": _shown(question.period),
        "compared": None if question.compared is None else _shown(question.compared),
        "questionnaire": {"code": published.code, "version": published.version},
        "formula": published.definition.formula,
        "sort": question.sort,
        "min_n": reader.min_n,
        "as_of": as_of(found.oldest_mark, found.seen_at, reader.zone),
        "pending": found.pending,
        "ranked": sum(item["rank"] is not None for item in items),
        "items": items,
    }


def _place_of(published: Published, sort: str) -> int:
    """The place of the component to rank by, or WHOLE."""
    if sort == OVERALL:
        return WHOLE
    codes = [component.code for component in published.definition.components]
    if sort not in codes:
        allowed = ", ".join((OVERALL, *codes))
        raise InvalidRequest(faults=[Fault("/sort", "not_allowed", {"allowed": allowed})])
    return codes.index(sort)


def _places(
    published: Published, place: int, totals: list[tuple[int, str] | None], min_n: int
) -> list[_Place]:
    shape, formula = Shape.of(published.layout), published.definition.formula
    estimates = [None if one is None else of_part(shape, place, *one, formula) for one in totals]
    return list(map(_Place, estimates, standings(estimates, min_n=min_n)))


def _item(rival: rivals.Rival, kind: str, now: _Place, before: _Place | None, min_n: int) -> Json:
    figure, standing = now
    unit = {"code": rival.code, "name": rival.name, "kind": kind}
    responses = 0 if figure is None else figure.responses
    if figure is None or standing.rank is None:
        nulls = dict.fromkeys(("percent", "low", "high", "rank", "rank_best", "rank_worst", "band", "change"))
        return {"unit": unit, "responses": responses, **nulls, "suppressed": responses < min_n}
    return {
        "unit": unit,
        "responses": responses,
        "percent": number(figure.percent),
        "low": number(figure.low),
        "high": number(figure.high),
        "rank": standing.rank,
        "rank_best": standing.best,
        "rank_worst": standing.worst,
        "band": band(figure.ratio),
        "change": None if before is None else _change(now, before),
        "suppressed": False,
    }


def _change(now: _Place, before: _Place) -> Json | None:
    """Against the second period; None unless the unit is ranked in both. A rank gained is positive."""
    if before.standing.rank is None or now.standing.rank is None:
        return None
    if now.estimate is None or before.estimate is None:
        return None
    change = difference(now.estimate, before.estimate)
    if change is None:
        return None
    return {
        "percent_points": number(change.percent_points),
        "ranks": before.standing.rank - now.standing.rank,
        "significant": change.significant,
    }


def _shown(period: Period) -> Json:
    return {"from": period.first, "to": period.last}
