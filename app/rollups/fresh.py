"""Fresh cells: the SELECTs that count `responses` and `visits`, and those that sum what was counted.

Three scopes, one way of counting: a pulse counts scattered unit-days, each found through the index, or adds
single responses that have arrived; a rebuild counts whole months of many units, read in the order they lie on
disk, four times faster for each response.

The SQL of a questionnaire is made from its shape. Each subquery ends in OFFSET 0, which keeps PostgreSQL from
merging it into the next: a byte is taken out of `answers` once, not once for each of the five counts.
"""

# ruff: noqa: S608  statements are made of names and numbers of our own, never of what somebody sent

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from app.rollups.lanes import DIGITS, WHOLE, Lane, Shape, procedure_lanes, unit_lanes

Scope = Literal["pairs", "triples", "month", "arrivals"]


class CellTable(NamedTuple):
    """A table of cells: what identifies a cell, and what it says."""

    name: str
    keys: tuple[str, ...]
    values: tuple[str, ...]

    @property
    def period(self) -> str:
        return self.keys[1]

    @property
    def named(self) -> tuple[str, ...]:
        """By what a changed cell is named when its month is to be counted: unit, period and any procedure."""
        return self.keys[: 2 + ("procedure_id" in self.keys)]


_DAY, _MONTH, _FORM = ("unit_id", "local_day"), ("unit_id", "local_month"), ("questionnaire_id",)
_COUNTS = ("responses", "held_back", "tally")
CHANNEL_DAY = CellTable("channel_day", (*_DAY, *_FORM, "channel"), _COUNTS)
CHANNEL_MONTH = CellTable("channel_month", (*_MONTH, *_FORM, "channel"), _COUNTS)
UNIT_DAY = CellTable("unit_day", (*_DAY, *_FORM), _COUNTS)
UNIT_MONTH = CellTable("unit_month", (*_MONTH, *_FORM), _COUNTS)
PROCEDURE_DAY = CellTable("procedure_day", (*_DAY, "procedure_id", *_FORM), ("responses", "tally"))
PROCEDURE_MONTH = CellTable("procedure_month", (*_MONTH, "procedure_id", *_FORM), ("responses", "tally"))
VISIT_DAY = CellTable("visit_day", _DAY, ("visits", "answered"))
VISIT_MONTH = CellTable("visit_month", _MONTH, ("visits", "answered"))
SUMS = {
    CHANNEL_DAY: ((CHANNEL_DAY, UNIT_DAY), (CHANNEL_DAY, CHANNEL_MONTH), (UNIT_DAY, UNIT_MONTH)),
    PROCEDURE_DAY: ((PROCEDURE_DAY, PROCEDURE_MONTH),),
    VISIT_DAY: ((VISIT_DAY, VISIT_MONTH),),
}
"""The tables that are counted, and what is summed from them afterwards: (from, to), in order."""
TABLES = (*SUMS, *(target for steps in SUMS.values() for _, target in steps))


def within(
    scope: Scope, columns: str, table: str, period: str, *, month: bool = False, more: str = ""
) -> str:
    """FROM of the rows in scope: of given (unit, period) pairs or (unit, period, procedure) triples, found
    one by one through the index; of given units in [first, after); or, of responses, those with given (unit,
    id). With `month` the periods are months, and rows of all their days are meant.
    """
    if scope == "month":
        return f"""(SELECT {columns} FROM {table} WHERE unit_id = ANY(CAST(:units AS integer[]))
            AND {period} >= :first AND {period} < :after{more} OFFSET 0) found"""
    if scope == "arrivals":
        return f"""unnest(CAST(:units AS integer[]), CAST(:ids AS uuid[])) AS due(unit_id, id)
            CROSS JOIN LATERAL (SELECT {columns} FROM {table}
                WHERE unit_id = due.unit_id AND id = due.id{more} OFFSET 0) found"""
    reach = f"{period} = due.period"
    if month:
        reach = f"{period} >= due.period AND {period} < (due.period + interval '1 month')::date"
    due = "unnest(CAST(:units AS integer[]), CAST(:periods AS date[])) AS due(unit_id, period)"
    if scope == "triples":
        reach += " AND procedure_id = ANY(due.procedures)"
        due = """(SELECT unit_id, period, array_agg(procedure_id) AS procedures
            FROM unnest(CAST(:units AS integer[]), CAST(:periods AS date[]), CAST(:procedures AS integer[]))
                AS given(unit_id, period, procedure_id) GROUP BY unit_id, period) AS due"""
    return f"""{due}
        CROSS JOIN LATERAL (SELECT {columns} FROM {table}
            WHERE unit_id = due.unit_id AND {reach}{more} OFFSET 0) found"""


def _aggregate(lane: Lane, x: Mapping[int, str], y: Mapping[int, str]) -> str:
    """A lane's SQL; x and y name the valid and the satisfied answers of the whole and the components."""
    if lane.kind == "count":
        return f"count(*) FILTER (WHERE b{lane.place} = {lane.answer})"
    if lane.kind == "n":
        return f"count(*) FILTER (WHERE {x[lane.place]} > 0)"
    factors = {"x": x[lane.place], "y": y[lane.place]}
    return f"coalesce(sum({' * '.join(factors[letter] for letter in lane.kind)}), 0)"


def _tally(lanes: Sequence[Lane], x: Mapping[int, str], y: Mapping[int, str]) -> str:
    """Lanes side by side: each is raised to a full 12 digits, written out, and the raise taken off again."""
    raised = 10 ** (DIGITS - 1)
    listed = ", ".join(f"{raised} + {_aggregate(lane, x, y)}" for lane in lanes)
    return f"array_to_string(ARRAY[{listed}], '')::numeric - {str(raised) * len(lanes)}"


def _rows(
    scope: Scope, questionnaire: int, shape: Shape, which: str
) -> tuple[str, dict[int, str], dict[int, str]]:
    """Responses in scope of one questionnaire with b<i>, x and y; `answers` is null where not counted."""
    x = {WHOLE: "x"}
    y = {WHOLE: "y"}
    columns = ""
    for place, (first, length) in enumerate(shape.components):
        valid = " + ".join(f"(b{at} > 0)::integer" for at in range(first, first + length))
        satisfied = " + ".join(f"(b{at} > 3)::integer" for at in range(first, first + length))
        if length > 1:
            columns += f", {valid} AS x{place}, {satisfied} AS y{place}"
            valid, satisfied = f"x{place}", f"y{place}"
        x[place], y[place] = valid, satisfied
    counted = "CASE WHEN verdict = 'counted' THEN answers END AS answers"
    source = within(
        scope,
        f"unit_id, local_day, channel, procedure_id, {counted}",
        "responses",
        "local_day",
        more=f" AND questionnaire_id = {questionnaire} AND {which}",
    )
    taken = ", ".join(f"get_byte(answers, {at}) AS b{at}" for at in range(shape.width))
    rows = f"SELECT found.*, {taken} FROM {source} OFFSET 0"
    if columns:
        rows = f"SELECT *{columns} FROM ({rows}) r OFFSET 0"
    parts = range(len(shape.components))
    whole_x, whole_y = (" + ".join(names[at] for at in parts) for names in (x, y))
    return f"SELECT *, {whole_x} AS x, {whole_y} AS y FROM ({rows}) r OFFSET 0", x, y


def channel_cells(scope: Scope, questionnaire: int, shape: Shape) -> str:
    rows, x, y = _rows(scope, questionnaire, shape, "verdict <> 'void'")
    return f"""
        SELECT unit_id, local_day, {questionnaire} AS questionnaire_id, channel,
            count(answers)::integer AS responses, (count(*) - count(answers))::integer AS held_back,
            {_tally(unit_lanes(shape), x, y)} AS tally
        FROM ({rows}) r GROUP BY unit_id, local_day, channel"""


def procedure_cells(scope: Scope, questionnaire: int, shape: Shape) -> str:
    rows, x, y = _rows(scope, questionnaire, shape, "verdict = 'counted' AND procedure_id IS NOT NULL")
    return f"""
        SELECT unit_id, local_day, procedure_id, {questionnaire} AS questionnaire_id,
            count(*)::integer AS responses, {_tally(procedure_lanes(shape), x, y)} AS tally
        FROM ({rows}) r GROUP BY unit_id, local_day, procedure_id"""


def visit_cells(scope: Scope) -> str:
    served = within(scope, "unit_id, served_on, answer_state", "visits", "served_on")
    return f"""
        SELECT unit_id, served_on AS local_day, count(*)::integer AS visits,
            (count(*) FILTER (WHERE answer_state > 0))::integer AS answered
        FROM (SELECT found.* FROM {served}) r GROUP BY unit_id, served_on"""


def summed(scope: Scope, source: CellTable, target: CellTable) -> str:
    """Cells of one table as sums of another's: channels into the unit, days into the month."""
    period = f"found.{source.period}"
    if monthly := target.period != source.period:
        period = "CAST(:first AS date)" if scope == "month" else "due.period"
    keys = ", ".join(f"found.{key}" for key in ("unit_id", *target.keys[2:]))
    sums = ", ".join(
        f"sum({value}){'' if value == 'tally' else '::integer'} AS {value}" for value in target.values
    )
    cells = within(scope, ", ".join(source.keys + source.values), source.name, source.period, month=monthly)
    return f"SELECT {keys}, {period} AS {target.period}, {sums} FROM {cells} GROUP BY {keys}, {period}"


def cells_of(scope: Scope, table: CellTable, shapes: Sequence[tuple[int, Shape]]) -> str:
    """The fresh cells of a table that is counted, for the questionnaires that occur, given as (id, shape)."""
    if table is VISIT_DAY:
        return visit_cells(scope)
    count = channel_cells if table is CHANNEL_DAY else procedure_cells
    nothing = f"SELECT {', '.join(table.keys + table.values)} FROM {table.name} WHERE false"
    return (
        " UNION ALL ".join(count(scope, questionnaire, shape) for questionnaire, shape in shapes) or nothing
    )


def occurring(scope: Scope) -> str:
    """The questionnaires that occur, and how many of their responses belong to a procedure."""
    source = within(
        scope, "questionnaire_id, procedure_id", "responses", "local_day", more=" AND verdict <> 'void'"
    )
    columns = "found.questionnaire_id, count(found.procedure_id) AS of_procedures"
    return f"SELECT {columns} FROM {source} GROUP BY found.questionnaire_id"
