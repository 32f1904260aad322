"""Ranks, ranges of ranks and changes, in small cases and against a count of every pair."""

import time
from decimal import Decimal
from fractions import Fraction
from math import sqrt
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rollups.index import Estimate, criterion_estimate, estimate, wilson
from app.rollups.ranks import UNRANKED, Change, Standing, difference, order_keys, points, standings
from app.rollups.sums import Sums

D = Decimal


def of(satisfied: int, people: int) -> Estimate:
    """One question, answered by so many."""
    return criterion_estimate([people - satisfied, 0, 0, satisfied, 0])


NOBODY = of(0, 0)
FIGURES = st.lists(
    st.none()
    | st.integers(0, 40).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))).map(lambda t: of(*t)),
    max_size=30,
)


def ranks(*figures: Estimate | None, min_n: int = 1) -> list[int | None]:
    return [one.rank for one in standings(figures, min_n=min_n)]


def test_two_that_tie_share_a_rank_and_the_next_one_is_left_out() -> None:
    assert ranks(of(5, 10), of(9, 10), of(18, 20), of(1, 10)) == [3, 1, 1, 4]
    assert ranks(of(10, 10), of(9, 10), of(18, 20), of(1, 10)) == [1, 2, 2, 4]


def test_what_looks_the_same_in_two_decimals_is_still_ranked_apart() -> None:
    better, worse = of(1_000_000 - 1, 1_000_000), of(1_000_000 - 2, 1_000_000)
    assert better.percent == worse.percent
    assert ranks(worse, better) == [2, 1]


def test_no_unit_one_unit_and_units_without_a_response() -> None:
    assert standings([], min_n=5) == []
    assert standings([of(9, 10)], min_n=5) == [Standing(1, 1, 1)]
    assert standings([None, NOBODY], min_n=1) == [UNRANKED, UNRANKED]


def test_units_under_the_minimum_are_unranked_and_count_for_nobody() -> None:
    assert standings([of(4, 4), of(5, 10), of(5, 5)], min_n=5) == [
        UNRANKED,
        Standing(2, 1, 2),
        Standing(1, 1, 2),
    ]


def test_one_response_is_ranked_where_one_is_enough() -> None:
    assert ranks(of(1, 1), of(0, 1), min_n=1) == [1, 2]


def test_when_everybody_is_satisfied_all_are_first() -> None:
    assert standings([of(7, 7), of(900, 900)], min_n=5) == [Standing(1, 1, 2), Standing(1, 1, 2)]


def test_intervals_that_only_touch_do_not_part_two_units() -> None:
    touching = [
        Estimate(D(50), D("40.00"), D("60.00"), 10, 5, 10, Fraction(1, 2)),
        Estimate(D(70), D("60.00"), D("80.00"), 10, 7, 10, Fraction(7, 10)),
    ]
    assert standings(touching, min_n=1) == [Standing(2, 1, 2), Standing(1, 1, 2)]
    apart = [touching[0], touching[1]._replace(low=D("60.01"))]
    assert standings(apart, min_n=1) == [Standing(2, 2, 2), Standing(1, 1, 1)]


def test_a_minimum_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        standings([], min_n=0)


@given(FIGURES, st.integers(1, 8))
def test_standings_are_what_comparing_every_pair_gives(figures: list[Estimate | None], min_n: int) -> None:
    ranked = [one for one in figures if one is not None and one.responses >= min_n]
    for one, found in zip(figures, standings(figures, min_n=min_n), strict=True):
        if one not in ranked:
            assert found == UNRANKED
            continue
        assert one.ratio is not None
        assert one.low is not None
        assert one.high is not None
        assert found.rank == 1 + sum(other.ratio > one.ratio for other in ranked)  # type: ignore[operator]
        assert found.best == 1 + sum(other.low > one.high for other in ranked)  # type: ignore[operator]
        assert found.worst == len(ranked) - sum(other.high < one.low for other in ranked)  # type: ignore[operator]
        assert found.best <= found.rank <= found.worst


@given(st.lists(st.fractions(0, 1), max_size=20) | st.lists(st.fractions(0, 1, max_denominator=9)))
def test_whole_numbers_stand_in_the_order_of_the_ratios(ratios: list[Fraction]) -> None:
    keys = order_keys(ratios)
    for one, key in zip(ratios, keys, strict=True):
        assert [key < other for other in keys] == [one < other for other in ratios]
        assert [key == other for other in keys] == [one == other for other in ratios]


def test_a_country_of_communes_is_ranked_in_a_blink() -> None:
    random = Random(34)
    figures = [of(random.randint(700, 1_000), 1_000) for _ in range(3_321)]
    began = time.process_time()
    standings(figures, min_n=5)
    assert time.process_time() - began < 0.5  # a count of every pair takes many seconds


# --- changes


def test_no_change_without_two_figures() -> None:
    assert difference(of(1, 2), NOBODY) is None
    assert difference(NOBODY, of(1, 2)) is None


def test_the_same_again_is_no_change() -> None:
    assert difference(of(9, 10), of(18, 20)) == Change(D("0.00"), significant=False)


def plain(satisfied: int, people: int) -> Estimate:
    """With Wilson's own interval, as Newcombe has it."""
    low, high = (D(str(round(100 * bound, 2))) for bound in wilson(satisfied / people, people))
    return of(satisfied, people)._replace(low=low, high=high)


@pytest.mark.parametrize(
    ("one", "other", "published"),
    [
        ((56, 70), (48, 80), (0.0524, 0.3339)),
        ((9, 10), (3, 10), (0.1705, 0.8090)),
        ((6, 7), (2, 7), (0.0582, 0.8062)),
        ((5, 56), (0, 29), (-0.0381, 0.1926)),
        ((0, 10), (0, 20), (-0.1611, 0.2775)),
        ((0, 10), (0, 10), (-0.2775, 0.2775)),
        ((10, 10), (0, 20), (0.6791, 1.0)),
        ((10, 10), (0, 10), (0.6075, 1.0)),
    ],
)
def test_newcombes_own_examples(
    one: tuple[int, int], other: tuple[int, int], published: tuple[float, float]
) -> None:
    """The eight of his table II; the product's own intervals are a little wider than plain Wilson."""
    change = difference(plain(*one), plain(*other))
    assert change is not None
    assert change.significant == (published[0] > 0)


def test_a_change_from_all_satisfied_is_not_real_by_itself() -> None:
    assert difference(of(9, 10), of(10, 10)) == Change(D("-10.00"), significant=False)
    assert difference(of(900, 1_000), of(1_000, 1_000)) == Change(D("-10.00"), significant=True)


def test_answers_of_like_minded_people_prove_less_than_as_many_answers_of_different_ones() -> None:
    def like_minded(satisfied: int) -> Estimate:
        pairs = [(16, 16)] * satisfied + [(16, 0)] * (50 - satisfied)
        return estimate(Sums.from_pairs(pairs), criteria=[], formula="pooled")

    assert difference(like_minded(44), like_minded(40)) == Change(D("8.00"), significant=False)
    assert difference(of(44 * 16, 800), of(40 * 16, 800)) == Change(D("8.00"), significant=True)


@pytest.mark.parametrize(
    ("gap", "shown"),
    [
        (Fraction(1, 20_000), "0.01"),
        (Fraction(-1, 20_000), "-0.01"),
        (Fraction(1, 20_001), "0.00"),
        (Fraction(-1, 20_001), "0.00"),
        (Fraction(-1, 3), "-33.33"),
        (Fraction(2, 3), "66.67"),
        (Fraction(-1), "-100.00"),
        (Fraction(0), "0.00"),
    ],
)
def test_points_are_rounded_half_away_from_zero(gap: Fraction, shown: str) -> None:
    assert str(points(gap)) == shown


PAIR = st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(PAIR, PAIR)
def test_a_change_is_real_when_nothing_lies_outside_the_interval_of_the_difference(
    one: tuple[int, int], other: tuple[int, int]
) -> None:
    now, before = of(*one), of(*other)
    change = difference(now, before)
    assert change is not None
    assert now.ratio is not None
    assert before.ratio is not None
    r1, l1, u1 = 100 * float(now.ratio), float(now.low or 0), float(now.high or 0)
    r2, l2, u2 = 100 * float(before.ratio), float(before.low or 0), float(before.high or 0)
    low = r1 - r2 - sqrt((r1 - l1) ** 2 + (u2 - r2) ** 2)
    high = r1 - r2 + sqrt((u1 - r1) ** 2 + (r2 - l2) ** 2)
    if min(abs(low), abs(high)) > 1e-9:
        assert change.significant == (low > 0 or high < 0)
    back = difference(before, now)
    assert back is not None
    assert (back.percent_points, back.significant) == (-change.percent_points, change.significant)
