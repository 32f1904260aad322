"""Giving never widens: whatever chain of gifts, nobody ends higher than it began."""

from collections.abc import Sequence
from uuid import UUID, uuid4

from hypothesis import given, settings
from hypothesis import strategies as st

from app.auth.roles import NAMES, ROLES, scopes_of
from app.auth.scopes import SCOPES
from app.auth.subjects import Grant, Subject
from app.staff.granting import Placed, lacking, may_give, reaches

Tree = tuple[int | None, ...]
"""For each unit the unit above it; those above come first."""

TREES = st.integers(1, 7).flatmap(
    lambda size: st.tuples(
        *(st.one_of(st.none(), st.integers(0, place - 1)) if place else st.none() for place in range(size))
    )
)
GRANTS = st.lists(st.tuples(st.sampled_from(NAMES), st.one_of(st.none(), st.integers(0, 6))), max_size=4)
GIFTS = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from(NAMES), st.one_of(st.none(), st.integers(0, 6))),
    max_size=12,
)


def chain(tree: Tree, unit: int | None) -> frozenset[int]:
    """A unit and all above it; empty for every unit."""
    found = set()
    while unit is not None:
        found.add(unit)
        unit = tree[unit]
    return frozenset(found)


def holder(tree: Tree, held: Sequence[tuple[str, int | None]]) -> Subject:
    """Somebody with these roles, as far as the tree has the units."""
    grants = tuple(
        Grant(scopes_of(role), unit, role) for role, unit in held if unit is None or unit < len(tree)
    )
    return Subject("user", UUID(int=0), "x", grants).narrowed("users:manage")


def powers(tree: Tree, subject: Subject) -> set[tuple[str, int | None]]:
    """Everything a subject may do: (scope, unit), None for every unit."""
    places: list[int | None] = [None, *range(len(tree))]
    return {(scope, unit) for unit in places for scope in subject.scopes_at(chain(tree, unit))}


@given(TREES, GRANTS, st.sampled_from(NAMES), st.one_of(st.none(), st.integers(0, 6)))
def test_what_may_be_given_is_held(
    tree: Tree, held: list[tuple[str, int | None]], role: str, unit: int | None
) -> None:
    unit = None if unit is None else unit % len(tree)
    giver = holder(tree, held)
    if may_give(giver, Placed(role, chain(tree, unit))):
        assert powers(tree, holder(tree, [(role, unit)])) <= powers(tree, giver)
        assert ("users:manage", unit) in powers(tree, giver)


@given(TREES, GRANTS, GIFTS)
@settings(max_examples=300)
def test_no_chain_of_gifts_ends_higher_than_it_began(
    tree: Tree, held: list[tuple[str, int | None]], gifts: list[tuple[int, str, int | None]]
) -> None:
    people: list[list[tuple[str, int | None]]] = [held, [], [], []]
    most = powers(tree, holder(tree, held))
    for number, role, wanted in gifts:
        unit = None if wanted is None else wanted % len(tree)
        giver, taker = people[number % len(people)], people[(number * 7 + 1) % len(people)]
        if may_give(holder(tree, giver), Placed(role, chain(tree, unit))):
            taker.append((role, unit))
        assert all(powers(tree, holder(tree, one)) <= most for one in people)


@given(TREES, GRANTS, st.one_of(st.none(), st.integers(0, 6)))
def test_whoever_manages_people_at_a_unit_manages_them_beneath(
    tree: Tree, held: list[tuple[str, int | None]], unit: int | None
) -> None:
    giver = holder(tree, held)
    unit = None if unit is None else unit % len(tree)
    if reaches(giver, chain(tree, unit)):
        assert all(reaches(giver, chain(tree, one)) for one in range(len(tree)) if unit in chain(tree, one))


def test_everybody_who_manages_people_may_give_their_own_role_and_no_wider_one() -> None:
    head = Subject("user", uuid4(), "x", (Grant(ROLES["unit_admin"], 1, "unit_admin"),))
    head = head.narrowed("users:manage")
    assert [role for role in NAMES if may_give(head, Placed(role, {2, 1}))] == [
        "unit_admin",
        "analyst",
        "case_officer",
        "viewer",
    ]
    assert lacking(head, Placed("system_admin", {1})) == ["questionnaires:manage"]
    assert not any(may_give(head, Placed(role, place)) for role in NAMES for place in ({3}, ()))


def test_scopes_held_elsewhere_do_not_help() -> None:
    mixed = Subject(
        "user",
        uuid4(),
        "x",
        (Grant(frozenset({"users:manage"}), 1), Grant(frozenset(SCOPES), 2)),
    ).narrowed("users:manage")
    assert may_give(mixed, Placed("viewer", {2}))
    assert not may_give(mixed, Placed("viewer", {1}))
