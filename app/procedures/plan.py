"""What an import of procedures would do: which rows are new, which change something, all faults. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from app.core.imports import MAX_NAME, Table
from app.core.tables import RowFault

COLUMNS = ("code", "name", "field", "level")


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
