"""What can be computed from the figures that are shown of a tree, by adding and subtracting. Pure.

What an observer can compute is exactly a vector space. What is counted of a node (`places`: spans of time,
components, channels) are unknowns; every figure shown is a sum of some of them. Only a node's total connects
what is known beneath it with what is known above it, so all knowledge is had by one walk up the tree and one
down, with spaces whose dimension is the number of places. There is danger where the space of a node, or of
what is its own alone, holds anything that rests on few people. Where there is nothing to count, the zero is
taken as known.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Protocol

from app.disclosure.spaces import Places, Space, Vector, contains, meet, only, plus, restrict, span, whole

MOST_STEPS = 2_000
"""Of looking for what rests on few people, in one space. Real spaces take some dozens."""


class People(Protocol):
    """How many people there are; to be remembered by, so it has a hash."""

    def at(self, places: Places) -> int:
        """At least so many people are counted in these places together; more places, never fewer people."""

    def __hash__(self) -> int: ...


class Apart(NamedTuple):
    """People of whom each is counted in one place."""

    totals: tuple[int, ...]

    def at(self, places: Places) -> int:
        """All of them."""
        return sum(self.totals[at] for at in places)


@dataclass(frozen=True, slots=True)
class Tree:
    """Nodes by number, parents before children; `parents[node]` is None at a top."""

    parents: tuple[int | None, ...]
    children: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, parents: Sequence[int | None]) -> "Tree":
        """ValueError unless parents stand before their children."""
        children: list[list[int]] = [[] for _ in parents]
        for node, parent in enumerate(parents):
            if parent is not None:
                if parent >= node:
                    raise ValueError("parents must stand before their children")
                children[parent].append(node)
        return cls(tuple(parents), tuple(map(tuple, children)))

    def beneath(self, node: int) -> Iterator[int]:
        """The node and everything beneath it."""
        yield node
        for child in self.children[node]:
            yield from self.beneath(child)


@dataclass(frozen=True, slots=True)
class Shown:
    """A figure: which places it adds up, and of which nodes it is shown."""

    segments: Vector
    units: frozenset[int]


class Counted(NamedTuple):
    """How many people are counted of each node with all beneath it, and of its own alone; and in which places
    there are any."""

    width: int
    people: Sequence[People]
    own_people: Sequence[People]
    places: Sequence[Places]
    own_places: Sequence[Places]


class Known(NamedTuple):
    """What some figures tell: of each node's total from beneath, of it in all, of its own share."""

    shown_by: Sequence[Sequence[Vector]]
    up: Sequence[Space]
    total: Sequence[Space]
    own: Sequence[Space]


class Danger(NamedTuple):
    """Something small can be computed: of a child of the star, or (None) of the star's own share."""

    star: int | None
    child: int | None
    vector: Vector


def known(tree: Tree, counted: Counted, figures: Sequence[Shown]) -> Known:
    """All that the figures tell of each node."""
    return _from_above(tree, counted, *_from_beneath(tree, counted, figures))


def dangers(
    tree: Tree, counted: Counted, figures: Sequence[Shown], was: Known, min_n: int
) -> Iterator[Danger]:
    """Where something small can be computed that was not known before.

    At first every node that is endangered without its neighbours; then one a star, since one figure hidden
    may help several.
    """
    shown_by, up = _from_beneath(tree, counted, figures)
    alone = [
        Danger(tree.parents[node], node, found)
        for node, space in enumerate(up)
        if (found := _small(space, was.total[node], counted.people[node], counted.places[node], min_n))
    ]
    if alone:  # endangered by what is shown of itself: seen to first, all at once
        yield from alone
        return
    now = _from_above(tree, counted, shown_by, up)
    spoilt: set[int] = set()
    for star, children in enumerate(tree.children):
        if star in spoilt:  # what is in danger there may be only because of the danger above
            spoilt.update(children)
            continue
        for danger in _star(star, children, counted, now, was, min_n):
            spoilt.update(children)
            yield danger


def _from_beneath(
    tree: Tree, counted: Counted, figures: Sequence[Shown]
) -> tuple[list[list[Vector]], list[Space]]:
    """The walk up the tree: what is shown of each node, and what is known of it without its neighbours."""
    everything = whole(counted.width)
    shown_by: list[list[Vector]] = [[] for _ in tree.parents]
    for figure in figures:
        for node in figure.units:
            shown_by[node].append(figure.segments)
    spans = {tuple(rows): span(rows) for rows in shown_by}
    up: list[Space] = [()] * len(tree.parents)
    for node in reversed(range(len(tree.parents))):
        below = meet(everything, (), counted.own_places[node])
        for child in tree.children[node]:
            below = meet(below, up[child], counted.places[child])
        up[node] = plus(spans[tuple(shown_by[node])], below)
    return shown_by, up


def _from_above(
    tree: Tree, counted: Counted, shown_by: Sequence[Sequence[Vector]], up: Sequence[Space]
) -> Known:
    """The walk down."""
    everywhere = frozenset(range(counted.width))
    total, own = list(up), list(up)
    for star, children in enumerate(tree.children):
        before = [meet(total[star], (), counted.own_places[star])]
        for child in children:
            before.append(meet(before[-1], up[child], counted.places[child]))
        after = total[star]
        for at in reversed(range(len(children))):
            child = children[at]
            total[child] = plus(up[child], meet(before[at], after, everywhere))
            after = meet(after, up[child], counted.places[child])
        own[star] = after  # what of the total is known of all children, and so of the node's own share
    return Known(shown_by, up, total, own)


def _star(
    star: int, children: Sequence[int], counted: Counted, now: Known, was: Known, min_n: int
) -> Iterator[Danger]:
    """The first danger among a node's children, or to its own share."""
    if not children:
        return
    for child in children:
        people, places = counted.people[child], counted.places[child]
        if found := _small(now.total[child], was.total[child], people, places, min_n):
            yield Danger(star, child, found)
            return
    found = _small(now.own[star], was.own[star], counted.own_people[star], counted.own_places[star], min_n)
    for row in () if found else (*now.total[star], *now.shown_by[star]):
        left = _left(row, star, children, counted, now.up)
        few = sum(each.at(_places(row) & places) for each, places in _members(star, left, counted)) < min_n
        if left and few and not _is_told(row, left, star, children, counted, was):
            found = row
            break
    if found:
        yield Danger(star, None, found)


def _left(
    row: Vector, star: int, children: Sequence[int], counted: Counted, up: Sequence[Space]
) -> list[int]:
    """Of whom something is left of a known figure when all known children are off: children, and the star
    itself for its own share."""
    left = [star] if _places(row) & counted.own_places[star] else []
    for child in children:
        here = counted.places[child]
        if _places(row) & here and not contains(restrict(up[child], here), only(row, here)):
            left.append(child)
    return left


def _members(star: int, left: Sequence[int], counted: Counted) -> list[tuple[People, Places]]:
    """The people of each, and where they are."""
    return [
        (counted.own_people[star], counted.own_places[star])
        if node == star
        else (counted.people[node], counted.places[node])
        for node in left
    ]


def _is_told(
    row: Vector, left: Sequence[int], star: int, children: Sequence[int], counted: Counted, was: Known
) -> bool:
    """Whether just what is left of the figure was known before."""
    space = was.total[star] if star in left else meet(was.total[star], (), counted.own_places[star])
    for child in children:
        if child not in left:
            space = meet(space, was.up[child], counted.places[child])
    places = frozenset[int]().union(*(places for _, places in _members(star, left, counted)))
    return contains(restrict(space, places), only(row, places))


def _places(row: Vector) -> Places:
    return frozenset(at for at, value in enumerate(row) if value)


def _small(space: Space, was: Space, people: People, places: Places, min_n: int) -> Vector | None:
    """Anything new in a space that rests on fewer than `min_n` people, and on some.

    Also where that is not settled within MOST_STEPS: what may be in danger is hidden.
    """
    few = frozenset(at for at in places if people.at(frozenset([at])) < min_n)
    if not few or not space:
        return None
    within = meet(restrict(space, places), (), places - few)
    return rests_on_few(within, restrict(was, places), people, min_n) if within else None


@lru_cache(maxsize=100_000)
def rests_on_few(space: Space, was: Space, people: People, min_n: int) -> Vector | None:
    """A vector of a space, and not of another, that lies in places of fewer than `min_n` people; or None.

    One place after another is either left out, which makes the space smaller, or allowed, as long as those
    allowed are few together. It ends where nothing new is left, or where all that is left is few.
    """
    steps = 0
    open_ends = [(space, frozenset[int]())]
    while open_ends:
        left, allowed = open_ends.pop()
        new = next((row for row in left if not contains(was, row)), None)
        if new is None:
            continue
        steps += 1
        support = frozenset(at for at in range(len(new)) if any(row[at] for row in left))
        if steps > MOST_STEPS or people.at(support) < min_n:
            return new
        at = max(sorted(support - allowed), key=lambda at: people.at(frozenset([at])))
        if people.at(allowed | {at}) < min_n:
            open_ends.append((left, allowed | {at}))
        open_ends.append((meet(left, (), frozenset([at])), allowed))
    return None
