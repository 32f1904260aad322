"""Subspaces of a small rational vector space, exactly: what can be had by adding and subtracting.

Pure. A vector has one number for each span of time; a space is a basis in reduced row echelon form, each row
in the smallest whole numbers with a positive lead, so that equal spaces are equal tuples and every question
about them can be remembered. Whole numbers, because fractions take ten times as long to count with and to
look up. Dimensions are those of a handful of periods, so plain elimination is fast enough.
"""

from collections.abc import Iterable
from functools import lru_cache
from math import gcd

Vector = tuple[int, ...]
Space = tuple[Vector, ...]
"""A basis in reduced row echelon form; the empty tuple holds the zero vector alone."""
Places = frozenset[int]


def vector(numbers: Iterable[int]) -> Vector:
    """Whole numbers as a vector."""
    return tuple(numbers)


def whole(dimension: int) -> Space:
    """All vectors."""
    return span(vector(int(at == place) for at in range(dimension)) for place in range(dimension))


def span(vectors: Iterable[Vector]) -> Space:
    """Everything that sums and multiples of some vectors give."""
    basis: list[Vector] = []
    for given in vectors:
        rest = _rest(basis, given)
        lead = _lead(rest, len(rest))
        if lead is not None:
            row = _smallest(rest, lead)
            basis = [_smallest(_less(other, row, lead), _leading(other)) for other in basis]
            basis.append(row)
    return tuple(sorted(basis, key=_leading))


@lru_cache(maxsize=100_000)
def contains(space: Space, one: Vector) -> bool:
    """Whether a vector can be had from a space."""
    return not any(_rest(space, one))


@lru_cache(maxsize=100_000)
def plus(space: Space, other: Space) -> Space:
    """What two spaces give together."""
    return span((*space, *other))


@lru_cache(maxsize=100_000)
def restrict(space: Space, places: Places) -> Space:
    """A space where only some places matter."""
    return span(only(row, places) for row in space)


@lru_cache(maxsize=100_000)
def meet(space: Space, other: Space, places: Places) -> Space:
    """Those vectors of `space` that, on these places, agree with some vector of `other`.

    With an empty `other`: those that are zero there.
    """
    if not space:
        return ()
    there = restrict(other, places)
    width = len(space[0])
    # what is left of each beside itself: where sums of what is left vanish, the right side is such a vector
    work = [_rest(there, (*only(row, places), *row)) for row in space]
    found = []
    while work:
        row = work.pop()
        lead = _lead(row, width)
        if lead is None:
            found.append(row[width:])
        else:
            work = [_smallest(_less(other, row, lead), None) for other in work]
    return span(found)


def _rest(space: Iterable[Vector], one: Vector) -> Vector:
    """A multiple of what a space leaves of a vector, which may be wider than the space."""
    for row in space:
        one = _less(one, row, _leading(row))
    return one


def _less(row: Vector, other: Vector, lead: int) -> Vector:
    """A multiple of the row without what it has of another at that one's lead."""
    if not row[lead]:
        return row
    by = gcd(row[lead], other[lead])
    times, taken = other[lead] // by, row[lead] // by
    shorter = tuple(times * a - taken * b for a, b in zip(row, other, strict=False))
    return (*shorter, *(times * a for a in row[len(other) :])) if len(row) > len(other) else shorter


def _smallest(row: Vector, lead: int | None) -> Vector:
    """The row in the smallest whole numbers, its lead positive."""
    by = gcd(*row)
    if lead is not None and row[lead] < 0:
        by = -by
    return row if by in {0, 1} else tuple(value // by for value in row)


def _leading(row: Vector) -> int:
    return next(at for at, value in enumerate(row) if value)


def _lead(row: Vector, width: int) -> int | None:
    return next((at for at in range(width) if row[at]), None)


def only(row: Vector, places: Places) -> Vector:
    """A vector where it matters, and zero elsewhere."""
    return tuple(value if at in places else 0 for at, value in enumerate(row))
