import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from app.core.messages import FAULTS
from app.questionnaires.definition import (
    MAX_FAULTS,
    Definition,
    Layout,
    Slice,
    canonical_json,
    check,
    digest,
)

Content = dict[str, Any]  # what a client sends, before anything is known of its shape


def text(words: str = "câu hỏi") -> Content:
    return {"vi": words, "en": "question"}


def criterion(code: str, component: str, required: bool = True) -> Content:
    return {"code": code, "component": component, "text": text(), "required": required}


def field(code: str, *options: str) -> Content:
    return {"code": code, "title": text(), "options": [{"code": each, "title": text()} for each in options]}


def sound() -> Content:
    return {
        "code": "two-by-two",
        "version": 1,
        "title": text(),
        "formula": "pooled",
        "components": [{"code": "access", "title": text()}, {"code": "results", "title": text()}],
        "criteria": [
            criterion("A1", "access"),
            criterion("A2", "access", required=False),
            criterion("D1", "results"),
        ],
        "respondent_fields": [field("gender", "female", "male"), field("education", "primary", "other")],
    }


def faults_of(content: Content) -> list[tuple[str, str]]:
    return [(fault.pointer, fault.code) for fault in check(Definition.model_validate(content))]


def changed(change: Callable[[Content], object]) -> Content:
    content = sound()
    change(content)
    return content


def test_a_sound_definition_has_no_faults() -> None:
    assert faults_of(sound()) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda c: c.update(code="Two"), ("/code", "invalid_code")),
        (lambda c: c.update(code="-two"), ("/code", "invalid_code")),
        (lambda c: c.update(code="two\n"), ("/code", "invalid_code")),
        (lambda c: c.update(code="a" * 41), ("/code", "invalid_code")),
        (lambda c: c["title"].update(vi="  "), ("/title/vi", "blank")),
        (lambda c: c["title"].update(en=""), ("/title/en", "blank")),
        (lambda c: c["title"].update(en="x" * 201), ("/title/en", "too_long")),
        (lambda c: c["title"].update(vi="a\x00b"), ("/title/vi", "invalid_character")),
        (lambda c: c["title"].update(vi="\ud800"), ("/title/vi", "invalid_character")),
        (
            lambda c: c["criteria"][1]["text"].update(en="a\u202eb"),
            ("/criteria/1/text/en", "invalid_character"),
        ),
        (lambda c: c["criteria"][1]["text"].update(en="x" * 501), ("/criteria/1/text/en", "too_long")),
        (lambda c: c["criteria"][1].update(code="A1"), ("/criteria/1/code", "duplicate_code")),
        (lambda c: c["criteria"][1].update(code="A100"), ("/criteria/1/code", "invalid_code")),
        (lambda c: c["criteria"][1].update(code="a2"), ("/criteria/1/code", "invalid_code")),
        (lambda c: c["criteria"][1].update(code="A²"), ("/criteria/1/code", "invalid_code")),
        (lambda c: c["criteria"][1].update(component="lift"), ("/criteria/1/component", "unknown_component")),
        (lambda c: c["criteria"].pop(2), ("/components/1", "component_without_criteria")),
        (lambda c: c["components"][1]["title"].update(vi=""), ("/components/1/title/vi", "blank")),
        (
            lambda c: c["criteria"].append(criterion("A3", "access")),
            ("/criteria/3/component", "criteria_out_of_order"),
        ),
        (
            lambda c: c["respondent_fields"].append(field("name", "x")),
            ("/respondent_fields/2/code", "not_allowed"),
        ),
        (
            lambda c: c["respondent_fields"].append(field("gender", "other")),
            ("/respondent_fields/2/code", "duplicate_code"),
        ),
        (
            lambda c: c["respondent_fields"].append(field("age_band", "25-34", "26")),
            ("/respondent_fields/2/options/1/code", "not_allowed"),
        ),
        (
            lambda c: c["respondent_fields"].append(field("occupation", "x", "y", "x")),
            ("/respondent_fields/2/options/2/code", "duplicate_code"),
        ),
        (
            lambda c: c["respondent_fields"].append(field("occupation", "Ô")),
            ("/respondent_fields/2/options/0/code", "invalid_code"),
        ),
        (
            lambda c: c["respondent_fields"].append(field("occupation")),
            ("/respondent_fields/2/options", "too_few_items"),
        ),
    ],
)
def test_each_fault_is_named_where_it_stands(
    change: Callable[[Content], object], expected: tuple[str, str]
) -> None:
    assert faults_of(changed(change)) == [expected]


def test_a_component_named_twice_is_a_fault() -> None:
    content = changed(lambda c: c["components"].append({"code": "access", "title": text()}))
    assert faults_of(content) == [("/components/2/code", "duplicate_code")]


def test_a_component_code_with_a_hyphen_is_a_fault() -> None:
    content = sound()
    content["components"][1]["code"] = content["criteria"][2]["component"] = "the-results"
    assert faults_of(content) == [("/components/1/code", "invalid_code")]


def test_no_criteria_at_all_is_a_fault() -> None:
    content = changed(lambda c: c.update(criteria=[]))
    assert ("/criteria", "too_few_items") in faults_of(content)


def test_no_components_at_all_is_a_fault() -> None:
    assert ("/components", "too_few_items") in faults_of(changed(lambda c: c.update(components=[])))


@pytest.mark.parametrize(("count", "expected"), [(60, []), (61, [("/criteria", "too_many_items")])])
def test_sixty_criteria_are_the_most(count: int, expected: list[tuple[str, str]]) -> None:
    content = sound()
    content["components"] = content["components"][:1]
    content["criteria"] = [criterion(f"A{number}", "access") for number in range(count)]
    assert faults_of(content) == expected


def test_all_faults_are_told_at_once() -> None:
    content = sound()
    content["code"] = "?"
    content["title"]["vi"] = ""
    content["criteria"][0]["component"] = "nowhere"
    content["criteria"][2]["code"] = "A1"
    assert faults_of(content) == [
        ("/code", "invalid_code"),
        ("/title/vi", "blank"),
        ("/criteria/2/code", "duplicate_code"),
        ("/criteria/0/component", "unknown_component"),
    ]


def test_a_thousand_faults_are_answered_with_the_first_fifty() -> None:
    content = changed(lambda c: c.update(criteria=[criterion("A1", "access")] * 1000))
    assert len(faults_of(content)) == MAX_FAULTS


def test_every_fault_has_its_sentence_and_the_values_it_needs() -> None:
    content = sound()
    content["code"] = "?"
    content["title"] = {"vi": "", "en": "\x00" * 300}
    content["components"] = []
    content["criteria"] = content["criteria"] * 30
    content["respondent_fields"] += [field("name"), field("gender", "cat"), field("age_band", "1")]
    for fault in check(Definition.model_validate(content)):
        assert FAULTS[fault.code].render("vi", fault.params)
        assert FAULTS[fault.code].render("en", fault.params)


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.update(status="draft"),
        lambda c: c.pop("title"),
        lambda c: c.update(version=0),
        lambda c: c.update(version="1"),
        lambda c: c.update(version=True),
        lambda c: c.update(version=10**30),
        lambda c: c.update(formula="median"),
        lambda c: c["title"].update(fr="question"),
        lambda c: c["title"].pop("vi"),
        lambda c: c["criteria"][0].update(required=1),
        lambda c: c["criteria"][0].update(code=7),
    ],
)
def test_a_wrong_shape_is_refused(change: Callable[[Content], object]) -> None:
    content = changed(change)
    with pytest.raises(ValidationError):
        Definition.model_validate(content)


def test_formula_required_and_respondent_fields_may_be_left_out() -> None:
    content = changed(
        lambda c: (c.pop("formula"), c.pop("respondent_fields"), c["criteria"][0].pop("required"))
    )
    definition = Definition.model_validate(content)
    assert definition.formula == "pooled"
    assert definition.respondent_fields == ()
    assert not definition.criteria[0].required


def test_a_definition_cannot_be_changed() -> None:
    definition = Definition.model_validate(sound())
    with pytest.raises(ValidationError):
        definition.version = 2  # type: ignore[misc]  # the very thing that must fail


def test_the_digest_ignores_the_order_of_fields_and_survives_a_round_trip() -> None:
    definition = Definition.model_validate(sound())
    reversed_fields = Definition.model_validate(dict(reversed(sound().items())))
    stored = Definition.model_validate(json.loads(canonical_json(definition)))
    assert digest(definition) == digest(reversed_fields) == digest(stored)
    assert len(digest(definition)) == 64


def test_the_digest_is_the_same_for_composed_and_decomposed_letters() -> None:
    composed = changed(lambda c: c.update(title=text("hài lòng")))
    decomposed = changed(lambda c: c.update(title=text("ha\u0300i lo\u0300ng ")))
    assert digest(Definition.model_validate(composed)) == digest(Definition.model_validate(decomposed))


def test_the_digest_of_this_content_is_the_same_forever() -> None:
    assert (
        digest(Definition.model_validate(sound()))
        == "0c84fc819e2f40fd8543796817f240398fd6030f82ceff9bd2d817e103206768"
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c["criteria"][0].update(required=False),
        lambda c: c["criteria"][0]["text"].update(vi="câu  hỏi"),
        lambda c: c["respondent_fields"].reverse(),
        lambda c: c.update(version=2),
        lambda c: c.update(formula="mean_of_criteria"),
    ],
)
def test_the_digest_tells_of_every_change(change: Callable[[Content], object]) -> None:
    before, after = Definition.model_validate(sound()), Definition.model_validate(changed(change))
    assert digest(before) != digest(after)


def test_canonical_json_is_readable_utf_8_without_spaces() -> None:
    content = canonical_json(Definition.model_validate(sound()))
    assert '"title":{"en":"question","vi":"câu hỏi"}'.encode() in content


def test_a_layout_holds_the_order_the_slices_and_the_options() -> None:
    layout = Layout.of(Definition.model_validate(sound()))
    assert (layout.code, layout.version, layout.width) == ("two-by-two", 1, 3)
    assert layout.codes == ("A1", "A2", "D1")
    assert layout.positions == {"A1": 0, "A2": 1, "D1": 2}
    assert layout.required == {"A1", "D1"}
    assert layout.required_positions == (0, 2)
    assert layout.components == (Slice("access", 0, 2), Slice("results", 2, 1))
    assert layout.respondent == {"gender": {"female", "male"}, "education": {"primary", "other"}}


def test_a_definition_with_faults_is_not_compiled() -> None:
    content = changed(lambda c: c["criteria"].append(criterion("A3", "access")))
    with pytest.raises(ValueError, match="criteria_out_of_order"):
        Layout.of(Definition.model_validate(content))
