"""The figures of some responses by the book: from docs/figures.md alone, with nothing of the product."""

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from math import sqrt
from typing import Any, NamedTuple

from tests.support.rows import Form, Said

Z = 1.959964
CODES = ("access", "procedures", "officials", "results", "complaints")


class Book(NamedTuple):
    """One percentage: n, valid and satisfied answers, the exact ratio and the interval's ends in percent."""

    n: int
    answers: int
    satisfied: int
    ratio: Fraction | None
    low: float
    high: float


def book(said: Iterable[Said], places: Iterable[int], formula: str = "pooled") -> Book:
    """The figure of the criteria at these places, over the counted responses among those given."""
    places = list(places)
    counted = [one.answers for one in said if one.verdict == "counted"]
    given = [[answers[at] for at in places if answers[at]] for answers in counted]
    pairs = [(len(some), sum(answer >= 4 for answer in some)) for some in given if some]
    x, y, n = sum(x for x, _ in pairs), sum(y for _, y in pairs), len(pairs)
    if n == 0:
        return Book(0, 0, 0, None, 0.0, 0.0)
    ratio = Fraction(y, x)
    size = effective(pairs)
    if formula == "mean_of_criteria":
        columns = [[answers[at] for answers in counted if answers[at]] for at in places]
        shares = [Fraction(sum(answer >= 4 for answer in one), len(one)) for one in columns if one]
        ratio = sum(shares, Fraction(0)) / len(shares)
    r, scale = float(ratio), 1 + Z * Z / size
    centre, half = r + Z * Z / (2 * size), Z * sqrt(r * (1 - r) / size + Z * Z / (4 * size * size))
    low, high = max(0, (centre - half) / scale), min(1, (centre + half) / scale)
    if size <= n * (1 + 1e-9):
        low, high = ends(low, high, r, size)
    return Book(n, x, y, ratio, 100 * low, 100 * high)


def effective(pairs: Sequence[tuple[int, int]]) -> float:
    """docs/figures.md: how many independent answers these are worth."""
    n, x, y = len(pairs), sum(x for x, _ in pairs), sum(y for _, y in pairs)
    if n == 1 or y in {0, x}:
        return n
    r = y / x
    v = sum((b - r * a) ** 2 for a, b in pairs) / x**2
    k = n * min(r, 1 - r)
    return min(1 / ((k * v / (r * (1 - r)) + 2 / n) / (k + 2)), x)


def ends(low: float, high: float, ratio: float, size: float) -> tuple[float, float]:
    """The interval where people are worth one answer each: Poisson's bound beside one or two of them."""

    def bound(people: float) -> float:
        return 0.0512933 * min(people, 1) + (0.3553615 - 0.0512933) * max(people - 1, 0)

    few, others = size * ratio, size * (1 - ratio)
    if ratio <= 0.5 and few < 2.5:
        low = min(low, bound(few) / size)
    if ratio >= 0.5 and others < 2.5:
        high = max(high, 1 - bound(others) / size)
    return low, high


def half_up(ratio: Fraction | None) -> float | None:
    """An exact ratio as a percentage of two decimals."""
    if ratio is None:
        return None
    exact = Decimal(100 * ratio.numerator) / Decimal(ratio.denominator)
    return float(exact.quantize(Decimal("0.01"), ROUND_HALF_UP))


def agrees(shown: dict[str, Any], found: Book, min_n: int = 0) -> None:
    """A figure as it is answered, against the book; bounds to the hundredth they are rounded to."""
    assert shown["responses"] == found.n
    if min_n:
        assert shown["suppressed"] or found.n >= min_n
    if shown.get("suppressed"):  # or else it gives another away: tests/rollups/test_suppression.py
        assert min_n
        assert [shown[name] for name in ("percent", "low", "high", "answers", "satisfied", "band")] == [
            None
        ] * 6
        return
    assert (shown["answers"], shown["satisfied"]) == (found.answers, found.satisfied)
    assert shown["percent"] == half_up(found.ratio)
    bounds(shown, found)


def bounds(shown: dict[str, Any], found: Book) -> None:
    """The ends of an interval."""
    if found.ratio is None:
        assert shown["low"] is shown["high"] is None
        return
    assert abs(shown["low"] - found.low) < 0.0051
    assert abs(shown["high"] - found.high) < 0.0051


def agree(shown: dict[str, Any], said: Sequence[Said], form: Form, formula: str, min_n: int = 0) -> None:
    """The figures of a group against the book: overall and each component."""
    assert shown["responses"] == sum(one.verdict == "counted" for one in said)
    agrees(shown["overall"], book(said, range(form.width), formula), min_n)
    assert [one["code"] for one in shown["components"]] == list(CODES)
    for one, places in zip(shown["components"], form.parts(), strict=True):
        agrees(one, book(said, places, formula), min_n)
