"""Opening hours: when a unit is open, and for how long it was between two instants. Pure.

A timetable holds a week of spans in minutes of the day. All counting is done on one growing number, the time
a unit had been open since Monday, 1 January of the year 1: a difference of two readings says how long it was
open, and the way back from a reading says since when. Whole weeks are multiplied instead of walked through,
so a year costs no more than a day.

The minutes are those of the clock on the wall: from 08:00 to 12:00 is four hours on every day of the year,
also where clocks are put forward.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from app.core.clock import from_wall_clock, wall_clock

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)
Span = tuple[int, int]
"""From a minute of the day (0 to 1439) to a later one (at most 1440), the end not included."""
Timetable = tuple[tuple[Span, ...], ...]
"""Seven days from Monday; the spans of a day in order, without overlap."""

_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])|24:00")
_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)
_WEEK = timedelta(weeks=1)

_OFFICE: tuple[Span, ...] = ((7 * 60 + 30, 11 * 60 + 30), (13 * 60 + 30, 17 * 60))
USUAL: Timetable = (*(_OFFICE,) * 5, (), ())
"""The usual office hours in Viet Nam, for a unit of which nobody has said anything else."""


def minute_of(time: str) -> int | None:
    """The minute of the day of `HH:MM`, 00:00 to 24:00; None for all else."""
    found = _TIME.fullmatch(time)
    if found is None:
        return None
    return int(found[1]) * 60 + int(found[2]) if found[1] else 24 * 60


def first_overlap(spans: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], tuple[str, str]] | None:
    """Two spans of one day that share a minute, the earlier one first; None where there are none.

    `HH:MM` sorts as it stands. One may begin when the other ends.
    """
    ordered = sorted(spans)
    for one, following in pairwise(ordered):
        if following[0] < one[1]:
            return one, following
    return None


def timetable(stored: Mapping[str, Sequence[Sequence[str]]] | None) -> Timetable:
    """A unit's opening hours as they are stored: weekday -> spans of `HH:MM`. None means the usual ones."""
    if stored is None:
        return USUAL
    return tuple(
        tuple(sorted((_known(start), _known(end)) for start, end in stored.get(day, ()))) for day in WEEKDAYS
    )


def open_time(hours: Timetable, since: datetime, until: datetime, zone: ZoneInfo) -> timedelta:
    """How long a unit was open between two instants; negative when they are given in the wrong order."""
    return _opened(hours, wall_clock(until, zone)) - _opened(hours, wall_clock(since, zone))


def open_for(hours: Timetable, needed: timedelta, now: datetime, zone: ZoneInfo) -> datetime | None:
    """The last instant since which a unit has been open for `needed` (more than nothing).

    None when it never has been: it does not open at all, or not often enough since the year 1.
    """
    a_week = _length(span for day in hours for span in day)
    reading = _opened(hours, wall_clock(now, zone)) - needed
    if not a_week or reading < timedelta(0):
        return None
    weeks, rest = divmod(reading, a_week)
    for at, day in enumerate(hours):
        for start, end in day:
            length = (end - start) * _MINUTE
            if rest < length:
                return from_wall_clock(weeks * _WEEK + at * _DAY + start * _MINUTE + rest, zone)
            rest -= length
    raise AssertionError("a rest shorter than the week ends within it")


def _opened(hours: Timetable, clock: timedelta) -> timedelta:
    """How long it had been open when the clock on the wall stood so."""
    weeks, rest = divmod(clock, _WEEK)
    weekday, into_day = divmod(rest, _DAY)
    earlier = _length(span for day in hours[:weekday] for span in day)
    today = timedelta(0)
    for start, end in hours[weekday]:
        today += min(max(into_day - start * _MINUTE, timedelta(0)), (end - start) * _MINUTE)
    return weeks * _length(span for day in hours for span in day) + earlier + today


def _length(spans: Iterable[Span]) -> timedelta:
    return sum(end - start for start, end in spans) * _MINUTE


def _known(time: str) -> int:
    minute = minute_of(time)
    if minute is None:
        raise ValueError(f"{time!r} was stored as a time")
    return minute
