from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.units.hours import (
    USUAL,
    WEEKDAYS,
    Timetable,
    first_overlap,
    minute_of,
    open_for,
    open_time,
    timetable,
)

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
ALWAYS: Timetable = (((0, 1440),),) * 7
NEVER: Timetable = ((),) * 7
MINUTE = timedelta(minutes=1)


def at(day: int, time: str) -> datetime:
    """An instant of the week of Monday, 16 November 2026, as a clock in Hà Nội shows it."""
    return datetime.fromisoformat(f"2026-11-{15 + day:02}T{time}:00+07:00")


@pytest.mark.parametrize(
    ("time", "minute"),
    [
        ("00:00", 0),
        ("07:30", 450),
        ("23:59", 1439),
        ("24:00", 1440),
        ("24:01", None),
        ("7:30", None),
        ("07:60", None),
        ("07.30", None),
        ("07:30 ", None),
        ("07:30\n", None),
        ("٠٧:٣٠", None),
        ("", None),
        ("-1:00", None),
    ],
)
def test_a_time_is_hours_and_minutes(time: str, minute: int | None) -> None:
    assert minute_of(time) == minute


@pytest.mark.parametrize(
    ("since", "until", "minutes"),
    [
        (at(1, "08:00"), at(1, "08:00"), 0),
        (at(1, "08:00"), at(1, "09:30"), 90),
        (at(1, "11:00"), at(1, "14:00"), 60),  # the break at noon does not count
        (at(1, "16:30"), at(2, "08:00"), 60),  # nor does the night
        (at(5, "16:30"), at(8, "08:00"), 60),  # nor the weekend
        (at(6, "00:00"), at(7, "23:59"), 0),
        (at(1, "00:00"), at(8, "00:00"), 5 * 450),
        (at(1, "06:00"), at(1, "07:31"), 1),
        (at(1, "09:00"), at(1, "08:00"), -60),
    ],
)
def test_only_the_usual_office_hours_count(since: datetime, until: datetime, minutes: int) -> None:
    assert open_time(USUAL, since, until, ZONE) == minutes * MINUTE


@pytest.mark.parametrize(
    ("minutes", "now", "since"),
    [
        (30, at(1, "09:00"), at(1, "08:30")),
        (30, at(1, "13:40"), at(1, "11:10")),  # ten minutes now, twenty before noon
        (30, at(1, "12:30"), at(1, "11:00")),  # closed for lunch: what came before
        (30, at(1, "07:45"), at(-2, "16:45")),  # Monday morning reaches back to Friday
        (30, at(7, "20:00"), at(5, "16:30")),
        (210, at(1, "17:00"), at(1, "13:30")),
        (450, at(1, "17:00"), at(1, "07:30")),
        (2250, at(7, "12:00"), at(1, "07:30")),
    ],
)
def test_since_when_it_has_been_open_for_so_long(minutes: int, now: datetime, since: datetime) -> None:
    assert open_for(USUAL, minutes * MINUTE, now, ZONE) == since


def test_what_never_opens_has_never_been_open_for_any_time() -> None:
    assert open_for(NEVER, MINUTE, at(1, "09:00"), ZONE) is None
    assert open_time(NEVER, at(1, "09:00"), at(5, "09:00"), ZONE) == timedelta(0)


def test_a_minute_a_week_does_not_reach_back_before_the_calendar() -> None:
    rarely: Timetable = (((0, 1),), *((),) * 6)
    assert open_for(rarely, 525_600 * MINUTE, at(1, "09:00"), ZONE) is None
    early = open_for(rarely, 105_000 * MINUTE, at(1, "09:00"), ZONE)
    assert early is not None
    assert early.year < 20


def test_what_is_always_open_counts_like_a_clock() -> None:
    assert open_for(ALWAYS, timedelta(hours=100), at(5, "04:00"), ZONE) == at(1, "00:00")


def test_the_clock_on_the_wall_counts_where_clocks_are_put_forward() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    night: Timetable = (((0, 360),),) * 7
    before, after = datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 29, 4, tzinfo=UTC)
    assert open_time(night, before, after, berlin) == timedelta(hours=6)


@pytest.mark.parametrize(
    ("spans", "found"),
    [
        ([], None),
        ([("07:30", "11:30")], None),
        ([("13:30", "17:00"), ("07:30", "11:30")], None),
        ([("07:30", "11:30"), ("11:30", "12:00")], None),
        ([("07:30", "11:30"), ("11:29", "12:00")], (("07:30", "11:30"), ("11:29", "12:00"))),
        ([("08:00", "09:00"), ("07:00", "12:00")], (("07:00", "12:00"), ("08:00", "09:00"))),
        ([("07:00", "08:00"), ("07:00", "08:00")], (("07:00", "08:00"), ("07:00", "08:00"))),
        ([("00:00", "24:00"), ("23:59", "24:00")], (("00:00", "24:00"), ("23:59", "24:00"))),
    ],
)
def test_spans_that_share_a_minute_are_found(
    spans: list[tuple[str, str]], found: tuple[tuple[str, str], tuple[str, str]] | None
) -> None:
    assert first_overlap(spans) == found


def test_hours_nobody_has_set_are_the_usual_ones_and_a_week_without_days_is_closed() -> None:
    assert timetable(None) == USUAL
    assert timetable({}) == NEVER
    assert timetable({"sun": [["13:30", "17:00"], ["07:30", "11:30"]]}) == (
        *((),) * 6,
        ((450, 690), (810, 1020)),
    )


@st.composite
def timetables(draw: st.DrawFn) -> Timetable:
    days = []
    for _ in WEEKDAYS:
        edges = sorted(draw(st.sets(st.integers(0, 1440), max_size=8)))
        days.append(tuple(zip(edges[::2], edges[1::2], strict=False)))
    return tuple(days)


# whole minutes, so that counting them one by one is the other opinion
minutes = st.integers(0, 3 * 7 * 1440).map(lambda number: at(1, "00:00") + number * MINUTE)


def is_open(hours: Timetable, instant: datetime) -> bool:
    local = instant.astimezone(ZONE)
    minute = local.hour * 60 + local.minute
    return any(start <= minute < end for start, end in hours[local.weekday()])


@given(timetables(), minutes, st.integers(0, 12 * 1440))
def test_open_time_is_what_counting_minute_by_minute_gives(
    hours: Timetable, since: datetime, length: int
) -> None:
    counted = sum(is_open(hours, since + number * MINUTE) for number in range(length))
    assert open_time(hours, since, since + length * MINUTE, ZONE) == counted * MINUTE


@given(
    timetables(),
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.integers(1, 525_600),
)
def test_the_cutoff_is_the_last_instant_since_which_it_was_open_for_so_long(
    hours: Timetable, now: datetime, needed: int
) -> None:
    since = open_for(hours, needed * MINUTE, now, ZONE)
    if since is None:
        assert open_time(hours, datetime(1, 1, 4, tzinfo=UTC), now, ZONE) < needed * MINUTE
        return
    assert open_time(hours, since, now, ZONE) == needed * MINUTE
    a_moment_later = since + timedelta(microseconds=1)
    assert open_time(hours, a_moment_later, now, ZONE) < needed * MINUTE


@given(timetables(), minutes, minutes, st.integers(1, 20_000))
def test_comparing_with_the_cutoff_is_asking_how_long_it_was_open(
    hours: Timetable, heard: datetime, now: datetime, needed: int
) -> None:
    since = open_for(hours, needed * MINUTE, now, ZONE)
    silent = since is not None and heard <= since
    assert silent == (open_time(hours, heard, now, ZONE) >= needed * MINUTE)


@given(timetables(), minutes, minutes, minutes)
def test_open_times_add_up(hours: Timetable, one: datetime, two: datetime, three: datetime) -> None:
    whole = open_time(hours, one, three, ZONE)
    assert whole == open_time(hours, one, two, ZONE) + open_time(hours, two, three, ZONE)


@given(
    timetables(),
    st.datetimes(timezones=st.timezones()),
    st.timezones(),
    st.timedeltas(MINUTE, timedelta(days=365)),
)
def test_no_instant_in_any_zone_raises(
    hours: Timetable, now: datetime, zone: ZoneInfo, needed: timedelta
) -> None:
    since = open_for(hours, needed, now, zone)
    assert since is None or since.tzinfo is not None
