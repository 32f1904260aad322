"""Lanes: how the counts and sums of a cell stand side by side in one number, its `tally`.

Pure. A cell of a 16-criteria questionnaire has 104 integers. Kept as an array, PostgreSQL adds them element
by element; kept as one decimal number with 12 digits for each, `sum(tally)` adds a whole cell at once,
three to five times faster when read and ten times when days become months, and knows nothing of
questionnaires. No lane can spill into its neighbour while it stays below 10^12: see `within_bounds`.

A tally holds only what cannot be had from the rest. Of a unit's cell, in this order:
- for each criterion the counts of answers 1, 2, 3, 4, 5 (how many gave none follows from `responses`);
- for the whole, then for each component of more than one criterion, n, Sxx, Sxy, Syy (Sx and Sy follow from
  the counts, and so does everything of a component that is one criterion).
Of a procedure's cell: n, Sxx, Sxy, Syy of the whole; then for each component Sx, Sy and, where it has more
than one criterion, n, Sxx, Sxy, Syy.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple, Self

from app.questionnaires.definition import Layout
from app.rollups.sums import Sums

DIGITS = 12
_LANE = 10**DIGITS
_CRITERION = 5 * DIGITS
_NINES = 10**_CRITERION - 1
_AT_ONCE = 50  # criteria in one number: Python refuses to read more than 4,300 digits
WHOLE = -1
"""The place of the whole questionnaire, where components have theirs from 0."""

Kind = Literal["count", "n", "x", "y", "xx", "xy", "yy"]


class Lane(NamedTuple):
    """One integer of a tally: `answer`s of the criterion at `place`, or a sum of the component at `place`."""

    kind: Kind
    place: int
    answer: int = 0


@dataclass(frozen=True, slots=True)
class Shape:
    """What counting needs to know of a questionnaire: where each component begins and how long it is."""

    components: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, layout: Layout) -> Self:
        """The shape of a layout. Questionnaires of one shape are counted by the same statement."""
        return cls(tuple((part.first, part.length) for part in layout.components))

    @property
    def width(self) -> int:
        """Number of criteria."""
        return sum(length for _, length in self.components)


class UnitTally(NamedTuple):
    """A unit's cell or a sum of such: per criterion (none, 1, 2, 3, 4, 5), then the sums."""

    counts: tuple[tuple[int, ...], ...]
    whole: Sums
    components: tuple[Sums, ...]


class ProcedureTally(NamedTuple):
    """A procedure's cell or a sum of such."""

    whole: Sums
    components: tuple[Sums, ...]


def _squares(place: int) -> list[Lane]:
    return [Lane("n", place), Lane("xx", place), Lane("xy", place), Lane("yy", place)]


@lru_cache(maxsize=256)
def unit_lanes(shape: Shape) -> tuple[Lane, ...]:
    """The lanes of a unit's cell, the most significant first."""
    lanes = [Lane("count", place, answer) for place in range(shape.width) for answer in range(1, 6)]
    lanes += _squares(WHOLE)
    for place, (_, length) in enumerate(shape.components):
        lanes += _squares(place) if length > 1 else []
    return tuple(lanes)


@lru_cache(maxsize=256)
def procedure_lanes(shape: Shape) -> tuple[Lane, ...]:
    """The lanes of a procedure's cell, the most significant first."""
    lanes = _squares(WHOLE)
    for place, (_, length) in enumerate(shape.components):
        lanes += [Lane("x", place), Lane("y", place), *(_squares(place) if length > 1 else [])]
    return tuple(lanes)


def pack(values: Sequence[int]) -> int:
    """The number of these lanes; OverflowError when one does not fit."""
    tally = 0
    for value in values:
        if not 0 <= value < 10**DIGITS:
            raise OverflowError(f"{value} does not fit into a lane of {DIGITS} digits")
        tally = tally * 10**DIGITS + value
    return tally


def unpack(digits: str, lanes: int) -> list[int]:
    """The lanes of a tally written in digits (text: Python refuses to read very long integers)."""
    whole = digits.rjust(lanes * DIGITS, "0")
    if len(whole) > lanes * DIGITS or not whole.isdecimal():
        raise ValueError(f"not a tally of {lanes} lanes")
    return [int(whole[start : start + DIGITS]) for start in range(0, len(whole), DIGITS)]


def within_bounds(shape: Shape, responses: int) -> bool:
    """Whether no lane can have overflowed in a sum over so many responses (billions for 16 criteria)."""
    return bool(responses * shape.width**2 < 10**DIGITS)


def read_unit(shape: Shape, responses: int, digits: str) -> UnitTally:
    """Unpack a unit's tally that counts so many responses; OverflowError when a lane may have spilled."""
    if not within_bounds(shape, responses):
        raise OverflowError(f"{responses} responses are too many for one tally")
    values = unpack(digits, len(unit_lanes(shape)))
    counts = tuple(
        (responses - sum(values[at : at + 5]), *values[at : at + 5]) for at in range(0, 5 * shape.width, 5)
    )
    at = 5 * shape.width
    whole = _sums(counts, values[at : at + 4])
    components = []
    for first, length in shape.components:
        part = counts[first : first + length]
        if length > 1:
            at += 4
            components.append(_sums(part, values[at : at + 4]))
        else:
            components.append(Sums.of_criterion(sum(part[0][1:]), part[0][4] + part[0][5]))
    return UnitTally(counts, whole, tuple(components))


def read_part(shape: Shape, place: int, responses: int, digits: str) -> Sums:
    """The sums of the WHOLE or of one component alone, from a unit's tally; OverflowError as above.

    Ten times faster than unpacking all of it, for a ranking reads thousands. The counts of a criterion are a
    digit in base 10^60, and the remainder of a number divided by its base less one is that of the sum of its
    digits: one division adds up the five counts over all criteria, each still in its lane.
    """
    lanes, first, length, at, square = _part(shape, place)
    if responses * square >= _LANE:
        raise OverflowError(f"{responses} responses are too many for one tally")
    whole = digits.rjust(lanes * DIGITS, "0")
    added = 0
    for since in range(first, first + length, _AT_ONCE):
        until = min(since + _AT_ONCE, first + length)
        added += int(whole[since * _CRITERION : until * _CRITERION]) % _NINES
    counts = []
    for _ in range(5):
        added, count = divmod(added, _LANE)
        counts.append(count)
    x, y = sum(counts), counts[0] + counts[1]  # the last lane is that of answer 5
    if at is None:
        return Sums.of_criterion(x, y)
    n, xx, xy, yy = (int(whole[at + one : at + one + DIGITS]) for one in range(0, 4 * DIGITS, DIGITS))
    return Sums(n, x, y, xx, xy, yy)


@lru_cache(maxsize=1024)
def _part(shape: Shape, place: int) -> tuple[int, int, int, int | None, int]:
    """The number of lanes; the first criterion and how many; where n and the squares are written, if at all;
    and the largest square a response can add to a lane.
    """
    lanes = unit_lanes(shape)
    first, length = (0, shape.width) if place == WHOLE else shape.components[place]
    squares = Lane("n", place)
    at = lanes.index(squares) * DIGITS if squares in lanes else None
    return len(lanes), first, length, at, shape.width**2


def read_procedure(shape: Shape, responses: int, digits: str) -> ProcedureTally:
    """Unpack a procedure's tally; OverflowError when a lane may have spilled."""
    if not within_bounds(shape, responses):
        raise OverflowError(f"{responses} responses are too many for one tally")
    rest = iter(unpack(digits, len(procedure_lanes(shape))))
    n, xx, xy, yy = next(rest), next(rest), next(rest), next(rest)
    components = []
    for _, length in shape.components:
        x, y = next(rest), next(rest)
        if length > 1:
            components.append(Sums(next(rest), x, y, next(rest), next(rest), next(rest)))
        else:
            components.append(Sums.of_criterion(x, y))
    x, y = sum(part.x for part in components), sum(part.y for part in components)
    return ProcedureTally(Sums(n, x, y, xx, xy, yy), tuple(components))


def _sums(counts: Sequence[Sequence[int]], squares: Sequence[int]) -> Sums:
    n, xx, xy, yy = squares
    x = sum(sum(answers[1:]) for answers in counts)
    y = sum(answers[4] + answers[5] for answers in counts)
    return Sums(n, x, y, xx, xy, yy)
