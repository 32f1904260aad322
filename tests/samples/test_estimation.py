"""The estimate of a sample against the textbook's formulas, written out person by person."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from math import isclose, sqrt
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rollups.index import Z
from app.rollups.index import estimate as running
from app.rollups.sums import Sums
from app.rollups.weights import Totals, mass
from app.samples.estimation import Answered, _spread, estimate
from tests.support.book import ends

Person = tuple[int, ...]
"""One answer a criterion, 0 for none."""
Crowd = tuple[int, list[Person]]
"""Visits of a stratum, and the people who answered."""


@st.composite
def crowds(draw: st.DrawFn) -> list[Crowd]:
    width = draw(st.integers(1, 4))
    person = st.tuples(*[st.integers(0, 5)] * width)
    found = []
    for _ in range(draw(st.integers(1, 4))):
        people = draw(st.lists(person, min_size=2, max_size=8))
        found.append((len(people) + draw(st.integers(0, 60)), people))
    return found


def answered(crowd: Crowd) -> Answered:
    visits, people = crowd
    pairs = [(sum(one > 0 for one in person), sum(one > 3 for one in person)) for person in people]
    criteria = tuple(
        (sum(person[at] > 0 for person in people), sum(person[at] > 3 for person in people))
        for at in range(len(people[0]))
    )
    return Answered(visits, len(people), Sums.from_pairs(pairs), criteria)


def half_up(value: Fraction) -> Decimal:
    return Decimal(int(value * 100 + Fraction(1, 2))).scaleb(-2)


def weighted_ratio(found: Sequence[Crowd], places: Sequence[int]) -> Fraction | None:
    x = y = Fraction(0)
    for visits, people in found:
        for person in people:
            x += Fraction(visits, len(people)) * sum(person[at] > 0 for at in places)
            y += Fraction(visits, len(people)) * sum(person[at] > 3 for at in places)
    return y / x if x else None


def variance_by_cochran(found: Sequence[Crowd], r: float) -> float:
    """6.11 with the correction for finite populations, from each person's d = y - r x."""
    total = estimated_x = 0.0
    for visits, people in found:
        m = len(people)
        d = [sum(one > 3 for one in person) - r * sum(one > 0 for one in person) for person in people]
        estimated_x += visits * fmean(sum(one > 0 for one in person) for person in people)
        s2 = sum((one - fmean(d)) ** 2 for one in d) / (m - 1)
        total += visits**2 * (1 - m / visits) * s2 / m
    return total / estimated_x**2


@given(crowds())
def test_the_percentage_is_that_of_everybody_at_their_weight(found: list[Crowd]) -> None:
    places = range(len(found[0][1][0]))
    book = weighted_ratio(found, places)
    shown = estimate([answered(one) for one in found], "pooled")
    assert shown.ratio == book
    assert shown.percent == (None if book is None else half_up(100 * book))
    each = [ratio for at in places if (ratio := weighted_ratio(found, [at])) is not None]
    mean = estimate([answered(one) for one in found], "mean_of_criteria")
    assert mean.ratio == (sum(each, Fraction(0)) / len(each) if each else None)


@given(crowds())
def test_the_variance_is_cochrans(found: list[Crowd]) -> None:
    strata = [answered(one) for one in found]
    totals = Totals.of([one.part for one in strata])
    if totals.x == 0:
        return
    r = totals.y / totals.x
    ours = sum(_spread(one, r) for one in strata) / mass([one.part for one in strata]) ** 2
    assert isclose(ours, variance_by_cochran(found, r), rel_tol=1e-9, abs_tol=1e-12)


@given(crowds())
def test_the_interval_is_wilsons_with_the_effective_size_of_the_docstring(found: list[Crowd]) -> None:
    shown = estimate([answered(one) for one in found], "pooled")
    if shown.ratio is None:
        return
    r = float(shown.ratio)
    spoke = [
        (visits / len(people), 1 - len(people) / visits) for visits, people in found for p in people if any(p)
    ]
    n_k = sum(w for w, _ in spoke) ** 2 / sum(w * w for w, _ in spoke)
    left = sum(w * w * f for w, f in spoke)
    size = worth = float("inf") if left == 0 else sum(w for w, _ in spoke) ** 2 / left
    if 0 < r < 1 and n_k > 1 and size != float("inf"):
        k = n_k * min(r, 1 - r)
        v = variance_by_cochran(found, r) * (len(spoke) - 1) / len(spoke)
        n_e = 1 / ((k * v / (r * (1 - r)) + 2 / size) / (k + 2))
        x = sum(visits / len(people) * sum(o > 0 for o in p) for visits, people in found for p in people)
        size = min(n_e, size * x / sum(w for w, _ in spoke))
    scale = 1 + Z * Z / size
    centre = (r + Z * Z / (2 * size)) / scale
    half = Z * sqrt(r * (1 - r) / size + Z * Z / (4 * size * size)) / scale
    low, high = max(0.0, centre - half), min(1.0, centre + half)
    if size <= worth * (1 + 1e-9):
        low, high = ends(low, high, r, size)
    assert abs(float(shown.low or 0) - 100 * low) <= 0.0051
    assert abs(float(shown.high or 0) - 100 * high) <= 0.0051


@given(st.lists(st.tuples(*[st.integers(0, 5)] * 3), min_size=2, max_size=30))
def test_one_stratum_drawn_from_very_many_visits_is_the_plain_figure(people: list[Person]) -> None:
    plain = running(answered((10**9, people)).sums, criteria=[], formula="pooled")
    shown = estimate([answered((10**9, people))], "pooled")
    assert (shown.percent, shown.responses) == (plain.percent, plain.responses)
    for one, other in ((shown.low, plain.low), (shown.high, plain.high)):
        assert (one is None) == (other is None)
        # people who answered nothing of the set are part of the sample here, and of nothing there
        assert one is None or other is None or len(people) != plain.responses or abs(one - other) <= 0.01


def test_when_everybody_has_answered_nothing_is_uncertain() -> None:
    shown = estimate([answered((3, [(5,), (1,), (4,)])), answered((2, [(5,), (5,)]))], "pooled")
    assert (shown.low, shown.percent, shown.high) == (Decimal("80.00"),) * 3


def test_two_strata_by_hand() -> None:
    # 900 visits, 3 of 4 satisfied; 100 visits, 1 of 4: 0.9 x 75 + 0.1 x 25
    shown = estimate(
        [answered((900, [(5,), (4,), (5,), (1,)])), answered((100, [(4,), (1,), (1,), (2,)]))], "pooled"
    )
    assert shown.percent == Decimal("70.00")
    assert shown.effective_n == Decimal("4.88")  # 1000^2 / (4 x 225^2 + 4 x 25^2)


def test_a_stratum_of_one_answer_or_none_gives_no_figure() -> None:
    with pytest.raises(ValueError, match="variance"):
        estimate([answered((9, [(5,)])), answered((9, [(5,), (1,)]))], "pooled")
    with pytest.raises(ZeroDivisionError):
        estimate([Answered(9, 0, Sums.zero(), ((0, 0),)), answered((9, [(5,), (1,)]))], "pooled")
    census = estimate([answered((1, [(5,)])), answered((2, [(5,), (1,)]))], "pooled")
    assert census.percent == Decimal("66.67")


def test_nobody_answered_these_questions() -> None:
    assert estimate([answered((9, [(0,), (0,)]))], "pooled") == (None, None, None, None, 0, None)
