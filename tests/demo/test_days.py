"""A unit's day: the rhythm, and answers the real intake accepts as they are meant."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cache
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.clock import local_day
from app.demo.days import UnitDay, busyness, unit_day
from app.demo.opinions import form
from app.demo.province import Place, Story, province
from app.questionnaires.catalogue import load_shipped
from app.questionnaires.definition import Layout
from app.responses.schemas import ResponseIn
from app.responses.submission import Said, Source, Submission, prepare
from app.visits.schemas import VisitIn, read_visit

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
FORMS = {definition.code: form(definition) for definition in load_shipped()}
LAYOUTS = {definition.code: Layout.of(definition) for definition in load_shipped()}
LAST = date(2026, 11, 20)  # a Friday
STORY = Story(LAST - timedelta(days=89), LAST)
PLACES = province(STORY).places
SUNDAY, MONDAY, WEDNESDAY, SATURDAY = (date(2026, 10, day) for day in (4, 5, 7, 10))


@cache
def fortnight() -> list[tuple[Place, UnitDay]]:
    """Two weeks everywhere."""
    days = [LAST - timedelta(days=ago) for ago in range(14)]
    return [(place, unit_day(place, day, STORY, FORMS, ZONE)) for place in PLACES for day in days]


@cache
def few() -> list[tuple[Place, UnitDay]]:
    """The whole time at a few units."""
    days = [STORY.first + timedelta(days=number) for number in range(90)]
    return [(place, unit_day(place, day, STORY, FORMS, ZONE)) for place in PLACES[:12] for day in days]


def stored(place: Place, made: UnitDay) -> Iterator[tuple[str | None, Submission]]:
    """What intake would store of a day's answers, with the dossier of those that come through a link."""
    for answer in made.answers:
        sent = ResponseIn.model_validate(answer.body)
        said = Said(
            sent.id,
            sent.answers,
            sent.comment,
            sent.respondent,
            sent.language,
            sent.started_at,
            sent.submitted_at,
            sent.sent_at,
        )
        source = Source(1, visit_id=1) if answer.dossier else Source(1, device_id=UUID(int=1))
        row = prepare(said, 1, LAYOUTS[sent.questionnaire.code], source, answer.received_at, ZONE)
        assert isinstance(row, Submission), row
        yield answer.dossier, row


def visits_on(day: date) -> int:
    return sum(len(unit_day(place, day, STORY, FORMS, ZONE).visits) for place in PLACES)


def test_nobody_is_served_on_sundays_and_public_holidays() -> None:
    assert visits_on(SUNDAY) == 0
    assert busyness(date(2026, 9, 2)) == busyness(date(2027, 1, 1)) == busyness(date(2027, 4, 30)) == 0


def test_nobody_is_served_around_tet() -> None:
    assert [busyness(date(2027, 2, day)) > 0 for day in (4, 5, 8, 10, 11)] == [
        True,
        False,
        False,
        False,
        True,
    ]


def test_tet_is_the_vietnamese_one_which_in_2030_begins_a_day_before_the_chinese() -> None:
    assert (busyness(date(2030, 2, 1)), busyness(date(2030, 2, 7)) > 0) == (0, True)


def test_an_ordinary_week_is_as_busy_as_five_weekdays() -> None:
    week = [busyness(MONDAY + timedelta(days=number)) for number in range(7)]
    assert 5 < sum(week) < 5.6
    assert max(week) == week[0]


def test_mondays_are_busier_than_wednesdays_and_saturdays_quiet() -> None:
    monday, wednesday, saturday = visits_on(MONDAY), visits_on(WEDNESDAY), visits_on(SATURDAY)
    assert monday > 1.2 * wednesday
    assert 0 < saturday < 0.3 * wednesday


def test_people_come_in_the_morning_and_the_afternoon_but_not_at_noon() -> None:
    hours = Counter(
        datetime.fromisoformat(str(answer.body["started_at"])).hour
        for _, made in fortnight()
        for answer in made.answers
        if answer.dossier is None
    )
    assert hours[9] > hours[7]
    assert hours[9] > 10 * hours[12]
    assert hours[14] > hours[16] > 0


def test_saturday_afternoons_are_closed() -> None:
    hours = [
        row.submitted_at.astimezone(ZONE).hour
        for place in PLACES
        for dossier, row in stored(place, unit_day(place, SATURDAY, STORY, FORMS, ZONE))
        if dossier is None and row.verdict == "counted"
    ]
    assert hours
    assert max(hours) < 12


def test_a_day_of_a_unit_is_the_same_whenever_it_is_told() -> None:
    again = unit_day(PLACES[0], MONDAY, replace(STORY, communes=1), FORMS, ZONE)
    assert again == unit_day(PLACES[0], MONDAY, STORY, FORMS, ZONE)
    assert again != unit_day(PLACES[0], MONDAY, replace(STORY, seed=1), FORMS, ZONE)


def test_the_visits_service_can_read_every_visit() -> None:
    for place, made in fortnight():
        for sent in made.visits:
            visit = read_visit(sent)
            assert isinstance(visit, VisitIn)
            assert visit.unit_code == place.code


def test_dossiers_and_response_ids_never_repeat() -> None:
    dossiers = [visit["dossier_code"] for _, made in fortnight() for visit in made.visits]
    ids = [UUID(str(answer.body["id"])) for _, made in fortnight() for answer in made.answers]
    assert len(set(dossiers)) == len(dossiers) > 10_000
    assert len(set(ids)) == len(ids)
    assert {one.version for one in ids} == {7}


def test_a_link_is_answered_once_and_belongs_to_a_visit_of_the_day() -> None:
    for _, made in fortnight():
        used = [answer.dossier for answer in made.answers if answer.dossier is not None]
        assert len(set(used)) == len(used)
        assert set(used) <= {visit["dossier_code"] for visit in made.visits}


def test_units_without_a_tablet_have_no_answers_from_one() -> None:
    for place, made in fortnight():
        assert all(answer.tablet in range(place.tablets) for answer in made.answers if answer.dossier is None)


def test_nothing_arrives_before_it_is_sent_nor_after_the_story() -> None:
    for _, made in fortnight():
        for answer in made.answers:
            assert datetime.fromisoformat(str(answer.body["sent_at"])) < answer.received_at
            assert local_day(answer.received_at, ZONE) <= LAST


def test_intake_accepts_every_answer_and_holds_back_few() -> None:
    reasons = Counter(row.verdict_reason for place, made in few() for _, row in stored(place, made))
    total = sum(reasons.values())
    assert total > 3000
    assert reasons["late"] > 0
    assert reasons["clock"] > 0
    assert (reasons["late"] + reasons["clock"]) / total < 0.03


def test_what_counts_from_a_tablet_counts_on_its_day() -> None:
    for place, made in fortnight():
        days = {
            row.local_day
            for dossier, row in stored(place, made)
            if dossier is None and row.verdict == "counted"
        }
        assert len(days) <= 1


def test_about_a_fifth_of_the_visits_is_answered_through_the_link() -> None:
    visits = sum(len(made.visits) for _, made in few())
    answers = sum(answer.dossier is not None for _, made in few() for answer in made.answers)
    assert 0.13 < answers / visits < 0.27


def satisfied(rows: list[Submission], position: slice) -> float:
    given = [byte for row in rows for byte in row.answers[position] if byte]
    return sum(byte >= 4 for byte in given) / len(given)


def test_the_figures_look_like_those_of_desks() -> None:
    rows: dict[str, list[Submission]] = {}
    for place, made in fortnight():
        if place.questionnaire == "quick-5":
            rows.setdefault(place.code, []).extend(row for _, row in stored(place, made))
    every = [row for some in rows.values() for row in some]
    assert 0.90 < satisfied(every, slice(0, 5)) < 0.96
    assert satisfied(every, slice(1, 2)) < satisfied(every, slice(2, 3))  # procedures below officials
    unanswered = sum(row.answers[4] == 0 for row in every) / len(every)
    assert 0.8 < unanswered < 0.9
    shares = [satisfied(some, slice(0, 5)) for some in rows.values()]
    assert sum(share < 0.86 for share in shares) in range(3, 20)
    assert sum(share > 0.9 for share in shares) > 70
    commented = sum(row.comment is not None for row in every) / len(every)
    assert 0.02 < commented < 0.12
    assert any(row.respondent for row in every)


@pytest.mark.parametrize("code", ["quick-5", "service-16"])
def test_both_questionnaires_are_answered(code: str) -> None:
    asked = {str(answer.body["questionnaire"]) for _, made in fortnight() for answer in made.answers}
    assert any(code in one for one in asked)


@given(st.integers(0, 10**6), st.sampled_from(PLACES), st.dates(date(2026, 1, 1), date(2030, 12, 31)))
def test_any_day_of_any_story_is_told_without_a_fault(seed: int, place: Place, day: date) -> None:
    story = Story(day - timedelta(days=3), day + timedelta(days=3), seed=seed, visits_a_day=3)
    made = unit_day(place, day, story, FORMS, ZONE)
    assert all(isinstance(read_visit(visit), VisitIn) for visit in made.visits)
    assert len(list(stored(place, made))) == len(made.answers)
