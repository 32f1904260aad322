"""Tables of units to import: our own, or the Statistics Office's list of communes, by its headings. Pure.

The list has a row for each commune, with the codes and names of the district and the province above it; a
district without communes has a row that names none. Lists of today have no districts.
"""

from app.core.imports import MAX_ROWS, Table
from app.core.tables import Row, read_rows
from app.units import plan

COLUMNS = (
    "province_code",
    "province",
    "district_code",
    "district",
    "code",
    "name",
    "level",
    "english_name",
)
REQUIRED = ("province_code", "province")
LEVELS = (
    ("province", "province_code", "province", 2),
    ("district", "district_code", "district", 3),
    ("commune", "code", "name", 5),
)
"""Each kind with the columns of its code and name, and how many digits its codes have."""
_MISFITS = {"missing_column", "unknown_column"}


def read_units(data: bytes, filename: str) -> Table:
    """The rows of either table, as `plan.COLUMNS` has them, with the faults of all that was read."""
    rows, faults = read_rows(data, filename, plan.COLUMNS, plan.REQUIRED, MAX_ROWS)
    if not any(fault.code in _MISFITS for fault in faults):
        return Table(rows, faults)
    listed, others = read_rows(data, filename, COLUMNS, REQUIRED, MAX_ROWS)
    if any(fault.code in _MISFITS for fault in others):
        return Table(rows, faults)
    return _spread(Table(listed, others))


def _spread(listed: Table) -> Table:
    """Every unit once, from the first row that names it; accuses rows that say otherwise of one."""
    found: dict[str, Row] = {}
    for row in listed.rows:
        above = ""
        for kind, coded, named, digits in LEVELS:
            code, name = row.values[coded], row.values[named]
            if bool(code) != bool(name):
                listed.accuse(row, named if code else coded, "missing")
            if not code:
                continue
            code = code.zfill(digits) if code.isdecimal() else code
            unit = {"code": code, "name": name, "kind": kind, "parent_code": above, "valid_from": ""}
            first = found.setdefault(code, Row(row.number, unit))
            if kind == "commune" and first.number != row.number:
                listed.accuse(row, coded, "duplicate_row", first=first.number)
            elif first.values != unit:
                listed.accuse(row, named, "row_differs", first=first.number)
            above = code
    return Table(list(found.values()), listed.faults())
