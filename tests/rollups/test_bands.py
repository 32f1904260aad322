"""Bands at, just below and just above every edge."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rollups.bands import DEFAULT_BANDS, Bands, band
from app.rollups.index import percent_of

HAIR = Fraction(1, 10**12)


@pytest.mark.parametrize(
    ("edge", "at", "below"),
    [(90, "excellent", "good"), (80, "good", "fair"), (70, "fair", "average"), (50, "average", "weak")],
)
def test_a_band_begins_at_its_edge_and_not_a_hair_below(edge: int, at: str, below: str) -> None:
    ratio = Fraction(edge, 100)
    assert (band(ratio), band(ratio + HAIR), band(ratio - HAIR)) == (at, at, below)


def test_the_ends_of_the_scale_have_bands() -> None:
    assert (band(Fraction(0)), band(HAIR), band(1 - HAIR), band(Fraction(1))) == (
        "weak",
        "weak",
        "excellent",
        "excellent",
    )


def test_without_a_valid_answer_there_is_no_band() -> None:
    assert band(None) is None


def test_rounding_never_lifts_a_unit_over_an_edge() -> None:
    ratio = Fraction(89_996, 100_000)
    assert (percent_of(ratio), band(ratio)) == (Decimal("90.00"), "good")


def test_edges_are_data() -> None:
    pass_mark = Bands({"pass": Decimal("66.6"), "fail": 0})
    assert band(Fraction(666, 1000), pass_mark) == "pass"
    assert band(Fraction(666, 1000) - HAIR, pass_mark) == "fail"
    assert band(Fraction(1), Bands({"any": 0})) == "any"


def test_a_mapping_changed_later_changes_nothing() -> None:
    edges: dict[str, int | Decimal] = {"pass": 60, "fail": 0}
    bands = Bands(edges)
    edges["pass"] = 10
    assert band(Fraction(1, 2), bands) == "fail"


@pytest.mark.parametrize(
    ("edges", "complaint"),
    [
        ({}, "begin at 0"),
        ({"only": 1}, "begin at 0"),
        ({"good": 80, "weak": 1}, "begin at 0"),
        ({"weak": 0, "good": 80}, "begin at 0"),
        ({"weak": 0, "below": -1}, "begin at 0"),
        ({"good": 80, "same": 80, "weak": 0}, "best to worst"),
        ({"good": 80, "better": 90, "weak": 0}, "best to worst"),
        ({"good": 101, "weak": 0}, "above 100"),
        ({" ": 80, "weak": 0}, "needs a name"),
        ({"good": Decimal("NaN"), "weak": 0}, "not a number"),
        ({"good": Decimal("Infinity"), "weak": 0}, "not a number"),
    ],
)
def test_edges_that_make_no_sense_are_refused(edges: dict[str, int | Decimal], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Bands(edges)


def test_float_edges_are_refused() -> None:
    with pytest.raises(TypeError):
        Bands({"good": 80.1, "weak": 0})  # type: ignore[dict-item]  # the point of the test


@pytest.mark.parametrize("ratio", [Fraction(-1, 100), Fraction(101, 100), Fraction(90)])
def test_a_percentage_taken_for_a_ratio_is_refused(ratio: Fraction) -> None:
    with pytest.raises(ValueError, match="not a ratio"):
        band(ratio)


@given(st.fractions(0, 1), st.fractions(0, 1))
def test_a_better_ratio_never_has_a_worse_band(one: Fraction, other: Fraction) -> None:
    order = list(DEFAULT_BANDS.lower_edges)
    worse, better = sorted((one, other))
    assert order.index(DEFAULT_BANDS.of(better)) <= order.index(DEFAULT_BANDS.of(worse))
