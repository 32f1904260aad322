"""An attacker with pencil, paper and all that was ever published tries to compute what was hidden.

The attack shares nothing with the product: every number of every unit and span of time is an unknown, every
published figure an equation, and exact Gaussian elimination tells which sums of unknowns are determined.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.disclosure.components import component_groups
from app.disclosure.knowledge import MOST_STEPS, Apart, Tree, rests_on_few
from app.disclosure.spaces import Space, contains, meet, plus, restrict, span, vector
from app.periods.layers import Beside, Layers, safe_layers

MIN_N = 5
Row = dict[int, Fraction]


class Knowledge:
    """Equations in echelon form, over unknowns by number."""

    def __init__(self) -> None:
        self.rows: dict[int, Row] = {}

    def reduce(self, row: Mapping[int, int | Fraction]) -> Row:
        rest = {at: Fraction(value) for at, value in row.items() if value}
        while True:
            lead = next((at for at in sorted(rest) if at in self.rows), None)
            if lead is None:
                return rest
            times = rest[lead]
            for at, value in self.rows[lead].items():
                rest[at] = rest.get(at, Fraction(0)) - times * value
                if not rest[at]:
                    del rest[at]

    def learn(self, row: Mapping[int, int | Fraction]) -> None:
        rest = self.reduce(row)
        if rest:
            lead = min(rest)
            self.rows[lead] = {at: value / rest[lead] for at, value in rest.items()}

    def tells(self, row: Mapping[int, int | Fraction]) -> bool:
        return not self.reduce(row)


class Published(NamedTuple):
    segments: tuple[int, ...]
    layers: Layers


class Case(NamedTuple):
    """A tree, own counts [unit][figure][segment] (figure 0 is the overall one), and publications in order."""

    parents: tuple[int | None, ...]
    own: tuple[tuple[tuple[int, ...], ...], ...]
    periods: tuple[tuple[int, ...], ...]

    def below(self, unit: int) -> list[int]:
        found = [unit]
        for child, parent in enumerate(self.parents):
            if parent == unit:
                found += self.below(child)
        return found

    def publish(self) -> list[Published]:
        done: list[Published] = []
        everyone = frozenset(range(len(self.parents)))
        for segments in self.periods:
            layers = safe_layers(
                dict(enumerate(self.parents)),
                dict(enumerate(self.own)),
                segments,
                everyone,
                [Beside(one.segments, one.layers) for one in done],
                MIN_N,
            )
            done.append(Published(segments, layers))
        return done

    def responses(self, units: Sequence[int], figure: int, segments: Sequence[int]) -> int:
        return sum(self.own[unit][figure][at] for unit in units for at in segments)


def numbers(spread: int) -> st.SearchStrategy[int]:
    return st.one_of(st.just(0), st.integers(0, 6), st.integers(0, spread))


@st.composite
def cases(draw: st.DrawFn, components: int, spans: int, units: int = 9) -> Case:
    size = draw(st.integers(2, units))
    parents: list[int | None] = [None]
    parents += [draw(st.integers(max(0, at - 4), at - 1)) for at in range(1, size)]
    own = []
    for _ in range(size):
        parts = [tuple(draw(numbers(20)) for _ in range(spans)) for _ in range(components)]
        # of one criterion each: the overall number of answers is the sum of the components'
        most = [max((part[at] for part in parts), default=0) for at in range(spans)]
        whole = tuple(draw(numbers(20)) if not components else most[at] for at in range(spans))
        own.append((whole, *parts))
    periods: list[tuple[int, ...]] = []
    for _ in range(draw(st.integers(1, 4 if spans > 1 else 1))):
        first = draw(st.integers(0, spans - 1))
        last = draw(st.integers(first, spans - 1))
        periods.append(tuple(int(first <= at <= last) for at in range(spans)))
    return Case(tuple(parents), tuple(own), tuple(periods))


def spans_of(size: int) -> Iterator[tuple[int, ...]]:
    for number in range(1, size + 1):
        yield from combinations(range(size), number)


def one_figure_is_safe(
    case: Case, figure: int, shown: Sequence[tuple[tuple[int, ...], frozenset[int]]]
) -> None:
    """With zeros known: no unit and no unit's own share in any union of spans."""
    spans = len(case.own[0][0])

    def row(units: Sequence[int], segments: Sequence[int]) -> Row:
        return {
            unit * spans + at: Fraction(1) for unit in units for at in segments if case.own[unit][figure][at]
        }

    known = Knowledge()
    for segments, units in shown:
        for unit in units:
            known.learn(row(case.below(unit), [at for at, inside in enumerate(segments) if inside]))
    groups = [case.below(unit) for unit in range(len(case.parents))]
    groups += [[unit] for unit in range(len(case.parents))]
    for some in spans_of(spans):
        for group in groups:
            if 0 < case.responses(group, figure, some) < MIN_N:
                assert not known.tells(row(group, some)), (group, some)
    if len(case.periods) == len(case.own[0][0]) == 1:  # here not even what was hidden to hide another
        inside = [at for at, one in enumerate(case.periods[0]) if one]
        for unit in set(range(len(case.parents))) - shown[0][1]:
            if case.responses(case.below(unit), figure, inside):
                assert case.parents[unit] not in shown[0][1] or not known.tells(row(case.below(unit), inside))


@settings(max_examples=80)
@given(cases(components=0, spans=1))
def test_within_a_period_no_hidden_figure_is_determined(case: Case) -> None:
    published = case.publish()
    one_figure_is_safe(case, 0, [(one.segments, one.layers.overall) for one in published])


@settings(max_examples=80)
@given(cases(components=0, spans=4, units=7))
def test_over_periods_that_overlap_or_nest_no_small_figure_is_determined(case: Case) -> None:
    published = case.publish()
    one_figure_is_safe(case, 0, [(one.segments, one.layers.overall) for one in published])


@settings(max_examples=30)
@given(st.integers(2, 4).flatmap(lambda size: cases(components=size, spans=3, units=6)))
def test_components_beside_the_overall_figure_give_nothing_small_away(case: Case) -> None:
    """Unknowns are answers by unit, component and span; the overall figure is the sum over components."""
    first, _ = component_groups(len(case.own[0]) - 1)
    published = case.publish()
    nothing_small_is_told(case, all_that_is_told(case, published))
    for figure in range(len(case.own[0])):
        layer = 0 if figure == 0 else 1 if figure - 1 in first else 2
        one_figure_is_safe(case, figure, [(one.segments, one.layers[layer]) for one in published])


def cell_row(case: Case, units: Sequence[int], components: Sequence[int], segments: Sequence[int]) -> Row:
    """The sum of some unknowns."""
    parts, spans = len(case.own[0]) - 1, len(case.own[0][0])
    return {
        (unit * parts + part) * spans + at: Fraction(1)
        for unit in units
        for part in components
        for at in segments
    }


def all_that_is_told(case: Case, published: Sequence[Published]) -> Knowledge:
    """Every published figure as an equation."""
    parts = len(case.own[0]) - 1
    first, last = component_groups(parts)
    known = Knowledge()
    for one in published:
        inside = [at for at, there in enumerate(one.segments) if there]
        for units, groups in (
            (one.layers.overall, [list(range(parts))]),
            (one.layers.first, [[part] for part in first]),
            (one.layers.last, [[part] for part in last]),
        ):
            for unit in units:
                for group in groups:
                    row = cell_row(case, case.below(unit), group, inside)
                    known.learn(row)
                    if not case.responses(case.below(unit), 1 + group[0], inside) and len(group) == 1:
                        for cell in row:  # none at all: none anywhere below
                            known.learn({cell: 1})
    return known


def nothing_small_is_told(case: Case, known: Knowledge) -> None:
    """No component of a unit, nor of its own share, in any union of spans."""
    for part in range(len(case.own[0]) - 1):
        for some in spans_of(len(case.own[0][0])):
            for unit in range(len(case.parents)):
                for group in (case.below(unit), [unit]):
                    if 0 < case.responses(group, 1 + part, some) < MIN_N:
                        assert not known.tells(cell_row(case, group, [part], some)), (part, group, some)


@settings(max_examples=30)
@given(cases(components=3, spans=2))
def test_whoever_is_shown_stands_on_enough_and_beneath_somebody_shown(case: Case) -> None:
    for segments, layers in case.publish():
        inside = [at for at, one in enumerate(segments) if one]
        assert layers.last <= layers.first <= layers.overall
        for shown, figures in ((layers.overall, [0]), (layers.first, [1]), (layers.last, [2, 3])):
            for unit in shown:
                assert case.parents[unit] is None or case.parents[unit] in shown
                for figure in figures:
                    assert not 0 < case.responses(case.below(unit), figure, inside) < MIN_N


def overall(
    parents: tuple[int | None, ...], own: list[list[int]], *periods: tuple[int, ...]
) -> list[set[int]]:
    case = Case(parents, tuple((tuple(row),) for row in own), periods)
    return [set(one.layers.overall) for one in case.publish()]


STAR = (None, 0, 0, 0)


def test_a_lone_small_child_takes_the_smallest_sibling_with_it() -> None:
    assert overall(STAR, [[0], [3], [10], [20]], (1,)) == [{0, 3}]


def test_a_parents_own_share_hides_a_small_child_when_both_are_enough() -> None:
    assert overall(STAR, [[9], [3], [10], [20]], (1,)) == [{0, 2, 3}]


def test_a_parents_own_small_share_is_hidden_too() -> None:
    assert overall(STAR, [[2], [8], [10], [20]], (1,)) == [{0, 2, 3}]


def test_two_small_ones_that_are_few_together_need_a_third() -> None:
    assert overall(STAR, [[0], [1], [2], [20]], (1,)) == [{0}]


def test_nobody_is_hidden_who_has_no_responses_or_enough() -> None:
    assert overall(STAR, [[0], [0], [5], [20]], (1,)) == [{0, 1, 2, 3}]


def test_a_quarter_does_not_give_away_the_month_that_was_hidden() -> None:
    months = (1, 0, 0), (0, 1, 0), (0, 0, 1)
    own = [[0, 0, 0], [3, 10, 10], [10, 10, 10], [20, 20, 20]]
    assert overall(STAR, own, *months, (1, 1, 1)) == [{0, 3}, {0, 1, 2, 3}, {0, 1, 2, 3}, {0, 3}]


def test_a_quarter_shows_a_unit_that_was_too_small_in_every_month() -> None:
    months = (1, 0, 0), (0, 1, 0), (0, 0, 1)
    own = [[0, 0, 0], [3, 3, 3], [4, 4, 4], [20, 20, 20]]
    assert overall(STAR, own, *months, (1, 1, 1))[-1] == {0, 1, 2, 3}


def test_a_month_is_not_shown_when_the_rest_of_its_quarter_is_too_small() -> None:
    own = [[0, 0, 0], [10, 10, 2], [20, 20, 20], [20, 20, 20]]
    quarter, two = (1, 1, 1), (1, 1, 0)
    assert overall(STAR, own, quarter, two) == [{0, 1, 2, 3}, {0, 3}]


def test_a_revision_with_few_newcomers_shows_nobody_whom_they_would_stand_alone_for() -> None:
    """The second segment is what arrived after the first publication."""
    own = [[0, 0], [10, 1], [20, 0], [30, 9]]
    assert overall(STAR, own, (1, 0), (1, 1)) == [{0, 1, 2, 3}, {0, 2}]
    own = [[0, 0], [10, 1], [20, 0], [30, 0]]
    assert overall(STAR, own, (1, 0), (1, 1)) == [{0, 1, 2, 3}, set()]


def test_what_is_given_away_already_hinders_nothing_new() -> None:
    """The smallest number was raised after the first month had been published."""
    parents = dict(enumerate(STAR))
    own = {0: [[0, 0, 0]], 1: [[7, 20, 20]], 2: [[30, 30, 30]], 3: [[40, 40, 40]]}
    everyone = frozenset(parents)
    month = safe_layers(parents, own, (1, 0, 0), everyone, [], 5)
    assert month.overall == everyone
    assert safe_layers(parents, own, (1, 1, 1), everyone, [Beside((1, 0, 0), month)], 10).overall == everyone
    own[1] = [[7, 20, 8]]
    two = safe_layers(parents, own, (1, 1, 0), everyone, [Beside((1, 0, 0), month)], 10)
    assert two.overall == everyone
    beside = [Beside((1, 0, 0), month), Beside((1, 1, 0), two)]
    assert safe_layers(parents, own, (1, 1, 1), everyone, beside, 10).overall == {0, 3}


def test_a_component_stands_alone_where_the_other_last_one_has_no_answers() -> None:
    """The overall figure less the first component would give it away."""
    answers = ((5, 0, 5, 0), (0, 0, 0, 0), (5, 5, 1, 0))
    own = {unit: [[number] for number in row] for unit, row in enumerate(answers)}
    layers = safe_layers({0: None, 1: 0, 2: 0}, own, (1,), frozenset(own), [], 5)
    assert [set(layer) for layer in layers] == [{0, 1, 2}, {0, 1}, {0, 1}]


def test_a_tree_wants_its_parents_first() -> None:
    with pytest.raises(ValueError, match="parents"):
        Tree.of([1, None])


def test_a_single_component_is_the_overall_figure_and_not_shown_again() -> None:
    assert component_groups(1) == (range(0), range(0))
    assert component_groups(2) == (range(0), range(2))
    assert component_groups(5) == (range(3), range(3, 5))


def looked_at(space: Space, totals: Sequence[int], min_n: int) -> tuple[bool, int]:
    """Whether anything in a space rests on few, and how many smaller spaces were looked at to find out."""
    meet.cache_clear()
    found = rests_on_few(space, (), Apart(tuple(totals)), min_n) is not None
    return found, meet.cache_info().misses


def test_what_rests_on_few_is_found_in_spaces_of_many_columns() -> None:
    sums = [[int(at // 6 == which) for at in range(24)] for which in range(4)]
    space = span(map(vector, sums))
    found, steps = looked_at(space, [1] * 24, 5)
    assert not found
    assert steps < 200
    found, steps = looked_at(space, [1] * 24, 7)
    assert found
    assert steps < 200
    found, steps = looked_at(span([*space, vector([1] * 4 + [0] * 20)]), [1] * 24, 5)
    assert found
    assert steps < 200


@pytest.mark.parametrize("min_n", [5, 1000])
def test_the_work_has_an_end_in_the_worst_of_spaces_and_then_it_counts_as_danger(min_n: int) -> None:
    chance = random.Random(1)
    space = span(vector(chance.randint(-9, 9) for _ in range(36)) for _ in range(18))
    found, steps = looked_at(space, [max(1, min_n // 10)] * 36, min_n)
    assert steps <= MOST_STEPS
    assert found == (steps == MOST_STEPS)  # nothing in it rests on fewer than 19 columns
    assert not rests_on_few(space, space, Apart((1,) * 36), min_n)  # what is known already is no danger


@settings(max_examples=60)
@given(
    st.lists(st.lists(st.integers(-2, 2), min_size=6, max_size=6), min_size=1, max_size=4),
    st.lists(st.lists(st.integers(-1, 1), min_size=6, max_size=6), max_size=2),
    st.lists(st.integers(1, 6), min_size=6, max_size=6),
    st.integers(2, 12),
)
def test_what_rests_on_few_is_what_trying_all_columns_finds(
    rows: list[list[int]], known: list[list[int]], totals: list[int], min_n: int
) -> None:
    space, was = span(map(vector, rows)), span(map(vector, known))
    everything = frozenset(range(6))
    expected = any(
        not contains(was, row)
        for some in spans_of(6)
        if sum(totals[at] for at in some) < min_n
        for row in meet(space, (), everything - frozenset(some))
    )
    assert (rests_on_few(space, was, Apart(tuple(totals)), min_n) is not None) == expected


@given(
    st.lists(st.lists(st.integers(-3, 3), min_size=5, max_size=5), max_size=5),
    st.lists(st.lists(st.integers(-3, 3), min_size=5, max_size=5), max_size=5),
    st.frozensets(st.integers(0, 4)),
)
def test_a_meeting_holds_all_vectors_that_agree_and_no_others(
    rows: list[list[int]], others: list[list[int]], places: frozenset[int]
) -> None:
    space, other = span(map(vector, rows)), span(map(vector, others))
    met = meet(space, other, places)
    for row in met:
        assert contains(space, row)
        assert contains(restrict(other, places), tuple(row[at] if at in places else 0 for at in range(5)))
    # dim(a + b) = dim a + dim b - dim of what they share; what is nothing there is met as well
    here, there = restrict(space, places), restrict(other, places)
    shared = len(here) + len(there) - len(plus(here, there))
    assert len(met) == len(space) - len(here) + shared
