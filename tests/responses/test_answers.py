from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.messages import FAULTS
from app.questionnaires.catalogue import load_shipped
from app.questionnaires.definition import Layout
from app.responses.answers import MAX_FAULTS, check_respondent, decode, encode

LAYOUTS = {definition.code: Layout.of(definition) for definition in load_shipped()}
QUICK = LAYOUTS["quick-5"]
GOOD: dict[str, object] = {"A1": 5, "B1": 4, "C1": 3, "D1": 2, "E1": None}
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
layouts = st.sampled_from(list(LAYOUTS.values()))


def faults_of(answers: Mapping[str, object], layout: Layout = QUICK) -> list[tuple[str, str]]:
    data, faults = encode(layout, answers)
    assert (data == b"") == bool(faults)
    return [(fault.pointer, fault.code) for fault in faults]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (GOOD, b"\x05\x04\x03\x02\x00"),
        (dict(reversed(GOOD.items())), b"\x05\x04\x03\x02\x00"),
        ({"A1": 1, "B1": 1, "C1": 1, "D1": 1}, b"\x01\x01\x01\x01\x00"),
        ({"A1": None, "B1": None, "C1": None, "D1": 1}, b"\x00\x00\x00\x01\x00"),
        ({"A1": None, "B1": None, "C1": None, "D1": None, "E1": 5}, b"\x00\x00\x00\x00\x05"),
    ],
)
def test_good_answers_are_one_byte_a_criterion_in_order(answers: dict[str, object], expected: bytes) -> None:
    assert encode(QUICK, answers) == (expected, [])


@pytest.mark.parametrize(
    "value", [0, 6, -1, 256, 10**40, True, False, 4.0, float("nan"), "4", "", b"\x04", [], [4], {}, {"4": 4}]
)
def test_only_whole_numbers_from_1_to_5_and_null_are_answers(value: object) -> None:
    assert faults_of({**GOOD, "C1": value}) == [("/answers/C1", "invalid_answer")]


def test_an_unknown_code_is_a_fault_even_with_null() -> None:
    assert faults_of({**GOOD, "F1": None}) == [("/answers/F1", "unknown_criterion")]


def test_codes_are_compared_to_the_letter() -> None:
    assert faults_of({**GOOD, "a1": 5}) == [("/answers/a1", "unknown_criterion")]


def test_a_missing_required_criterion_is_a_fault_and_a_missing_optional_one_is_none() -> None:
    assert faults_of({"A1": 5, "B1": 5, "E1": 5}) == [("/answers/C1", "missing"), ("/answers/D1", "missing")]


def test_a_required_criterion_may_be_answered_not_applicable() -> None:
    assert faults_of({**GOOD, "A1": None}) == []


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"A1": 5}, b"\x05\x00\x00\x00\x00"),
        ({"E1": 1}, b"\x00\x00\x00\x00\x01"),
        ({"A1": None, "C1": 3}, b"\x00\x00\x03\x00\x00"),
        (GOOD, b"\x05\x04\x03\x02\x00"),
    ],
)
def test_who_leaves_in_the_middle_may_leave_out_required_criteria(
    answers: dict[str, object], expected: bytes
) -> None:
    assert encode(QUICK, answers, complete=False) == (expected, [])


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({}, [("/answers", "no_answer")]),
        ({"A1": None}, [("/answers", "no_answer")]),
        ({"A1": 6}, [("/answers/A1", "invalid_answer"), ("/answers", "no_answer")]),
        ({"A1": 5, "Z9": 1}, [("/answers/Z9", "unknown_criterion")]),
    ],
)
def test_who_leaves_in_the_middle_has_answered_something_and_nothing_wrong(
    answers: dict[str, object], expected: list[tuple[str, str]]
) -> None:
    data, faults = encode(QUICK, answers, complete=False)
    assert (data, [(fault.pointer, fault.code) for fault in faults]) == (b"", expected)


def test_a_response_without_any_answer_is_a_fault() -> None:
    assert faults_of(dict.fromkeys(GOOD)) == [("/answers", "no_answer")]


def test_an_empty_response_lacks_everything() -> None:
    assert faults_of({}) == [
        ("/answers/A1", "missing"),
        ("/answers/B1", "missing"),
        ("/answers/C1", "missing"),
        ("/answers/D1", "missing"),
        ("/answers", "no_answer"),
    ]


def test_all_faults_are_told_at_once() -> None:
    assert faults_of({"A1": 9, "Z9": 1, "B1": 4, "E1": "x"}) == [
        ("/answers/A1", "invalid_answer"),
        ("/answers/Z9", "unknown_criterion"),
        ("/answers/E1", "invalid_answer"),
        ("/answers/C1", "missing"),
        ("/answers/D1", "missing"),
    ]


def test_ten_thousand_unknown_codes_are_answered_with_the_first_fifty() -> None:
    assert faults_of({f"X{number}": 1 for number in range(10_000)}) == [
        (f"/answers/X{number}", "unknown_criterion") for number in range(MAX_FAULTS)
    ]


def test_a_strange_code_is_sent_back_short_escaped_and_in_valid_utf_8() -> None:
    assert faults_of({**GOOD, "a/b~c": 1}) == [("/answers/a~1b~0c", "unknown_criterion")]
    assert faults_of({**GOOD, "\ud800": 1}) == [("/answers/?", "unknown_criterion")]
    assert faults_of({**GOOD, "x" * 1_000_000: 1}) == [("/answers/" + "x" * 64 + "…", "unknown_criterion")]


def test_the_long_questionnaires_place_each_answer_at_its_criterion() -> None:
    layout = LAYOUTS["service-22"]
    answers = {code: at % 5 + 1 for at, code in enumerate(layout.codes)}
    data, faults = encode(layout, answers)
    assert (list(data), faults) == ([at % 5 + 1 for at in range(22)], [])


@given(layouts, st.data())
def test_what_is_encoded_is_decoded(layout: Layout, data: st.DataObject) -> None:
    value = st.none() | st.integers(1, 5)
    optional = [code for code in layout.codes if code not in layout.required]
    answers: dict[str, int | None] = data.draw(
        st.fixed_dictionaries(dict.fromkeys(layout.required, value), optional=dict.fromkeys(optional, value))
    )
    encoded, faults = encode(layout, answers)
    if any(answers.values()):
        assert faults == []
        assert decode(layout, encoded) == {code: answers.get(code) for code in layout.codes}
    else:
        assert [fault.code for fault in faults] == ["no_answer"]


@given(layouts, st.data())
def test_any_part_of_good_answers_is_good_when_it_is_said_to_be_a_part(
    layout: Layout, data: st.DataObject
) -> None:
    value = st.none() | st.integers(1, 5)
    answers: dict[str, int | None] = data.draw(st.dictionaries(st.sampled_from(layout.codes), value))
    encoded, faults = encode(layout, answers, complete=False)
    if any(answers.values()):
        assert decode(layout, encoded) == {code: answers.get(code) for code in layout.codes}
    else:
        assert [fault.code for fault in faults] == ["no_answer"]


@given(layouts, st.data())
def test_what_is_decoded_is_encoded(layout: Layout, data: st.DataObject) -> None:
    row = st.lists(st.integers(0, 5), min_size=layout.width, max_size=layout.width)
    stored = bytes(data.draw(row.filter(any)))
    assert encode(layout, decode(layout, stored)) == (stored, [])


@given(
    layouts,
    st.dictionaries(st.sampled_from(["A1", "B1", "C1", "D1", "E1"]) | st.text() | st.none(), anything),
)
def test_no_mapping_whatsoever_raises(layout: Layout, answers: dict[str, object]) -> None:
    data, faults = encode(layout, answers)
    assert (len(data), faults) == (layout.width, []) or (data == b"" and 0 < len(faults) <= MAX_FAULTS)
    for fault in faults:
        assert FAULTS[fault.code].render("vi", fault.params)
        assert fault.pointer.encode()


@pytest.mark.parametrize(
    "data", [b"", b"\x01\x02\x03\x04", b"\x01\x02\x03\x04\x05\x00", b"\x01\x02\x03\x04\x06"]
)
def test_bytes_that_are_no_answers_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"bytes for the 5 criteria|is no answer"):
        decode(QUICK, data)


def respondent_faults(respondent: Mapping[str, object]) -> list[tuple[str, str]]:
    return [(fault.pointer, fault.code) for fault in check_respondent(QUICK, respondent)]


@pytest.mark.parametrize(
    "respondent",
    [{}, {"gender": "other"}, {"age_band": "65+"}, {"education": "primary", "occupation": "retired"}],
)
def test_a_respondent_may_tell_any_part_or_nothing(respondent: dict[str, object]) -> None:
    assert respondent_faults(respondent) == []


@pytest.mark.parametrize("value", ["cat", "Female", "", None, 1, ["female"], {}])
def test_only_the_coded_values_of_a_field_are_accepted(value: object) -> None:
    assert respondent_faults({"gender": value}) == [("/respondent/gender", "not_allowed")]


def test_the_fault_says_which_values_are_allowed() -> None:
    (fault,) = check_respondent(QUICK, {"gender": "cat"})
    assert FAULTS[fault.code].render("en", fault.params) == "The value must be one of: female, male, other."


def test_a_field_this_questionnaire_does_not_ask_for_is_a_fault() -> None:
    respondent: dict[str, object] = {"ethnicity_group": "kinh", "name": "An"}
    assert [fault.pointer for fault in check_respondent(LAYOUTS["service-16"], respondent)] == [
        "/respondent/name"
    ]
    assert respondent_faults(respondent) == [
        ("/respondent/ethnicity_group", "unknown_field"),
        ("/respondent/name", "unknown_field"),
    ]


@given(layouts, st.dictionaries(st.sampled_from(["gender", "age_band"]) | st.text(), anything))
def test_no_respondent_whatsoever_raises(layout: Layout, respondent: dict[str, object]) -> None:
    assert len(check_respondent(layout, respondent)) <= len(respondent)


def test_a_respondent_of_a_thousand_fields_is_answered_with_the_first_fifty() -> None:
    assert len(respondent_faults(dict.fromkeys(map(str, range(1000)), "x"))) == MAX_FAULTS
