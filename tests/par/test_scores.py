import csv
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.par.scores import (
    Score,
    Scored,
    contribution,
    plain,
    points_fault,
    read_points,
    scored,
    shown,
    totals,
)
from app.par.templates import Domain, Template, Words, bands_of, shipped

KNOWN = Path(__file__).parent / "data" / "par_index_bacgiang_2020.csv"
PROVINCES = shipped()["provinces-2020"]
TITLE = Words("Lĩnh vực", "Domain")
POINTS = st.integers(0, 10**5).map(lambda number: Decimal(number) / 10**4)
MAYBE = st.none() | POINTS


def bac_giang() -> list[dict[str, str]]:
    return list(csv.DictReader(KNOWN.read_text("utf-8-sig").splitlines()))


def full() -> list[Score]:
    return [Score(row["domain_no"], points=Decimal(row["points"])) for row in bac_giang()]


def codes(template: Template | None, sent: list[Score], *, complete: bool = False) -> list[tuple[str, str]]:
    return [(fault.pointer, fault.code) for fault in scored(template, sent, complete=complete)[1]]


def test_the_template_is_what_was_published_of_2020() -> None:
    assert [(domain.code, domain.title.vi, domain.max_points) for domain in PROVINCES.domains] == [
        (row["domain_no"], row["domain_vi"], Decimal(row["max_points"])) for row in bac_giang()
    ]


def test_the_domains_of_bac_giang_add_up_to_a_hundredth_more_than_was_published() -> None:
    sheet, faults = scored(PROVINCES, full(), complete=True)
    assert faults == []
    sums = totals(sheet)
    assert (sums.points, sums.max_points) == (Decimal("85.59"), Decimal(100))
    assert sums.points is not None
    assert sums.points - Decimal("85.58") == Decimal("0.01")
    assert bands_of("provinces-2020").of(Fraction(sums.points) / 100) == "B"


@given(st.lists(st.tuples(MAYBE, MAYBE, MAYBE, MAYBE), min_size=1, max_size=20))
def test_totals_are_the_sums_of_whole_ten_thousandths(rows: list[tuple[Decimal | None, ...]]) -> None:
    sheet = []
    for number, (own, appraised, survey, given_points) in enumerate(rows):
        if given_points is not None:
            appraised = survey = None  # noqa: PLW2901  one or the other, as the sheet asks
        domain = Domain(str(number), TITLE, Decimal(10))
        sheet.append(Scored(domain, own, appraised, survey, given_points))

    def units(value: Decimal) -> int:
        assert (value * 10**4) % 1 == 0
        return int(value * 10**4)

    expected: int | None = 0
    for one in sheet:
        known = [v for v in (one.given_points, one.appraised_score, one.survey_score) if v is not None]
        expected = None if expected is None or not known else expected + sum(map(units, known))
    found = totals(sheet)
    assert (None if found.points is None else units(found.points)) == expected
    own_scores = [one.self_score for one in sheet if one.self_score is not None]
    assert found.self_score == (sum(own_scores) if len(own_scores) == len(sheet) else None)
    assert found.max_points == 10 * len(sheet)


def test_a_domain_has_the_points_of_appraisal_and_survey_and_none_before_either_is_known() -> None:
    domain = PROVINCES.domains[0]
    assert Scored(domain, self_score=Decimal(8)).points is None
    assert Scored(domain, None, Decimal("6.92"), None).points == Decimal("6.92")
    assert Scored(domain, None, Decimal("6.92"), Decimal(1)).points == Decimal("7.92")
    assert Scored(domain, None, None, None, Decimal("7.92")).points == Decimal("7.92")


def test_domains_stand_in_the_templates_order_and_those_not_sent_without_scores() -> None:
    sheet, faults = scored(PROVINCES, full()[5:2:-1], complete=False)
    assert faults == []
    assert [one.domain.code for one in sheet] == list("12345678")
    assert [one.points is None for one in sheet] == [True, True, True, False, False, False, True, True]


def test_every_fault_is_named_at_once_with_its_place() -> None:
    sent = [
        Score("1", self_score=Decimal("8.51"), appraised_score=Decimal(-1)),
        Score("9", points=Decimal(1)),
        Score("2", points=Decimal("8.98001")),
        Score("1", points=Decimal(1)),
        Score("3", appraised_score=Decimal(10), survey_score=Decimal("3.51")),
        Score("4", points=Decimal(1), survey_score=Decimal(1)),
        Score("5", title=TITLE, max_points=Decimal("100.5")),
    ]
    assert codes(PROVINCES, sent) == [
        ("/0/self_score", "above_maximum"),
        ("/0/appraised_score", "too_small"),
        ("/1/code", "unknown_domain"),
        ("/2/points", "too_many_decimals"),
        ("/3/code", "duplicate_code"),
        ("/4", "above_maximum"),
        ("/5/points", "points_twice"),
        ("/6/max_points", "above_maximum"),
        ("/6/title", "titled_by_template"),
    ]


def test_exactly_the_maximum_is_allowed() -> None:
    sent = [Score("1", points=Decimal("8.5000")), Score("3", None, Decimal(10), Decimal("3.5"))]
    assert codes(PROVINCES, sent) == []


def test_a_final_sheet_has_points_in_every_domain() -> None:
    sent = [*full()[:6], Score("7", self_score=Decimal(15))]
    assert codes(PROVINCES, sent, complete=True) == [("/6", "no_points"), ("", "no_points")]


def test_maxima_may_be_moved_but_add_up_to_a_hundred() -> None:
    moved = [Score("1", max_points=Decimal(9)), Score("2", max_points=Decimal("9.5"))]
    assert codes(PROVINCES, moved) == []
    assert codes(PROVINCES, moved[:1]) == [("", "maxima_not_whole")]


def test_a_sheet_may_bring_its_own_domains() -> None:
    own = [Score("A", title=TITLE, max_points=Decimal(60)), Score("B", title=TITLE, max_points=Decimal(40))]
    sheet, faults = scored(None, own, complete=False)
    assert faults == []
    assert [one.domain.code for one in sheet] == ["A", "B"]
    assert codes(None, [Score("A", max_points=Decimal(100)), Score("B", title=TITLE)]) == [
        ("/0/title", "missing"),
        ("/1/max_points", "missing"),
    ]
    assert codes(None, own[:1]) == [("", "maxima_not_whole")]
    assert codes(None, []) == [("", "maxima_not_whole")]


@pytest.mark.parametrize(
    ("ratio", "exact", "said"),
    [
        (Fraction(0), Fraction(0), "0.00"),
        (Fraction(1), Fraction(10), "10.00"),
        (Fraction(7, 9), Fraction(70, 9), "7.78"),
        (Fraction(8005, 10000), Fraction(8005, 1000), "8.01"),
        (Fraction(80049, 100000), Fraction(80049, 10000), "8.00"),
    ],
)
def test_satisfaction_brings_a_tenth_of_a_point_for_each_percent(
    ratio: Fraction, exact: Fraction, said: str
) -> None:
    assert contribution(ratio) == exact
    assert str(shown(contribution(ratio))) == said


@pytest.mark.parametrize("ratio", [Fraction(-1, 100), Fraction(101, 100)])
def test_what_is_no_ratio_brings_nothing(ratio: Fraction) -> None:
    with pytest.raises(ValueError, match="not a ratio"):
        contribution(ratio)


@given(st.integers(0, 10**6), st.integers(1, 10**6))
def test_a_shown_contribution_is_the_nearest_hundredth_halves_up(part: int, whole: int) -> None:
    ratio = Fraction(min(part, whole), whole)
    distance = Fraction(shown(contribution(ratio))) - ratio * 10
    assert -Fraction(1, 200) < distance <= Fraction(1, 200)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("7.92", "7.92"),
        ("7,92", "7.92"),
        ("+8", "8"),
        ("-1", "-1"),
        ("0.1234567", "0.1234567"),
        ("", None),
        ("1e3", None),
        ("1.234,5", None),
        ("NaN", None),
        ("7.", None),
        (".5", None),
        ("１", None),
        ("9" * 10, None),
    ],
)
def test_a_number_is_read_as_people_write_it(text: str, number: str | None) -> None:
    assert read_points(text) == (None if number is None else Decimal(number))


@pytest.mark.parametrize("value", ["5e-324", "1e308", "-0.00001", "1" * 400])
def test_numbers_at_the_ends_are_faults(value: str) -> None:
    assert points_fault(Decimal(value), Decimal(100), "") is not None


@pytest.mark.parametrize(
    ("value", "said"),
    [("8.5", "8.50"), ("7.9250", "7.925"), ("1E+1", "10.00"), ("-0", "0.00"), ("-0.01", "-0.01")],
)
def test_points_are_shown_in_full_with_two_decimals_at_least(value: str, said: str) -> None:
    assert str(plain(Decimal(value))) == said
