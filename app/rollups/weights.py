"""Weights: what the responses would say if each stratum counted as much as it has visits.

Pure. Post-stratification (Holt and Smith 1979, Post Stratification, JRSS A 142, 33-46; Cochran,
Sampling Techniques, 3rd ed., 5A.9) of a ratio, by the combined estimator (Cochran 6.11). A stratum h has N_h
visits and n_h counted responses; each of them stands for

    w_h = s_h x N_h / n_h                                          (s_h: the share its channel has, see below)
    R_w = sum_h w_h Sy_h / sum_h w_h Sx_h                          (x valid answers, y satisfied ones)

All of that is exact. What the weights cost is Kish's effective number (Kish 1965, Survey Sampling, ch. 11):

    n_K = (sum_h w_h n_h)^2 / sum_h w_h^2 n_h

and the interval is Wilson's, with the effective size of `index.effective_size` carried over to weights:

    v = sum_h w_h^2 sum_i (y_hi - R_w x_hi)^2 / (sum_h w_h Sx_h)^2,   k = n_K x min(R_w, 1 - R_w)
    1/n_e = (k x v / (R_w (1-R_w)) + 2/n_K) / (k + 2)

with n_e at most n_K times the valid answers a person gave, and n_K itself where R_w is 0 or 1. With equal
weights it is that very interval. It does not take off what stratifying gains, since these people chose
themselves: an interval that is rather too wide than too narrow.

The share. Link and tablet are two frames that each hold every visit. An estimate from each is put together as
multiple frames are (Hartley 1962; Mecatti 2007: what stands in m frames counts 1/m in each): s_h = 1/m for m
channels. So a busy tablet speaks no louder than the links beside it. A stratum with visits and without
responses has no weight, and is never given one.
"""

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from math import fsum, isinf, lcm
from typing import NamedTuple

from app.rollups.index import PRIOR_WEIGHT, bounds, percent
from app.rollups.sums import Sums


class Part(NamedTuple):
    """A stratum: its visits, its counted responses, and the sums of a set of criteria over these."""

    visits: int
    responses: int
    sums: Sums
    shares: int = 1
    """Among how many channels the visits are shared."""

    @property
    def weight(self) -> Fraction:
        """How many visits one response stands for; ZeroDivisionError where there is none."""
        return Fraction(self.visits, self.responses * self.shares)


class Weighted(NamedTuple):
    """A weighted percentage and what it rests on; None without a valid answer.

    percent, low, high: 0 to 100, two decimals. ratio: exact. responses: people with a valid answer.
    effective_n: Kish's number of equally weighted responses that these are worth, two decimals.
    """

    percent: Decimal | None
    low: Decimal | None
    high: Decimal | None
    ratio: Fraction | None
    responses: int
    effective_n: Decimal | None


class Totals(NamedTuple):
    """What a weighted ratio is made of. Whole numbers: weights are put over one common denominator, which a
    ratio does not feel; fractions added one by one would be reduced again and again.
    """

    x: int
    y: int
    n: int
    """sum w n and sum w^2 n, over the people with a valid answer."""
    nn: int

    @classmethod
    def of(cls, parts: Iterable[Part]) -> "Totals":
        """Add up; ZeroDivisionError where a stratum has no responses."""
        parts = list(parts)
        common = lcm(*(part.responses * part.shares for part in parts))
        x = y = n = nn = 0
        for part in parts:
            weight = part.visits * (common // (part.responses * part.shares))
            x += weight * part.sums.x
            y += weight * part.sums.y
            n += weight * part.sums.n
            nn += weight * weight * part.sums.n
        return cls(x, y, n, nn)


def weigh(parts: Sequence[Part]) -> Weighted:
    """The weighted percentage of a set of criteria; every part has responses (ZeroDivisionError)."""
    totals = Totals.of(parts)
    people = sum(part.sums.n for part in parts)
    if totals.x == 0:
        return Weighted(None, None, None, None, people, None)
    ratio = Fraction(totals.y, totals.x)
    variance = sum_of_squares(parts, float(ratio)) / mass(parts) ** 2
    size = effective(float(ratio), variance, totals, kish(totals))
    return around(ratio, totals, size, kish(totals), people)


def around(ratio: Fraction, totals: Totals, size: float, worth: float, people: int) -> Weighted:
    """A ratio as it is shown, with the interval of an effective size; `worth`: n_K, or what replaces it."""
    shown = percent(ratio.numerator, ratio.denominator)
    if shown is None:
        raise ValueError("a ratio has a percentage")
    low, high = bounds(ratio.numerator / ratio.denominator, shown, size, worth)
    return Weighted(shown, low, high, ratio, people, hundredths(Fraction(totals.n**2, totals.nn)))


def effective(ratio: float, variance: float, totals: Totals, size: float) -> float:
    """n_e above. `size` takes the place of n_K as the number of people that are worth one answer each: the
    same, but for a random sample of a finite population, where it is larger.
    """
    people = kish(totals)
    if ratio in {0.0, 1.0} or people <= 1 or isinf(size):
        return size
    k = people * min(ratio, 1 - ratio)
    inverse = (k * variance / (ratio * (1 - ratio)) + PRIOR_WEIGHT / size) / (k + PRIOR_WEIGHT)
    return min(1 / inverse, size * (totals.x / totals.n))


def kish(totals: Totals) -> float:
    """Kish's effective number."""
    return totals.n**2 / totals.nn


def mass(parts: Iterable[Part]) -> float:
    """Weighted valid answers, sum w Sx."""
    return fsum(float(part.weight) * part.sums.x for part in parts)


def sum_of_squares(parts: Iterable[Part], ratio: float) -> float:
    """sum w^2 sum (y - R x)^2."""
    return fsum(float(part.weight) ** 2 * squares(part.sums, ratio) for part in parts)


def squares(sums: Sums, ratio: float) -> float:
    """sum (y - R x)^2 over a stratum's people; never below zero, whatever rounding leaves."""
    return max(0.0, sums.yy - 2 * ratio * sums.xy + ratio * ratio * sums.xx)


def hundredths(value: Fraction) -> Decimal:
    """Two decimals, half up."""
    return Decimal((200 * value.numerator + value.denominator) // (2 * value.denominator)).scaleb(-2)


def rounded(value: Fraction, places: int = 6) -> Decimal:
    """A weight as it is shown."""
    exact = Decimal(value.numerator) / Decimal(value.denominator)
    return exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
