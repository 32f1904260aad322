"""One tree of several: which figures of publications by different trees are sums in the same tree.

Pure. What can be computed from publications (see `suppression`) is known for one tree. Where units were
moved, each publication has its own; yet nearly all of its figures add up the same responses in either. Here
the trees are joined, the earlier published one first, and each is asked which of its units add up, in the
joined tree, exactly what they add up in their own. Units without responses in a publication make no
difference to it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

Parents = Mapping[int, int | None]


@dataclass(frozen=True, slots=True)
class Grown:
    """A publication's own tree, parents first; the units it shows; all units that have responses in it."""

    parents: Parents
    shown: frozenset[int]
    counted: frozenset[int]


def join(trees: Sequence[Grown]) -> dict[int, int | None]:
    """Parents in the joined tree, parents first.

    A unit stands where the first tree has it that has it beneath another, unless that would change a figure
    shown before: then it stands alone.
    """
    joined: dict[int, int | None] = {}
    for at, tree in enumerate(trees):
        for unit, parent in tree.parents.items():
            known = joined.setdefault(unit, None)
            if known is None and parent is not None and _harmless(joined, unit, parent, trees[:at]):
                joined[unit] = parent
    ordered: dict[int, int | None] = {}
    for unit in joined:
        for one in reversed([unit, *above(joined, unit)]):
            ordered.setdefault(one, joined[one])
    return ordered


def above(parents: Parents, unit: int) -> Iterator[int]:
    """What a unit stands beneath, the nearest first."""
    while (parent := parents[unit]) is not None:
        yield parent
        unit = parent


def fitting(joined: Parents, tree: Grown) -> set[int]:
    """The units of a tree that add up, in the joined tree, what they add up in their own."""
    there, here = _counted_beneath(joined, tree.counted), _counted_beneath(tree.parents, tree.counted)
    return {unit for unit in tree.parents if there[unit] == here[unit]}


def whole_branches(units: Collection[int], *trees: Parents) -> set[int]:
    """Without the units that stand, in any of the trees, beneath a unit of the first that is left out."""
    kept = set(units)
    mine = trees[0].keys()
    while True:
        lost = {unit for unit in kept for tree in trees if tree[unit] in mine and tree[unit] not in kept}
        if not lost:
            return kept
        kept -= lost


def _harmless(joined: Parents, unit: int, parent: int, earlier: Sequence[Grown]) -> bool:
    if unit in (line := [parent, *above(joined, parent)]):
        return False
    concerned = [tree for tree in earlier if any(one in tree.shown for one in line)]
    if not concerned:
        return True
    children: defaultdict[int, list[int]] = defaultdict(list)
    for one, over in joined.items():
        if over is not None:
            children[over].append(one)
    group, waiting = {unit}, [unit]
    while waiting:
        more = children[waiting.pop()]
        group.update(more)
        waiting += more
    return all(group.isdisjoint(tree.counted) for tree in concerned)


def _counted_beneath(parents: Parents, counted: Collection[int]) -> dict[int, set[int]]:
    """Of each unit, those with responses among it and all beneath it."""
    found: dict[int, set[int]] = {unit: set() for unit in parents}
    for unit in parents:
        if unit in counted:
            found[unit].add(unit)
            for one in above(parents, unit):
                found[one].add(unit)
    return found
