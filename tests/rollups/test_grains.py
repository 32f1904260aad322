"""How a period is cut into points."""

from collections.abc import Callable
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rollups.grains import MAX_POINTS, Grain, Point, points, spans

NAMES: dict[Grain, Callable[[date], object]] = {
    "day": lambda day: day,
    "week": lambda day: day.isocalendar()[:2],
    "month": lambda day: (day.year, day.month),
    "quarter": lambda day: (day.year, (day.month - 1) // 3),
    "year": lambda day: day.year,
}
"""What days of one point have in common."""
GRAINS = st.sampled_from(["day", "week", "month", "quarter", "year"])
PERIODS = st.tuples(st.dates(), st.integers(0, 1_500)).map(
    lambda drawn: (drawn[0], min(date.max, drawn[0] + min(date.max - drawn[0], timedelta(days=drawn[1]))))
)


@pytest.mark.parametrize(
    ("grain", "starts"),
    [
        ("week", [date(2024, 12, 23), date(2024, 12, 30), date(2025, 1, 6)]),
        ("month", [date(2024, 12, 1), date(2025, 1, 1)]),
        ("quarter", [date(2024, 10, 1), date(2025, 1, 1)]),
        ("year", [date(2024, 1, 1), date(2025, 1, 1)]),
    ],
)
def test_the_turn_of_a_year_in_every_grain(grain: Grain, starts: list[date]) -> None:
    found = points(grain, date(2024, 12, 28), date(2025, 1, 7))
    assert found is not None
    assert [point.start for point in found] == starts
    assert (found[0].first, found[-1].last) == (date(2024, 12, 28), date(2025, 1, 7))


def test_one_day_is_one_point() -> None:
    day = date(2026, 2, 14)
    assert points("day", day, day) == [Point(day, day, day)]


def test_there_is_an_end_to_points() -> None:
    first = date(2024, 1, 1)
    assert len(points("day", first, first + timedelta(days=MAX_POINTS - 1)) or []) == MAX_POINTS
    assert points("day", first, first + timedelta(days=MAX_POINTS)) is None


@given(GRAINS, PERIODS)
def test_points_follow_each_other_without_a_gap_and_never_cross_an_edge(
    grain: Grain, period: tuple[date, date]
) -> None:
    first, last = period
    found = points(grain, first, last)
    if found is None:
        assert (last - first).days >= MAX_POINTS
        return
    assert (found[0].first, found[-1].last) == period
    for one, other in pairwise(found):
        assert (other.first - one.last).days == 1
        assert other.start == other.first
    name = NAMES[grain]
    for point in found:
        assert name(point.start) == name(point.first) == name(point.last)
        assert point.start <= point.first <= point.last


def test_months_are_read_for_all_but_days_and_weeks() -> None:
    first, last = date(2026, 1, 1), date(2026, 12, 31)
    assert spans("week", first, last).months is None
    assert spans("day", first, last).months is None
    assert spans("quarter", first, last).days == ()
