"""What an import of procedures would do: which rows are new, which change something, all faults. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from app.core.imports import MAX_NAME, Table
from app.core.tables import RowFault

COLUMNS = ("code", "name", "field", "level")
_NATIONAL = re.compile(r"[0-9]\.[0-9]{6}")
# 1.00119 and 1,00119 (a number loses its last zeros), 1001190 (the point stands between thousands)
_TAKEN_FOR_NUMBER = re.compile(r"([0-9])[.,]?([0-9]{6})|([0-9])[.,]([0-9]{3,5})")


class Wanted(NamedTuple):
    """A procedure as it shall be, or as it stands."""

    code: str
    name: str
    field: str
    level: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write. With faults nothing is to be written."""

    created: Sequence[Wanted] = ()
    updated: Sequence[Wanted] = ()
    unchanged: int = 0
    faults: Sequence[RowFault] = ()


def make_plan(table: Table, standing: Mapping[str, Wanted], levels: Sequence[str]) -> Plan:
    """Compare the rows with the procedures that stand there, by code."""
    national = any(map(_NATIONAL.fullmatch, _codes(table, standing)))
    for row in table.rows:
        code = row.values["code"]
        if national and code not in standing and (likely := _likely(code)) is not None:
            table.accuse(row, "code", "code_taken_for_number", likely=likely)
    rows = table.by_code()
    table.check_length("name", MAX_NAME)
    table.check_length("field", MAX_NAME)
    table.check_word("level", levels)
    if faults := table.faults():
        return Plan(faults=faults)
    wanted = [Wanted(**row.values) for row in rows.values()]
    created = [procedure for procedure in wanted if procedure.code not in standing]
    updated = [one for one in wanted if one.code in standing and one != standing[one.code]]
    return Plan(created, updated, len(wanted) - len(created) - len(updated))


def _codes(table: Table, standing: Iterable[str]) -> list[str]:
    return [*standing, *(row.values["code"] for row in table.rows)]


def _likely(code: str) -> str | None:
    """The national number that a spreadsheet made this of; None for what is one, or is none of its kind."""
    found = _TAKEN_FOR_NUMBER.fullmatch(code)
    if found is None or _NATIONAL.fullmatch(code):
        return None
    whole, decimals = (found[1], found[2]) if found[1] else (found[3], found[4])
    return f"{whole}.{decimals.ljust(6, '0')}"
