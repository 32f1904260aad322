"""The index: sums of cells turned into figures that a reader can check.

Nothing is mixed: each questionnaire version is a result of its own. Every figure carries the numbers it
rests on, and the answer says until when it is complete.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from app.auth.reach import unit_unknown
from app.auth.subjects import Subject
from app.core.clock import local_day, utc_now
from app.core.deps import Period
from app.core.problems import QuestionnaireUnknown
from app.core.texts import Language
from app.questionnaires.published import Published, PublishedQuestionnaires
from app.rollups import boundaries, queries
from app.rollups.index import Formula, criterion_estimate, estimate, percent
from app.rollups.lanes import Shape, read_unit
from app.rollups.schemas import Boundaries, Channel, Scope
from app.rollups.shown import as_of, number, of_group, said

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
    min_n: int | None = None,
) -> Json:
    """The body of the answer. UnitUnknown outside the reach, QuestionnaireUnknown if there is none such.

    Of a single channel figures under `min_n` responses are suppressed, as where channels stand side by side.
    """
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
        raise await unit_unknown(connection, subject, question.unit_code, "/unit_code")
    code = question.questionnaire
    if (
        not reading.totals
        and code is not None
        and not await queries.questionnaire_exists(connection, code, question.version)
    ):
        named = code if question.version is None else f"{code}/{question.version}"
        raise QuestionnaireUnknown(questionnaire=named)
    published = await questionnaires.by_ids([total.questionnaire_id for total in reading.totals])
    least = None if question.channel is None else min_n
    results = [
        result(published[total.questionnaire_id], total, question.formula, language, least)
        for total in reading.totals
    ]
    return {
        "unit": reading.unit._asdict(),
        "period": {"from": first, "to": last},
        "scope": question.scope,
        **beside,
        "as_of": as_of(reading.oldest_mark, reading.seen_at, zone),
        "pending": reading.pending,
        "visits": reading.visits,
        "visits_answered": reading.answered,
        "response_rate": number(percent(reading.answered, reading.visits)),
        "results": sorted(
            results, key=lambda one: (one["questionnaire"]["code"], one["questionnaire"]["version"])
        ),
    }


def result(
    published: Published,
    total: queries.Total,
    formula: Formula | None,
    language: Language,
    min_n: int | None = None,
) -> Json:
    """One questionnaire version's figures, by its official formula unless another is asked for.

    `min_n` None suppresses nothing.
    """
    definition, layout = published.definition, published.layout
    chosen = formula or definition.formula
    tally = read_unit(Shape.of(layout), total.responses, total.tally)
    pairs = [(sum(counts[1:]), counts[4] + counts[5]) for counts in tally.counts]
    components = []
    for part, sums, described in zip(layout.components, tally.components, definition.components, strict=True):
        places = range(part.first, part.first + part.length)
        here = [tally.counts[at] for at in places]
        found = estimate(sums, criteria=[pairs[at] for at in places], formula=chosen)
        components.append(
            {
                "code": part.code,
                "title": said(described.title, language),
                **of_group(found, min_n),
                "distribution": None
                if min_n is not None and found.responses < min_n
                else _distribution([sum(counts) for counts in zip(*here, strict=True)]),
                "criteria": [
                    _criterion(
                        definition.criteria[at].code,
                        said(definition.criteria[at].text, language),
                        tally.counts[at],
                        min_n,
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
        "overall": of_group(estimate(tally.whole, criteria=pairs, formula=chosen), min_n),
        "components": components,
    }


def _criterion(code: str, words: str, counts: Sequence[int], min_n: int | None) -> Json:
    found = criterion_estimate(counts[1:])
    if min_n is not None and found.answers < min_n:
        hidden = ("percent", "low", "high", "answers", "skipped", "distribution")
        return {"code": code, "text": words, **dict.fromkeys(hidden)}
    return {
        "code": code,
        "text": words,
        "percent": number(found.percent),
        "low": number(found.low),
        "high": number(found.high),
        "answers": found.answers,
        "skipped": counts[0],
        "distribution": _distribution(counts),
    }


def _distribution(counts: Sequence[int]) -> dict[str, int]:
    """Counts of (none, 1, 2, 3, 4, 5) as the answers 1 to 5."""
    return dict(zip(_ANSWERS, counts[1:], strict=True))
