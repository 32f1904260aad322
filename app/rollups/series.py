"""A unit's figures over time.

A point of a series is the index of its days, shown as the index is. Of a single channel it is suppressed as
channels are where they stand side by side, and so is what would give it away: the other channels of the point
and other points.
"""

from asyncio import to_thread
from collections.abc import Mapping, Sequence
from datetime import date

from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.faults import Fault
from app.core.problems import InvalidRequest
from app.questionnaires.published import Published
from app.rollups import across, breaks, grains, suppression
from app.rollups.across import Earlier
from app.rollups.breakdown import Question, Reader, head, read_groups
from app.rollups.grains import Grain
from app.rollups.groups import Groups
from app.rollups.index import Formula
from app.rollups.lanes import Shape, read_unit
from app.rollups.schemas import Channel
from app.rollups.service import CHANNELS
from app.rollups.shown import Json, body, nothing, of_unit


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
    found = await read_groups(connection, published, reader, question, spans, grain)
    formula = question.formula or published.definition.formula
    shape = Shape.of(published.layout)
    known = {group.key: group for group in found.groups}
    beside: dict[Channel, Groups] = {}
    hides: list[suppression.Gone] | list[None] = [None] * len(points)
    starts = [point.start for point in points]
    if question.channel is not None:
        beside = {question.channel: found}
        for one in CHANNELS:
            if one != question.channel:
                asked = question._replace(channel=one)
                beside[one] = await read_groups(connection, published, reader, asked, spans, grain)
        # seconds for a year of thin days: others are served meanwhile
        hides = await to_thread(
            _hidden_points, shape, beside, starts, question.channel, formula, reader.min_n
        )
    shown: list[Json] = []
    for point, gone in zip(points, hides, strict=True):
        group = known.get(point.start)
        responses = 0 if group is None else group.responses
        figures = nothing(shape) if group is None else of_unit(shape, responses, group.tally, formula)
        shown.append(
            {
                "from": point.first,
                "to": point.last,
                **body(responses, figures, published.definition, reader.language, gone),
            }
        )
    begun = await breaks.versions(
        connection, question.unit_code, published.code, first, last, subtree=question.scope == "subtree"
    )
    told = {**head(found, published, reader, question, formula), "grain": grain}
    if earlier is None:
        return {**told, "points": shown, "breaks": breaks.between(begun)}
    read = [
        (one, (await read_groups(connection, one.published, reader, question, spans, grain)).groups)
        for one in earlier
    ]
    # a mapping to a version nobody answered in the period must not take criteria away
    met = [(one, some) for one, some in read if some] or read
    codes = across.common(published, [one for one, _ in met]) if met else []
    counts = across.counted(published, found.groups, met, codes)
    by_channel: dict[str, across.Counts] = {}
    for channel, groups in beside.items():
        asked = question._replace(channel=channel)
        more = [
            (one, (await read_groups(connection, one.published, reader, asked, spans, grain)).groups)
            for one, _ in met
        ]
        by_channel[channel] = across.counted(published, groups.groups, more, codes)
    for point, body_of in zip(points, shown, strict=True):
        body_of["criteria"] = across.shown(counts, point.start, codes)
    if question.channel is not None:
        await to_thread(across.hide, shown, by_channel, starts, question.channel, reader.min_n)
    # without a common criterion nothing is read as one, and every change breaks the line
    read_as_one = {published.version, *(one.published.version for one, _ in met if codes)}
    left = [
        one for one in breaks.between(begun) if not {one["from_version"], one["to_version"]} <= read_as_one
    ]
    return {**told, "across": sorted(read_as_one), "points": shown, "breaks": left}


def _hidden_points(
    shape: Shape,
    beside: Mapping[Channel, Groups],
    starts: Sequence[date],
    channel: Channel,
    formula: Formula,
    min_n: int,
) -> list[suppression.Gone]:
    """What is hidden of a channel at each point."""
    people = {
        one: {
            group.key: suppression.of_tally(read_unit(shape, group.responses, group.tally))
            for group in found.groups
        }
        for one, found in beside.items()
        if found.groups or one == channel
    }
    nobody = (0,) * (1 + len(shape.components) + shape.width)
    over_all = {one: suppression.added([nobody, *points.values()]) for one, points in people.items()}
    whole = suppression.among_groups(over_all, suppression.added(over_all.values()), shape, min_n)
    size = 1 + len(shape.components)
    points = [{one: known.get(start, nobody)[:size] for one, known in people.items()} for start in starts]
    gone = suppression.among_points(points, whole, channel, min_n)
    return [
        suppression.with_means(
            hide,
            people[channel].get(start, nobody),
            [known.get(start, nobody) for known in people.values()],
            shape,
            formula,
            min_n,
        )
        for start, hide in zip(starts, gone, strict=True)
    ]
