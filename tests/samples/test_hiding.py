"""What a sample hides cannot be had from what it shows: strata, and components, beside their total."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import combinations_with_replacement
from math import factorial, prod
from typing import Any

import httpx
from hypothesis import given
from hypothesis import strategies as st

from app.questionnaires.catalogue import load_shipped
from app.questionnaires.definition import Layout
from app.questionnaires.published import Published
from app.samples.results import Crowd, guarded_figures, hidden_strata
from tests.support.sampling import Came, answer, close, come, draw, forget, links, read
from tests.support.world import World

PEOPLE = st.dictionaries(st.integers(1, 20), st.integers(0, 15), max_size=8)
SATISFIED = Fraction(7, 10)


@given(PEOPLE, st.integers(2, 6))
def test_no_hidden_number_is_left_over_when_the_shown_ones_are_taken_off_the_total(
    people: dict[int, int], least: int
) -> None:
    gone = hidden_strata(people, least)
    assert all(people[stratum] >= least for stratum in people.keys() - gone)
    rest = sum(people[stratum] for stratum in gone)
    assert not gone or gone == people.keys() or (len(gone) >= 2 and rest >= least)


@given(PEOPLE, st.integers(2, 6))
def test_nothing_is_hidden_that_need_not_be(people: dict[int, int], least: int) -> None:
    gone = hidden_strata(people, least)
    must = {stratum for stratum, count in people.items() if count < least}
    assert must <= gone
    assert bool(must) == bool(gone)
    if also := sorted(gone - must, key=lambda stratum: (people[stratum], stratum)):
        before = gone - {also[-1]}
        assert len(before) < 2 or sum(people[one] for one in before) < least


def crowds() -> Iterator[tuple[Counter[bytes], Fraction]]:
    """Everything that eight people can say of whom two answer the last question, and how likely it is."""
    without = [bytes([a, 5, 5, d, 0]) for a in (3, 5) for d in (3, 5)]
    complaining = [bytes([a, 5, 5, d, e]) for a in (3, 5) for d in (3, 5) for e in (3, 5)]
    for six in combinations_with_replacement(without, 6):
        for two in combinations_with_replacement(complaining, 2):
            likely = Fraction(1)
            for some in (six, two):
                orders = factorial(len(some)) // prod(map(factorial, Counter(some).values()))
                likely *= orders * prod(chance(answers) for answers in some)
            yield Counter((*six, *two)), likely


def chance(answers: bytes) -> Fraction:
    asked = (answers[0], answers[3], *([answers[4]] if answers[4] else []))
    return prod((SATISFIED if one > 3 else 1 - SATISFIED for one in asked), start=Fraction(1))


def best_guess(worlds: Sequence[tuple[Any, int, Fraction]]) -> Fraction:
    """How often somebody is right who sees a view, knows how likely everything is, and guesses the rest."""
    seen: dict[Any, Counter[int]] = defaultdict(Counter)
    for view, secret, likely in worlds:
        seen[view][secret] += likely  # type: ignore[assignment]  # fractions add up as numbers do
    return sum((Fraction(max(each.values())) for each in seen.values()), Fraction(0))


def test_what_two_complained_is_guessed_from_a_result_of_eight_little_better_than_by_chance() -> None:
    """The attack is complete: percentages, intervals and effective numbers of all that is shown, by one who
    knows that two complained, what everybody said of two other components, and how likely all the rest is.
    """
    definition = next(one for one in load_shipped() if one.code == "quick-5")
    published = Published(1, "quick-5", 1, "published", definition, Layout.of(definition))
    shown, whole, lone, blind = [], [], [], []
    for answers, likely in crowds():
        secret = sum(times for said, times in answers.items() if said[4] > 3)
        told = guarded_figures([Crowd(40, answers)], published, "en", 5)
        assert [one["percent"] is None for one in told] == [False, False, False, False, True, True]
        everything = guarded_figures([Crowd(40, answers)], published, "en", 1)
        shown.append((repr(told), secret, likely))
        whole.append((repr(everything[:1]), secret, likely))
        lone.append((repr(everything[:5]), secret, likely))  # were the last component hidden by itself
        blind.append((None, secret, likely))
    assert sum(likely for _, _, likely in shown) == 1
    assert best_guess(lone) == 1
    assert best_guess(blind) == Fraction(49, 100)
    assert best_guess(whole) < Fraction(
        65, 100
    )  # what the overall figure and its interval tell by themselves
    assert best_guess(shown) < best_guess(whole) + Fraction(2, 100)


def test_of_means_all_components_are_hidden_where_one_is() -> None:
    definition = next(one for one in load_shipped() if one.code == "quick-5")
    definition = definition.model_copy(update={"formula": "mean_of_criteria"})
    published = Published(1, "quick-5", 1, "published", definition, Layout.of(definition))
    crowd = Crowd(40, Counter({bytes([5, 5, 3, 5, 0]): 6, bytes([5, 3, 5, 5, 5]): 2}))
    overall, *components = guarded_figures([crowd], published, "en", 5)
    assert overall["percent"] == 80.0
    assert {one["percent"] for one in components} == {None}


async def test_a_component_that_few_answered_takes_another_with_it(
    http: httpx.AsyncClient, world: World
) -> None:
    await forget(world)
    await come(world, [Came("09001", f"H-{at}") for at in range(12)])
    sample = await draw(http, world, size=8)
    for at, link in enumerate(await links(http, world, sample["id"])):
        await answer(http, link, [5, 4, 2, 3 + at % 3, 4 if at < 2 else 0])
    await close(http, world, sample["id"])
    result = await read(http, world, f"{sample['id']}/result")
    assert result["overall"]["responses"] == 8
    told = {one["code"]: one for one in result["components"]}
    assert [code for code, one in told.items() if one["percent"] is None] == ["results", "complaints"]
    for code in ("results", "complaints"):
        assert {told[code][name] for name in ("percent", "low", "high", "responses", "effective_n")} == {None}
    # all that is left by subtraction: 10 answers of whom nobody knows which two are those of the complaints
    whole = round(34 * result["overall"]["percent"] / 100)
    rest = whole - sum(
        round(8 * told[code]["percent"] / 100) for code in ("access", "procedures", "officials")
    )
    assert len([two for two in range(3) if 0 <= rest - two <= 8]) == 3
