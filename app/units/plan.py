"""What an import of units would do: which rows are new, which change something, and every fault. Pure.

Rows stand in any order, so a parent is looked for in the whole file and in the database. An empty parent
or day keeps what a known unit has: a file with only names must not tear the tree apart.

Why no row can end up outside the reach: each row's parent is within the reach, or another row, or left as
it was; there are no loops, today or on a day of a decided change to come; so every chain of parents ends in
the reach.
"""

from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import NamedTuple

from app.core.imports import MAX_NAME, FieldChange, Table, changes_of
from app.core.tables import Row, RowFault
from app.core.text import fold
from app.units.loops import in_loops
from app.units.zeros import Coded, LikelyCodes

COLUMNS = ("code", "name", "kind", "parent_code", "valid_from")
REQUIRED = ("code", "name", "kind")
SPOILED = "code_taken_for_number"


class Standing(NamedTuple):
    """A unit as the database has it; `reached` is whether the importer may see it.

    `reorganised`: it has been something else before, or shall be; its first day is then no longer a file's.
    """

    name: str
    kind: str
    parent_code: str | None
    valid_from: date | None
    valid_to: date | None
    reached: bool
    reorganised: bool = False
    ahead: date | None = None
    """The day of a decided change to come: a file that changed the unit before would be undone by it."""
    ahead_parent: str | None = None
    """Beneath whom it shall stand from that day on."""
    former_names: Sequence[str] = ()
    """What it was called before, by decision."""

    @property
    def ended(self) -> bool:
        """A unit whose end is decided: only taking back the reorganisation changes it any more."""
        return self.reorganised and self.valid_to is not None


class Wanted(NamedTuple):
    """A unit as it shall be."""

    code: str
    name: str
    kind: str
    parent_code: str | None
    valid_from: date | None

    def changes_from(self, known: Standing) -> list[FieldChange]:
        """What it changes of the unit that stands."""
        facts = {name: value for name, value in self._asdict().items() if name != "code"}
        return changes_of(self.code, {name: getattr(known, name) for name in facts}, facts)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write; `created` lists parents before their children. With faults nothing is to be written."""

    created: Sequence[Wanted] = ()
    updated: Sequence[Wanted] = ()
    unchanged: int = 0
    faults: Sequence[RowFault] = ()


def make_plan(
    table: Table,
    standing: Mapping[str, Standing],
    kinds: Sequence[str],
    reaches_all: bool,
    former_codes: Collection[str] = (),
    used: Container[str] = (),
) -> Plan:
    """Compare the rows with the units that stand there, by code. A code that a unit once had is not free.

    `used` are units with visits or responses of their own or beneath them.
    """
    check_numbers(table, {code: unit.kind for code, unit in standing.items()}, former_codes)
    rows = table.by_code()
    table.check_length("name", MAX_NAME)
    table.check_word("kind", kinds)
    wanted = {code: _wanted(table, row, standing.get(code)) for code, row in rows.items()}
    for row in table.rows:
        known = standing.get(row.values["code"])
        if known is not None and not known.reached:
            table.accuse(row, "code", "code_taken")
        elif known is not None and known.ended and _differs(wanted[row.values["code"]], known):
            table.accuse(row, "code", "unit_ended")
        elif known is not None and known.ahead and _differs(wanted[row.values["code"]], known):
            table.accuse(row, "code", "changed_later", unit=row.values["code"], day=known.ahead)
        elif known is None and row.values["code"] in former_codes:
            table.accuse(row, "code", "code_in_use")
        elif table.whole:
            _check_parent(table, row, known, rows, standing, reaches_all)
        if known is not None and known.reached:
            _check_history(table, row, known, used)

    for code in _looped(rows, wanted, standing):
        table.accuse(rows[code], "parent_code", "parent_loop")
    if faults := table.faults():
        return Plan(faults=faults)
    created = {code: unit for code, unit in wanted.items() if code not in standing}
    changed = [unit for code, unit in wanted.items() if code in standing and _differs(unit, standing[code])]
    return Plan(_parents_first(created), changed, len(wanted) - len(created) - len(changed))


def _looped(
    rows: Mapping[str, Row], wanted: Mapping[str, Wanted], standing: Mapping[str, Standing]
) -> list[str]:
    """The rows that would stand above themselves, now or once what is decided takes effect."""

    def parent_of(code: str, day: date | None) -> str | None:
        known = standing.get(code)
        if day is not None and known is not None and known.ahead is not None and known.ahead <= day:
            return known.ahead_parent
        if code in wanted:
            return wanted[code].parent_code
        return known.parent_code if known is not None else None

    days = {known.ahead for known in standing.values()} | {None}
    looped = {code for day in days for code in in_loops(rows, partial(parent_of, day=day))}
    return [code for code in rows if code in looped]


def _wanted(table: Table, row: Row, known: Standing | None) -> Wanted:
    values = row.values
    valid_from = table.day(row, "valid_from") or (known.valid_from if known else None)
    if known is not None and known.reorganised:
        valid_from = known.valid_from
    if known and known.valid_to and valid_from and valid_from > known.valid_to:
        table.accuse(row, "valid_from", "period_reversed")
    parent = values["parent_code"] or (known.parent_code if known else None)
    return Wanted(values["code"], values["name"], values["kind"], parent, valid_from)


def _check_parent(
    table: Table,
    row: Row,
    known: Standing | None,
    rows: Mapping[str, Row],
    standing: Mapping[str, Standing],
    reaches_all: bool,
) -> None:
    parent = row.values["parent_code"]
    if not parent:
        if known is None and not reaches_all:
            table.accuse(row, "parent_code", "parent_needed")
        return
    above = standing.get(parent)
    if known is not None and known.parent_code == parent:
        return
    if parent not in rows and (above is None or not above.reached):
        table.accuse(row, "parent_code", "unknown_parent", parent=parent)
    elif above is not None and above.ended:
        table.accuse(row, "parent_code", "parent_closed", parent=parent)


def check_numbers(table: Table, standing: Mapping[str, str], former_codes: Collection[str] = ()) -> None:
    """Accuse codes that a spreadsheet took for numbers; before anything else, because all else follows."""
    coded = [Coded(row.values["code"], row.values["kind"], row.values["parent_code"]) for row in table.rows]
    known = [Coded(code, kind) for code, kind in standing.items()]
    known += [Coded(code, None) for code in former_codes if code not in standing]
    codes = LikelyCodes(known, coded)
    for row, one in zip(table.rows, coded, strict=True):
        if (likely := codes.of(one)) is not None:
            table.accuse(row, "code", SPOILED, likely=likely)
        if (likely := codes.above(one)) is not None:
            table.accuse(row, "parent_code", SPOILED, likely=likely)


def moves(row: Row, known: Standing) -> bool:
    """Whether a row gives a unit another kind or parent."""
    return row.values["kind"] != known.kind or row.values["parent_code"] not in {"", known.parent_code}


def _check_history(table: Table, row: Row, known: Standing, used: Container[str]) -> None:
    """Accuse what only a reorganisation changes, and names that one has changed: the list is an old one."""
    name = row.values["name"]
    if moves(row, known) and (known.reorganised or row.values["code"] in used):
        column = "parent_code" if row.values["kind"] == known.kind else "kind"
        table.accuse(row, column, "only_by_reorganisation")
    former = name in known.former_names or fold(name) in map(fold, known.former_names)
    if former and name != known.name and (name in known.former_names or fold(name) != fold(known.name)):
        table.accuse(row, "name", "name_of_before", name=known.name)


def _differs(unit: Wanted, known: Standing) -> bool:
    return unit[1:] != (known.name, known.kind, known.parent_code, known.valid_from)


def _parents_first(created: Mapping[str, Wanted]) -> list[Wanted]:
    ordered: dict[str, Wanted] = {}
    for start in created:
        path: list[str] = []
        code: str | None = start
        while code is not None and code in created and code not in ordered:
            path.append(code)
            code = created[code].parent_code
        ordered.update((code, created[code]) for code in reversed(path))
    return list(ordered.values())
