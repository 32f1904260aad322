"""What may be shown of a tree of figures, so that no figure on fewer than `min_n` responses can be had.

Pure. Hiding a small figure is not enough: a parent less its other children gives it back, and so does a
quarter less two months. So further figures are hidden until nothing small can be computed.

What an observer can compute is exactly a vector space. Numbers of a unit over spans of time (`segments`: days
between the edges of all periods concerned, and what arrived after a snapshot) are unknowns; every published
figure is a sum of some of them. Only a unit's total connects what is known beneath it with what is known
above it, so all knowledge is had by one walk up the tree and one down, with spaces whose dimension is the
number of segments. A figure is in danger when the space of a unit, or of what is its own alone, holds
anything that rests on fewer than `min_n` responses. Where something is zero it is taken as known.

Components beside the overall figure: see docs/decisions/0009-publication-and-suppression.md for why three
nested sets of units (overall, the first components, the last two) suffice.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from app.periods.spaces import Places, Space, Vector, contains, meet, plus, restrict, span, whole

MOST_STEPS = 2_000
"""Of looking for what rests on few responses, in one space. Real spaces take some dozens."""


@dataclass(frozen=True, slots=True)
class Tree:
    """Units by number, parents before children; `parents[unit]` is None at a top."""

    parents: tuple[int | None, ...]
    children: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, parents: Sequence[int | None]) -> "Tree":
        """ValueError unless parents stand before their children."""
        children: list[list[int]] = [[] for _ in parents]
        for unit, parent in enumerate(parents):
            if parent is not None:
                if parent >= unit:
                    raise ValueError("parents must stand before their children")
                children[parent].append(unit)
        return cls(tuple(parents), tuple(map(tuple, children)))

    def beneath(self, unit: int) -> Iterator[int]:
        """The unit and everything beneath it."""
        yield unit
        for child in self.children[unit]:
            yield from self.beneath(child)


@dataclass(frozen=True, slots=True)
class Shown:
    """One publication: which segments its figures add up, and which units it shows."""

    segments: Vector
    units: frozenset[int]


class Counts:
    """How many responses a unit has of its own, and with all beneath it, in each segment."""

    def __init__(self, tree: Tree, own: Sequence[Sequence[int]]) -> None:
        self.own = [tuple(row) for row in own]
        totals = [list(row) for row in own]
        for unit in reversed(range(len(totals))):
            if (parent := tree.parents[unit]) is not None:
                totals[parent] = [a + b for a, b in zip(totals[parent], totals[unit], strict=True)]
        self.totals = [tuple(row) for row in totals]
        self.own_places = [_places(row) for row in self.own]
        self.places = [_places(row) for row in self.totals]


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
    before = [_known(tree, counts, *_from_beneath(tree, counts, earlier)) for counts in layers]
    while shown:
        publications = [*earlier, Shown(segments, frozenset(shown))]
        wanted: set[int] = set()
        for counts, was in zip(layers, before, strict=True):
            for danger in _dangers(tree, counts, publications, was, min_n):
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
    danger: tuple[int | None, int | None],
    min_n: int,
) -> int:
    """Which unit to hide because of a danger to a member of a star (None: its own share); -1: all."""
    star, member = danger
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


class _Known(NamedTuple):
    """What some publications tell: of each unit's total from beneath, of it in all, of its own share."""

    shown_by: Sequence[Sequence[Vector]]
    up: Sequence[Space]
    total: Sequence[Space]
    own: Sequence[Space]


def _from_beneath(
    tree: Tree, counts: Counts, publications: Sequence[Shown]
) -> tuple[list[list[Vector]], list[Space]]:
    """The walk up the tree: what is shown of each unit, and what is known of it without its neighbours."""
    everything = whole(len(counts.own[0]))
    shown_by: list[list[Vector]] = [[] for _ in tree.parents]
    for publication in publications:
        for unit in publication.units:
            shown_by[unit].append(publication.segments)
    spans = {tuple(rows): span(rows) for rows in shown_by}
    up: list[Space] = [()] * len(tree.parents)
    for unit in reversed(range(len(tree.parents))):
        below = meet(everything, (), counts.own_places[unit])
        for child in tree.children[unit]:
            below = meet(below, up[child], counts.places[child])
        up[unit] = plus(spans[tuple(shown_by[unit])], below)
    return shown_by, up


def _known(tree: Tree, counts: Counts, shown_by: Sequence[Sequence[Vector]], up: Sequence[Space]) -> _Known:
    """The walk down."""
    everywhere = frozenset(range(len(counts.own[0])))
    total, own = list(up), list(up)
    for star, children in enumerate(tree.children):
        before = [meet(total[star], (), counts.own_places[star])]
        for child in children:
            before.append(meet(before[-1], up[child], counts.places[child]))
        after = total[star]
        for at in reversed(range(len(children))):
            child = children[at]
            total[child] = plus(up[child], meet(before[at], after, everywhere))
            after = meet(after, up[child], counts.places[child])
        own[star] = after  # what of the total is known of all children, and so of the unit's own share
    return _Known(shown_by, up, total, own)


def _dangers(
    tree: Tree, counts: Counts, publications: Sequence[Shown], was: _Known, min_n: int
) -> Iterator[tuple[int | None, int | None]]:
    """(parent, child or None for the parent's own share) where something small can be computed anew.

    At first every unit that is endangered without its neighbours; then one a star, since one hidden unit may
    help several.
    """
    shown_by, up = _from_beneath(tree, counts, publications)
    alone = [
        (tree.parents[unit], unit)
        for unit, space in enumerate(up)
        if _small(space, was.total[unit], counts.totals[unit], counts.places[unit], min_n)
    ]
    if alone:  # endangered by what is shown of itself: seen to first, all at once
        yield from alone
        return
    now = _known(tree, counts, shown_by, up)
    spoilt: set[int] = set()
    for star, children in enumerate(tree.children):
        if star in spoilt:  # what is in danger there may be only because of the danger above
            spoilt.update(children)
            continue
        for found in _star(star, children, counts, now, was, min_n):
            spoilt.update(children)
            yield found


def _star(
    star: int, children: Sequence[int], counts: Counts, now: _Known, was: _Known, min_n: int
) -> Iterator[tuple[int | None, int | None]]:
    """The first danger among a unit's children, or to its own share."""
    if not children:
        return
    for child in children:
        totals, places = counts.totals[child], counts.places[child]
        if _small(now.total[child], was.total[child], totals, places, min_n):
            yield star, child
            return
    found = _small(now.own[star], was.own[star], counts.own[star], counts.own_places[star], min_n)
    for row in () if found else (*now.total[star], *now.shown_by[star]):
        left = _group(row, star, children, counts, now.up)
        if 0 < left < min_n:
            known = contains(was.total[star], row)
            found = found or not known or _group(row, star, children, counts, was.up) != left
    if found:
        yield star, None


def _group(row: Vector, star: int, children: Sequence[int], counts: Counts, up: Sequence[Space]) -> int:
    """On how many responses that rests which is left of a known figure when all known children are off."""
    places = frozenset(at for at, value in enumerate(row) if value)
    left = sum(counts.own[star][at] for at in places)
    for child in children:
        here = counts.places[child]
        masked = tuple(value if at in here else 0 * value for at, value in enumerate(row))
        if not contains(restrict(up[child], here), masked):
            left += sum(counts.totals[child][at] for at in places)
    return left


def _small(space: Space, was: Space, totals: Sequence[int], places: Places, min_n: int) -> bool:
    """Whether a space holds anything new that rests on fewer than `min_n` responses, and on some.

    Also where that is not settled within MOST_STEPS: what may be in danger is hidden.
    """
    few = [at for at in sorted(places) if totals[at] < min_n]
    if not few or not space:
        return False
    within = meet(restrict(space, places), (), places - frozenset(few))
    if not within:
        return False
    return rests_on_few(within, restrict(was, places), tuple(totals), min_n)


@lru_cache(maxsize=100_000)
def rests_on_few(space: Space, was: Space, totals: tuple[int, ...], min_n: int) -> bool:
    """Whether any vector of a space that is not in another lies in places of fewer than `min_n` responses.

    One place after another is either left out, which makes the space smaller, or allowed, as long as those
    allowed are few together. It ends where nothing new is left, or where all that is left is few.
    """
    steps = 0
    open_ends = [(space, frozenset[int]())]
    while open_ends:
        left, allowed = open_ends.pop()
        if all(contains(was, row) for row in left):
            continue
        steps += 1
        support = [at for at in range(len(totals)) if any(row[at] for row in left)]
        if steps > MOST_STEPS or sum(totals[at] for at in support) < min_n:
            return True
        at = max((at for at in support if at not in allowed), key=lambda at: totals[at])
        if totals[at] + sum(totals[one] for one in allowed) < min_n:
            open_ends.append((left, allowed | {at}))
        open_ends.append((meet(left, (), frozenset([at])), allowed))
    return False


def _times(segments: Vector, totals: Sequence[int]) -> int:
    return int(sum(by * total for by, total in zip(segments, totals, strict=True)))


def _places(row: Sequence[int]) -> Places:
    return frozenset(at for at, value in enumerate(row) if value)
