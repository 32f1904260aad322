"""A register that was set right: which units of the tree bear other codes, or another spelling, in it. Pure.

Units are told by their name and the unit they stand beneath, because the codes are what may be wrong. What is
in the file alone, or in the tree alone, is told and left as it is: adding units is an import's affair.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date

from app.core.imports import MAX_NAME, Table
from app.core.tables import Row, RowFault
from app.units.changes import Change, FromTable, Target
from app.units.forest import Forest
from app.units.notes import Note
from app.units.plan import Standing, check_numbers
from app.units.spelling import spelling_key

TERRITORIES = frozenset({"province", "district", "commune"})
"""Kinds of which no two have one name beneath one unit."""
Place = tuple[str, str | None]
"""A name, and the code of the unit above."""


def compare_register(table: Table, forest: Forest, day: date) -> FromTable:
    """What brings the codes and spellings of units that stand on the day into line with the file."""
    rows = table.by_code()
    table.check_length("name", MAX_NAME)
    read = FromTable()
    states = [node.on(day) for node in forest.values() if node.exists(day)]
    check_numbers(table, {state.code: state.kind for state in states})
    if table.faults():
        return read
    standing: defaultdict[Place, list[int]] = defaultdict(list)
    for node in forest.values():
        if node.reached and node.exists(day):
            state = node.on(day)
            above = forest[state.parent].on(day).code if state.parent is not None else None
            standing[spelling_key(state.name), above].append(node.id)
    named: defaultdict[Place, list[Row]] = defaultdict(list)
    for row in rows.values():
        named[spelling_key(row.values["name"]), row.values["parent_code"] or None].append(row)
    met: set[int] = set()
    for (name, above), same in named.items():
        found = standing.get((name, above), [])
        met.update(found)
        if len(found) == 1 and len(same) == 1:
            _bring_into_line(read, same[0], forest, found[0], day)
        elif found:
            told = {"parent": above or "—", "units": ", ".join(forest[one].on(day).code for one in found)}
            shown = same[0].values["name"]
            read.notes.append(Note(same[0].number, "name_twice", {"name": shown, **told}))
        else:
            read.notes += [
                Note(row.number, "not_in_tree", {"unit": row.values["code"], "name": row.values["name"]})
                for row in same
            ]
    _tell_of_others(read, rows, forest, met, day)
    return read


def _bring_into_line(read: FromTable, row: Row, forest: Forest, unit: int, day: date) -> None:
    state = forest[unit].on(day)
    code, name = row.values["code"], row.values["name"]
    if (code, name) != (state.code, state.name):
        target = Target(code, name if name != state.name else None)
        read.add(Change("rename" if code == state.code else "recode", (state.code,), (target,)), row, "code")


def _tell_of_others(read: FromTable, rows: dict[str, Row], forest: Forest, met: set[int], day: date) -> None:
    """Units of a kind and beneath a unit that the file speaks of, and that it lacks."""
    kinds = {(row.values["kind"], row.values["parent_code"] or None) for row in rows.values()}
    for node in forest.values():
        state = node.on(day)
        above = forest[state.parent].on(day).code if state.parent is not None else None
        if node.id not in met and node.reached and node.exists(day) and (state.kind, above) in kinds:
            read.notes.append(Note(None, "not_in_file", {"unit": state.code, "name": state.name}))


def codes_moved(rows: Sequence[Row], standing: Mapping[str, Standing]) -> list[RowFault]:
    """One fault if a file gives units that stand other codes: an import would make each of them twice."""
    places: defaultdict[Place, list[str]] = defaultdict(list)
    for code, unit in standing.items():
        if unit.kind in TERRITORIES and unit.reached and not unit.ended:
            places[spelling_key(unit.name), unit.parent_code].append(code)
    names = {row.values["code"]: spelling_key(row.values["name"]) for row in rows}
    found = []
    for row in rows:
        name, above = names[row.values["code"]], row.values["parent_code"] or None
        codes = places.get((name, above), [])  # several, where a table left one of before without a row
        others = [code for code in codes if names.get(code) != name]
        if others and row.values["code"] not in codes:
            found.append((row, others[0]))
    if not found:
        return []
    row, code = found[0]
    told = {"name": row.values["name"], "stands": code, "code": row.values["code"], "count": len(found)}
    return [RowFault(row.number, "code", "codes_moved", told)]
