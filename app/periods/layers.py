"""Which units, and which of their components, a new publication may show.

Pure, and importing little: `choosing` asks it in a process that is started for one question.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from app.disclosure.components import component_groups, lone
from app.disclosure.knowledge import Shown, Tree
from app.disclosure.spaces import vector
from app.periods.suppression import Counts, choose


class Layers(NamedTuple):
    """Nested sets of units: whose overall figure, first components and last components are shown."""

    overall: frozenset[int]
    first: frozenset[int]
    last: frozenset[int]


@dataclass(frozen=True, slots=True)
class Beside:
    """A publication that stays readable: its segments (see `suppression`) and what it shows, by unit id."""

    segments: Sequence[int]
    layers: Layers


class Question(NamedTuple):
    """All that decides what a publication may show, in what JSON can say."""

    parents: Sequence[tuple[int, int | None]]
    """Every unit concerned and what it hangs beneath, parents first."""
    own: Sequence[Sequence[Sequence[int]]]
    """Of each of them, overall and of each component, its own number of responses in each segment."""
    segments: Sequence[int]
    mine: Sequence[int]
    beside: Sequence[tuple[Sequence[int], Sequence[Sequence[int]]]]
    """Segments and layers of each publication that stays readable."""
    unexplained: Sequence[int]
    """Segments that only tell of a snapshot that it differs."""
    min_n: int

    @classmethod
    def of(cls, told: Any) -> Self:
        """What came as JSON."""
        return cls(**told)

    def answer(self) -> Layers:
        """What the new publication may show."""
        layers = self._safe(frozenset(), None)
        # nobody knows whether what is unexplained of two snapshots is the same: harmless both as something
        # else in each and as nothing
        return self._safe(frozenset(self.unexplained), layers) if self.unexplained else layers

    def _safe(self, left_out: frozenset[int], within: Layers | None) -> Layers:
        def kept(numbers: Sequence[int]) -> list[int]:
            return [number for at, number in enumerate(numbers) if at not in left_out]

        parents = dict(self.parents)
        own = {unit: [kept(row) for row in rows] for unit, rows in zip(parents, self.own, strict=True)}
        beside = [Beside(kept(segments), Layers(*map(frozenset, shown))) for segments, shown in self.beside]
        mine = frozenset(self.mine)
        return safe_layers(parents, own, kept(self.segments), mine, beside, self.min_n, within)


def safe_layers(
    parents: Mapping[int, int | None],
    own: Mapping[int, Sequence[Sequence[int]]],
    segments: Sequence[int],
    mine: frozenset[int],
    beside: Sequence[Beside],
    min_n: int,
    within: Layers | None = None,
) -> Layers:
    """What a new publication may show.

    parents: every unit concerned and what it hangs beneath, parents first. own: for each unit, overall and
    then each component, its own number of responses in each segment. segments: which of them the new
    publication adds up. mine: the units of it that may be shown. within: not more than these. Sets hold ids
    of units.
    """
    number = {unit: at for at, unit in enumerate(parents)}
    order = list(parents)
    tree = Tree.of([None if above is None else number[above] for above in parents.values()])
    rows = len(next(iter(own.values())))
    counts = [Counts(tree, [own[unit][row] for unit in order]) for row in range(rows)]
    first, last = ([1 + at for at in group] for group in component_groups(rows - 1))
    groups = [[counts[0]], [counts[row] for row in first], [counts[row] for row in last]]
    if first:
        groups[1].append(Counts(tree, [_lone(own[unit], last, min_n) for unit in order]))
    chosen: list[frozenset[int]] = []
    candidates = frozenset(number[unit] for unit in mine)
    for layer, group in enumerate(groups):
        if within is not None:
            candidates &= {number[unit] for unit in within[layer]}
        earlier = [
            Shown(vector(one.segments), frozenset(number[unit] for unit in one.layers[layer]))
            for one in beside
        ]
        if group:
            candidates = choose(tree, group, earlier, vector(segments), candidates, min_n)
        elif layer == 2:
            candidates = frozenset()
        chosen.append(frozenset(order[at] for at in candidates))
    return Layers(*chosen)


def _lone(own: Sequence[Sequence[int]], last: Sequence[int], min_n: int) -> list[int]:
    return [lone(answers, min_n) for answers in zip(*(own[row] for row in last), strict=True)]
