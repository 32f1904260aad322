"""Faults of an uploaded table, told by kind: a few of one kind each, many of one kind as one.

A file that went wrong goes wrong in every row. A person then needs one sentence, how many rows it is, and the
first of them, and not a thousand lines that say the same.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from app.core.messages import FAULTS
from app.core.table_faults import MANY_ROWS
from app.core.texts import Language

MAX_FAULTS = 1_000
FEW = 10
"""So many of a kind are told one by one."""

_NO_PARAMS: Mapping[str, object] = MappingProxyType({})
_OF_THE_HEADER = frozenset({"unknown_column", "cell_without_heading"})


class RowFault(NamedTuple):
    """One fault of a file: row (1 for the file as a whole), column if it is one cell's, what is wrong.

    `rows` are all rows of a fault that many share, in their order; `row` and `params` are then the first's.
    """

    row: int
    column: str | None
    code: str
    params: Mapping[str, object] = _NO_PARAMS
    rows: tuple[int, ...] = ()

    def detail(self, language: Language) -> str:
        """The sentence for people; with the number of rows and the first of them where there are many."""
        said = FAULTS[self.code].render(language, self.params)
        if not self.rows:
            return said
        first = ", ".join(map(str, self.rows[:FEW]))
        return f"{said} {MANY_ROWS.render(language, {'count': len(self.rows), 'rows': first})}"


class FaultsByKind:
    """The faults found so far. A cell is accused once; each column has kinds of its own."""

    def __init__(self, known: Iterable[RowFault] = ()) -> None:
        self._kinds: dict[tuple[str | None, str], list[RowFault]] = {}
        self._rows: dict[tuple[str | None, str], list[int]] = {}
        self._cells: set[tuple[int, str]] = set()
        for fault in known:
            for row in fault.rows or (fault.row,):
                self.add(fault._replace(row=row, rows=()))

    def __contains__(self, cell: tuple[int, str]) -> bool:
        return cell in self._cells

    def add(self, fault: RowFault) -> None:
        """Add one; one of a cell that has one already is no news."""
        if fault.column is not None and fault.code not in _OF_THE_HEADER:
            if (fault.row, fault.column) in self._cells:
                return
            self._cells.add((fault.row, fault.column))
        kind = (None if fault.code in _OF_THE_HEADER else fault.column), fault.code
        if kind not in self._kinds and len(self._kinds) == MAX_FAULTS:
            return
        first = self._kinds.setdefault(kind, [])
        if len(first) <= FEW:
            first.append(fault)
        rows = self._rows.setdefault(kind, [])
        if len(rows) < MAX_FAULTS * 1_000:
            rows.append(fault.row)

    def listed(self) -> list[RowFault]:
        """All of them in the order of the file, at most MAX_FAULTS."""
        told: list[RowFault] = []
        for kind, first in self._kinds.items():
            if len(first) <= FEW:
                told += first
            else:
                rows = tuple(sorted(self._rows[kind]))
                earliest = min(first, key=lambda fault: fault.row)
                told.append(earliest._replace(rows=rows))
        return sorted(told, key=lambda fault: fault.row)[:MAX_FAULTS]
