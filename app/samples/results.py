"""How far a sample has come, and what it says: numbers of few people hidden, the rest estimated."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.texts import Language
from app.disclosure.protection import Table, hidden, nested, parts_and_whole
from app.models.sample import SampleStratum
from app.questionnaires.published import Published
from app.rollups.bands import band
from app.rollups.index import percent
from app.rollups.schemas import QuestionnaireRef
from app.rollups.sums import Sums
from app.rollups.weights import Weighted, rounded
from app.samples import queries
from app.samples.estimation import Answered, estimate
from app.samples.queries import SampleRow
from app.samples.schemas import SampleOut, SampleResult, summary_fields
from app.samples.service import FEWEST

Json = dict[str, Any]


class Crowd(NamedTuple):
    """The counted answers of a stratum: how many said just these."""

    visits: int
    answers: Counter[bytes]

    @property
    def responses(self) -> int:
        return self.answers.total()

    def answered(self, places: Sequence[int]) -> Answered:
        """Counted for the criteria at these places."""
        sums, criteria = Sums.zero(), [[0, 0] for _ in places]
        for answers, times in self.answers.items():
            given = [answers[at] for at in places]
            x, y = sum(one > 0 for one in given), sum(one > 3 for one in given)
            if x:
                sums += Sums(times, times * x, times * y, times * x * x, times * x * y, times * y * y)
            for counts, one in zip(criteria, given, strict=True):
                counts[0] += times * (one > 0)
                counts[1] += times * (one > 3)
        pairs = tuple((valid, satisfied) for valid, satisfied in criteria)
        return Answered(self.visits, self.responses, sums, pairs)


async def progress(
    session: AsyncSession, row: SampleRow, published: Published, min_n: int, zone: ZoneInfo
) -> SampleOut:
    """Drawn and answered by stratum."""
    sample, least = row[0], max(min_n, FEWEST)
    strata = await queries.strata_of(session, sample.id)
    known = await queries.answered(session, sample.id)
    answered = {stratum.number: known.get(stratum.number, 0) for stratum in strata}
    unseen, total = hidden_strata(answered, least), sum(answered.values())
    shown = total >= least
    return SampleOut.model_validate(
        {
            **summary_fields(row, named(published), zone),
            "answered": total if shown else None,
            "rate": _number(percent(total, sample.size)) if shown else None,
            "strata": [
                {
                    **_stratum(one),
                    "answered": None if one.number in unseen else answered[one.number],
                    "rate": None
                    if one.number in unseen
                    else _number(percent(answered[one.number], one.size)),
                }
                for one in strata
            ],
        }
    )


async def result(
    session: AsyncSession,
    row: SampleRow,
    published: Published,
    language: Language,
    min_n: int,
    now: datetime,
    zone: ZoneInfo,
) -> SampleResult:
    """The estimate for all visits of the frame, its components and its strata; nothing before the end."""
    sample, least = row[0], max(min_n, FEWEST)
    strata = await queries.strata_of(session, sample.id)
    crowds = {one.number: Crowd(one.visits, Counter()) for one in strata}
    ended = sample.expires_at <= now
    for stratum, verdict, answers, times in await queries.said(session, sample.id) if ended else ():
        if verdict != "void":  # earlier releases held answers back for the clock they were given by
            crowds[stratum].answers[answers] += times
    people = {number: crowd.responses for number, crowd in crowds.items()}
    responses, unseen = sum(people.values()), hidden_strata(people, least)
    thin = (
        [one for one, crowd in crowds.items() if crowd.responses < min(FEWEST, crowd.visits)] if ended else []
    )
    reason = "too_few" if responses < least else "thin_strata" if thin else None
    overall, components = None, None
    if reason is None:
        overall, *components = guarded_figures(crowds.values(), published, language, least)
    shown = responses if responses >= least else None
    return SampleResult.model_validate(
        {
            "sample": summary_fields(row, named(published), zone),
            "formula": published.definition.formula,
            "responses": shown,
            "held_back": 0,
            "response_rate": None if shown is None else _number(percent(shown, sample.size)),
            "reason": reason if ended else "still_open",
            "thin": thin,
            "overall": overall,
            "components": components,
            "strata": [
                _outcome(one, crowds[one.number], published, shown=one.number not in unseen) for one in strata
            ],
        }
    )


def guarded_figures(
    crowds: Iterable[Crowd], published: Published, language: Language, least: int
) -> list[Json]:
    """The figure of the whole, then of each component with its code and title.

    Fewer than `least` people hide a figure, and so does what would give such a one away.
    """
    definition, layout, crowds = published.definition, published.layout, list(crowds)

    def figure(places: Sequence[int]) -> Weighted:
        return estimate([crowd.answered(places) for crowd in crowds], definition.formula)

    overall = figure(range(layout.width))
    parts = [figure(range(part.first, part.first + part.length)) for part in layout.components]
    people = [one.responses for one in (overall, *parts)]
    figures = nested([1] * len(parts))[: len(people)]
    (gone,) = hidden(Table([None], figures, [people], {(0, 0)} if people[0] >= least else ()), least)
    if definition.formula != "pooled" and any(people[at] for at in gone):
        gone |= set(range(1, len(people)))  # else the overall mean less the shown ones is the hidden one's
    components = [
        {
            "code": part.code,
            "title": described.title.en if language == "en" else described.title.vi,
            **_figure(found, shown=at not in gone),
        }
        for at, (part, described, found) in enumerate(
            zip(layout.components, definition.components, parts, strict=True), 1
        )
    ]
    return [_figure(overall, shown=0 not in gone), *components]


def hidden_strata(people: Mapping[int, int], least: int) -> frozenset[int]:
    """The strata of which nothing is shown, beside a total that is: nobody is a small number, too."""
    only = nested([1])[1:2]
    table = parts_and_whole(only, [sum(people.values())], [[count] for count in people.values()], False)
    return frozenset(number for number, gone in zip(people, hidden(table, least)[1:], strict=True) if gone)


def named(published: Published) -> QuestionnaireRef:
    """A questionnaire version as it is named in answers."""
    return QuestionnaireRef(code=published.code, version=published.version)


def _outcome(stratum: SampleStratum, crowd: Crowd, published: Published, *, shown: bool) -> Json:
    outcome = {
        **_stratum(stratum),
        "design_weight": float(rounded(Fraction(stratum.visits, stratum.size))),
        **dict.fromkeys(("responses", "weight", "percent", "low", "high")),
    }
    if shown:
        places = range(published.layout.width)
        figure = estimate([crowd.answered(places)], published.definition.formula)
        outcome |= {
            "responses": crowd.responses,
            "weight": float(rounded(Fraction(stratum.visits, crowd.responses))),
            "percent": _number(figure.percent),
            "low": _number(figure.low),
            "high": _number(figure.high),
        }
    return outcome


def _stratum(stratum: SampleStratum) -> Json:
    return {
        "number": stratum.number,
        "members": stratum.members,
        "visits": stratum.visits,
        "drawn": stratum.size,
    }


def _figure(found: Weighted, *, shown: bool) -> Json:
    if not shown:
        return dict.fromkeys(("percent", "low", "high", "responses", "effective_n", "band"))
    return {
        "percent": _number(found.percent),
        "low": _number(found.low),
        "high": _number(found.high),
        "responses": found.responses,
        "effective_n": _number(found.effective_n),
        "band": band(found.ratio),
    }


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
