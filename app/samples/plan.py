"""How many visits are drawn, and how they are spread over the strata.

Pure, in whole numbers. Sources: Yamane 1967, Statistics: An Introductory Analysis (the size, known as
Slovin's formula, too); Cochran, Sampling Techniques, 3rd ed., 5.5 (proportional allocation). Fractions of
a visit are dealt with by largest remainder (Hamilton's method), so that the parts add up to the whole.
"""

from collections.abc import Hashable, Mapping
from fractions import Fraction
from typing import NamedTuple, TypeVar

K = TypeVar("K", bound=Hashable)


class Spread(NamedTuple):
    """Visits of a stratum and how many of them are drawn."""

    visits: int
    size: int


def yamane(visits: int, margin: Fraction) -> int:
    """n = N / (1 + N e^2), rounded up: 10,000 visits and 5 points of margin make 385 (384.6).

    Meant for a proportion near one half, 95 % and z rounded up to 2. ValueError unless N >= 1 and 0 < e < 1.
    """
    if visits < 1 or not 0 < margin < 1:
        raise ValueError("a size needs visits and a margin between 0 and 1")
    exact = visits / (1 + visits * margin**2)
    return -(-exact.numerator // exact.denominator)


def allocate(visits: Mapping[K, int], size: int) -> dict[K, int]:
    """Spread a size in proportion to the visits; the parts add up to it, and none is larger than its visits.

    What is left after rounding down goes to the largest remainders; among equal ones to the stratum with more
    visits, then to the one named first. ValueError unless 0 <= size <= all visits.
    """
    total = sum(visits.values())
    if not 0 <= size <= total:
        raise ValueError(f"{size} of {total} visits cannot be drawn")
    if total == 0:
        return dict.fromkeys(visits, 0)
    parts = {key: size * count // total for key, count in visits.items()}
    left = size - sum(parts.values())
    order = {key: at for at, key in enumerate(visits)}
    by_remainder = sorted(visits, key=lambda key: (-(size * visits[key] % total), -visits[key], order[key]))
    for key in by_remainder[:left]:
        parts[key] += 1
    return parts


def too_small(visits: Mapping[K, int], size: int, least: int) -> list[K]:
    """The strata of which fewer than `least` visits would be drawn, in order."""
    parts = allocate(visits, size)
    return [key for key in visits if parts[key] < least]


def merged(visits: Mapping[K, int], size: int, least: int) -> list[tuple[K, ...]]:
    """The strata, those that are too small together in one at the end.

    If even that one is too small, the smallest of the others joins it, and so on. When everything has joined,
    the draw is not stratified any more; whether it is large enough is the caller's to ask.
    """
    small = too_small(visits, size, least)
    large = [key for key in visits if key not in set(small)]
    if not small:
        return [(key,) for key in large]
    while large:
        together = sum(visits[key] for key in small)
        groups = {(key,): visits[key] for key in large} | {tuple(small): together}
        if not too_small(groups, size, least):
            break
        next_one = min(large, key=lambda key: visits[key])
        large.remove(next_one)
        small.append(next_one)
    order = {key: at for at, key in enumerate(visits)}
    return [*((key,) for key in large), tuple(sorted(small, key=lambda key: order[key]))]
