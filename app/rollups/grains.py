"""Grains: a period cut into days, ISO weeks, months, quarters or years, for a series.

Pure. The first and the last point are clipped to the period that was asked for: a series adds up to the index
of its period. The whole unit of the calendar a point belongs to is known by its `start`.
"""

from datetime import date, timedelta
from typing import Literal, NamedTuple

from app.core.clock import month_end, month_start
from app.rollups.spans import DayRange, Spans

Grain = Literal["day", "week", "month", "quarter", "year"]

MAX_POINTS = 750
"""Two years of days, or ten of weeks: more than a chart can show, little enough to compute at once."""

ONE_DAY = timedelta(days=1)


class Point(NamedTuple):
    """Local days from `first` to `last`, both included; `start` is the first day of its week, month..."""

    start: date
    first: date
    last: date


def points(grain: Grain, first: date, last: date) -> list[Point] | None:
    """Every point from first to last in order, without a gap; None when there are more than MAX_POINTS."""
    found: list[Point] = []
    at = first
    while True:
        if len(found) == MAX_POINTS:
            return None
        end = min(_end(grain, at, last), last)
        found.append(Point(_start(grain, at), at, end))
        if end == last:
            return found
        at = end + ONE_DAY


def spans(grain: Grain, first: date, last: date) -> Spans:
    """How to read them: days from days, the rest from months, since each month lies in one point."""
    if grain in {"day", "week"}:
        return Spans(None, (DayRange(first, last, added=True),))
    return Spans.of(first, last)


def _start(grain: Grain, day: date) -> date:
    match grain:
        case "day":
            return day
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return month_start(day)
        case "quarter":
            return date(day.year, day.month - (day.month - 1) % 3, 1)
        case "year":
            return date(day.year, 1, 1)


def _end(grain: Grain, day: date, last: date) -> date:
    match grain:
        case "day":
            return day
        case "week":  # the end of time lies in the middle of a week
            return day + min(timedelta(days=6 - day.weekday()), last - day)
        case "month":
            return month_end(day)
        case "quarter":
            return month_end(date(day.year, day.month + (-day.month) % 3, 1))
        case "year":
            return date(day.year, 12, 31)
