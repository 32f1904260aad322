"""Counting: the cells of given units and days, from `responses` and `visits`, all inside PostgreSQL.

Every statement here compares before it writes: cells that vanished or differ are deleted, new and different
ones inserted, equal ones left alone. So counting twice changes nothing, a pulse writes only what moved, and
the number of changed cells is known (the nightly job reports it). All run in the caller's transaction, which
must see one snapshot (repeatable read).

Two scopes, one way of counting: a pulse counts scattered unit-days, each found through the index; a rebuild
counts whole months of many units, read in the order they lie on disk, four times faster for each response.

The SQL of a questionnaire is made from its shape. Each subquery ends in OFFSET 0, which keeps PostgreSQL from
merging it into the next: a byte is taken out of `answers` once, not once for each of the five counts.
"""

# ruff: noqa: S608  statements are made of names and numbers of our own, never of what somebody sent

from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.clock import month_start, next_month
from app.questionnaires.published import PublishedQuestionnaires
from app.rollups.lanes import DIGITS, WHOLE, Lane, Shape, procedure_lanes, unit_lanes

UnitDay = tuple[int, date]
Scope = Literal["pairs", "triples", "month"]
Parameters = dict[str, list[int] | list[date] | date]


class _Table(NamedTuple):
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
CHANNEL_DAY = _Table("channel_day", (*_DAY, *_FORM, "channel"), _COUNTS)
CHANNEL_MONTH = _Table("channel_month", (*_MONTH, *_FORM, "channel"), _COUNTS)
UNIT_DAY = _Table("unit_day", (*_DAY, *_FORM), _COUNTS)
UNIT_MONTH = _Table("unit_month", (*_MONTH, *_FORM), _COUNTS)
PROCEDURE_DAY = _Table("procedure_day", (*_DAY, "procedure_id", *_FORM), ("responses", "tally"))
PROCEDURE_MONTH = _Table("procedure_month", (*_MONTH, "procedure_id", *_FORM), ("responses", "tally"))
VISIT_DAY = _Table("visit_day", _DAY, ("visits", "answered"))
VISIT_MONTH = _Table("visit_month", _MONTH, ("visits", "answered"))
SUMS = {
    CHANNEL_DAY: ((CHANNEL_DAY, UNIT_DAY), (CHANNEL_DAY, CHANNEL_MONTH), (UNIT_DAY, UNIT_MONTH)),
    PROCEDURE_DAY: ((PROCEDURE_DAY, PROCEDURE_MONTH),),
    VISIT_DAY: ((VISIT_DAY, VISIT_MONTH),),
}
"""The tables that are counted, and what is summed from them afterwards: (from, to), in order."""
TABLES = (*SUMS, *(target for steps in SUMS.values() for _, target in steps))


def _within(
    scope: Scope, columns: str, table: str, period: str, *, month: bool = False, more: str = ""
) -> str:
    """FROM of the rows in scope: of given (unit, period) pairs or (unit, period, procedure) triples, found
    one by one through the index; or of given units in [first, after). With `month` the periods are months,
    and rows of all their days are meant.
    """
    if scope == "month":
        return f"""(SELECT {columns} FROM {table} WHERE unit_id = ANY(CAST(:units AS integer[]))
            AND {period} >= :first AND {period} < :after{more} OFFSET 0) found"""
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
    source = _within(
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


def _channel_cells(scope: Scope, questionnaire: int, shape: Shape) -> str:
    rows, x, y = _rows(scope, questionnaire, shape, "verdict <> 'void'")
    return f"""
        SELECT unit_id, local_day, {questionnaire} AS questionnaire_id, channel,
            count(answers)::integer AS responses, (count(*) - count(answers))::integer AS held_back,
            {_tally(unit_lanes(shape), x, y)} AS tally
        FROM ({rows}) r GROUP BY unit_id, local_day, channel"""


def _procedure_cells(scope: Scope, questionnaire: int, shape: Shape) -> str:
    rows, x, y = _rows(scope, questionnaire, shape, "verdict = 'counted' AND procedure_id IS NOT NULL")
    return f"""
        SELECT unit_id, local_day, procedure_id, {questionnaire} AS questionnaire_id,
            count(*)::integer AS responses, {_tally(procedure_lanes(shape), x, y)} AS tally
        FROM ({rows}) r GROUP BY unit_id, local_day, procedure_id"""


def _visit_cells(scope: Scope) -> str:
    served = _within(scope, "unit_id, served_on, answer_state", "visits", "served_on")
    return f"""
        SELECT unit_id, served_on AS local_day, count(*)::integer AS visits,
            (count(*) FILTER (WHERE answer_state > 0))::integer AS answered
        FROM (SELECT found.* FROM {served}) r GROUP BY unit_id, served_on"""


def _summed(scope: Scope, source: _Table, target: _Table) -> str:
    """Cells of one table as sums of another's: channels into the unit, days into the month."""
    period = f"found.{source.period}"
    if monthly := target.period != source.period:
        period = "CAST(:first AS date)" if scope == "month" else "due.period"
    keys = ", ".join(f"found.{key}" for key in ("unit_id", *target.keys[2:]))
    sums = ", ".join(
        f"sum({value}){'' if value == 'tally' else '::integer'} AS {value}" for value in target.values
    )
    cells = _within(scope, ", ".join(source.keys + source.values), source.name, source.period, month=monthly)
    return f"SELECT {keys}, {period} AS {target.period}, {sums} FROM {cells} GROUP BY {keys}, {period}"


class _Writer(NamedTuple):
    """The statements that make a table say, within a scope, what was counted.

    `replace` compares. `fill` only inserts: half the work, for where `occupied` found no cell at all. Both
    return how many cells changed: in all for a month, else by the table's `named`, for what is summed next.
    """

    replace: TextClause
    fill: TextClause
    occupied: TextClause

    @classmethod
    def of(cls, scope: Scope, table: _Table, fresh: str) -> "_Writer":
        keys, columns = ", ".join(table.keys), ", ".join(table.keys + table.values)
        old = _within(scope, f"ctid AS place, {columns}", table.name, table.period)
        same = " AND ".join(f"fresh.{key} = old.{key}" for key in table.keys)
        same += "".join(f" AND NOT fresh.{value} IS DISTINCT FROM old.{value}" for value in table.values)
        named = ", ".join(table.named)
        counted, grouped = f"SELECT {named}, count(*) AS cells", f"GROUP BY {named}"
        if scope == "month":
            counted, grouped = "SELECT count(*) AS cells", ""
        # Rows are found by their place, the fastest way there is. A place is one within a shard only: it
        # is the key that says which row is meant.
        # The insert waits for the delete (it asks how much went), or it would meet the cells it replaces.
        replace = f"""
            WITH fresh AS MATERIALIZED ({fresh}),
            old AS MATERIALIZED (SELECT found.* FROM {old}),
            gone AS (
                DELETE FROM {table.name} WHERE ctid = ANY(ARRAY(
                    SELECT place FROM old WHERE NOT EXISTS (SELECT FROM fresh WHERE {same})))
                    AND ({keys}) IN (SELECT {keys} FROM old)
                RETURNING {keys}),
            written AS (
                INSERT INTO {table.name} ({columns}) SELECT {columns} FROM fresh
                WHERE (SELECT count(*) FROM gone) >= 0 AND NOT EXISTS (SELECT FROM old WHERE {same})
                RETURNING {keys})
            {counted} FROM (SELECT {keys} FROM gone UNION SELECT {keys} FROM written) changed {grouped}"""
        fill = f"""
            WITH written AS (
                INSERT INTO {table.name} ({columns}) SELECT {columns} FROM ({fresh}) fresh ORDER BY {keys}
                RETURNING {named})
            {counted} FROM written {grouped}"""
        return cls(text(replace), text(fill), text(f"SELECT EXISTS (SELECT FROM {old})"))


@lru_cache(maxsize=64)
def _counters(scope: Scope, shapes: tuple[tuple[int, Shape], ...]) -> Mapping[_Table, _Writer]:
    """The writers of what is counted when these questionnaires occur, given as (id, shape)."""
    writers = {}
    for table, cells in ((CHANNEL_DAY, _channel_cells), (PROCEDURE_DAY, _procedure_cells)):
        nothing = f"SELECT {', '.join(table.keys + table.values)} FROM {table.name} WHERE false"
        counted = [cells(scope, questionnaire, shape) for questionnaire, shape in shapes]
        writers[table] = _Writer.of(scope, table, " UNION ALL ".join(counted) or nothing)
    return writers | {VISIT_DAY: _Writer.of(scope, VISIT_DAY, _visit_cells(scope))}


@lru_cache
def _summer(scope: Scope, source: _Table, target: _Table) -> _Writer:
    return _Writer.of(scope, target, _summed(scope, source, target))


@lru_cache
def _questionnaires(scope: Scope) -> TextClause:
    source = _within(scope, "questionnaire_id", "responses", "local_day", more=" AND verdict <> 'void'")
    return text(f"SELECT DISTINCT found.questionnaire_id FROM {source}")


async def recount_days(
    connection: AsyncConnection,
    questionnaires: PublishedQuestionnaires,
    unit_days: Sequence[UnitDay],
    *,
    sum_all: bool = False,
) -> int:
    """Count these unit-days again and sum what changed, or all of them; returns how many cells changed."""
    due = _named(unit_days)
    changed = 0
    for table, writer in (await _writers(connection, questionnaires, "pairs", due)).items():
        rows = [tuple(row) for row in await connection.execute(writer.replace, due)]
        changed += sum(row[-1] for row in rows)
        moved = list(unit_days) if sum_all else [row[:-1] for row in rows]
        for source, target in SUMS[table]:
            names = moved
            if target.period != source.period:
                names = sorted({(unit, month_start(day), *more) for unit, day, *more in moved})
            if names:
                summer = _summer("pairs" if len(names[0]) == 2 else "triples", source, target)
                changed += sum(row[-1] for row in await connection.execute(summer.replace, _named(names)))
    return changed


async def recount_month(
    connection: AsyncConnection, questionnaires: PublishedQuestionnaires, units: Sequence[int], month: date
) -> int:
    """Count a whole month of these units again and sum it; returns how many cells changed."""
    due: Parameters = {"units": list(units), "first": month, "after": next_month(month)}
    changed = 0
    for table, counter in (await _writers(connection, questionnaires, "month", due)).items():
        for writer in (counter, *(_summer("month", source, target) for source, target in SUMS[table])):
            occupied = await connection.scalar(writer.occupied, due)
            changed += await connection.scalar(writer.replace if occupied else writer.fill, due) or 0
    return changed


async def _writers(
    connection: AsyncConnection, questionnaires: PublishedQuestionnaires, scope: Scope, due: Parameters
) -> Mapping[_Table, _Writer]:
    ids = sorted((await connection.scalars(_questionnaires(scope), due)).all())
    published = await questionnaires.by_ids(ids)
    return _counters(scope, tuple((one, Shape.of(published[one].layout)) for one in ids))


def _named(due: Sequence[tuple[Any, ...]]) -> Parameters:
    """Pairs or triples as the arrays the statements take."""
    return dict(zip(("units", "periods", "procedures"), map(list, zip(*due, strict=True)), strict=False))
