from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.par.ranking import Place, falls_under, places

TOTALS = st.dictionaries(
    st.sampled_from("abcdefg"), st.integers(0, 6).map(lambda number: Decimal(number) / 3), max_size=7
)
HISTORY = st.dictionaries(st.integers(2016, 2021), TOTALS, max_size=6)


def ranked(**totals: str) -> dict[str, tuple[int, int]]:
    found = places({name: Decimal(total) for name, total in totals.items()})
    return {name: (place.rank, place.from_below) for name, place in found.items()}


def test_equal_totals_share_the_better_rank_and_the_next_one_skips() -> None:
    assert ranked(a="90", b="85.5", c="85.50", d="70") == {"a": (1, 4), "b": (2, 2), "c": (2, 2), "d": (4, 1)}


def test_ranks_come_from_exact_totals() -> None:
    assert ranked(a="85.5801", b="85.58") == {"a": (1, 2), "b": (2, 1)}


def test_nobody_and_one_alone() -> None:
    assert ranked() == {}
    assert places({"a": Decimal(1)}) == {"a": Place(1, 1, 1)}


@given(TOTALS)
def test_a_rank_is_one_more_than_those_who_are_better(totals: dict[str, Decimal]) -> None:
    for name, place in places(totals).items():
        assert place.rank == 1 + sum(other > totals[name] for other in totals.values())
        assert place.from_below == 1 + sum(other < totals[name] for other in totals.values())
        assert place.among == len(totals)


def by_the_sentence(history: dict[int, dict[str, Decimal]], year: int) -> dict[str, set[str]]:
    """The rule, read aloud."""

    def last(name: str, when: int) -> bool:
        totals = history.get(when, {})
        return name in totals and totals[name] == min(totals.values()) < max(totals.values())

    def in_the_bottom_three(name: str, when: int) -> bool:
        totals = history.get(when, {})
        if name not in totals or totals[name] == max(totals.values()):
            return False
        return len([one for one in totals.values() if one < totals[name]]) < 3

    found: dict[str, set[str]] = {}
    for name in "abcdefg":
        said = set()
        if last(name, year) and last(name, year - 1):
            said.add("last_two_years")
        if all(in_the_bottom_three(name, year - back) for back in (0, 1, 2)):
            said.add("bottom_three_three_years")
        if said:
            found[name] = said
    return found


@given(HISTORY, st.integers(2016, 2021))
def test_the_rule_is_the_sentence_over_any_history(history: dict[int, dict[str, Decimal]], year: int) -> None:
    standing = {when: places(totals) for when, totals in history.items()}
    found = falls_under(standing, year)
    assert {name: {one.reason for one in findings} for name, findings in found.items()} == by_the_sentence(
        history, year
    )
    for findings in found.values():
        for one in findings:
            length = 2 if one.reason == "last_two_years" else 3
            assert one.years == tuple(range(year - length + 1, year + 1))


def falls(*years: dict[str, str | int]) -> dict[str, list[str]]:
    """Who falls under the rule in 2022, by the totals of the years up to it."""
    history = {
        2022 - back: places({name: Decimal(total) for name, total in totals.items()})
        for back, totals in enumerate(reversed(years))
    }
    return {name: [one.reason for one in found] for name, found in falls_under(history, 2022).items()}


@pytest.mark.parametrize(
    ("years", "expected"),
    [
        # last twice; the third from below twice only
        (({"a": 9, "b": 8, "c": 7, "d": 6}, {"a": 9, "b": 8, "c": 7, "d": 6}), {"d": ["last_two_years"]}),
        # not ranked in the year between
        (({"a": 9, "d": 6}, {"a": 9}, {"a": 9, "d": 6}), {}),
        # last with another is last
        (({"a": 9, "b": 6, "d": 6}, {"a": 9, "b": 7, "d": 6}), {"d": ["last_two_years"]}),
        # all with one total: nobody is last
        (({"a": 9, "d": 9}, {"a": 9, "d": 9}), {}),
        # alone in a year: neither first nor last says anything
        (({"d": 6}, {"d": 6}, {"d": 6}), {}),
    ],
)
def test_cases_that_the_sentence_leaves_open(
    years: tuple[dict[str, str | int], ...], expected: dict[str, list[str]]
) -> None:
    assert falls(*years) == expected


def test_three_years_in_the_bottom_three_without_ever_being_last() -> None:
    year: dict[str, str | int] = {"a": 9, "b": 8, "c": 7, "d": 6, "e": 5}
    other = {**year, "e": 7, "c": 5}
    assert falls(year, other, year) == {
        "d": ["bottom_three_three_years"],
        "c": ["bottom_three_three_years"],
        "e": ["bottom_three_three_years"],
    }
