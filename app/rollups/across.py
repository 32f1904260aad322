"""A series across versions of a questionnaire: the criteria that a mapping calls the same, and no others.

Only single criteria are read across. A component or the whole would be of other questions before than after,
unless all of it were mapped; the sums behind its interval cannot be had for a part of it.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

from app.questionnaires.published import Published
from app.rollups import suppression
from app.rollups.groups import Group
from app.rollups.index import criterion_estimate
from app.rollups.lanes import Shape, read_unit
from app.rollups.shown import Json, number


class Earlier(NamedTuple):
    """An earlier version, and which of its criteria are the later one's (later code -> its code)."""

    published: Published
    criteria: Mapping[str, str]


Counts = dict[date, dict[str, list[int]]]
"""By point: for each criterion the counts of answers 1 to 5."""


def common(published: Published, earlier: Sequence[Earlier]) -> list[str]:
    """The criteria that every mapping holds, in the questionnaire's order."""
    return [
        criterion.code
        for criterion in published.definition.criteria
        if all(criterion.code in one.criteria for one in earlier)
    ]


def add(counts: Counts, published: Published, names: Mapping[str, str], groups: Sequence[Group]) -> None:
    """Add one version's answers; `names`: the criterion as it is shown -> as this version calls it."""
    shape = Shape.of(published.layout)
    places = {criterion.code: at for at, criterion in enumerate(published.definition.criteria)}
    for group in groups:
        if not isinstance(group.key, date):
            raise TypeError("a point of a series is known by its day")
        tally = read_unit(shape, group.responses, group.tally)
        here = counts.setdefault(group.key, {})
        for shown, name in names.items():
            known = here.setdefault(shown, [0] * 5)
            here[shown] = [
                one + more for one, more in zip(known, tally.counts[places[name]][1:], strict=True)
            ]


def counted(
    published: Published,
    groups: Sequence[Group],
    earlier: Sequence[tuple[Earlier, Sequence[Group]]],
    codes: Sequence[str],
) -> Counts:
    """The answers to these criteria in all versions together."""
    counts: Counts = {}
    add(counts, published, {code: code for code in codes}, groups)
    for one, some in earlier:
        add(counts, one.published, {code: one.criteria[code] for code in codes}, some)
    return counts


def shown(counts: Counts, start: date, codes: Sequence[str]) -> list[Json]:
    """The criteria of one point."""
    here = counts.get(start, {})
    figures = []
    for code in codes:
        found = criterion_estimate(here.get(code, [0] * 5))
        figures.append(
            {
                "code": code,
                "percent": number(found.percent),
                "low": number(found.low),
                "high": number(found.high),
                "answers": found.answers,
                "satisfied": found.satisfied,
            }
        )
    return figures


def hide(
    points: Sequence[Json], channels: Mapping[str, Counts], starts: Sequence[date], channel: str, min_n: int
) -> None:
    """Take the figures out of a channel's points that are on few, or would give such a one away: each stands
    beside those of the other channels, and of the other points."""
    for at, code in enumerate(one["code"] for one in points[0]["criteria"]):
        people = [
            {one: (sum(counts.get(start, {}).get(code, ())),) for one, counts in channels.items()}
            for start in starts
        ]
        over_all = {one: suppression.added(each[one] for each in people) for one in channels}
        unit = suppression.added(over_all.values())
        whole = suppression.among_groups(over_all, unit, None, min_n)
        for point, gone in zip(points, suppression.among_points(people, whole, channel, min_n), strict=True):
            if gone:
                point["criteria"][at] = {**dict.fromkeys(point["criteria"][at]), "code": code}
