"""The index: sums of cells turned into figures that a reader can check.

Nothing is mixed: each questionnaire version is a result of its own. Every figure carries the numbers it
rests on, and the answer says until when it is complete.
"""

from asyncio import to_thread
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple, get_args
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from app.auth.reach import unit_unknown
from app.auth.subjects import Subject
from app.core.clock import local_day, utc_now
from app.core.deps import Period
from app.core.problems import QuestionnaireUnknown
from app.core.texts import Language
from app.questionnaires.published import Published, PublishedQuestionnaires
from app.rollups import boundaries, queries, suppression
from app.rollups.index import Formula, criterion_estimate, estimate, percent
from app.rollups.lanes import Shape, read_unit
from app.rollups.schemas import Boundaries, Channel, Scope
from app.rollups.shown import as_of, number, of_group, said

Json = dict[str, Any]

CHANNELS: tuple[Channel, ...] = get_args(Channel)
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

    Of a single channel figures under `min_n` responses are suppressed, as where channels stand side by side,
    and so is what gives them away: the other channels are read as well, in what must be one snapshot.
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
    reading, beside = await _read(connection, asked, question.boundaries, language, zone)
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
    gone: dict[int, suppression.Gone] = {}
    if question.channel is not None and min_n is not None:
        readings = {
            one: reading
            if one == question.channel
            else (await _read(connection, asked._replace(channel=one), question.boundaries, language, zone))[
                0
            ]
            for one in CHANNELS
        }
        gone = {
            number: await to_thread(_hidden, readings, question.channel, one, question.formula, min_n)
            for number, one in published.items()
        }
    results = [
        result(
            published[total.questionnaire_id],
            total,
            question.formula,
            language,
            gone.get(total.questionnaire_id),
        )
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


async def _read(
    connection: AsyncConnection,
    asked: queries.Asked,
    bounds: Boundaries | None,
    language: Language,
    zone: ZoneInfo,
) -> tuple[queries.Reading | None, Json]:
    """The sums, and what is told beside them where boundaries were asked for."""
    if bounds is None:
        return await queries.read(connection, asked), {}
    today = local_day(utc_now(), zone)
    reading, notes = await boundaries.read(connection, asked, bounds, today, language) or (None, [])
    return reading, {"boundaries": bounds, "notes": notes}


def _hidden(
    readings: Mapping[Channel, queries.Reading | None],
    channel: Channel,
    published: Published,
    formula: Formula | None,
    min_n: int,
) -> suppression.Gone:
    """What is hidden of one channel of a questionnaire version, beside the others and the unit as a whole."""
    shape = Shape.of(published.layout)
    people = {
        one: suppression.of_tally(read_unit(shape, total.responses, total.tally))
        for one, reading in readings.items()
        for total in (() if reading is None else reading.totals)
        if total.questionnaire_id == published.id
    }
    gone = suppression.among_groups(people, suppression.added(people.values()), shape, min_n)[channel]
    chosen = formula or published.definition.formula
    return suppression.with_means(gone, people[channel], people.values(), shape, chosen, min_n)


def result(
    published: Published,
    total: queries.Total,
    formula: Formula | None,
    language: Language,
    gone: Collection[int] | None = None,
) -> Json:
    """One questionnaire version's figures, by its official formula unless another is asked for.

    gone: the numbers of those that are hidden (see `suppression`); None suppresses nothing.
    """
    definition, layout = published.definition, published.layout
    chosen = formula or definition.formula
    tally = read_unit(Shape.of(layout), total.responses, total.tally)
    pairs = [(sum(counts[1:]), counts[4] + counts[5]) for counts in tally.counts]
    components = []
    for place, (part, sums, described) in enumerate(
        zip(layout.components, tally.components, definition.components, strict=True), 1
    ):
        places = range(part.first, part.first + part.length)
        here = [tally.counts[at] for at in places]
        found = estimate(sums, criteria=[pairs[at] for at in places], formula=chosen)
        components.append(
            {
                "code": part.code,
                "title": said(described.title, language),
                **of_group(found, place, gone),
                "distribution": None
                if gone is not None and place in gone
                else _distribution([sum(counts) for counts in zip(*here, strict=True)]),
                "criteria": [
                    _criterion(
                        definition.criteria[at].code,
                        said(definition.criteria[at].text, language),
                        tally.counts[at],
                        hide=gone is not None and 1 + len(layout.components) + at in gone,
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
        "overall": of_group(estimate(tally.whole, criteria=pairs, formula=chosen), 0, gone),
        "components": components,
    }


def _criterion(code: str, words: str, counts: Sequence[int], *, hide: bool) -> Json:
    found = criterion_estimate(counts[1:])
    if hide:
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
