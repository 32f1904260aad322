"""Loops: units that would stand above themselves, today or on a day to come. Pure.

Every way of changing the tree asks here before it writes: a file, a reorganisation, taking one back.
"""

from collections.abc import Callable, Collection, Hashable, Iterable
from datetime import date
from functools import partial
from typing import TypeVar

from app.units.forest import Forest

K = TypeVar("K", bound=Hashable)


def in_loops(codes: Iterable[K], parent_of: Callable[[K], K | None]) -> set[K]:
    """The codes that stand above themselves, going up from the given ones. Each code is visited once."""
    seen: dict[K, K] = {}
    looped: set[K] = set()
    for start in codes:
        path: list[K] = []
        code: K | None = start
        while code is not None and code not in seen:
            seen[code] = start
            path.append(code)
            code = parent_of(code)
        if code is not None and seen[code] == start:  # this very walk has come back to itself
            looped.update(path[path.index(code) :])
    return looped


def turns(forest: Forest, day: date) -> list[date]:
    """A day, and each later one on which any unit came, or will come, to stand somewhere else."""
    later = {turn for node in forest.values() for turn in node.changes() if turn > day}
    return [day, *sorted(later)]


def in_loops_since(forest: Forest, units: Collection[int], day: date) -> set[int]:
    """Those of the units that stand above themselves as of now, on the day, or on any day after it."""
    looped = in_loops(units, lambda unit: forest[unit].now.parent if unit in forest else None)
    for turn in turns(forest, day):
        looped |= in_loops(units, partial(_parent_on, forest, turn))
    return looped.intersection(units)


def _parent_on(forest: Forest, day: date, unit: int) -> int | None:
    return forest[unit].on(day).parent if unit in forest else None
