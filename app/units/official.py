"""The official conversion table of a reform, read against the tree: which unit each row means. Pure.

The table has a row for each commune of before and each commune of after that took it over, wholly or in part.
Codes and names in it do not always agree with each other, nor with the register of before: what a row means
is the unit whose name and district it gives; where there is none of that name, the one whose code it gives.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from app.core.imports import MAX_NAME, Table
from app.core.tables import Row
from app.units.forest import Forest, Node, State
from app.units.notes import Note
from app.units.spelling import spelling_key

COLUMNS = (
    "new_code",
    "new_name",
    "new_province_code",
    "new_province",
    "old_code",
    "old_name",
    "how",
    "old_district_code",
    "old_district",
    "old_province_code",
    "old_province",
)
REQUIRED = ("new_code", "new_name", "new_province_code", "how")
WIDTHS = {
    "new_code": 5,
    "old_code": 5,
    "old_district_code": 3,
    "old_province_code": 2,
    "new_province_code": 2,
}
"""Digits of official codes: those that a spreadsheet cut off are put back."""
IN_PART = ("một phần", "phần còn lại")


class Part(NamedTuple):
    """A row that names a unit of before: where it goes, and whether all of it."""

    row: Row
    to: str
    whole: bool


@dataclass(slots=True)
class Heir:
    """A unit of after as the table has it; `wholes` and `parts` are the units it took over from."""

    code: str
    name: str
    province: str
    row: Row
    wholes: list[int] = field(default_factory=list)
    parts: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Conversion:
    """The table against the tree."""

    parts: dict[int, list[Part]] = field(default_factory=dict)
    heirs: dict[str, Heir] = field(default_factory=dict)
    province_names: dict[str, str] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)


class Standing:
    """The units within reach that stand on a day, by code, and communes by district and name."""

    def __init__(self, forest: Forest, day: date) -> None:
        self.forest, self.day = forest, day
        self.by_code: dict[str, Node] = {}
        self.children: defaultdict[int, list[Node]] = defaultdict(list)
        self._by_name: defaultdict[tuple[int, str], list[Node]] = defaultdict(list)
        for node in forest.values():
            if not node.reached or not node.exists(day):
                continue
            state = node.on(day)
            self.by_code[state.code] = node
            if state.parent is not None:
                self.children[state.parent].append(node)
        for node in self.by_code.values():
            if self.state(node).kind != "commune":
                continue
            above = {self.state(node).parent, self.above(node, "province")}
            for unit in above - {None}:
                self._by_name[unit or 0, spelling_key(self.state(node).name)].append(node)

    def state(self, node: Node) -> State:
        """As it is on the day."""
        return node.on(self.day)

    def above(self, node: Node, kind: str) -> int | None:
        """The nearest unit of a kind above."""
        seen: set[int] = set()
        at = self.state(node).parent
        while at is not None and at in self.forest and at not in seen:
            seen.add(at)
            state = self.forest[at].on(self.day)
            if state.kind == kind:
                return at
            at = state.parent
        return None

    def named(self, above: str, name: str) -> Node | None:
        """The one commune of a name beneath the district or province of this code."""
        node = self.by_code.get(above)
        found = self._by_name.get((node.id, spelling_key(name)), []) if node is not None else []
        return found[0] if len(found) == 1 else None


def read_conversion(table: Table, forest: Forest, day: date) -> tuple[Conversion, Standing]:
    """Every row with the unit of before that it means; accuses rows that contradict one another."""
    table.check_length("new_name", MAX_NAME)
    standing, found = Standing(forest, day), Conversion()
    elsewhere = 0
    for row in table.rows:
        values = row.values
        for column, width in WIDTHS.items():
            if values[column].isdecimal():
                values[column] = values[column].zfill(width)
        node = _meant(row, standing, found.notes)
        if node is None and values["old_province_code"] not in standing.by_code:
            elsewhere += 1
            continue
        heir = _heir(table, row, found)
        if node is None:
            told = {"code": values["old_code"] or "—", "name": values["old_name"]}
            found.notes.append(Note(row.number, "predecessor_unknown", told))
            continue
        how = spelling_key(values["how"])
        whole = not any(spelling_key(words) in how for words in IN_PART)
        mine = found.parts.setdefault(node.id, [])
        twice = next((one for one in mine if one.to == heir.code), None)
        if twice is not None:
            table.accuse(row, "old_code", "duplicate_row", first=twice.row.number)
        mine.append(Part(row, heir.code, whole))
    if elsewhere:
        found.notes.append(Note(None, "elsewhere", {"count": elsewhere}))
    return found, standing


def _heir(table: Table, row: Row, found: Conversion) -> Heir:
    values = row.values
    code, province = values["new_code"], values["new_province_code"]
    if values["new_province"]:
        found.province_names[province] = values["new_province"]
    heir = found.heirs.setdefault(code, Heir(code, values["new_name"], province, row))
    if spelling_key(heir.name) != spelling_key(values["new_name"]):
        table.accuse(row, "new_name", "row_differs", first=heir.row.number)
    if heir.province != province:
        table.accuse(row, "new_province_code", "row_differs", first=heir.row.number)
    return heir


def _meant(row: Row, standing: Standing, notes: list[Note]) -> Node | None:
    values = row.values
    code, name, district = values["old_code"], values["old_name"], values["old_district_code"]
    if not code:  # a district that had no communes becomes one itself
        return None if name else standing.by_code.get(district)
    node = standing.by_code.get(code)
    stands = standing.state(node).name if node is not None else ""
    if node is not None and spelling_key(stands) == spelling_key(name):
        return node
    above = district if district in standing.by_code else values["old_province_code"]
    by_name = standing.named(above, name)
    if by_name is not None:
        told = {"code": code, "stands": stands or "—", "unit": standing.state(by_name).code, "name": name}
        notes.append(Note(row.number, "named_otherwise", told))
        return by_name
    if node is not None and _lies_in(node, above, standing):
        notes.append(Note(row.number, "spelt_otherwise", {"code": code, "stands": stands, "name": name}))
        return node
    return None


def _lies_in(node: Node, above: str, standing: Standing) -> bool:
    unit = standing.by_code.get(above)
    return unit is not None and unit.id in {standing.state(node).parent, standing.above(node, "province")}
