"""Ranks, how far they may be trusted, and whether a change is more than chance.

Pure: estimates in, standings out. Ranks come from exact ratios, never from the two decimals shown. The range
of a rank and the judgement of a change come from the intervals as shown, so that a reader can repeat both
with pencil and paper; only whole numbers are compared, and no rounding of ours decides.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from app.rollups.index import Estimate


class Standing(NamedTuple):
    """Where a unit stands, from 1; the best and the worst place its interval allows. None: unranked."""

    rank: int | None
    best: int | None
    worst: int | None


UNRANKED = Standing(None, None, None)


class Change(NamedTuple):
    """A difference of two percentages: points with two decimals, and whether it is more than chance."""

    percent_points: Decimal
    significant: bool


def standings(figures: Sequence[Estimate | None], *, min_n: int) -> list[Standing]:
    """The standing of each figure, in the order given.

    Competition ranking (1, 2, 2, 4) on the exact ratio. best = 1 + ranked units whose low lies above this
    high; worst = ranked units - units whose high lies below this low. Figures that are missing, or rest on
    fewer than `min_n` responses, are unranked and count for nobody. ValueError when min_n is below 1.

    Sorted once and then looked up by halving: n log n steps, for a country has 3,321 communes.
    """
    if min_n < 1:
        raise ValueError("a figure needs at least one response")
    ranked = [
        (at, found.ratio, found.low, found.high)
        for at, found in enumerate(figures)
        if found is not None
        and found.responses >= min_n
        and found.ratio is not None
        and found.low is not None
        and found.high is not None
    ]
    keys = order_keys([ratio for _, ratio, _, _ in ranked])
    ascending = sorted(keys)
    lows = sorted(low for _, _, low, _ in ranked)
    highs = sorted(high for _, _, _, high in ranked)
    count = len(ranked)
    found = [UNRANKED] * len(figures)
    for key, (at, _, low, high) in zip(keys, ranked, strict=True):
        found[at] = Standing(
            rank=1 + count - bisect_right(ascending, key),
            best=1 + count - bisect_right(lows, high),
            worst=count - bisect_left(highs, low),
        )
    return found


def order_keys(ratios: Sequence[Fraction]) -> list[int]:
    """Whole numbers that compare exactly as the ratios do, many times faster.

    Two different ratios whose denominators are below 2^b differ by more than 2^-2b; times 2^2b they differ
    by more than 1, and so do not fall on the same whole number when cut off.
    """
    bits = 2 * max((ratio.denominator.bit_length() for ratio in ratios), default=0)
    return [(ratio.numerator << bits) // ratio.denominator for ratio in ratios]


def difference(now: Estimate, before: Estimate) -> Change | None:
    """How much `now` lies above `before`, in percentage points; None unless both have a figure.

    The points are rounded from the exact difference, half away from zero, so that a gain and the loss of it
    look alike. Significant at 95 %: 0 lies outside the interval of the difference d = R1 - R2 that
    Newcombe's hybrid score method draws from the two intervals (l1, u1) and (l2, u2),

        d - sqrt((R1 - l1)^2 + (u2 - R2)^2)   to   d + sqrt((u1 - R1)^2 + (R2 - l2)^2).

    The variances of the two ratios are thus those inside their own intervals (`index.effective_size`), so
    answers of one person go together here, too. R(1-R)/n_e was the other choice; it is 0 where everybody is
    satisfied, and any change from 100 % would have been called real. The two must rest on different
    responses, which two periods or two units do.

    Sources: Newcombe 1998, Statistics in Medicine 17, 873-890, method 10; for limits from any method Zou
    and Donner 2008, Statistics in Medicine 27, 1693-1702.
    """
    if now.ratio is None or before.ratio is None:
        return None
    gap = now.ratio - before.ratio
    upper, lower = (now, before) if gap > 0 else (before, now)
    reach = _square(upper.ratio, upper.low) + _square(lower.ratio, lower.high)
    return Change(points(gap), gap * gap > reach)


def points(gap: Fraction) -> Decimal:
    """An exact difference of two ratios as percentage points, two decimals, half away from zero."""
    above, below = abs(gap.numerator), gap.denominator
    hundredths = (20_000 * above + below) // (2 * below)
    return Decimal(hundredths if gap > 0 else -hundredths).scaleb(-2) if hundredths else Decimal("0.00")


def _square(ratio: Fraction | None, bound: Decimal | None) -> Fraction:
    """The squared distance of a ratio from a bound of its interval, given in percent."""
    if ratio is None or bound is None:
        raise ValueError("an estimate has all of its figures or none")
    distance = ratio - Fraction(bound) / 100
    return distance * distance
