"""The index: sums of cells turned into figures that a reader can check.

Nothing is mixed: each questionnaire version is a result of its own. Every figure carries the numbers it
rests on, and the answer says until when it is complete.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from app.auth.subjects import Subject
from app.core.clock import local_day, utc_now
from app.core.deps import Period
from app.core.messages import Language
from app.core.problems import QuestionnaireUnknown, UnitUnknown
from app.questionnaires.definition import Bilingual
from app.questionnaires.published import Published, PublishedQuestionnaires
from app.rollups import boundaries, queries
from app.rollups.bands import band
from app.rollups.index import Estimate, Formula, criterion_estimate, estimate, percent
from app.rollups.lanes import Shape, read_unit
from app.rollups.schemas import Boundaries, Channel, Scope

Json = dict[str, Any]

_ANSWERS = ("1", "2", "3", "4", "5")


class Question(NamedTuple):
    """What somebody wants to know of a unit; filters that are None let everything pass."""

    unit_code: str
    period: Period
    scope: Scope
    questionnaire: str | None = None
    version: int | None = None
    channel: Channel | None = None
    formula: Formula | None = None
    boundaries: Boundaries | None = None


async def index(
    connection: AsyncConnection,
    questionnaires: PublishedQuestionnaires,
    subject: Subject,
    question: Question,
    language: Language,
    zone: ZoneInfo,
) -> Json:
    """The body of the answer. UnitUnknown outside the reach, QuestionnaireUnknown if there is none such."""
    first, last = question.period.first, question.period.last
    asked = queries.Asked(
        question.unit_code,
        subject.unit_ids,
        question.scope == "subtree",
        first,
        last,
        question.questionnaire,
        question.version,
        question.channel,
    )
    beside: Json = {}
    if question.boundaries is None:
        reading = await queries.read(connection, asked)
    else:
        today = local_day(utc_now(), zone)
        bounded = await boundaries.read(connection, asked, question.boundaries, today, language)
        reading, notes = bounded or (None, [])
        beside = {"boundaries": question.boundaries, "notes": notes}
    if reading is None:
        raise UnitUnknown(unit=question.unit_code)
    code = question.questionnaire
    if (
        not reading.totals
        and code is not None
        and not await queries.questionnaire_exists(connection, code, question.version)
    ):
        raise QuestionnaireUnknown(questionnaire=code)
    published = await questionnaires.by_ids([total.questionnaire_id for total in reading.totals])
    results = [
        result(published[total.questionnaire_id], total, question.formula, language)
        for total in reading.totals
    ]
    return {
        "unit": reading.unit._asdict(),
        "period": {"from": first, "to": last},
        "scope": question.scope,
        **beside,
        "as_of": _instant(reading.oldest_mark or reading.seen_at, zone),
        "pending": reading.pending,
        "visits": reading.visits,
        "visits_answered": reading.answered,
        "response_rate": _number(percent(reading.answered, reading.visits)),
        "results": sorted(
            results, key=lambda one: (one["questionnaire"]["code"], one["questionnaire"]["version"])
        ),
    }


def result(published: Published, total: queries.Total, formula: Formula | None, language: Language) -> Json:
    """One questionnaire version's figures, by its official formula unless another is asked for."""
    definition, layout = published.definition, published.layout
    chosen = formula or definition.formula
    tally = read_unit(Shape.of(layout), total.responses, total.tally)
    pairs = [(sum(counts[1:]), counts[4] + counts[5]) for counts in tally.counts]
    components = []
    for part, sums, described in zip(layout.components, tally.components, definition.components, strict=True):
        places = range(part.first, part.first + part.length)
        here = [tally.counts[at] for at in places]
        figure = estimate(sums, criteria=[pairs[at] for at in places], formula=chosen)
        components.append(
            {
                "code": part.code,
                "title": _said(described.title, language),
                **_figure(figure),
                "distribution": _distribution([sum(counts) for counts in zip(*here, strict=True)]),
                "criteria": [
                    _criterion(
                        definition.criteria[at].code,
                        _said(definition.criteria[at].text, language),
                        tally.counts[at],
                    )
                    for at in places
                ],
            }
        )
    return {
        "questionnaire": {"code": published.code, "version": published.version},
        "formula": chosen,
        "responses": total.responses,
        "held_back": total.held_back,
        "overall": _figure(estimate(tally.whole, criteria=pairs, formula=chosen)),
        "components": components,
    }


def _figure(found: Estimate) -> Json:
    return {
        "percent": _number(found.percent),
        "low": _number(found.low),
        "high": _number(found.high),
        "answers": found.answers,
        "satisfied": found.satisfied,
        "responses": found.responses,
        "band": band(found.ratio),
    }


def _criterion(code: str, words: str, counts: Sequence[int]) -> Json:
    found = criterion_estimate(counts[1:])
    return {
        "code": code,
        "text": words,
        "percent": _number(found.percent),
        "low": _number(found.low),
        "high": _number(found.high),
        "answers": found.answers,
        "skipped": counts[0],
        "distribution": _distribution(counts),
    }


def _distribution(counts: Sequence[int]) -> dict[str, int]:
    """Counts of (none, 1, 2, 3, 4, 5) as the answers 1 to 5."""
    return dict(zip(_ANSWERS, counts[1:], strict=True))


def _number(value: Decimal | None) -> float | None:
    """Two exact decimals as the nearest JSON number."""
    return None if value is None else float(value)


def _said(words: Bilingual, language: Language) -> str:
    return words.en if language == "en" else words.vi


def _instant(instant: datetime, zone: ZoneInfo) -> str:
    """RFC 3339 in the deployment's zone; seconds are cut, never rounded up, so that nothing is promised."""
    local = instant.replace(microsecond=0, tzinfo=instant.tzinfo or UTC).astimezone(zone)
    return local.isoformat()
