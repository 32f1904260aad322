from contextlib import suppress
from datetime import UTC, datetime
from urllib.parse import urlencode
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.faults import Fault
from app.core.problems import BadRequest, InvalidRequest
from app.questionnaires.catalogue import load_shipped
from app.questionnaires.definition import Definition, Layout
from app.responses.answers import check_respondent, encode
from app.web.service import Filled, places, shown, uuid7

NOW = datetime(2026, 11, 20, 2, 14, 2, 123456, tzinfo=UTC)
QUICK, _, LONG = load_shipped()
LINK = "7H3KQ0ZV9XM2P4C8RT5W"


def posted(**fields: str) -> bytes:
    """What a browser makes of a form; `a_A1` stands for `a.A1`."""
    hidden = {"id": str(uuid7(NOW)), "opened_at": NOW.isoformat(), "language": "vi"}
    named = {name.replace("_", ".", 1) if name[1:2] == "_" else name: text for name, text in fields.items()}
    return urlencode({**hidden, **named}).encode()


def form_of(definition: Definition) -> st.SearchStrategy[dict[str, str]]:
    """A form as people fill it in: required questions answered, the others as they like."""
    answers = {f"a.{one.code}": st.sampled_from("12345") for one in definition.criteria if one.required}
    optional = {
        f"a.{one.code}": st.sampled_from(["1", "2", "3", "4", "5", "none"])
        for one in definition.criteria
        if not one.required
    }
    person = {
        f"r.{field.code}": st.sampled_from(["", *(option.code for option in field.options)])
        for field in definition.respondent_fields
    }
    comment = {"comment": st.text(st.characters(exclude_categories=("C", "Z")), max_size=300)}
    hidden = {"id": st.uuids().map(str), "opened_at": st.just(NOW.isoformat()), "language": st.just("en")}
    return st.fixed_dictionaries({**answers, **comment, **hidden}, optional={**optional, **person})


@pytest.mark.parametrize("definition", [QUICK, LONG], ids=["quick-5", "service-22"])
@given(data=st.data())
def test_a_form_filled_in_as_it_should_be_passes_the_apis_own_checks(
    definition: Definition, data: st.DataObject
) -> None:
    fields = data.draw(form_of(definition))
    filled = Filled.read(urlencode(fields).encode())
    response = filled.response(LINK, definition)
    layout = Layout.of(definition)
    assert encode(layout, response.answers)[1] == []
    assert check_respondent(layout, response.respondent or {}) == []
    assert str(response.id) == fields["id"]
    assert (response.comment or "") == fields["comment"]
    for name, text in fields.items():
        if name.startswith("a."):
            assert response.answers[name[2:]] == (None if text == "none" else int(text))
    assert response.submitted_at == response.sent_at
    assert response.started_at is None


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=50), max_size=20))
def test_whatever_is_posted_gives_a_response_or_faults_that_have_a_place(fields: dict[str, str]) -> None:
    encoded = urlencode(fields, errors="replace").encode()
    filled = Filled.read(encoded)
    again = filled.again(NOW)
    assert str(UUID(again.id))
    try:
        faults = encode(Layout.of(QUICK), filled.response(LINK, QUICK).answers)[1]
    except InvalidRequest as problem:
        faults = list(problem.faults)
    assert bool(faults) == bool(places(faults, QUICK))


@given(st.binary(max_size=200))
def test_bytes_that_are_no_form_are_refused_and_nothing_else_happens(body: bytes) -> None:
    with suppress(BadRequest):
        Filled.read(body)


def test_a_form_with_too_many_fields_is_refused() -> None:
    with pytest.raises(BadRequest):
        Filled.read(b"&".join(b"a.A%d=1" % number for number in range(1000)))


def test_not_applicable_is_null_and_an_answer_left_out_is_left_out() -> None:
    filled = Filled.read(posted(a_A1="5", a_E1="none"))
    assert filled.answers == {"A1": 5, "E1": None}


@pytest.mark.parametrize("text", ["0", "6", "05", "５", "", "five", "None", "true", "4.0"])
def test_an_answer_that_is_none_is_a_fault_of_its_question(text: str) -> None:
    filled = Filled.read(posted(a_A1=text, a_B1="4", a_C1="4", a_D1="4"))
    _, faults = encode(Layout.of(QUICK), filled.response(LINK, QUICK).answers)
    assert places(faults, QUICK) == {"A1"}


def test_lines_of_a_comment_are_broken_as_a_script_would_break_them() -> None:
    assert Filled.read(posted(comment=" một\r\nhai\r\n")).comment == "một\nhai"


def test_a_choice_of_no_answer_about_oneself_is_not_sent() -> None:
    filled = Filled.read(posted(r_gender="", r_age_band="25-34"))
    assert filled.respondent == {"age_band": "25-34"}


def test_without_a_word_about_oneself_there_is_no_respondent() -> None:
    assert Filled.read(posted(r_gender="")).response(LINK, QUICK).respondent is None


def test_a_form_with_its_hidden_fields_keeps_its_id() -> None:
    filled = Filled.read(posted(a_A1="5"))
    assert filled.again(NOW) == filled


@pytest.mark.parametrize(
    "broken", [{"id": "1"}, {"id": ""}, {"opened_at": "now"}, {"opened_at": "2026-11-20"}]
)
def test_broken_hidden_fields_are_made_anew_and_what_was_said_stays(broken: dict[str, str]) -> None:
    again = Filled.read(posted(a_A1="5", comment="x", **broken)).again(NOW)
    assert str(UUID(again.id))
    assert datetime.fromisoformat(again.opened_at).tzinfo is not None
    assert (again.answers, again.comment) == ({"A1": 5}, "x")


@pytest.mark.parametrize(
    ("faults", "shown_at"),
    [
        ([], set()),
        ([Fault("/answers/B1", "missing"), Fault("/answers/C1", "missing")], {"B1", "C1"}),
        ([Fault("/answers/B1", "missing"), Fault("/answers", "no_answer")], {"B1"}),
        ([Fault("/answers", "no_answer")], {"empty"}),
        ([Fault("/answers/Z9", "unknown_criterion")], {"other"}),
        ([Fault("/comment", "too_long")], {"comment"}),
        ([Fault("/respondent/gender", "not_allowed")], {"other"}),
        ([Fault("/id", "invalid_uuid")], {"other"}),
        ([Fault("", "invalid_type")], {"other"}),
    ],
)
def test_a_fault_is_shown_where_it_belongs(faults: list[Fault], shown_at: set[str]) -> None:
    assert places(faults, QUICK) == shown_at


@pytest.mark.parametrize(("definition", "minutes"), [(QUICK, 1), (LONG, 4)])
def test_the_page_says_how_long_it_takes(definition: Definition, minutes: int) -> None:
    assert shown(Filled.blank(NOW), definition)["minutes"] == minutes


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(1970, 1, 2), max_value=datetime(9999, 1, 1)))  # noqa: DTZ001  the strategy adds the zone
def test_an_id_is_a_uuid_of_version_7_with_its_time_in_front(now: datetime) -> None:
    made = uuid7(now)
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert made.int >> 80 == int(now.timestamp() * 1000)


def test_ids_made_at_once_differ() -> None:
    assert len({uuid7(NOW) for _ in range(1000)}) == 1000
