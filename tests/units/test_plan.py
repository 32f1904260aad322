from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from app.core.imports import Table
from app.core.tables import Row, RowFault
from app.models.unit import UNIT_KINDS
from app.units.loops import in_loops
from app.units.plan import Plan, Standing, Wanted, make_plan


def row(number: int, code: str, parent: str = "", **others: str) -> Row:
    values = {"code": code, "name": f"Xã {code}", "kind": "commune", "parent_code": parent, "valid_from": ""}
    return Row(number, values | others)


def standing(
    parent: str | None = None,
    *,
    reached: bool = True,
    valid_from: date | None = None,
    valid_to: date | None = None,
) -> Standing:
    return Standing("Xã", "commune", parent, valid_from, valid_to, reached)


def plan(
    *rows: Row,
    there: dict[str, Standing] | None = None,
    faults: tuple[RowFault, ...] = (),
    reaches_all: bool = True,
) -> Plan:
    return make_plan(Table(rows, faults), there or {}, UNIT_KINDS, reaches_all)


def found(result: Plan) -> list[tuple[int, str | None, str]]:
    return [(fault.row, fault.column, fault.code) for fault in result.faults]


def test_an_empty_table_plans_nothing() -> None:
    assert plan() == Plan([], [], 0)


def test_parents_are_created_before_their_children_whatever_the_order_of_the_rows() -> None:
    result = plan(row(2, "c", "b"), row(3, "a"), row(4, "b", "a"), row(5, "d", "c"))
    assert [unit.code for unit in result.created] == ["a", "b", "c", "d"]


def test_the_same_content_is_unchanged() -> None:
    result = plan(row(2, "a", name="Xã"), there={"a": standing()})
    assert result == Plan([], [], 1)


def test_a_new_name_is_an_update() -> None:
    result = plan(row(2, "a", name="Phường"), there={"a": standing()})
    assert list(result.updated) == [Wanted("a", "Phường", "commune", None, None)]


def test_a_new_kind_parent_or_day_is_an_update() -> None:
    there = {"p": standing(), "a": standing()}
    for change in ({"kind": "centre"}, {"parent_code": "p"}, {"valid_from": "2025-07-01"}):
        assert len(plan(row(2, "a", **{"name": "Xã"} | change), there=there).updated) == 1


def test_an_empty_parent_or_day_keeps_what_stands_there() -> None:
    there = {"p": standing(), "a": standing("p", valid_from=date(2025, 7, 1))}
    assert plan(row(2, "a", name="Xã"), there=there).unchanged == 1


def test_a_code_twice_in_the_file_names_the_first_row() -> None:
    result = plan(row(2, "a"), row(3, "b"), row(4, "a"))
    assert found(result) == [(4, "code", "duplicate_row")]
    assert result.faults[0].params == {"first": 2}


def test_a_parent_may_stand_in_the_file_or_in_the_database() -> None:
    assert not plan(row(2, "a", "p"), there={"p": standing()}).faults
    assert not plan(row(2, "a", "p"), row(3, "p")).faults


def test_a_parent_nowhere_is_unknown() -> None:
    assert found(plan(row(2, "a", "p"))) == [(2, "parent_code", "unknown_parent")]


def test_a_parent_outside_the_reach_is_unknown() -> None:
    result = plan(row(2, "a", "p"), there={"p": standing(reached=False)}, reaches_all=False)
    assert found(result) == [(2, "parent_code", "unknown_parent")]


def test_moving_a_unit_out_of_the_reach_is_a_fault() -> None:
    there = {"top": standing("p"), "p": standing(reached=False), "a": standing("top")}
    assert found(plan(row(2, "a", "p"), there=there, reaches_all=False)) == [
        (2, "parent_code", "unknown_parent")
    ]


def test_the_top_of_the_reach_may_stand_in_the_file_with_its_own_parent() -> None:
    there = {"top": standing("p"), "p": standing(reached=False)}
    assert plan(row(2, "top", "p", name="Xã"), there=there, reaches_all=False).unchanged == 1


def test_a_new_unit_without_parent_is_for_those_who_reach_every_unit() -> None:
    assert not plan(row(2, "a")).faults
    assert found(plan(row(2, "a"), reaches_all=False)) == [(2, "parent_code", "parent_needed")]


def test_a_code_of_a_unit_outside_the_reach_is_taken() -> None:
    result = plan(row(2, "a"), there={"a": standing(reached=False)}, reaches_all=False)
    assert found(result) == [(2, "code", "code_taken")]


def test_a_unit_is_not_its_own_parent() -> None:
    assert found(plan(row(2, "a", "a"))) == [(2, "parent_code", "parent_loop")]


def test_a_loop_within_the_file_accuses_its_members_and_nobody_else() -> None:
    result = plan(row(2, "a", "c"), row(3, "b", "a"), row(4, "c", "b"), row(5, "d", "a"))
    assert found(result) == [(number, "parent_code", "parent_loop") for number in (2, 3, 4)]


def test_a_loop_through_the_database_is_found() -> None:
    there = {"a": standing(), "b": standing("a"), "c": standing("b")}
    assert found(plan(row(2, "a", "c"), there=there)) == [(2, "parent_code", "parent_loop")]


def test_turning_a_branch_round_in_one_file_is_no_loop() -> None:
    there = {"top": standing(), "a": standing("top"), "b": standing("a")}
    assert not plan(row(2, "a", "b"), row(3, "b", "top"), there=there).faults


def test_kinds_days_and_lengths_are_checked_all_at_once() -> None:
    result = plan(
        row(2, "a", kind="village"),
        row(3, "b", valid_from="2025-02-30"),
        row(4, "c", valid_from="20250701"),
        row(5, "d" * 65),
        row(6, "e", name="x" * 301),
        row(7, "f/g"),
        row(8, "h", valid_from="2025-W01-1"),
    )
    assert found(result) == [
        (2, "kind", "not_allowed"),
        (3, "valid_from", "invalid_date"),
        (4, "valid_from", "invalid_date"),
        (5, "code", "too_long"),
        (6, "name", "too_long"),
        (7, "code", "invalid_character"),
        (8, "valid_from", "invalid_date"),
    ]


def test_a_day_after_the_unit_ended_is_a_fault() -> None:
    there = {"a": standing(valid_to=date(2025, 6, 30))}
    assert found(plan(row(2, "a", valid_from="2025-07-01"), there=there)) == [
        (2, "valid_from", "period_reversed")
    ]


def test_a_cell_the_reader_has_accused_is_not_accused_again() -> None:
    missing = RowFault(2, "kind", "missing")
    assert found(plan(row(2, "a", kind=""), faults=(missing,))) == [(2, "kind", "missing")]
    hidden = RowFault(2, "kind", "hidden_character", {"character": "U+200B"})
    assert len(plan(row(2, "a", kind="comm\ufffdune"), faults=(hidden,)).faults) == 1


def test_parents_are_not_missed_in_a_file_that_was_not_read_whole() -> None:
    broken = RowFault(3, None, "broken_row", {"limit": 1})
    assert found(plan(row(2, "a", "p"), faults=(broken,))) == [(3, None, "broken_row")]


def test_many_faults_of_a_kind_are_one_with_all_its_rows() -> None:
    rows = [row(number, "a", kind="x") for number in range(2, 1_000)]
    kinds, codes = plan(*rows).faults
    assert (kinds.row, kinds.column, kinds.code, kinds.rows) == (
        2,
        "kind",
        "not_allowed",
        tuple(range(2, 1_000)),
    )
    assert (codes.row, codes.column, codes.rows) == (3, "code", tuple(range(3, 1_000)))
    assert codes.detail("en").endswith(
        "(There are 997 such rows, the first: 3, 4, 5, 6, 7, 8, 9, 10, 11, 12.)"
    )


def test_with_a_fault_nothing_is_to_be_written() -> None:
    result = plan(row(2, "a"), row(3, "b", kind="x"))
    assert not result.created
    assert not result.updated


def test_a_very_deep_tree_is_no_trouble() -> None:
    rows = [row(number, str(number), str(number + 1)) for number in range(2, 20_000)]
    result = plan(*rows, row(20_000, "20000"))
    assert [unit.code for unit in result.created] == [str(number) for number in range(20_000, 1, -1)]


@given(st.dictionaries(st.integers(0, 12), st.none() | st.integers(0, 12), max_size=13))
def test_loops_are_exactly_what_stands_above_itself(parents: dict[int, int | None]) -> None:
    tree = {str(code): None if parent is None else str(parent) for code, parent in parents.items()}

    def stands_above_itself(code: str) -> bool:
        above = tree.get(code)
        for _ in tree:
            if above is None or above == code:
                break
            above = tree.get(above)
        return above == code

    assert in_loops(tree, tree.get) == {code for code in tree if stands_above_itself(code)}


@given(st.permutations([(str(code), str(code // 3) if code > 2 else "") for code in range(1, 20)]))
def test_any_order_of_rows_gives_parents_first(order: list[tuple[str, str]]) -> None:
    created = plan(*(row(number, code, parent) for number, (code, parent) in enumerate(order, 2))).created
    seen: set[str | None] = {None}
    for unit in created:
        assert unit.parent_code in seen
        seen.add(unit.code)
    assert len(created) == len(order)
