from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.samples.plan import allocate, merged, too_small, yamane

VISITS = st.dictionaries(st.integers(0, 50), st.integers(1, 400), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("visits", "margin", "size"),
    [
        (10_000, "0.05", 385),  # 384.6: the example of the textbooks
        (2_000, "0.05", 334),  # 333.3
        (1_000, "0.03", 527),  # 526.3
        (100_000, "0.05", 399),  # 398.4
        (100_000, "0.1", 100),  # 99.9
        (400, "0.05", 200),  # exactly
        (1, "0.05", 1),
    ],
)
def test_the_size_is_that_of_the_formula_rounded_up(visits: int, margin: str, size: int) -> None:
    assert yamane(visits, Fraction(margin)) == size


@given(st.integers(1, 10**8), st.integers(5, 200))
def test_a_size_never_exceeds_the_visits_nor_what_the_margin_can_ask(visits: int, thousandths: int) -> None:
    size = yamane(visits, Fraction(thousandths, 1000))
    assert size == ceil(Fraction(visits * 10**6, 10**6 + visits * thousandths**2))
    assert 1 <= size <= min(visits, ceil(Fraction(10**6, thousandths**2)))


@pytest.mark.parametrize(
    ("visits", "margin"), [(0, "0.05"), (10, "0"), (10, "1"), (10, "-0.1"), (-3, "0.05")]
)
def test_without_visits_or_with_a_margin_that_is_none_there_is_no_size(visits: int, margin: str) -> None:
    with pytest.raises(ValueError, match="margin"):
        yamane(visits, Fraction(margin))


@given(VISITS, st.data())
def test_the_parts_add_up_and_each_is_its_share_rounded_up_or_down(
    visits: dict[int, int], data: st.DataObject
) -> None:
    total = sum(visits.values())
    size = data.draw(st.integers(0, total))
    parts = allocate(visits, size)
    assert list(parts) == list(visits)
    assert sum(parts.values()) == size
    for key, part in parts.items():
        exact = Fraction(size * visits[key], total)
        assert exact - 1 < part < exact + 1
        assert part <= visits[key]


@given(VISITS, st.data())
def test_whoever_was_rounded_up_had_no_smaller_remainder_than_whoever_was_not(
    visits: dict[int, int], data: st.DataObject
) -> None:
    total = sum(visits.values())
    size = data.draw(st.integers(0, total))
    exact = {key: Fraction(size * count, total) for key, count in visits.items()}
    parts = allocate(visits, size)
    up = [exact[key] % 1 for key in visits if parts[key] > exact[key]]
    down = [exact[key] % 1 for key in visits if parts[key] < exact[key]]
    assert not up or not down or min(up) >= max(down)


def test_largest_remainders_by_hand() -> None:
    # 47 : 16 : 15.8 : 12 : 6.1 : 3.1 of 10 seats
    votes = {"a": 47_000, "b": 16_000, "c": 15_800, "d": 12_000, "e": 6_100, "f": 3_100}
    assert allocate(votes, 10) == {"a": 5, "b": 2, "c": 1, "d": 1, "e": 1, "f": 0}


def test_equal_remainders_go_to_the_larger_then_to_the_first() -> None:
    assert allocate({"x": 1, "y": 3}, 2) == {"x": 0, "y": 2}
    assert allocate({"x": 2, "y": 2}, 1) == {"x": 1, "y": 0}


def test_more_than_there_is_cannot_be_drawn() -> None:
    with pytest.raises(ValueError, match="cannot be drawn"):
        allocate({"x": 3}, 4)
    assert allocate({}, 0) == {}


@given(VISITS, st.data())
def test_merging_keeps_every_stratum_and_leaves_none_too_small_if_it_can(
    visits: dict[int, int], data: st.DataObject
) -> None:
    size = data.draw(st.integers(1, sum(visits.values())))
    least = data.draw(st.integers(2, 8))
    groups = merged(visits, size, least)
    assert sorted(key for group in groups for key in group) == sorted(visits)
    parts = allocate({group: sum(visits[key] for key in group) for group in groups}, size)
    assert min(parts.values()) >= least or len(groups) == 1
    if not too_small(visits, size, least):
        assert groups == [(key,) for key in visits]


def test_a_single_small_stratum_takes_the_smallest_of_the_others_along() -> None:
    assert merged({"a": 500, "b": 100, "c": 3}, 60, 5) == [("a",), ("b", "c")]
