import unicodedata
from collections.abc import Iterator
from itertools import pairwise

import pytest

from app.questionnaires.catalogue import SHIPPED, load_shipped, parse_shipped
from app.questionnaires.definition import RESPONDENT_FIELDS, Bilingual, Definition, Layout, digest

DEFINITIONS = load_shipped()
BY_CODE = {definition.code: definition for definition in DEFINITIONS}
COMPONENTS = ["access", "procedures", "officials", "results", "complaints"]
every_questionnaire = pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda each: each.code)


def texts(definition: Definition) -> Iterator[Bilingual]:
    yield definition.title
    yield from (component.title for component in definition.components)
    yield from (criterion.text for criterion in definition.criteria)
    for field in definition.respondent_fields:
        yield field.title
        yield from (option.title for option in field.options)


def options(definition: Definition) -> dict[str, list[str]]:
    return {field.code: [option.code for option in field.options] for field in definition.respondent_fields}


def has_diacritics(words: str) -> bool:
    return "đ" in words.lower() or any(
        unicodedata.category(char) == "Mn" for char in unicodedata.normalize("NFD", words)
    )


def test_three_questionnaires_are_shipped_in_version_1() -> None:
    assert [(each.code, each.version) for each in DEFINITIONS] == [(code, 1) for code in SHIPPED]
    assert SHIPPED == ("quick-5", "service-16", "service-22")


@pytest.mark.parametrize(
    ("code", "counts"),
    [("quick-5", [1, 1, 1, 1, 1]), ("service-16", [3, 4, 3, 3, 3]), ("service-22", [4, 5, 6, 3, 4])],
)
def test_each_component_has_its_number_of_criteria(code: str, counts: list[int]) -> None:
    layout = Layout.of(BY_CODE[code])
    assert [component.code for component in layout.components] == COMPONENTS
    assert [component.length for component in layout.components] == counts
    assert list(layout.codes) == [
        f"{letter}{number}"
        for letter, count in zip("ABCDE", counts, strict=True)
        for number in range(1, count + 1)
    ]


@every_questionnaire
def test_the_official_formula_is_pooled(definition: Definition) -> None:
    assert definition.formula == "pooled"


@every_questionnaire
def test_the_two_languages_differ_everywhere(definition: Definition) -> None:
    assert [each for each in texts(definition) if each.vi.casefold() == each.en.casefold()] == []


@every_questionnaire
def test_vietnamese_is_written_with_its_diacritics_and_english_without(definition: Definition) -> None:
    # "Nam" (male) is the one Vietnamese word here that has none.
    assert [each.vi for each in texts(definition) if not has_diacritics(each.vi) and each.vi != "Nam"] == []
    assert [each.en for each in texts(definition) if not each.en.isascii()] == []


@every_questionnaire
def test_texts_are_few_words_and_no_two_criteria_are_worded_alike(definition: Definition) -> None:
    vietnamese = [criterion.text.vi for criterion in definition.criteria]
    english = [criterion.text.en for criterion in definition.criteria]
    assert max(map(len, vietnamese + english)) <= 110
    assert len(set(vietnamese)) == len(set(english)) == len(definition.criteria)


@every_questionnaire
def test_nobody_must_judge_how_complaints_are_handled(definition: Definition) -> None:
    assert not any(each.required for each in definition.criteria if each.component == "complaints")


@pytest.mark.parametrize(
    ("code", "optional"),
    [
        ("quick-5", {"E1"}),
        ("service-16", {"B3", "E1", "E2", "E3"}),
        ("service-22", {"A4", "B4", "C4", "E1", "E2", "E3", "E4"}),
    ],
)
def test_what_many_people_cannot_answer_is_optional(code: str, optional: set[str]) -> None:
    assert {each.code for each in BY_CODE[code].criteria if not each.required} == optional


@every_questionnaire
def test_gender_and_age_offer_exactly_the_codes_of_the_contract(definition: Definition) -> None:
    assert frozenset(options(definition)["gender"]) == RESPONDENT_FIELDS["gender"]
    assert frozenset(options(definition)["age_band"]) == RESPONDENT_FIELDS["age_band"]
    assert {"education", "occupation"} <= options(definition).keys()


def test_ethnicity_is_asked_coarsely_and_never_in_the_quick_questionnaire() -> None:
    asked = {each.code: options(each).get("ethnicity_group") for each in DEFINITIONS}
    assert asked == {"quick-5": None, "service-16": ["kinh", "other"], "service-22": ["kinh", "other"]}


def test_the_same_option_is_worded_the_same_in_every_questionnaire() -> None:
    for one, other in pairwise(DEFINITIONS):
        wording = {field.code: field for field in other.respondent_fields}
        assert all(wording[field.code] == field for field in one.respondent_fields)
        assert one.components == other.components


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("quick-5", "d50e292e64d9d833700d94d984a74aa1a94220eb62a29d01f1211d5f336884a2"),
        ("service-16", "94898cb25a33a04bc06de3d560453e8951e1cca8830089bcf0b79aeed7344d4a"),
        ("service-22", "16c9c850aa9c27d07502173922ca8d9e2075557b8ef12160f2b632daf7110880"),
    ],
)
def test_a_shipped_version_is_never_edited(code: str, expected: str) -> None:
    # A wording that shall change is a new version in a new file: installations hold this one published.
    assert digest(BY_CODE[code]) == expected


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("quick-5.json", b"{", "quick-5.json is malformed"),
        ("quick-5.json", b"\xff", "quick-5.json is malformed"),
        ("quick-5.json", b"{}", "quick-5.json is malformed"),
        ("other.json", BY_CODE["quick-5"].model_dump_json().encode(), "other.json says it is quick-5"),
        (
            "quick-5.json",
            BY_CODE["quick-5"].model_copy(update={"criteria": ()}).model_dump_json().encode(),
            "/criteria too_few_items",
        ),
    ],
)
def test_a_broken_file_is_named_with_what_is_wrong(name: str, content: bytes, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_shipped(name, content)
