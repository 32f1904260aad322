"""What is hidden of parts and their whole cannot be had from what is shown."""

from hypothesis import given, settings
from hypothesis import strategies as st

from app.disclosure.protection import Table, hidden, nested, parts_and_whole
from tests.support.attack import Attack, singles, trees, wholes

MIN_N = 5


@settings(max_examples=200, deadline=None)
@given(st.one_of(wholes(), trees(), singles()))
def test_nothing_small_is_told_by_what_is_shown(table: Table) -> None:
    gone = hidden(table, MIN_N)
    attack = Attack(table, gone)
    assert attack.small_figures(MIN_N) == []
    assert attack.small_rests(MIN_N, gone) == []
    for node, counts in enumerate(table.people):  # and what is shown is never small, unless it always is
        always = {table.figures[at].places for one, at in table.always if one == node}
        for at in range(len(counts)):
            assert at in gone[node] or counts[at] >= MIN_N or table.figures[at].places in always


def test_a_part_on_few_takes_another_with_it_and_what_rests_on_many_stays() -> None:
    people = [(40,), (2,), (8,), (30,)]
    table = parts_and_whole(nested([1])[1:2], people[0], people[1:])
    assert hidden(table, MIN_N) == [frozenset(), {0}, {0}, frozenset()]
    assert hidden(table, 2) == [frozenset()] * 4


def test_two_small_parts_that_are_many_together_need_no_third() -> None:
    people = [(40,), (2,), (3,), (35,)]
    assert hidden(parts_and_whole(nested([1])[1:2], people[0], people[1:]), MIN_N)[3] == frozenset()


def test_nobody_is_known_by_everybody_or_else_is_a_small_number_too() -> None:
    parts = [(0,), (9,), (30,)]
    assert hidden(parts_and_whole(nested([1])[1:2], (39,), parts), MIN_N) == [
        frozenset(),
        {0},
        frozenset(),
        frozenset(),
    ]
    kept = hidden(parts_and_whole(nested([1])[1:2], (39,), parts, empty_known=False), MIN_N)
    assert kept == [frozenset(), {0}, {0}, frozenset()]


def test_what_is_nobodys_part_is_hidden_as_well() -> None:
    """Of 40 people, two came for no known procedure: the procedures must not add up to 38."""
    table = parts_and_whole(nested([1])[1:2], (40,), [(8,), (30,)])
    assert hidden(table, MIN_N) == [frozenset(), {0}, frozenset()]


def test_a_component_on_few_takes_another_with_it_in_the_group_and_both_in_another_group() -> None:
    whole, kiosk, link = (60, 60, 60, 32), (20, 20, 20, 2), (40, 40, 40, 30)
    gone = hidden(parts_and_whole(nested([1, 1, 1])[:4], whole, [kiosk, link]), MIN_N)
    assert gone == [frozenset(), {3, 2}, {3, 2}]
