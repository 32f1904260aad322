"""Counting: the cells of given units and days are made to say what `responses` and `visits` say.

Every statement here compares before it writes: cells that vanished or differ are deleted, new and different
ones inserted, equal ones left alone. So counting twice changes nothing, a pulse writes only what moved, and
the number of changed cells is known (the nightly job reports it). All run in the caller's transaction, which
sees one snapshot (repeatable read); on a cluster each statement sees its own, and what came in between is
still marked and counted once more.

What is counted stands in `fresh.py`.
"""

# ruff: noqa: S608  statements are made of names and numbers of our own, never of what somebody sent

from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.clock import month_start, next_month
from app.questionnaires.published import PublishedQuestionnaires
from app.rollups.fresh import (
    SUMS,
    VISIT_DAY,
    CellTable,
    Scope,
    cells_of,
    occurring,
    summed,
    within,
)
from app.rollups.lanes import Shape

UnitDay = tuple[int, date]
Parameters = dict[str, list[int] | list[date] | list[UUID] | date]
Shapes = tuple[tuple[int, Shape], ...]
"""Questionnaires as (id, shape)."""


class _Writer(NamedTuple):
    """The statements that make a table say, within a scope, what was counted.

    `replace` compares. `fill` only inserts: half the work, for where `occupied` found no cell at all. Both
    return how many cells changed: in all for a month, else by the table's `named`, for what is summed next.
    """

    replace: TextClause
    fill: TextClause
    occupied: TextClause

    @classmethod
    def of(cls, scope: Scope, table: CellTable, fresh: str) -> "_Writer":
        keys, columns = ", ".join(table.keys), ", ".join(table.keys + table.values)
        old = within(scope, f"ctid AS place, {columns}", table.name, table.period)
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
def _counters(scope: Scope, shapes: Shapes) -> Mapping[CellTable, _Writer]:
    """The writers of what is counted when these questionnaires occur."""
    return {table: _Writer.of(scope, table, cells_of(scope, table, shapes)) for table in SUMS}


@lru_cache
def _summer(scope: Scope, source: CellTable, target: CellTable) -> _Writer:
    return _Writer.of(scope, target, summed(scope, source, target))


async def recount_days(
    connection: AsyncConnection,
    questionnaires: PublishedQuestionnaires,
    unit_days: Sequence[UnitDay],
    *,
    sum_all: bool = False,
) -> int:
    """Count these unit-days again and sum what changed, or all of them; returns how many cells changed."""
    shapes, _ = await occurring_shapes(connection, questionnaires, "pairs", named(unit_days))
    changed = 0
    for table, writer in _counters("pairs", shapes).items():
        changed += await _recount(connection, table, writer, unit_days, sum_all=sum_all)
    return changed


async def recount_visits(connection: AsyncConnection, unit_days: Sequence[UnitDay]) -> int:
    """The same for the visits of these unit-days alone."""
    return await _recount(connection, VISIT_DAY, _counters("pairs", ())[VISIT_DAY], unit_days)


async def _recount(
    connection: AsyncConnection,
    table: CellTable,
    writer: _Writer,
    unit_days: Sequence[UnitDay],
    *,
    sum_all: bool = False,
) -> int:
    rows = [tuple(row) for row in await connection.execute(writer.replace, named(unit_days))]
    changed: int = sum(row[-1] for row in rows)
    moved = list(unit_days) if sum_all else [row[:-1] for row in rows]
    for source, target in SUMS[table]:
        names = moved
        if target.period != source.period:
            names = sorted({(unit, month_start(day), *more) for unit, day, *more in moved})
        if names:
            summer = _summer("pairs" if len(names[0]) == 2 else "triples", source, target)
            changed += sum(row[-1] for row in await connection.execute(summer.replace, named(names)))
    return changed


async def recount_month(
    connection: AsyncConnection, questionnaires: PublishedQuestionnaires, units: Sequence[int], month: date
) -> int:
    """Count a whole month of these units again and sum it; returns how many cells changed."""
    due: Parameters = {"units": list(units), "first": month, "after": next_month(month)}
    changed = 0
    shapes, _ = await occurring_shapes(connection, questionnaires, "month", due)
    for table, counter in _counters("month", shapes).items():
        for writer in (counter, *(_summer("month", source, target) for source, target in SUMS[table])):
            occupied = await connection.scalar(writer.occupied, due)
            changed += await connection.scalar(writer.replace if occupied else writer.fill, due) or 0
    return changed


async def occurring_shapes(
    connection: AsyncConnection, questionnaires: PublishedQuestionnaires, scope: Scope, due: Parameters
) -> tuple[Shapes, bool]:
    """The questionnaires that occur within a scope; whether any of their responses belongs to a procedure."""
    rows = (await connection.execute(_occurring(scope), due)).all()
    published = await questionnaires.by_ids([row.questionnaire_id for row in rows])
    shapes = tuple((one, Shape.of(published[one].layout)) for one in sorted(published))
    return shapes, any(row.of_procedures for row in rows)


@lru_cache
def _occurring(scope: Scope) -> TextClause:
    return text(occurring(scope))


def named(due: Sequence[tuple[Any, ...]]) -> Parameters:
    """Pairs or triples as the arrays the statements take."""
    return dict(zip(("units", "periods", "procedures"), map(list, zip(*due, strict=True)), strict=False))
