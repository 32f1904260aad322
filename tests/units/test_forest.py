from datetime import date, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.units.forest import Former, LeftOut, Node, Piece, State, Succession, as_now, as_was, below

FIRST, LAST = date(2025, 1, 1), date(2025, 12, 31)
REFORM = date(2025, 7, 1)
EVE = REFORM - timedelta(days=1)
TODAY = date(2026, 1, 1)


def state(code: str, parent: int | None = None) -> State:
    return State(code, code, "commune", parent)


def node(unit: int, parent: int | None = None, **more: object) -> Node:
    return Node(unit, more.pop("first", None), more.pop("last", None), state(str(unit), parent), **more)  # type: ignore[arg-type]  # shorthand


MOVED = Node(3, None, None, state("3", 2), (Former(EVE, state("3", 1)),))
"""A commune that stood beneath 1 and stands beneath 2."""
FOREST = {1: node(1), 2: node(2), 3: MOVED}


def test_a_unit_has_on_each_day_the_state_of_that_day() -> None:
    assert (MOVED.on(EVE).parent, MOVED.on(REFORM).parent) == (1, 2)


def test_a_decided_state_holds_from_its_day() -> None:
    ahead = Node(1, None, None, state("old"), (), (REFORM, state("new")))
    assert (ahead.on(EVE).code, ahead.on(REFORM).code) == ("old", "new")


def test_after_its_end_a_unit_stands_where_it_last_stood() -> None:
    merged = Node(3, None, EVE, state("3", 9), (Former(EVE, state("3", 1)),))
    assert merged.on(LAST).parent == 1
    assert list(merged.changes()) == []
    assert (merged.exists(EVE), merged.exists(REFORM)) == (True, False)


def test_what_stood_beneath_is_told_in_as_few_pieces_as_there_are_spans() -> None:
    assert as_was(FOREST, 1, FIRST, LAST) == [Piece(FIRST, EVE, (3,)), Piece(FIRST, LAST, (1,))]
    assert as_was(FOREST, 2, FIRST, LAST) == [Piece(FIRST, LAST, (2,)), Piece(REFORM, LAST, (3,))]
    assert as_was(FOREST, 2, REFORM, LAST) == [Piece(REFORM, LAST, (2, 3))]


def test_today_counts_a_unit_where_it_stands_today() -> None:
    assert as_now(FOREST, [], 1, FIRST, LAST, TODAY) == ([Piece(FIRST, LAST, (1,))], [])
    assert as_now(FOREST, [], 2, FIRST, LAST, TODAY) == ([Piece(FIRST, LAST, (2, 3))], [])


def test_an_heir_has_all_that_came_to_it_through_others() -> None:
    forest = {unit: node(unit) for unit in range(1, 5)}
    chain = [Succession(1, 2, EVE, False), Succession(2, 3, REFORM, False)]
    assert as_now(forest, chain, 3, FIRST, LAST, TODAY, own=True)[0] == [Piece(FIRST, LAST, (1, 2, 3))]
    assert as_now(forest, chain, 3, FIRST, LAST, EVE, own=True)[0] == [Piece(FIRST, LAST, (3,))]


def test_a_split_is_left_out_of_its_parts_and_stays_in_the_whole() -> None:
    forest = {1: node(1), 2: node(2, 1, last=EVE), 3: node(3, 1), 4: node(4, 1)}
    split = [Succession(2, 3, REFORM, True), Succession(2, 4, REFORM, True)]
    assert as_now(forest, split, 1, FIRST, LAST, TODAY) == ([Piece(FIRST, LAST, (1, 2, 3, 4))], [])
    left_out = [LeftOut(2, REFORM, (3, 4))]
    assert as_now(forest, split, 3, FIRST, LAST, TODAY) == ([Piece(FIRST, LAST, (3,))], left_out)


def test_a_closed_unit_is_what_it_was_on_its_last_day() -> None:
    moved = Node(4, None, None, state("4", 1), (Former(EVE, state("4", 2)),))
    merged = Node(3, None, EVE, state("3", 1), (Former(EVE, state("3", 2)),))
    forest = {1: node(1), 2: node(2, last=EVE), 3: merged, 4: moved, 5: node(5, 1), 6: node(6, 2, last=FIRST)}
    successions = [
        Succession(6, 3, FIRST + timedelta(days=1), False),
        Succession(3, 5, REFORM, False),
        Succession(2, 4, REFORM, True),
        Succession(2, 5, REFORM, True),
    ]
    assert as_now(forest, successions, 2, FIRST, LAST, TODAY) == ([Piece(FIRST, LAST, (2, 3, 4, 6))], [])
    assert as_now(forest, successions, 2, FIRST, LAST, TODAY, own=True) == ([Piece(FIRST, LAST, (2,))], [])
    assert as_now(forest, successions, 3, FIRST, LAST, TODAY, own=True) == ([Piece(FIRST, LAST, (3, 6))], [])


def test_what_remains_of_a_split_unit_counts_from_the_split_on() -> None:
    forest = {2: node(2), 3: node(3)}
    split = [Succession(2, 2, REFORM, True), Succession(2, 3, REFORM, True)]
    pieces, left_out = as_now(forest, split, 2, FIRST, LAST, TODAY)
    assert pieces == [Piece(REFORM, LAST, (2,))]
    assert left_out == [LeftOut(2, REFORM, (2, 3))]


def test_who_came_to_what_remains_of_a_split_unit_on_the_day_itself_counts_for_it() -> None:
    """As in July 2025: a commune gives away a part of itself and takes in another on one day."""
    forest = {2: node(2), 3: node(3), 4: node(4, 2, last=EVE), 5: node(5, 2, last=EVE - timedelta(days=9))}
    done = [
        Succession(5, 2, EVE - timedelta(days=8), False),
        Succession(2, 2, REFORM, True),
        Succession(2, 3, REFORM, True),
        Succession(4, 2, REFORM, False),
    ]
    pieces, left_out = as_now(forest, done, 2, FIRST, LAST, TODAY)
    assert pieces == [Piece(FIRST, LAST, (4,)), Piece(REFORM, LAST, (2,))]
    assert left_out == [LeftOut(2, REFORM, (2, 3))]


def test_a_loop_ends() -> None:
    assert below(1, [(1, 2), (2, 1)]) == {1, 2}


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 364), st.integers(0, 9)), max_size=8))
def test_every_unit_is_counted_once_on_each_day(moves: list[tuple[int, int, int]]) -> None:
    """Ten units beneath one another by number, so that there is never a loop; the tops share all."""
    states = {unit: [(FIRST, state(str(unit)))] for unit in range(10)}
    for unit, day, parent in sorted(moves, key=lambda move: move[1]):
        on = FIRST + timedelta(days=day)
        if parent < unit and on > states[unit][-1][0]:
            states[unit].append((on, state(str(unit), parent)))
    forest = {}
    for unit, told in states.items():
        former = tuple(Former(after[0] - timedelta(days=1), before[1]) for before, after in pairwise(told))
        forest[unit] = Node(unit, None, None, told[-1][1], former)
    for at in (0, 364, *(move[1] for move in moves)):
        on = FIRST + timedelta(days=at)
        tops = [unit for unit, one in forest.items() if one.on(on).parent is None]
        counted = [unit for top in tops for piece in as_was(forest, top, on, on) for unit in piece.units]
        assert sorted(counted) == list(forest)
    whole = sum(
        ((piece.last - piece.first).days + 1) * (unit == one)
        for one in forest
        for piece in as_was(forest, one, FIRST, LAST)
        for unit in piece.units
    )
    assert whole == 365 * len(forest)
