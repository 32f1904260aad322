from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.questionnaires.catalogue import load_shipped
from app.questionnaires.definition import Layout
from app.responses.submission import Said, Source, Submission, held_back_for, prepare

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
LAYOUT = Layout.of(next(shipped for shipped in load_shipped() if shipped.code == "quick-5"))
RECEIVED = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
DEVICE = Source(unit_id=1, device_id=UUID(int=7))
SAID = Said(
    id=UUID(int=1),
    answers={"A1": 5, "B1": 4, "C1": 5, "D1": 4, "E1": None},
    comment=None,
    respondent=None,
    language="vi",
    started_at=RECEIVED - timedelta(seconds=40),
    submitted_at=RECEIVED,
    sent_at=RECEIVED,
)


def prepared(said: Said, source: Source = DEVICE) -> Submission:
    outcome = prepare(said, 3, LAYOUT, source, RECEIVED, ZONE)
    assert isinstance(outcome, Submission)
    return outcome


def test_a_response_is_stored_on_the_local_day_of_its_submission() -> None:
    evening = datetime(2026, 11, 19, 18, 30, tzinfo=UTC)  # half past one in the morning of the 20th in Hà Nội
    assert prepared(SAID._replace(submitted_at=evening)).local_day == date(2026, 11, 20)


def test_a_clock_that_is_wrong_by_years_is_corrected() -> None:
    wrong = timedelta(days=4000)
    row = prepared(
        SAID._replace(submitted_at=RECEIVED - wrong - timedelta(hours=3), sent_at=RECEIVED - wrong)
    )
    assert row.submitted_at == RECEIVED - timedelta(hours=3)
    assert row.verdict == "counted"


@pytest.mark.parametrize(
    ("ahead", "reason"),
    [
        (timedelta(0), None),
        (timedelta(minutes=5), None),
        (timedelta(minutes=5, microseconds=1), "clock"),
        (timedelta(days=-30), None),
        (timedelta(days=-30, microseconds=-1), "late"),
    ],
)
def test_times_too_far_from_now_are_held_back(ahead: timedelta, reason: str | None) -> None:
    assert held_back_for(RECEIVED + ahead, RECEIVED) == reason


@pytest.mark.parametrize("year", [1, 9999])
def test_the_ends_of_the_calendar_are_held_back_and_never_overflow(year: int) -> None:
    edge = datetime(year, 1 if year == 1 else 12, 1 if year == 1 else 31, tzinfo=UTC)
    row = prepared(SAID._replace(submitted_at=edge))
    assert row.verdict == "quarantined"
    prepared(SAID._replace(sent_at=edge))
    prepared(SAID._replace(started_at=edge))


@given(st.datetimes(timezones=st.timezones()), st.datetimes(timezones=st.timezones()))
def test_no_time_whatsoever_raises(submitted: datetime, sent: datetime) -> None:
    row = prepared(SAID._replace(submitted_at=submitted, sent_at=sent))
    assert (row.verdict == "counted") == (row.verdict_reason is None)


def test_the_digest_knows_the_content_but_not_the_sending_nor_the_link() -> None:
    once = prepared(SAID)
    again = prepared(SAID._replace(sent_at=RECEIVED + timedelta(hours=1)))
    by_link = prepared(SAID, Source(unit_id=1, visit_id=9))
    assert once.content_digest == again.content_digest == by_link.content_digest


@pytest.mark.parametrize(
    "change",
    [
        {"id": UUID(int=2)},
        {"answers": {**SAID.answers, "A1": 4}},
        {"comment": "Tốt"},
        {"respondent": {"gender": "female"}},
        {"language": "en"},
        {"started_at": None},
        {"submitted_at": RECEIVED - timedelta(seconds=1)},
        {"complete": False},
    ],
)
def test_any_other_content_has_another_digest(change: dict[str, Any]) -> None:
    assert prepared(SAID._replace(**change)).content_digest != prepared(SAID).content_digest


def test_what_was_stored_before_responses_could_be_partial_is_still_recognised() -> None:
    """This very digest was computed by the release before; a tablet of that day may still send it again."""
    assert prepared(SAID).content_digest.hex() == "28c154a2b2bb330867db095ac7011f70"


def test_an_explicit_null_is_the_same_as_an_optional_criterion_left_out() -> None:
    without = {code: value for code, value in SAID.answers.items() if code != "E1"}
    assert prepared(SAID._replace(answers=without)).content_digest == prepared(SAID).content_digest


def test_every_fault_of_the_content_is_told_at_once() -> None:
    said = SAID._replace(answers={"A1": 9, "Z9": 1}, respondent={"gender": "tall", "shoe": "42"})
    faults = prepare(said, 3, LAYOUT, DEVICE, RECEIVED, ZONE)
    assert isinstance(faults, list)
    assert {(fault.pointer, fault.code) for fault in faults} >= {
        ("/answers/A1", "invalid_answer"),
        ("/answers/Z9", "unknown_criterion"),
        ("/answers/B1", "missing"),
        ("/respondent/gender", "not_allowed"),
        ("/respondent/shoe", "unknown_field"),
    }


@pytest.mark.parametrize(
    ("seconds", "kept"), [(40, 40), (0, 0), (-1, None), (24 * 3600, 24 * 3600), (24 * 3600 + 1, None)]
)
def test_a_duration_is_kept_only_when_it_can_be_true(seconds: int, kept: int | None) -> None:
    assert prepared(SAID._replace(started_at=RECEIVED - timedelta(seconds=seconds))).duration_seconds == kept
