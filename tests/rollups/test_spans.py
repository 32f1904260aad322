from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.clock import next_month
from app.rollups.spans import DayRange, Spans

DAYS = st.dates(date(2020, 1, 1), date(2030, 12, 31))


def days_between(first: date, last: date) -> list[date]:
    return [first + timedelta(days=at) for at in range((last - first).days + 1)]


def covered(spans: Spans) -> list[date]:
    """Every day read, as often as it is added less as often as it is taken off, in order."""
    times: dict[date, int] = {}
    month = spans.months[0] if spans.months else date.max
    while spans.months and month < spans.months[1]:
        for day in days_between(month, next_month(month) - timedelta(days=1)):
            times[day] = 1
        month = next_month(month)
    for first, last, added in spans.days:
        for day in days_between(first, last):
            times[day] = times.get(day, 0) + (1 if added else -1)
    return sorted(day for day, count in times.items() for _ in range(count))


@given(DAYS, DAYS)
def test_spans_come_to_each_day_of_a_period_exactly_once(one: date, other: date) -> None:
    first, last = sorted((one, other))
    assert covered(Spans.of(first, last)) == days_between(first, last)


@given(DAYS, DAYS)
def test_edges_are_few_and_short(one: date, other: date) -> None:
    spans = Spans.of(*sorted((one, other)))
    assert len(spans.days) <= 2
    assert sum((days.last - days.first).days + 1 for days in spans.days) <= 31
    assert all((days.last - days.first).days < 16 for days in spans.days)


def day(text: str) -> date:
    return date.fromisoformat(text)


@pytest.mark.parametrize(
    ("first", "last", "months", "days"),
    [
        ("2026-10-01", "2026-10-31", ("2026-10-01", "2026-11-01"), []),
        ("2026-01-01", "2026-12-31", ("2026-01-01", "2027-01-01"), []),
        ("2026-10-05", "2026-10-05", None, [("2026-10-05", "2026-10-05", True)]),
        ("2026-10-01", "2026-11-01", ("2026-10-01", "2026-11-01"), [("2026-11-01", "2026-11-01", True)]),
        (
            "2026-09-30",
            "2026-10-02",
            None,
            [("2026-09-30", "2026-09-30", True), ("2026-10-01", "2026-10-02", True)],
        ),
        ("2026-10-02", "2026-10-31", ("2026-10-01", "2026-11-01"), [("2026-10-01", "2026-10-01", False)]),
        (
            "2026-10-02",
            "2026-10-30",
            ("2026-10-01", "2026-11-01"),
            [("2026-10-01", "2026-10-01", False), ("2026-10-31", "2026-10-31", False)],
        ),
        ("2026-02-01", "2026-02-14", None, [("2026-02-01", "2026-02-14", True)]),
        ("2026-02-01", "2026-02-15", ("2026-02-01", "2026-03-01"), [("2026-02-16", "2026-02-28", False)]),
        (
            "2026-01-10",
            "2026-03-10",
            ("2026-01-01", "2026-03-01"),
            [("2026-01-01", "2026-01-09", False), ("2026-03-01", "2026-03-10", True)],
        ),
    ],
)
def test_a_period_is_read_as_the_fewest_cells(
    first: str, last: str, months: tuple[str, str] | None, days: list[tuple[str, str, bool]]
) -> None:
    spans = Spans.of(day(first), day(last))
    assert spans.months == (None if months is None else (day(months[0]), day(months[1])))
    assert list(spans.days) == [DayRange(day(since), day(to), added) for since, to, added in days]


@pytest.mark.parametrize("last", [date(9999, 12, 30), date.max])
def test_time_may_end_in_the_period(last: date) -> None:
    spans = Spans.of(date(9999, 11, 1), last)
    assert spans.months == (date(9999, 11, 1), date.max), "December begins before the end of time"
    assert spans.days == (() if last == date.max else (DayRange(date.max, date.max, added=False),))
