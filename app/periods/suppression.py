"""Which units of a tree a publication may show, so that no figure on fewer than `min_n` responses can be had.

Pure. Hiding a small figure is not enough: a parent less its other children gives it back, and so does a
quarter less two months. So further units are hidden until nothing small can be computed. What can be is told
by `disclosure.knowledge`; its places are spans of time (`segments`: days between the edges of all periods
concerned, and what arrived after a snapshot).

Components beside the overall figure: see docs/decisions/0009-publication-and-suppression.md for why three
nested sets of units (overall, the first components, the last two) suffice.
"""

from collections.abc import Iterable, Mapping, Sequence

from app.disclosure.knowledge import Apart, Counted, Danger, Shown, Tree, dangers, known
from app.disclosure.spaces import Places, Vector


class Counts:
    """How many responses a unit has of its own, and with all beneath it, in each segment."""

    def __init__(self, tree: Tree, own: Sequence[Sequence[int]]) -> None:
        self.own = [tuple(row) for row in own]
        totals = [list(row) for row in own]
        for unit in reversed(range(len(totals))):
            if (parent := tree.parents[unit]) is not None:
                totals[parent] = [a + b for a, b in zip(totals[parent], totals[unit], strict=True)]
        self.totals = [tuple(row) for row in totals]
        self.places = [_places(row) for row in self.totals]
        self.counted = Counted(
            len(self.own[0]),
            list(map(Apart, self.totals)),
            list(map(Apart, self.own)),
            self.places,
            [_places(row) for row in self.own],
        )


def choose(
    tree: Tree,
    layers: Sequence[Counts],
    earlier: Sequence[Shown],
    segments: Vector,
    candidates: Iterable[int],
    min_n: int,
) -> frozenset[int]:
    """The units a new publication may show; empty when nothing of it may be shown.

    `layers`: figures that are shown for the same units, each with counts of its own. `earlier`: what is
    published for good; what it gives away already (by a smaller `min_n`, say) cannot be mended by hiding
    anything, and hinders nothing. `candidates`: a set that holds a unit's parent whenever it holds a unit
    that has one in the set's tree. Smallest units are hidden first; hiding a unit hides all beneath it.
    """
    shown = set(candidates)
    sizes = {unit: min(_times(segments, counts.totals[unit]) for counts in layers) for unit in shown}

    def hide(unit: int) -> None:
        shown.difference_update(tree.beneath(unit))

    for unit in sorted(shown):
        if any(0 < _times(segments, counts.totals[unit]) < min_n for counts in layers):
            hide(unit)
    before = [known(tree, counts.counted, earlier) for counts in layers]
    while shown:
        publications = [*earlier, Shown(segments, frozenset(shown))]
        wanted: set[int] = set()
        for counts, was in zip(layers, before, strict=True):
            for danger in dangers(tree, counts.counted, publications, was, min_n):
                wanted.add(_to_hide(tree, counts, shown, sizes, danger, min_n))
        if not wanted:
            break
        for unit in wanted:
            if unit < 0:
                return frozenset()
            hide(unit)
    return frozenset(shown)


def _to_hide(
    tree: Tree,
    counts: Counts,
    shown: set[int],
    sizes: Mapping[int, int],
    danger: Danger,
    min_n: int,
) -> int:
    """Which unit to hide because of a danger to a member of a star (None: its own share); -1: all."""
    star, member, _ = danger
    if member in shown and member is not None:
        return member
    if star is None:
        return -1
    endangered = counts.own[star] if member is None else counts.totals[member]
    few = frozenset(at for at, value in enumerate(endangered) if 0 < value < min_n)
    children = [child for child in tree.children[star] if child in shown and sizes[child] > 0]
    # whoever has nothing where the endangered one has little would be hidden in vain
    if children := [child for child in children if counts.places[child] & few] or children:
        return min(children, key=lambda child: (sizes[child], child))
    above: int | None = star
    while above is not None and above not in shown:
        above = tree.parents[above]
    return -1 if above is None else above


def _times(segments: Vector, totals: Sequence[int]) -> int:
    return int(sum(by * total for by, total in zip(segments, totals, strict=True)))


def _places(row: Sequence[int]) -> Places:
    return frozenset(at for at, value in enumerate(row) if value)
