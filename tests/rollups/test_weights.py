"""Weights against fractions added one by one, response by response."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from math import isclose, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rollups.index import Z, estimate
from app.rollups.sums import Sums
from app.rollups.weights import Part, Totals, kish, rounded, weigh
from tests.support.book import ends

Person = tuple[int, int]
"""Valid answers, satisfied ones."""
Crowd = tuple[int, list[Person], int]
"""Visits of a stratum, its people, among how many channels the visits are shared."""

PEOPLE = st.integers(0, 4).flatmap(lambda x: st.tuples(st.just(x), st.integers(0, x)))
ONE_ANSWER = st.tuples(st.just(1), st.integers(0, 1))


def crowds_of(people: st.SearchStrategy[Person]) -> st.SearchStrategy[list[Crowd]]:
    crowd = st.tuples(st.integers(1, 500), st.lists(people, min_size=1, max_size=8), st.integers(1, 3))
    return st.lists(crowd, min_size=1, max_size=6)


CROWDS = crowds_of(PEOPLE) | crowds_of(ONE_ANSWER)


def part(crowd: Crowd) -> Part:
    visits, people, shares = crowd
    return Part(visits, len(people), Sums.from_pairs(people), shares)


def weighted_people(crowds: Sequence[Crowd]) -> list[tuple[Fraction, Person]]:
    return [
        (Fraction(visits, len(people)) / shares, person)
        for visits, people, shares in crowds
        for person in people
        if person[0]
    ]


def half_up(value: Fraction) -> Decimal:
    return Decimal(int(value * 100 + Fraction(1, 2))).scaleb(-2)


@given(CROWDS)
def test_a_weighted_percentage_is_that_of_everybody_counted_as_often_as_their_weight_says(
    crowds: list[Crowd],
) -> None:
    people = weighted_people(crowds)
    found = weigh([part(crowd) for crowd in crowds])
    assert found.responses == len(people)
    if not people:
        assert found == (None, None, None, None, 0, None)
        return
    x = sum((weight * person[0] for weight, person in people), Fraction(0))
    y = sum((weight * person[1] for weight, person in people), Fraction(0))
    assert found.ratio == y / x
    assert found.percent == half_up(100 * y / x)
    once, squared = sum(weight for weight, _ in people), sum(weight**2 for weight, _ in people)
    assert found.effective_n == half_up(Fraction(once**2) / squared)
    assert found.low is not None
    assert found.high is not None
    assert 0 <= found.low <= found.percent <= found.high <= 100


@given(CROWDS)
def test_the_interval_is_wilsons_with_the_effective_size_of_the_docstring(crowds: list[Crowd]) -> None:
    people = [(float(weight), person) for weight, person in weighted_people(crowds)]
    found = weigh([part(crowd) for crowd in crowds])
    if found.ratio is None:
        return
    r = float(found.ratio)
    kish_n = sum(w for w, _ in people) ** 2 / sum(w * w for w, _ in people)
    x = sum(w * person[0] for w, person in people)
    size = kish_n
    if 0 < r < 1 and kish_n > 1:
        v = sum((w * (person[1] - r * person[0])) ** 2 for w, person in people) / x**2
        k = kish_n * min(r, 1 - r)
        size = 1 / ((k * v / (r * (1 - r)) + 2 / kish_n) / (k + 2))
        size = min(size, kish_n * x / sum(w for w, _ in people))
    scale = 1 + Z * Z / size
    centre = (r + Z * Z / (2 * size)) / scale
    half = Z * sqrt(r * (1 - r) / size + Z * Z / (4 * size * size)) / scale
    low, high = max(0.0, centre - half), min(1.0, centre + half)
    if size <= kish_n * (1 + 1e-9):
        low, high = ends(low, high, r, size)
    assert abs(float(found.low or 0) - 100 * low) <= 0.0051
    assert abs(float(found.high or 0) - 100 * high) <= 0.0051


@given(
    st.lists(PEOPLE, min_size=1, max_size=30) | st.lists(ONE_ANSWER, min_size=1, max_size=30),
    st.integers(1, 5),
    st.integers(1, 4),
)
def test_equal_weights_change_neither_figure_nor_interval(
    people: list[Person], times: int, strata: int
) -> None:
    crowds = [people[at::strata] for at in range(strata) if people[at::strata]]
    parts = [Part(times * len(crowd), len(crowd), Sums.from_pairs(crowd)) for crowd in crowds]
    plain = estimate(Sums.from_pairs(people), criteria=[], formula="pooled")
    found = weigh(parts)
    assert (found.percent, found.ratio, found.responses) == (plain.percent, plain.ratio, plain.responses)
    for one, other in ((found.low, plain.low), (found.high, plain.high)):
        assert (one is None) == (other is None)
        assert one is None or other is None or abs(one - other) <= Decimal("0.01")
    if found.effective_n is not None:
        assert found.effective_n == plain.responses


def test_a_stratum_with_three_quarters_of_the_visits_has_three_quarters_of_the_say() -> None:
    # 300 visits of which 10 answered, all satisfied; 100 visits of which 90 answered, 45 satisfied
    found = weigh([Part(300, 10, Sums.of_criterion(10, 10)), Part(100, 90, Sums.of_criterion(90, 45))])
    assert found.percent == Decimal("87.50")  # 0.75 x 100 + 0.25 x 50, where unweighted it is 55
    assert found.effective_n == Decimal("17.56")  # 400^2 / (10 x 30^2 + 90 x (10/9)^2)


def test_two_channels_that_share_the_visits_have_equal_say() -> None:
    tablet = Part(1000, 900, Sums.of_criterion(900, 873), 2)
    links = Part(1000, 10, Sums.of_criterion(10, 8), 2)
    found = weigh([tablet, links])
    assert found.percent == Decimal("88.50")  # halfway between 97 and 80; unweighted it is 96.81
    assert found.effective_n == Decimal("39.56")
    assert rounded(links.weight) == Decimal("50.000000")


def test_nobody_answered_these_questions() -> None:
    assert weigh([Part(10, 3, Sums.zero())]) == (None, None, None, None, 0, None)
    assert weigh([]) == (None, None, None, None, 0, None)


def test_an_empty_stratum_has_no_weight_and_is_not_given_one() -> None:
    with pytest.raises(ZeroDivisionError):
        weigh([Part(10, 3, Sums.of_criterion(3, 2)), Part(5, 0, Sums.zero())])


def test_one_person_is_worth_one_however_heavy() -> None:
    found = weigh([Part(900, 1, Sums.from_pairs([(4, 3)]))])
    assert (found.percent, found.effective_n) == (Decimal("75.00"), Decimal("1.00"))


def test_thousands_of_strata_stay_exact() -> None:
    parts = [Part(n + 7, n, Sums.of_criterion(n, n // 2)) for n in range(1, 3_000)]
    x = sum(visits for visits, *_ in parts)
    found = weigh(parts)
    assert isclose(
        float(found.ratio or 0), sum((n + 7) * (n // 2) / n for n in range(1, 3_000)) / x, rel_tol=1e-12
    )
    assert isclose(kish(Totals.of(parts)), x * x / sum((n + 7) ** 2 / n for n in range(1, 3_000)))
