"""A unit's figures over time and by channel, procedure, field and counter, each as the caller reads it.

A point of a series is the index of its days, shown as the index is. What sets groups of people beside each
other is suppressed under `min_n` (`shown.guarded`), and so is one of these groups by itself.
"""

from collections.abc import Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from app.auth.reach import unit_unknown
from app.auth.subjects import Subject
from app.core.deps import Period
from app.core.faults import Fault
from app.core.problems import InvalidRequest, QuestionnaireUnknown
from app.core.texts import Language
from app.questionnaires.published import Published, PublishedQuestionnaires
from app.rollups import across, breaks, grains, groups, raw
from app.rollups.across import Earlier
from app.rollups.grains import Grain
from app.rollups.groups import By, Groups
from app.rollups.index import Formula
from app.rollups.lanes import Shape
from app.rollups.schemas import Channel, Scope
from app.rollups.shown import Json, as_of, body, nothing, of_procedure, of_sums, of_unit
from app.rollups.spans import Spans

MAX_COUNTER_DAYS = 366
_DAYS_TOO_LONG = "period_too_many_days"


class Question(NamedTuple):
    """What somebody wants to know of a unit, of one questionnaire version."""

    unit_code: str
    period: Period
    scope: Scope = "subtree"
    channel: Channel | None = None
    formula: Formula | None = None


class Reader(NamedTuple):
    """Who reads, and how it is shown to them."""

    subject: Subject
    language: Language
    zone: ZoneInfo
    min_n: int


async def chosen(questionnaires: PublishedQuestionnaires, code: str, version: int | None) -> Published:
    """The version asked for, or the newest that is not retired; QuestionnaireUnknown if there is none."""
    found = await (questionnaires.latest(code) if version is None else questionnaires.get(code, version))
    if found is None:
        raise QuestionnaireUnknown(questionnaire=code if version is None else f"{code}/{version}")
    return found


async def series(
    connection: AsyncConnection,
    published: Published,
    reader: Reader,
    question: Question,
    grain: Grain,
    earlier: Sequence[Earlier] | None = None,
) -> Json:
    """Every point of the period, those without a response included.

    With `earlier` versions each point tells of the criteria they have in common, too, over all of them.
    """
    first, last = question.period.first, question.period.last
    points = grains.points(grain, first, last)
    if points is None:
        raise InvalidRequest(faults=[Fault("/grain", "too_many_points", {"limit": grains.MAX_POINTS})])
    spans = grains.spans(grain, first, last)
    found = await _read(connection, published, reader, question, spans, grain)
    formula = question.formula or published.definition.formula
    shape = Shape.of(published.layout)
    known = {group.key: group for group in found.groups}
    least = None if question.channel is None else reader.min_n
    shown: list[Json] = []
    for point in points:
        group = known.get(point.start)
        responses = 0 if group is None else group.responses
        figures = nothing(shape) if group is None else of_unit(shape, responses, group.tally, formula)
        shown.append(
            {
                "from": point.first,
                "to": point.last,
                **body(responses, figures, published.definition, reader.language, least),
            }
        )
    begun = await breaks.versions(
        connection, question.unit_code, published.code, first, last, subtree=question.scope == "subtree"
    )
    head = {**_head(found, published, reader, question, formula), "grain": grain}
    if earlier is None:
        return {**head, "points": shown, "breaks": breaks.between(begun)}
    read = [
        (one, (await _read(connection, one.published, reader, question, spans, grain)).groups)
        for one in earlier
    ]
    # a mapping to a version nobody answered in the period must not take criteria away
    met = [(one, some) for one, some in read if some] or read
    codes = across.common(published, [one for one, _ in met]) if met else []
    counts: across.Counts = {}
    across.add(counts, published, {code: code for code in codes}, found.groups)
    for one, some in met:
        across.add(counts, one.published, {code: one.criteria[code] for code in codes}, some)
    for point, body_of in zip(points, shown, strict=True):
        body_of["criteria"] = across.shown(counts, point.start, codes, least)
    # without a common criterion nothing is read as one, and every change breaks the line
    read_as_one = {published.version, *(one.published.version for one, _ in met if codes)}
    left = [
        one for one in breaks.between(begun) if not {one["from_version"], one["to_version"]} <= read_as_one
    ]
    return {**head, "across": sorted(read_as_one), "points": shown, "breaks": left}


async def by_group(
    connection: AsyncConnection,
    published: Published,
    reader: Reader,
    question: Question,
    by: By,
) -> Json:
    """Items by channel, procedure or field; the one with most responses first, then by name."""
    spans = Spans.of(question.period.first, question.period.last)
    found = await _read(connection, published, reader, question, spans, by)
    shape = Shape.of(published.layout)
    formula: Formula = (question.formula or published.definition.formula) if by == "channel" else "pooled"
    items = []
    for group in found.groups:
        figures = (
            of_unit(shape, group.responses, group.tally, formula)
            if by == "channel"
            else of_procedure(shape, group.responses, group.tally)
        )
        named: object = group.key
        if by == "procedure":
            named = {"code": group.key, "name": group.name, "field": group.field}
        shown = body(group.responses, figures, published.definition, reader.language, reader.min_n)
        items.append({by: named, **shown, "suppressed": group.responses < reader.min_n})
    items.sort(key=lambda item: -item["responses"])  # stable: they come by key
    return {**_head(found, published, reader, question, formula), "items": items}


async def by_counter(
    connection: AsyncConnection, published: Published, reader: Reader, question: Question
) -> Json:
    """Items by counter of the unit itself: counters of two units are different desks of the same name.

    Counted from the responses at the time of asking (docs/decisions/0008-comparisons.md), so over a year at
    most. Responses that do not know their counter are an item of their own, null.
    """
    first, last = question.period.first, question.period.last
    if (last - first).days >= MAX_COUNTER_DAYS:
        raise InvalidRequest(faults=[Fault("/to", _DAYS_TOO_LONG, {"limit": MAX_COUNTER_DAYS})])
    own = question._replace(scope="own")
    found = await _read(connection, published, reader, own, Spans(None, ()), "channel")
    found = found._replace(pending=0, oldest_mark=None)  # the responses are complete at any moment
    shape = Shape.of(published.layout)
    items = []
    for counter in await raw.counters(connection, question.unit_code, published.id, shape, first, last):
        figures = of_sums(counter.whole, counter.components)
        shown = body(counter.responses, figures, published.definition, reader.language, reader.min_n)
        hidden = counter.responses < reader.min_n
        items.append({"counter": counter.name, **shown, "suppressed": hidden})
    items.sort(key=lambda item: -item["responses"])
    return {**_head(found, published, reader, own, "pooled"), "items": items}


async def _read(
    connection: AsyncConnection,
    published: Published,
    reader: Reader,
    question: Question,
    spans: Spans,
    by: By | Grain,
) -> Groups:
    asked = groups.Asked(
        question.unit_code,
        reader.subject.unit_ids,
        question.scope == "subtree",
        spans,
        published.id,
        question.channel,
    )
    found = await groups.read(connection, asked, by)
    if found is None:
        raise await unit_unknown(connection, reader.subject, question.unit_code, "/unit_code")
    return found


def _head(found: Groups, published: Published, reader: Reader, question: Question, formula: Formula) -> Json:
    return {
        "unit": {"code": found.code, "name": found.name, "kind": found.kind},
        "period": {"from": question.period.first, "to": question.period.last},
        "scope": question.scope,
        "questionnaire": {"code": published.code, "version": published.version},
        "formula": formula,
        "as_of": as_of(found.oldest_mark, found.seen_at, reader.zone),
        "pending": found.pending,
    }
