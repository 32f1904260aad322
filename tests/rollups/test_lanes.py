from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.questionnaires.catalogue import load_shipped
from app.questionnaires.definition import Layout
from app.rollups.lanes import (
    DIGITS,
    WHOLE,
    Lane,
    Shape,
    pack,
    procedure_lanes,
    read_part,
    read_procedure,
    read_unit,
    unit_lanes,
    unpack,
    within_bounds,
)
from app.rollups.sums import Sums

TINY = Shape(((0, 1), (1, 2)))
"""Three criteria: a component of one, a component of two."""

VALUES = st.lists(st.integers(0, 10**DIGITS - 1), min_size=1, max_size=40)


@given(VALUES)
def test_what_is_packed_is_unpacked(values: list[int]) -> None:
    assert unpack(str(pack(values)), len(values)) == values


@given(st.lists(st.tuples(st.integers(0, 10**11), st.integers(0, 10**11)), min_size=1, max_size=20))
def test_adding_tallies_adds_every_lane(pairs: list[tuple[int, int]]) -> None:
    first, second = (pack([pair[side] for pair in pairs]) for side in (0, 1))
    assert unpack(str(first + second), len(pairs)) == [a + b for a, b in pairs]


def test_leading_lanes_of_zero_need_no_digits() -> None:
    assert unpack("7", 3) == [0, 0, 7]
    assert unpack("0", 2) == [0, 0]


@pytest.mark.parametrize("value", [-1, 10**DIGITS])
def test_a_value_that_would_spill_into_its_neighbour_is_refused(value: int) -> None:
    with pytest.raises(OverflowError):
        pack([1, value])


@pytest.mark.parametrize("digits", ["1" * (DIGITS + 1), "-1", "1.5", "NaN"])
def test_what_is_no_tally_is_refused(digits: str) -> None:
    with pytest.raises(ValueError, match="not a tally"):
        unpack(digits, 1)


def test_lanes_hold_only_what_cannot_be_had_from_the_others() -> None:
    assert unit_lanes(TINY)[:6] == (
        *(Lane("count", 0, answer) for answer in range(1, 6)),
        Lane("count", 1, 1),
    )
    assert unit_lanes(TINY)[15:] == (
        Lane("n", WHOLE),
        Lane("xx", WHOLE),
        Lane("xy", WHOLE),
        Lane("yy", WHOLE),
        Lane("n", 1),
        Lane("xx", 1),
        Lane("xy", 1),
        Lane("yy", 1),
    )
    assert [lane.kind for lane in procedure_lanes(TINY)] == [
        *("n", "xx", "xy", "yy"),
        *("x", "y"),
        *("x", "y", "n", "xx", "xy", "yy"),
    ]


@pytest.mark.parametrize(
    ("code", "units", "procedures"), [("quick-5", 29, 14), ("service-16", 104, 34), ("service-22", 134, 34)]
)
def test_the_shipped_questionnaires_have_so_many_lanes(code: str, units: int, procedures: int) -> None:
    (definition,) = (one for one in load_shipped() if one.code == code)
    shape = Shape.of(Layout.of(definition))
    assert shape.width == len(definition.criteria)
    assert (len(unit_lanes(shape)), len(procedure_lanes(shape))) == (units, procedures)


def test_a_unit_tally_is_read_back_by_hand() -> None:
    # Two people: (5, 4, none) and (none, 2, 4).
    counts = [0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 1, 0]
    whole, second = [2, 8, 6, 5], [2, 5, 3, 2]
    tally = read_unit(TINY, 2, str(pack([*counts, *whole, *second])))
    assert tally.counts == ((1, 0, 0, 0, 0, 1), (0, 0, 1, 0, 1, 0), (1, 0, 0, 0, 1, 0))
    assert tally.whole == Sums(n=2, x=4, y=3, xx=8, xy=6, yy=5)
    assert tally.components == (Sums.of_criterion(1, 1), Sums(n=2, x=3, y=2, xx=5, xy=3, yy=2))


def test_a_procedure_tally_is_read_back_by_hand() -> None:
    tally = read_procedure(TINY, 2, str(pack([2, 8, 6, 5, 1, 1, 3, 2, 2, 5, 3, 2])))
    assert tally.whole == Sums(n=2, x=4, y=3, xx=8, xy=6, yy=5)
    assert tally.components == (Sums.of_criterion(1, 1), Sums(n=2, x=3, y=2, xx=5, xy=3, yy=2))


def test_an_empty_tally_reads_as_nothing() -> None:
    tally = read_unit(TINY, 0, "0")
    assert tally.whole == Sums.zero()
    assert tally.counts == ((0,) * 6,) * 3


def test_bounds_are_wider_than_any_country() -> None:
    sixteen = Shape(((0, 16),))
    assert within_bounds(sixteen, 3_900_000_000)
    assert not within_bounds(sixteen, 4_000_000_000)
    with pytest.raises(OverflowError):
        read_unit(sixteen, 4_000_000_000, "0")
    with pytest.raises(OverflowError):
        read_procedure(sixteen, 4_000_000_000, "0")


@settings(max_examples=30)
@given(st.lists(st.integers(1, 8), min_size=1, max_size=6), st.integers(0, 8), st.integers(0, 10**6))
def test_one_part_alone_reads_as_it_does_among_all(lengths: list[int], large: int, seed: int) -> None:
    random = Random(seed)
    firsts = [sum(lengths[:at]) for at in range(len(lengths))]
    shape = Shape(tuple(zip(firsts, lengths, strict=True)))
    values = [random.randint(0, 10**large) for _ in unit_lanes(shape)]
    digits = str(pack(values))
    found = read_unit(shape, 10**large, digits)
    assert read_part(shape, WHOLE, 10**large, digits) == found.whole
    for place, sums in enumerate(found.components):
        assert read_part(shape, place, 10**large, digits) == sums


def test_one_part_of_a_long_questionnaire_is_read_in_pieces() -> None:
    shape = Shape(((0, 60),))
    lanes = unit_lanes(shape)
    digits = str(pack([at for at, _ in enumerate(lanes)]))
    assert read_part(shape, WHOLE, 10, digits) == read_unit(shape, 10, digits).whole


def test_one_part_of_too_many_responses_is_refused() -> None:
    with pytest.raises(OverflowError):
        read_part(TINY, WHOLE, 10**12, "0")
