"""Subspaces of a small rational vector space, exactly: what can be had by adding and subtracting.

Pure. A vector has one number for each span of time; a space is a basis in reduced row echelon form, so that
equal spaces are equal tuples and every question about them can be remembered. Dimensions are those of a
handful of periods, so plain elimination is fast enough.
"""

from collections.abc import Iterable
from fractions import Fraction
from functools import lru_cache

Vector = tuple[Fraction, ...]
Space = tuple[Vector, ...]
"""A basis in reduced row echelon form; the empty tuple holds the zero vector alone."""
Places = frozenset[int]


def vector(numbers: Iterable[int]) -> Vector:
    """Whole numbers as a vector."""
    return tuple(Fraction(number) for number in numbers)


def whole(dimension: int) -> Space:
    """All vectors."""
    return span(vector(int(at == place) for at in range(dimension)) for place in range(dimension))


def span(vectors: Iterable[Vector]) -> Space:
    """Everything that sums and multiples of some vectors give."""
    basis: list[Vector] = []
    for given in vectors:
        rest = _rest(tuple(basis), given)
        lead = next((at for at, value in enumerate(rest) if value), None)
        if lead is not None:
            scaled = tuple(value / rest[lead] for value in rest)
            basis = [_less(row, scaled, row[lead]) for row in basis]
            basis.append(scaled)
    return tuple(sorted(basis, reverse=True))


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
    return span(_only(row, places) for row in space)


@lru_cache(maxsize=100_000)
def meet(space: Space, other: Space, places: Places) -> Space:
    """Those vectors of `space` that, on these places, agree with some vector of `other`.

    With an empty `other`: those that are zero there.
    """
    there = restrict(other, places)
    rests = [_rest(there, _only(row, places)) for row in space]
    return span(
        tuple(
            sum((by * row[at] for by, row in zip(kernel, space, strict=True)), Fraction(0))
            for at in _at(space)
        )
        for kernel in _kernel(rests)
    )


def _at(space: Space) -> range:
    return range(len(space[0]) if space else 0)


def _kernel(rows: list[Vector]) -> list[Vector]:
    """All ways (a basis of them) in which multiples of the rows add up to zero."""
    size = len(rows)
    if not size:
        return []
    width = len(rows[0])
    # eliminate with the identity beside the rows: where the left side vanishes, the right side is a way
    work = [(*row, *vector(int(at == own) for at in range(size))) for own, row in enumerate(rows)]
    for at in range(width):
        pivot = next((row for row in work if row[at] and not any(row[:at])), None)
        if pivot is not None:
            scaled = tuple(value / pivot[at] for value in pivot)
            work = [row if row is pivot else _less(row, scaled, row[at]) for row in work]
    return [row[width:] for row in work if not any(row[:width])]


def _rest(space: Space, one: Vector) -> Vector:
    for row in space:
        lead = next(at for at, value in enumerate(row) if value)
        if one[lead]:
            one = _less(one, row, one[lead])
    return one


def _less(row: Vector, other: Vector, times: Fraction) -> Vector:
    return tuple(a - times * b for a, b in zip(row, other, strict=True)) if times else row


def _only(row: Vector, places: Places) -> Vector:
    return tuple(value if at in places else Fraction(0) for at, value in enumerate(row))
