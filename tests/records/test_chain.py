from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.records.chain import BEGINNING, Break, Check, Line, Place, Sealed, canonical, next_place, seal_of

NOW = datetime(2026, 11, 20, 2, 14, 7, 120394, tzinfo=UTC)
DAY = date(2026, 11, 20)


def line(number: int, **other: Any) -> Line:
    made = Line(
        id=number,
        at=NOW + timedelta(seconds=number),
        actor="system",
        action="unit.change",
        target=f"unit:{number}",
        details={"before": {"name": "Xã A"}, "after": {"name": "Xã Á"}},
        unit_ids=[1, 2],
        address="203.0.113.7",
        request_id=None,
    )
    return replace(made, **other)


def chained(*per_day: int) -> list[list[Sealed]]:
    """Days with so many lines each."""
    head: Place | None = None
    days: list[list[Sealed]] = []
    number = 0
    for offset, count in enumerate(per_day):
        days.append([])
        for _ in range(count):
            number += 1
            made = line(number)
            head = next_place(made, DAY + timedelta(days=offset), head)
            days[-1].append((made, head))
    return days


def broken(days: list[list[Sealed]]) -> list[tuple[str, int]]:
    check = Check()
    for day in days:
        check.follow(day)
    return [(found.kind, found.id) for found in check.breaks]


def renumbered(lines: list[Sealed]) -> list[Sealed]:
    return [(one, place._replace(number=number)) for number, (one, place) in enumerate(lines, 1)]


def test_the_canonical_form_is_the_one_that_is_written_down() -> None:
    said = canonical(line(1, at=datetime(2026, 11, 20, 9, 14, tzinfo=UTC), details={"b": 1, "a": "é"}), DAY)
    assert said.decode() == (
        '{"action":"unit.change","actor":"system","address":"203.0.113.7",'
        '"at":"2026-11-20T09:14:00.000000+00:00","day":"2026-11-20","details":{"a":"é","b":1},"id":1,'
        '"request_id":null,"target":"unit:1","unit_ids":[1,2]}'
    )


def test_the_first_line_of_a_day_follows_the_last_day_that_has_one() -> None:
    head = next_place(line(1), DAY, None)
    assert (head.day, head.number, head.previous) == (DAY, 1, BEGINNING)
    later = next_place(line(2), DAY + timedelta(days=9), head)
    assert (later.number, later.previous) == (1, head.seal)


def test_a_line_that_comes_late_goes_into_the_day_that_is_open() -> None:
    head = next_place(line(1), DAY, None)
    late = next_place(line(2), DAY - timedelta(days=1), head)
    assert (late.day, late.number) == (DAY, 2)


def test_an_untouched_chain_is_whole() -> None:
    assert broken(chained(3, 1, 4)) == []
    assert broken([]) == []


@pytest.mark.parametrize("field", ["actor", "action", "target", "address", "request_id"])
def test_a_changed_text_shows_at_its_line(field: str) -> None:
    days = chained(3, 2)
    other: dict[str, Any] = {field: "other"}
    days[0][1] = (replace(days[0][1][0], **other), days[0][1][1])
    assert broken(days) == [("changed", 2)]


def test_a_removed_line_shows_at_the_next_one_with_how_many_are_gone() -> None:
    days = chained(6)
    del days[0][2:4]
    check = Check()
    check.follow(days[0])
    assert check.breaks == [Break("removed", DAY, 5, 5, 2)]
    assert str(check.breaks[0]) == "2026-11-20, line 5 (id 5): 2 lines before it are gone, or written anew"


def test_renumbering_does_not_hide_a_removed_line() -> None:
    (day,) = chained(5)
    del day[2]
    assert broken([renumbered(day)]) == [("removed", 4)]


def test_a_removed_end_of_a_day_and_a_removed_day_show_on_the_next_day() -> None:
    days = chained(3, 3, 3)
    del days[0][-1]
    assert broken(days) == [("removed", 4)]
    days = chained(3, 3, 3)
    del days[1]
    assert broken(days) == [("removed", 7)]
    days = chained(3, 3)
    del days[0]
    assert broken(days) == [("removed", 4)]


def test_a_line_put_in_between_shows_though_it_has_a_seal_of_its_own() -> None:
    (day,) = chained(4)
    forged = line(99)
    day.insert(2, (forged, next_place(forged, DAY, day[1][1])))
    assert broken([renumbered(day)]) == [("inserted", 99)]


def test_a_line_put_in_at_the_end_of_a_day_shows_by_the_next_day() -> None:
    days = chained(2, 2)
    forged = line(99)
    days[0].append((forged, next_place(forged, DAY, days[0][1][1])))
    assert broken(days) == [("inserted", 99)]


def test_two_lines_that_changed_places_show() -> None:
    (day,) = chained(5)
    day[1], day[2] = day[2], day[1]
    assert broken([renumbered(day)]) == [("reordered", 3)]


def test_a_line_written_anew_with_its_seal_shows_at_the_next_one() -> None:
    (day,) = chained(4)
    forged = replace(day[1][0], actor="user:x")
    day[1] = (forged, next_place(forged, DAY, day[0][1]))
    assert broken([day]) == [("removed", 3)]


numbers = st.lists(st.integers(1, 5), min_size=1, max_size=4)


@given(numbers, st.data())
def test_whatever_is_done_to_a_line_in_the_middle_breaks_the_chain(
    per_day: list[int], data: st.DataObject
) -> None:
    days = chained(*per_day)
    flat = [(at, index) for at, day in enumerate(days) for index in range(len(day))]
    at, index = data.draw(st.sampled_from(flat))
    last = (at, index) == flat[-1]
    deed = data.draw(st.sampled_from(["change", "remove", "forge", "swap"]))
    one, place = days[at][index]
    if deed == "change":
        days[at][index] = (replace(one, target="unit:x"), place)
    elif deed == "remove":
        del days[at][index]
        days = [day for day in days if day]
    elif deed == "forge":
        forged = replace(one, target="unit:x")
        seal = seal_of(forged, place.day, place.previous)
        days[at][index] = (forged, place._replace(seal=seal))
    elif index + 1 < len(days[at]):
        days[at][index], days[at][index + 1] = days[at][index + 1], days[at][index]
    else:
        deed = "nothing"
    # the end of the chain is the one place where nothing follows that could tell
    whole = deed == "nothing" or (last and deed in {"remove", "forge"})
    assert (broken(days) == []) is whole
