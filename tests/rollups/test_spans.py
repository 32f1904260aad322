from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rollups.queries import Spans

DAYS = st.dates(date(2020, 1, 1), date(2030, 12, 31))


def covered(spans: Spans) -> list[date]:
    """Every day of the spans, those of months included, in no order."""
    ranges = [*spans.days]
    if spans.months is not None:
        ranges.append((spans.months[0], spans.months[1] - timedelta(days=1)))
    return [first + timedelta(days=at) for first, last in ranges for at in range((last - first).days + 1)]


@given(DAYS, DAYS)
def test_spans_cover_each_day_of_a_period_exactly_once(one: date, other: date) -> None:
    first, last = sorted((one, other))
    days = covered(Spans.of(first, last))
    assert sorted(days) == [first + timedelta(days=at) for at in range((last - first).days + 1)]


@given(DAYS, DAYS)
def test_months_are_whole_and_edges_short(one: date, other: date) -> None:
    first, last = sorted((one, other))
    spans = Spans.of(first, last)
    if spans.months is None:
        assert (last - first).days < 61
        assert len(spans.days) == 1
    else:
        assert spans.months[0].day == spans.months[1].day == 1
        assert all((to - since).days < 30 for since, to in spans.days)


@pytest.mark.parametrize(
    ("first", "last", "months", "edges"),
    [
        ("2026-10-01", "2026-10-31", True, 0),
        ("2026-10-01", "2026-11-01", True, 1),
        ("2026-09-30", "2026-11-01", True, 2),
        ("2026-10-02", "2026-10-31", False, 1),
        ("2026-10-02", "2026-11-29", False, 1),
        ("2026-02-01", "2026-02-28", True, 0),
        ("2024-02-01", "2024-02-28", False, 1),
        ("2026-01-01", "2026-12-31", True, 0),
    ],
)
def test_a_period_is_read_as_few_pieces(first: str, last: str, months: bool, edges: int) -> None:
    spans = Spans.of(date.fromisoformat(first), date.fromisoformat(last))
    assert (spans.months is not None, len(spans.days)) == (months, edges)


@pytest.mark.parametrize("last", [date(9999, 12, 30), date.max])
def test_the_last_month_of_all_time_has_its_days(last: date) -> None:
    days = covered(Spans.of(date(9999, 12, 1), last))
    assert sorted(days) == [date(9999, 12, day) for day in range(1, last.day + 1)]


def test_december_9999_is_never_read_as_a_month() -> None:
    assert Spans.of(date(9999, 12, 1), date(9999, 12, 30)).months is None
