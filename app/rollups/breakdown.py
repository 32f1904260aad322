"""A unit's figures by channel, procedure, field and counter, each as the caller reads it.

What sets groups of people beside each other is suppressed under `min_n`, and so is what would give a hidden
figure away (`suppression`).
"""

from asyncio import to_thread
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
from app.rollups import groups, raw, suppression
from app.rollups.grains import Grain
from app.rollups.groups import By, Group, Groups
from app.rollups.index import Formula
from app.rollups.lanes import Shape, read_procedure, read_unit
from app.rollups.schemas import Channel, Scope
from app.rollups.shown import Estimates, Json, as_of, body, of_procedure, of_sums, of_unit
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


async def by_group(
    connection: AsyncConnection,
    published: Published,
    reader: Reader,
    question: Question,
    by: By,
) -> Json:
    """Items by channel, procedure or field; the one with most responses first, then by name."""
    shape, min_n = Shape.of(published.layout), reader.min_n
    channels = await read_groups(connection, published, reader, question, by="channel")
    people = {
        group.key: suppression.of_tally(read_unit(shape, group.responses, group.tally))
        for group in channels.groups
    }
    unit = suppression.added(people.values())
    if by == "channel":
        formula: Formula = question.formula or published.definition.formula
        gone = await to_thread(suppression.among_groups, people, unit, shape, min_n)
        items = [
            _item(
                published,
                reader,
                {by: group.key},
                group.responses,
                of_unit(shape, group.responses, group.tally, formula),
                suppression.with_means(
                    gone[group.key], people[group.key], people.values(), shape, formula, min_n
                ),
            )
            for group in channels.groups
        ]
        return {**head(channels, published, reader, question, formula), "items": _in_order(items)}
    procedures = await read_groups(connection, published, reader, question, by="procedure")
    fields_gone, procedures_gone = await to_thread(
        suppression.among_procedures,
        [(group.field or "", _people(shape, group)) for group in procedures.groups],
        unit[: 1 + len(shape.components)],
        min_n,
    )
    if by == "field":
        found = await read_groups(connection, published, reader, question, by="field")
        named: list[tuple[object, Group, suppression.Gone]] = [
            (group.key, group, fields_gone[str(group.key)]) for group in found.groups
        ]
    else:
        found = procedures
        named = [
            ({"code": group.key, "name": group.name, "field": group.field}, group, hide)
            for group, hide in zip(found.groups, procedures_gone, strict=True)
        ]
    items = [
        _item(
            published,
            reader,
            {by: name},
            group.responses,
            of_procedure(shape, group.responses, group.tally),
            hide,
        )
        for name, group, hide in named
    ]
    return {**head(found, published, reader, question, "pooled"), "items": _in_order(items)}


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
    found = await read_groups(connection, published, reader, own, Spans(None, ()), "channel")
    found = found._replace(pending=0, oldest_mark=None)  # the responses are complete at any moment
    shape = Shape.of(published.layout)
    counters = await raw.counters(connection, question.unit_code, published.id, shape, first, last)
    people = {each.name: suppression.of_sums(each.whole, each.components) for each in counters}
    unit = suppression.added(people.values())
    gone = suppression.among_groups(people, unit, None, reader.min_n)
    items = [
        _item(
            published,
            reader,
            {"counter": each.name},
            each.responses,
            of_sums(each.whole, each.components),
            gone[each.name],
        )
        for each in counters
    ]
    return {**head(found, published, reader, own, "pooled"), "items": _in_order(items)}


def _people(shape: Shape, group: Group) -> suppression.People:
    tally = read_procedure(shape, group.responses, group.tally)
    return suppression.of_sums(tally.whole, tally.components)


def _item(
    published: Published,
    reader: Reader,
    named: Json,
    responses: int,
    figures: Estimates,
    gone: suppression.Gone,
) -> Json:
    shown = body(responses, figures, published.definition, reader.language, gone)
    return {**named, **shown, "suppressed": 0 in gone}


def _in_order(items: list[Json]) -> list[Json]:
    return sorted(items, key=lambda item: -item["responses"])  # stable: they come by key


async def read_groups(
    connection: AsyncConnection,
    published: Published,
    reader: Reader,
    question: Question,
    spans: Spans | None = None,
    by: By | Grain = "channel",
) -> Groups:
    """Sums of the unit's cells by something, in the spans given or else the whole period; UnitUnknown outside
    the reach."""
    asked = groups.Asked(
        question.unit_code,
        reader.subject.unit_ids,
        question.scope == "subtree",
        spans or Spans.of(question.period.first, question.period.last),
        published.id,
        question.channel,
    )
    found = await groups.read(connection, asked, by)
    if found is None:
        raise await unit_unknown(connection, reader.subject, question.unit_code, "/unit_code")
    return found


def head(found: Groups, published: Published, reader: Reader, question: Question, formula: Formula) -> Json:
    """What every answer begins with."""
    return {
        "unit": {"code": found.code, "name": found.name, "kind": found.kind},
        "period": {"from": question.period.first, "to": question.period.last},
        "scope": question.scope,
        "questionnaire": {"code": published.code, "version": published.version},
        "formula": formula,
        "as_of": as_of(found.oldest_mark, found.seen_at, reader.zone),
        "pending": found.pending,
    }
