import asyncio
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.clock import months_before
from app.jobs.timetable import Job, is_owed

ZONES = ("Asia/Ho_Chi_Minh", "UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")
NIGHT, HOURLY = Job("a.night", time(2, 10), asyncio.sleep), Job("an.hour", None, asyncio.sleep)
VIET_NAM, NEW_YORK = ZoneInfo("Asia/Ho_Chi_Minh"), ZoneInfo("America/New_York")
INSTANTS = st.integers(0, 6 * 366 * 86400).map(
    lambda seconds: datetime(2023, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)


@given(INSTANTS, st.sampled_from(ZONES), st.sampled_from([NIGHT, HOURLY]))
def test_now_lies_between_the_last_time_and_the_next(now: datetime, zone: str, job: Job) -> None:
    last, after = job.last_due(now, ZoneInfo(zone)), job.next_due(now, ZoneInfo(zone))
    assert last <= now < after
    assert after - last <= timedelta(hours=25)
    assert job.last_due(after, ZoneInfo(zone)) == after
    assert job.last_due(after - timedelta(microseconds=1), ZoneInfo(zone)) == last


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ((2027, 1, 1, 0, 0), (2026, 12, 31, 2, 10)),  # the year's first moment
        ((2027, 1, 1, 2, 9), (2026, 12, 31, 2, 10)),
        ((2027, 1, 1, 2, 10), (2027, 1, 1, 2, 10)),
        ((2028, 2, 29, 1, 0), (2028, 2, 28, 2, 10)),
        ((2028, 3, 1, 1, 0), (2028, 2, 29, 2, 10)),
        ((2027, 3, 1, 1, 0), (2027, 2, 28, 2, 10)),
    ],
)
def test_a_night_is_the_night_of_the_wall_clock(now: tuple[int, ...], due: tuple[int, ...]) -> None:
    at = datetime(*now, tzinfo=VIET_NAM)  # type: ignore[arg-type, misc]
    assert NIGHT.last_due(at, VIET_NAM).astimezone(VIET_NAM) == datetime(*due, tzinfo=VIET_NAM)  # type: ignore[arg-type, misc]


def test_each_day_has_one_night_when_the_clocks_change() -> None:
    for first in (date(2026, 3, 6), date(2026, 10, 30)):  # put forward on 8 March, back on 1 November
        start = datetime.combine(first, time(12), NEW_YORK).astimezone(UTC)
        seen = [NIGHT.last_due(start + timedelta(minutes=10 * step), NEW_YORK) for step in range(6 * 24 * 5)]
        nights = sorted({due.astimezone(NEW_YORK) for due in seen})
        assert [night.date() for night in nights] == [first + timedelta(days=at) for at in range(len(nights))]
        assert len(nights) >= 5
        # half past two does not exist on the day they are put forward: it is an hour later by the clock
        assert {night.time() for night in nights} <= {time(2, 10), time(3, 10)}


DUE = datetime(2026, 11, 24, 19, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("begun", "tries", "owed"),
    [
        (None, 0, True),
        (DUE - timedelta(days=1), 0, True),
        (DUE, 0, False),
        (DUE, 1, True),
        (DUE + timedelta(minutes=5), 0, False),  # another runner's clock is a little ahead
        (DUE + timedelta(days=1), 0, True),  # the clock had jumped ahead, and was put right
        (DUE + timedelta(days=366), 0, True),
    ],
)
def test_what_is_owed(begun: datetime | None, tries: int, owed: bool) -> None:
    assert is_owed(DUE, begun, tries, DUE + timedelta(minutes=1)) is owed


@pytest.mark.parametrize(
    ("day", "months", "before"),
    [
        (date(2026, 11, 24), 24, date(2024, 11, 24)),
        (date(2028, 2, 29), 12, date(2027, 2, 28)),
        (date(2028, 2, 29), 48, date(2024, 2, 29)),
        (date(2026, 3, 31), 1, date(2026, 2, 28)),
        (date(2026, 1, 15), 1, date(2025, 12, 15)),
        (date(2026, 12, 31), 13, date(2025, 11, 30)),
        (date(2026, 1, 1), 1200, date(1926, 1, 1)),
    ],
)
def test_months_before_a_day(day: date, months: int, before: date) -> None:
    assert months_before(day, months) == before
