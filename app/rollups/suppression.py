"""Which figures of groups of people are hidden: those on few, and those that would give them away.

Pure. `disclosure.protection` has the rule; here stands what is set beside what. The figures of a group are
numbered as a questionnaire has them: 0 is the overall one, then follow the components, then the criteria. A
unit's own figures are always shown, so its channels, procedures and counters are hidden beside these.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from app.disclosure.components import component_groups, lone
from app.disclosure.protection import Figure, Table, hidden, nested, parts_and_whole
from app.rollups.index import Formula
from app.rollups.lanes import Shape, UnitTally
from app.rollups.sums import Sums

K = TypeVar("K")
Gone = frozenset[int]
"""Numbers of the figures of a group that are hidden."""
People = tuple[int, ...]
"""How many people answered any of each figure; criteria may be left out."""


def of_tally(tally: UnitTally) -> People:
    """The people of a unit's tally, down to the criteria."""
    return (*of_sums(tally.whole, tally.components), *(sum(counts[1:]) for counts in tally.counts))


def of_sums(whole: Sums, components: Iterable[Sums]) -> People:
    """The people of the overall figure and of the components."""
    return (whole.n, *(sums.n for sums in components))


def added(all_people: Iterable[People]) -> People:
    """People of groups that have none in common."""
    return tuple(map(sum, zip(*all_people, strict=True)))


def with_means(
    gone: Gone, people: People, beside: Iterable[People], shape: Shape, formula: Formula, min_n: int
) -> Gone:
    """What is hidden of a group where figures are means of criteria.

    Its sums may be asked for as well, and beside these a mean could be solved for a hidden part. So nothing
    is shown that is made of a component that is hidden, or of a criterion on few in any of the groups
    `beside` each other, of which this is one. People down to the criteria.
    """
    if formula == "pooled":
        return gone
    parts, groups = len(shape.components), list(beside)
    few = set[int]()
    for number, (start, length) in enumerate(shape.components, 1):
        criteria = slice(1 + parts + start, 1 + parts + start + length)
        if (number in gone and people[number]) or any(
            0 < one < min_n for each in groups for one in each[criteria]
        ):
            few.add(number)
    return gone | few | ({0} if few else set())


def among_groups(groups: Mapping[K, People], unit: People, shape: Shape | None, min_n: int) -> dict[K, Gone]:
    """What is hidden of the groups of a unit; with a `shape` their people go down to the criteria."""
    if not groups:
        return {}
    in_order = sorted(groups, key=str)  # the same choice among equals, whatever is asked for
    table = parts_and_whole(_figures(shape, unit), unit, [groups[one] for one in in_order])
    gone = dict(zip(in_order, _hidden(table, shape, min_n)[1:], strict=True))
    return {one: gone[one] for one in groups}


def within_group(people: People, shape: Shape, min_n: int) -> Gone:
    """What is hidden of one group, of which the overall figure is shown if it is not itself on few."""
    table = Table([None], _figures(shape, people), [people], {(0, 0)} if people[0] >= min_n else ())
    return _hidden(table, shape, min_n)[0]


def among_procedures(
    procedures: Sequence[tuple[str, People]], unit: People, min_n: int
) -> tuple[dict[str, Gone], list[Gone]]:
    """What is hidden of each field, and of each procedure, given by its field and its people."""
    if not procedures:
        return {}, []
    fields = sorted({field for field, _ in procedures})
    number = {field: at for at, field in enumerate(fields, 1)}
    of_fields = [added(people for field, people in procedures if field == one) for one in fields]
    table = Table(
        [None, *(0 for _ in fields), *(number[field] for field, _ in procedures)],
        _figures(None, unit),
        [unit, *of_fields, *(people for _, people in procedures)],
        {(0, at) for at in range(len(unit))},
    )
    gone = _hidden(table, None, min_n)[1:]
    return dict(zip(fields, gone, strict=False)), gone[len(fields) :]


def among_points(
    points: Sequence[Mapping[K, People]], whole: Mapping[K, Gone], channel: K, min_n: int
) -> list[Gone]:
    """What is hidden of one channel at each point of a series.

    points: the people of each channel, overall and by component; those of the unit are shown at every point.
    whole: the channels with what is hidden of them over the whole period. The first components of a channel
    are shown at a point or not, and the last two, and so the rule of nested sets holds: each figure is seen
    to by itself.
    """
    channels, size = sorted(whole, key=str), len(points[0][channel])
    first, last = ([1 + at for at in group] for group in component_groups(size - 1))
    groups: list[list[int | None]] = [[*first, *([None] if first else [])], [*last]]
    if size == 2:  # a single component is the overall figure again
        first, groups = [1], [[1]]

    def gone_of(figure: int | None, spots: set[tuple[int, int]]) -> set[tuple[int, int]]:
        """The spots (point, channel) at which a figure is hidden, and where anybody is."""
        rows = [[_count(point[one], figure, last, min_n) for one in channels] for point in points]
        over_all = {at for at, one in enumerate(channels) if figure in whole[one]}
        gone = hidden(_points(rows, over_all, spots), min_n)[1:]
        return {
            (at, one) for at, each in enumerate(gone) for one in each if one < len(channels) and rows[at][one]
        }

    spots = gone_of(0, set())
    hides = [spots]
    for group in groups:
        more = True
        while more:
            found = spots.union(*(gone_of(figure, spots) for figure in group))
            more, spots = found != spots, found
        hides.append(spots)
    mine = channels.index(channel)
    figures = ([0], first, last)[: len(hides)]
    return [
        frozenset(
            figure
            for some, gone in zip(figures, hides, strict=True)
            for figure in some
            if (at, mine) in gone or point[channel][figure] < min_n
        )
        for at, point in enumerate(points)
    ]


def _count(people: People, figure: int | None, last: Sequence[int], min_n: int) -> int:
    return lone([people[at] for at in last], min_n) if figure is None else people[figure]


def _points(rows: Sequence[Sequence[int]], over_all: set[int], spots: set[tuple[int, int]]) -> Table:
    """One figure by point and channel, beside that of all channels together, and of all points."""
    channels = range(len(rows[0]))
    figures = [*(Figure(frozenset([at]), at) for at in channels), Figure(frozenset(channels), None)]
    people = [[*row, sum(row)] for row in rows]
    always = {(node, len(channels)) for node in range(1 + len(rows))}
    return Table(
        [None, *(0 for _ in rows)],
        figures,
        [[sum(column) for column in zip(*people, strict=True)], *people],
        always=always | {(0, at) for at in channels if at not in over_all},
        gone={(0, at) for at in over_all} | {(1 + at, one) for at, one in spots},
    )


def _hidden(table: Table, shape: Shape | None, min_n: int) -> list[Gone]:
    """The same as `hidden`, from the whole to its parts: of a group that is not shown nothing is, and of a
    component that is not shown no criterion. That is settled sooner.
    """
    everything = range(len(table.figures))
    within: dict[int, set[int]] = {at: {at} for at in everything}
    within[0] = set(everything)
    parts = len(everything) - 1
    if shape is not None:
        parts = len(shape.components)
        for number, (start, length) in enumerate(shape.components, 1):
            within[number] |= {1 + parts + at for at in range(start, start + length)}
    gone: set[tuple[int, int]] = set()
    for figures in (nested([1])[:1], nested([1] * parts)[: 1 + parts]):
        most = len(figures)
        smaller = table._replace(
            figures=figures,
            people=[row[:most] for row in table.people],
            always={spot for spot in table.always if spot[1] < most},
            gone={spot for spot in gone if spot[1] < most},
        )
        for node, each in enumerate(hidden(smaller, min_n)):
            gone |= {(node, one) for at in each for one in within[at]}
    if shape is None:
        return [frozenset(at for at in everything if (node, at) in gone) for node in range(len(table.people))]
    return hidden(table._replace(gone=gone), min_n)


def _figures(shape: Shape | None, people: People) -> list[Figure]:
    if shape is not None:
        return nested([length for _, length in shape.components])
    return nested([1] * (len(people) - 1))[: len(people)]
