"""The changes of a reorganisation as somebody asks for them, from JSON or from a table. Pure.

A table has one row for each predecessor of a merger and for each part of a split; rows that belong together
are brought together here, and each place of a change is remembered with its row, so that a fault found later
is told to the person who looks at the file.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from typing import Any, Literal, NamedTuple, get_args

from app.core.imports import MAX_CODE, MAX_NAME, Table
from app.core.tables import Row
from app.core.text import fits_in_address
from app.units.notes import Note

ChangeKind = Literal["merge", "split", "rename", "move", "recode", "close", "create"]
KINDS: tuple[ChangeKind, ...] = get_args(ChangeKind)
SIZES: Mapping[ChangeKind, tuple[tuple[int, int | None], tuple[int, int | None]]] = {
    "merge": ((1, None), (1, 1)),
    "split": ((1, 1), (2, None)),
    "rename": ((1, 1), (1, 1)),
    "move": ((1, 1), (1, 1)),
    "recode": ((1, 1), (1, 1)),
    "close": ((1, None), (0, 0)),
    "create": ((0, 0), (1, None)),
}
"""How many units each kind begins and ends with: (fewest, most)."""
GOES_ON = frozenset({"rename", "move", "recode"})
"""The kinds after which the unit is the same unit."""
COLUMNS = ("kind", "from", "to_code", "to_name", "to_kind", "to_parent")
REQUIRED = ("kind",)
MAX_CHANGES = 20_000


class Target(NamedTuple):
    """A unit that results. With a code alone it is one that stands already, or is described elsewhere."""

    code: str
    name: str | None = None
    kind: str | None = None
    parent: str | None = None
    to_top: bool = False

    @property
    def described(self) -> bool:
        """Whether it says more than the code."""
        return self.to_top or any(part is not None for part in self[1:4])


class Change(NamedTuple):
    """One change; `former` are the codes of the units it begins with."""

    kind: ChangeKind
    former: tuple[str, ...]
    to: tuple[Target, ...]

    def settled(self) -> "Change":
        """The same; but a merger of one unit into itself is a change of that unit."""
        itself = self.kind == "merge" and self.former == tuple(target.code for target in self.to)
        return self._replace(kind="rename") if itself else self

    def to_json(self) -> dict[str, Any]:
        """As it is kept and fingerprinted: what was not said is left out."""
        targets = []
        for target in self.to:
            said = {"code": target.code, "name": target.name, "kind": target.kind}
            shown: dict[str, Any] = {name: value for name, value in said.items() if value is not None}
            if target.parent is not None or target.to_top:
                shown["parent_code"] = target.parent
            targets.append(shown)
        return {"kind": self.kind, "from": list(self.former), "to": targets}


def digest(effective_on: date, changes: Sequence[Change]) -> bytes:
    """What tells a reorganisation from others of the same decision; the order of changes does not count."""
    said = sorted(json.dumps(change.to_json(), sort_keys=True) for change in changes)
    return sha256(json.dumps([str(effective_on), *said]).encode()).digest()


@dataclass(slots=True)
class FromTable:
    """Changes read from a table; `places` leads from a JSON pointer to the cell it came from."""

    changes: list[Change] = field(default_factory=list)
    places: dict[str, tuple[Row, str]] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)

    def add(self, change: Change, row: Row, column: str) -> None:
        """Add a change that one row stands for."""
        self.places[f"/changes/{len(self.changes)}"] = row, column
        self.changes.append(change)

    def place(self, pointer: str) -> tuple[Row, str] | None:
        """The cell a JSON pointer leads to, or that of the nearest thing around; None: not in the table."""
        while pointer and pointer not in self.places:
            pointer = pointer.rpartition("/")[0]
        return self.places.get(pointer)


@dataclass(slots=True)
class _Group:
    kind: ChangeKind
    former: dict[str, Row] = field(default_factory=dict)
    to: dict[str, tuple[Target, Row]] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)


def read_changes(table: Table, unit_kinds: Sequence[str]) -> FromTable:
    """Bring the rows together; accuses rows that lack what their kind needs or contradict one another."""
    table.check_word("kind", KINDS)
    table.check_word("to_kind", unit_kinds)
    table.check_length("to_name", MAX_NAME)
    for column in ("from", "to_code", "to_parent"):
        table.check_length(column, MAX_CODE)
    groups: dict[tuple[str, str], _Group] = {}
    for row in table.rows:
        values = row.values
        kind = next((one for one in KINDS if one == values["kind"]), None)
        if kind is None:
            continue
        for column, wanted in _NEEDS[kind].items():
            if wanted and not values[column]:
                table.accuse(row, column, "missing")
            elif not wanted and values[column]:
                table.accuse(row, column, "not_for_this_kind", kind=kind)
        if values["to_code"] and not fits_in_address(values["to_code"]):
            table.accuse(row, "to_code", "invalid_character")
        key = values["to_code"] if kind == "merge" else values["from"] if kind == "split" else str(row.number)
        _join(table, groups.setdefault((kind, key), _Group(kind)), row)
    return _gathered(list(groups.values()))


_NEEDS: Mapping[ChangeKind, Mapping[str, bool]] = {
    "merge": {"from": True, "to_code": True},
    "split": {"from": True, "to_code": True},
    "rename": {"from": True},
    "move": {"from": True, "to_parent": True},
    "recode": {"from": True, "to_code": True},
    "close": {"from": True, "to_code": False, "to_name": False, "to_kind": False, "to_parent": False},
    "create": {"from": False, "to_code": True, "to_name": True, "to_kind": True},
}


def _join(table: Table, group: _Group, row: Row) -> None:
    values = row.values
    if values["from"]:
        if values["from"] in group.former and group.kind != "split":
            table.accuse(row, "from", "duplicate_row", first=group.former[values["from"]].number)
        group.former.setdefault(values["from"], row)
    group.rows.append(row)
    if group.kind == "close":
        return
    code = values["to_code"] or values["from"]
    said = Target(code, values["to_name"] or None, values["to_kind"] or None, values["to_parent"] or None)
    if code not in group.to:
        group.to[code] = said, row
        return
    known, first = group.to[code]
    if group.kind == "split":
        table.accuse(row, "to_code", "duplicate_row", first=first.number)
        return
    for column, mine, theirs in zip(("to_name", "to_kind", "to_parent"), said[1:4], known[1:4], strict=True):
        if mine is not None and theirs is not None and mine != theirs:
            table.accuse(row, column, "row_differs", first=first.number)
    whole = Target(code, known.name or said.name, known.kind or said.kind, known.parent or said.parent)
    group.to[code] = whole, first


def _gathered(groups: Sequence[_Group]) -> FromTable:
    read = FromTable()
    for number, group in enumerate(groups):
        at = f"/changes/{number}"
        read.places[at] = group.rows[0], "kind"
        read.places[f"{at}/from"] = group.rows[0], "from"
        read.places[f"{at}/to"] = group.rows[0], "to_code"
        for place, row in enumerate(group.former.values()):
            read.places[f"{at}/from/{place}"] = row, "from"
        for place, (_, row) in enumerate(group.to.values()):
            read.places[f"{at}/to/{place}"] = row, "to_code" if row.values["to_code"] else "from"
            for name, column in (("code", "to_code"), ("name", "to_name"), ("kind", "to_kind")):
                read.places[f"{at}/to/{place}/{name}"] = row, column
            read.places[f"{at}/to/{place}/parent_code"] = row, "to_parent"
        targets = tuple(target for target, _ in group.to.values())
        read.changes.append(Change(group.kind, tuple(group.former), targets))
    return read
