"""What else to hide of parts and their whole, so that no small hidden part can be worked out. Pure.

This is the one rule for everything that hides a figure for few people: channels, break-downs, criteria,
points of a series, components and strata of samples. It knows nothing of what the parts are: nodes of a tree
(a unit and its channels, a field and its procedures, a period and its days) are told apart by people, places
within a node (criteria, components, channels) are not, and figures add places up. Figures on fewer than
`min_n` people are hidden first (primary suppression); then, as long as anything on so few can be computed
from what is shown, one more figure, the one with the fewest people that helps (secondary suppression). What
can be computed is told exactly by `knowledge`; which figure is taken is a choice, and not always the best.

Publication hides whole units over time by the same knowledge, and chooses by itself (`periods.suppression`).
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from app.disclosure.knowledge import Counted, Danger, Known, People, Shown, Tree, dangers, known
from app.disclosure.spaces import Places, Vector, contains, meet, only, plus, restrict, span, whole

Spot = tuple[int, int]
"""A node and a figure of it."""


class Figure(NamedTuple):
    """The places that a figure adds up; people of different `crowd`s are never the same ones.

    None: its people are those of figures within it.
    """

    places: Places
    crowd: int | None = 0


class Overlapping(NamedTuple):
    """People of whom one may be counted in several places: (crowd, places, people) of each figure."""

    figures: tuple[tuple[int, Places, int], ...]

    def at(self, places: Places) -> int:
        """Those of the largest figure within these places, crowd by crowd."""
        most: dict[int, int] = {}
        for crowd, here, people in self.figures:
            if here <= places and people > most.get(crowd, 0):
                most[crowd] = people
        return sum(most.values())


class Table(NamedTuple):
    """Figures of the nodes of a tree, parents first.

    people: [node][figure], of a node with all beneath it. Every place needs a figure of its own.
    always: what is shown whatever is hidden; gone: what is hidden elsewhere already.
    empty_known: whether everybody may know that there is nobody; else nobody is a small number, too.
    """

    parents: Sequence[int | None]
    figures: Sequence[Figure]
    people: Sequence[Sequence[int]]
    always: Collection[Spot] = frozenset()
    gone: Collection[Spot] = frozenset()
    empty_known: bool = True


def parts_and_whole(
    figures: Sequence[Figure], whole: Sequence[int], parts: Sequence[Sequence[int]], empty_known: bool = True
) -> Table:
    """Parts beneath a whole of which every figure is shown; people in the order of the figures."""
    return Table(
        [None, *(0 for _ in parts)],
        figures,
        [whole, *parts],
        frozenset((0, at) for at in range(len(figures))),
        empty_known=empty_known,
    )


def nested(groups: Sequence[int]) -> list[Figure]:
    """A whole, its groups of so many places each, and the places themselves: a questionnaire's figures."""
    starts = [sum(groups[:at]) for at in range(len(groups))]
    within = [frozenset(range(start, start + size)) for start, size in zip(starts, groups, strict=True)]
    places = [frozenset([at]) for at in range(sum(groups))]
    return [Figure(each) for each in (frozenset(range(sum(groups))), *within, *places)]


def hidden(table: Table, min_n: int) -> list[frozenset[int]]:
    """The numbers of the figures that must be hidden, of each node; all of them where nothing else helps."""
    first = {figure.places: at for at, figure in reversed(list(enumerate(table.figures)))}
    # a component of one criterion is that criterion
    twin = [first[figure.places] for figure in table.figures]
    nodes, figures = range(len(table.parents)), sorted(set(twin))
    few = {(node, figure) for node in nodes for figure in figures if table.people[node][figure] < min_n}
    shown = {(node, figure) for node in nodes for figure in figures} - few - set(table.gone) | set(
        table.always
    )
    _Choice(table, shown, min_n).settle()
    return [
        frozenset(at for at, figure in enumerate(twin) if (node, figure) not in shown | set(table.always))
        for node in nodes
    ]


class _Choice:
    """The choice of what to hide; `shown` becomes smaller until nothing small can be computed."""

    def __init__(self, table: Table, shown: set[Spot], min_n: int) -> None:
        self.table, self.shown, self.min_n = table, shown, min_n
        self.changed: set[int] = set()
        """Nodes of which this round has hidden something, and all above them."""
        self.tree = Tree.of(table.parents)
        self.width = max(max(figure.places) for figure in table.figures) + 1
        self.vectors = [
            tuple(int(at in figure.places) for at in range(self.width)) for figure in table.figures
        ]
        self.counted = _count(table, self.tree, self.width)
        self.was = known(self.tree, self.counted, self._figures(set(table.always)))

    def settle(self) -> None:
        while True:
            figures, before = self._figures(self.shown), len(self.shown)
            found = list(dangers(self.tree, self.counted, figures, self.was, self.min_n))
            found.reverse()  # the deepest first
            if not found:
                return
            now = known(self.tree, self.counted, figures)
            self.changed.clear()
            for danger in found:
                top = danger.star if danger.child is None else danger.child
                if top not in self.changed:  # else what is known there has changed: the next round sees to it
                    self._avert(now, danger)
            if len(self.shown) == before:  # no single figure is to blame
                self._hide_any(found[0])

    def _drop(self, node: int, figure: int) -> None:
        self.shown.discard((node, figure))
        above: int | None = node
        while above is not None:
            self.changed.add(above)
            above = self.tree.parents[above]

    def _figures(self, shown: Collection[Spot]) -> list[Shown]:
        nodes: list[set[int]] = [set() for _ in self.vectors]
        for node, figure in shown:
            nodes[figure].add(node)
        return [Shown(vector, frozenset(each)) for vector, each in zip(self.vectors, nodes, strict=True)]

    def _avert(self, now: Known, danger: Danger) -> None:
        """Hide one figure more: of the endangered node, or of one that gives it away."""
        node, vector = danger.child, danger.vector
        if node is not None and self._tells(now, node, vector):
            self._hide(now, node, vector)
            return
        star = danger.star
        while star is not None:
            vector = self._whole_of(now, star, node, vector)
            others = [other for other in self.tree.children[star] if other != node]
            if telling := [other for other in others if self._tells(now, other, vector)]:
                support = frozenset(at for at, value in enumerate(vector) if value)
                people, places = self.counted.people, self.counted.places
                self._hide(
                    now,
                    min(telling, key=lambda other: (people[other].at(support & places[other]), other)),
                    vector,
                )
                return
            if self._open(star):
                self._hide_one(star, vector)
                return
            node, star = star, self.tree.parents[star]

    def _hide_any(self, danger: Danger) -> None:
        """Hide the smallest figure that helps, wherever it stands: where one gives itself away beside what is
        always shown, say."""
        node, star, vector = danger.child, danger.star, danger.vector
        spots = [(each, figure) for each in range(len(self.table.parents)) for figure in self._open(each)]
        spots.sort(key=lambda spot: (spot[0] != node, self.table.people[spot[0]][spot[1]], -spot[1]))
        for spot in spots:
            left = known(self.tree, self.counted, self._figures(self.shown - {spot}))
            if not contains(left.own[star or 0] if node is None else left.total[node], vector):
                self._drop(*spot)
                return
        if not spots:
            raise RuntimeError("something small is known, and nothing is left to hide")
        self._drop(*spots[0])

    def _whole_of(self, now: Known, star: int, child: int | None, vector: Vector) -> Vector:
        """What is known of the star, and of all in it but this child, from which the vector follows."""
        places = self.counted.own_places[star] if child is None else self.counted.places[child]
        space = now.total[star]
        if child is not None:
            space = meet(space, (), self.counted.own_places[star])
        for other in self.tree.children[star]:
            if other != child:
                space = meet(space, now.up[other], self.counted.places[other])
        beneath = () if child is None else restrict(now.up[child], places)
        found = meet(space, plus(beneath, span([only(vector, places)])), places)
        return next((row for row in found if not contains(beneath, only(row, places))), vector)

    def _tells(self, now: Known, node: int, vector: Vector) -> bool:
        """Whether the node and those beneath it tell their part, more than was known of it."""
        here = only(vector, self.counted.places[node])
        return any(here) and contains(now.up[node], here) and not contains(self.was.up[node], here)

    def _hide(self, now: Known, node: int, vector: Vector) -> None:
        """Hide a figure of the node, or of one beneath it where these tell it."""
        here = only(vector, self.counted.places[node])
        if contains(self._own(node, self._open(node)), here):
            self._hide_one(node, here)
        elif telling := [child for child in self.tree.children[node] if self._tells(now, child, here)]:
            self._hide(now, telling[0], here)
        else:
            self._hide_one(node, here)

    def _hide_one(self, node: int, vector: Vector) -> None:
        """Hide the figure with the fewest people without which the vector is not told any more.

        Of the smallest crowd that tells it; and the widest figure, which is the whole of the crowd, last:
        rather two others, of which one lies within the other and would give it back.
        """
        places, open_ones = [figure.places for figure in self.table.figures], self._open(node)

        def size(at: int) -> tuple[int, int, int]:
            return self.table.people[node][at], len(places[at]), -at

        def helps(gone: Collection[int]) -> bool:
            return not contains(self._own(node, [at for at in open_ones if at not in gone]), vector)

        crowds: dict[int, list[int]] = {}
        for at in sorted(open_ones, key=size):
            crowds.setdefault(self.table.figures[at].crowd or 0, []).append(at)
        # among equals the first, as among nodes: what is asked for in two ways hides the same one
        in_order = [crowds[one] for one in sorted(crowds, key=lambda one: (size(crowds[one][-1])[:2], one))]
        for figures in [crowd for crowd in in_order if helps(crowd)] or in_order[:1]:
            narrow = [at for at in figures if len(places[at]) < max(len(places[one]) for one in figures)]
            here = self.counted.places[node]
            chosen = (
                *(at for at in narrow if only(self.vectors[at], here) == vector),
                *(at for at in narrow if helps([at])),
                *(at for at in narrow if helps([one for one in figures if places[one] <= places[at]])),
                *(at for at in figures if helps([at])),
                *figures,
            )
            self._drop(node, chosen[0])
            return

    def _open(self, node: int) -> list[int]:
        """Figures of the node that may still be hidden."""
        return [
            figure
            for figure in range(len(self.vectors))
            if (node, figure) in self.shown and (node, figure) not in self.table.always
        ]

    def _own(self, node: int, figures: Collection[int]) -> tuple[Vector, ...]:
        """What the node's own figures tell, these and those that are always shown."""
        always = [figure for figure in range(len(self.vectors)) if (node, figure) in self.table.always]
        nothing = meet(whole(self.width), (), self.counted.places[node])
        return plus(span(self.vectors[figure] for figure in (*figures, *always)), nothing)


def _count(table: Table, tree: Tree, width: int) -> Counted:
    column = {
        place: number
        for number, figure in enumerate(table.figures)
        if len(figure.places) == 1
        for place in figure.places
    }
    own = [list(row) for row in table.people]
    for node, parent in enumerate(table.parents):
        if parent is not None:
            own[parent] = [
                max(0, left - taken) for left, taken in zip(own[parent], table.people[node], strict=True)
            ]

    def people(rows: Sequence[Sequence[int]]) -> list[People]:
        return [
            Overlapping(
                tuple(
                    (figure.crowd, figure.places, count)
                    for figure, count in zip(table.figures, row, strict=True)
                    if count and figure.crowd is not None
                )
            )
            for row in rows
        ]

    def places(rows: Sequence[Sequence[int]]) -> list[Places]:
        return [frozenset(at for at in range(width) if row[column[at]]) for row in rows]

    everywhere = frozenset(range(width))
    own_places, all_places = places(own), places(table.people)
    if not table.empty_known:
        all_places = [everywhere for _ in all_places]
        own_places = [
            here if children else everywhere for here, children in zip(own_places, tree.children, strict=True)
        ]
    return Counted(width, people(table.people), people(own), all_places, own_places)
