"""Time: instants are aware and in UTC, days are local by name. The only file that knows the time zone.

Pure. A response counts on the day the citizen lived it, in the deployment's zone; midnight there is
17:00 UTC of the day before, so a day taken from a UTC instant would put an evening's work on the wrong date.
"""

import re
from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

MAX_PERIOD_YEARS = 10
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_WRITTEN = re.compile(r"([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4})")
_IN_WORDS = re.compile(r"(?:ngày )?([0-9]{1,2}) tháng ([0-9]{1,2}) năm ([0-9]{4})")
_MIDNIGHT = re.compile(r"[T ]0{1,2}:00(?::00(?:\.0+)?)?$")
_COUNTED = re.compile(r"([2-9][0-9]{4})(?:\.0)?")
_SPREADSHEETS_ZERO = date(1899, 12, 30)
_YEAR_ONE = datetime(1, 1, 1, tzinfo=UTC)
_FIRST = datetime(1, 1, 3, tzinfo=UTC)
_LAST = datetime(9999, 12, 29, tzinfo=UTC)


def utc_now() -> datetime:
    """This instant, aware, in UTC."""
    return datetime.now(UTC)


def local_day(instant: datetime, zone: ZoneInfo) -> date:
    """The calendar day of an aware instant in the zone."""
    if instant.tzinfo is None:
        raise ValueError("a naive datetime has no local day")
    return instant.astimezone(zone).date()


def day_bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """First instant of a local day and of the day after it, in UTC: [start, end)."""
    start = datetime.combine(day, time.min, tzinfo=zone)
    end = datetime.combine(day + timedelta(days=1), time.min, tzinfo=zone)
    return start.astimezone(UTC), end.astimezone(UTC)


def wall_clock(instant: datetime, zone: ZoneInfo) -> timedelta:
    """What clock and calendar on a wall there show, as the time since Monday, 1 January of the year 1."""
    return shift(instant, timedelta(0)).astimezone(zone).replace(tzinfo=UTC) - _YEAR_ONE


def from_wall_clock(shown: timedelta, zone: ZoneInfo) -> datetime:
    """The instant at which a clock there shows this; the first of the two where it is put back."""
    return shift((_YEAR_ONE + shown).replace(tzinfo=zone), timedelta(0))


def shift(instant: datetime, by: timedelta) -> datetime:
    """Move an instant, held within the years a calendar can say (1 to 9999) instead of overflowing."""
    moved = instant.astimezone(UTC) if _FIRST < instant < _LAST else _clamp(instant)
    if by >= timedelta(0):
        return moved + by if moved < _LAST - by else _LAST
    return moved + by if moved > _FIRST - by else _FIRST


def read_day(text: str) -> date | None:
    """The day of a text that is exactly `YYYY-MM-DD`; None for all else, other forms of ISO 8601 included."""
    if not _DAY.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:  # it looks like a day, but no calendar has it
        return None


def read_written_day(text: str) -> date | None:
    """The day of a text as tables have it; None for all else.

    `2025-07-01`; `01/07/2025`, `1-7-2025`, `01.07.2025` and `ngày 01 tháng 7 năm 2025`, day first, as in
    Viet Nam; either with midnight behind it; and 45839, the days since 30 December 1899 of a spreadsheet.
    """
    said = _MIDNIGHT.sub("", text)
    if (counted := _COUNTED.fullmatch(said)) is not None:
        return _SPREADSHEETS_ZERO + timedelta(days=int(counted[1]))
    if (written := _WRITTEN.fullmatch(said.lower()) or _IN_WORDS.fullmatch(said.lower())) is not None:
        day, month, year = written.groups()
        return read_day(f"{year}-{int(month):02}-{int(day):02}")
    return read_day(said)


def month_start(day: date) -> date:
    """First day of the day's month."""
    return day.replace(day=1)


def next_month(day: date) -> date:
    """First day of the month after the day's month; the end of time for December 9999."""
    if day.month < 12:
        return date(day.year, day.month + 1, 1)
    return date(day.year + 1, 1, 1) if day.year < 9999 else date.max


def month_end(day: date) -> date:
    """Last day of the day's month."""
    return day.replace(day=monthrange(day.year, day.month)[1])


def is_too_long(first: date, last: date) -> bool:
    """Whether a period, both days included, is longer than MAX_PERIOD_YEARS to the day."""
    return (last.year, last.month, last.day) >= (first.year + MAX_PERIOD_YEARS, first.month, first.day)


def months_before(day: date, months: int) -> date:
    """The same day so many months earlier; the last of the month where it has no such day."""
    number = day.year * 12 + day.month - 1 - months
    last = monthrange(number // 12, number % 12 + 1)[1]
    return date(number // 12, number % 12 + 1, min(day.day, last))


def _clamp(instant: datetime) -> datetime:
    return _FIRST if instant <= _FIRST else _LAST
