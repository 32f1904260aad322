"""Adding: responses that have arrived are added to the cells; their unit-days are not counted again.

A mark of intake's names the responses it was made for. Where nothing but arrivals has marked a unit-day, its
cells say what was there before, and with the new ones added they say all: every number in a cell is a sum. So
the ten thousandth response of a day costs as much as the first. (Visits are not added: where a link was
spent, those of the unit-day are counted, from an index that holds all that is asked.)

Whatever else marks a unit-day (a verdict, say) names no responses: it is counted again as a whole, and that
sets right whatever may have been wrong. So is a unit-day that no night would look at again, and each one on a
cluster, where no two statements see the same moment.
"""

# ruff: noqa: S608  statements are made of names and numbers of our own, never of what somebody sent

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.questionnaires.published import PublishedQuestionnaires
from app.rollups.compute import Parameters, Shapes, UnitDay, occurring_shapes
from app.rollups.fresh import CHANNEL_DAY, PROCEDURE_DAY, SUMS, CellTable, cells_of

MOST_ADDED = 5000
"""More new responses than that in one unit-day are most of it: counting it again is quicker."""
ADDED_DAYS = 3
"""How old a day may be for its arrivals to be added: the next night counts all those days from nothing."""


class Mark(NamedTuple):
    """A mark that was taken. `arrivals`: the responses it was made for; empty: for visits; None: for all."""

    unit_id: int
    local_day: date
    arrivals: list[UUID] | None


class Work(NamedTuple):
    """What marks ask for: responses to be added, visits to be counted, and all to be counted again."""

    arrived: Mapping[UnitDay, list[UUID]]
    visited: set[UnitDay]
    again: set[UnitDay]


class Adding(NamedTuple):
    """The first and the last day whose arrivals are added; all other unit-days are counted as a whole."""

    first: date
    last: date


def recent(today: date) -> Adding:
    """The days around today; a clock that has stayed behind does not make the days of now recent ones."""
    return Adding(today - timedelta(days=ADDED_DAYS), today + timedelta(days=1))


NOWHERE = Adding(date.max, date.min)


class Added(NamedTuple):
    """What was added to the cells of a unit-day. `linked`: some came through links, which spent visits."""

    responses: int
    linked: bool


def sorted_out(marks: Iterable[Mark], adding: Adding) -> Work:
    """What these marks ask for; a unit-day that is counted again needs nothing else."""
    arrived = defaultdict[UnitDay, list[UUID]](list)
    visited, again = set[UnitDay](), set[UnitDay]()
    for unit, day, arrivals in marks:
        if arrivals is None or (arrivals and not adding.first <= day <= adding.last):
            again.add((unit, day))
        elif arrivals:
            arrived[unit, day] += arrivals
        else:
            visited.add((unit, day))
    again |= {one for one, ids in arrived.items() if len(ids) > MOST_ADDED}
    return Work({one: ids for one, ids in arrived.items() if one not in again}, visited - again, again)


async def add(
    connection: AsyncConnection,
    questionnaires: PublishedQuestionnaires,
    arrived: Mapping[UnitDay, list[UUID]],
) -> dict[UnitDay, Added]:
    """Add these responses to the cells of their unit-days, in the caller's transaction."""
    if not arrived:
        return {}
    given: Parameters = {
        "units": [unit for (unit, _), ids in arrived.items() for _ in ids],
        "ids": [one for ids in arrived.values() for one in ids],
    }
    shapes, of_procedures = await occurring_shapes(connection, questionnaires, "arrivals", given)
    rows = await connection.execute(_adder(shapes, of_procedures), given)
    return {(unit, day): Added(responses, linked) for unit, day, responses, linked in rows}


@lru_cache(maxsize=64)
def _adder(shapes: Shapes, of_procedures: bool) -> TextClause:
    """One statement that counts the new responses and adds what it counted to every table."""
    parts = []
    for source in (CHANNEL_DAY, PROCEDURE_DAY) if of_procedures else (CHANNEL_DAY,):
        fresh = f"fresh_{source.name}"
        parts.append(f"{fresh} AS MATERIALIZED ({cells_of('arrivals', source, shapes)})")
        targets = dict.fromkeys((source, *(target for _, target in SUMS[source])))
        parts += [f"to_{target.name} AS ({_addition(fresh, source, target)})" for target in targets]
    return text(f"""
        WITH {", ".join(parts)}
        SELECT unit_id, local_day, sum(responses + held_back), bool_or(channel = 'link')
        FROM fresh_{CHANNEL_DAY.name} GROUP BY unit_id, local_day""")


def _addition(fresh: str, source: CellTable, target: CellTable) -> str:
    keys = ", ".join(target.keys)
    groups: Sequence[str] = target.keys
    if target.period != source.period:
        groups = [key for key in target.keys if key != target.period]
        groups = [groups[0], f"date_trunc('month', {source.period}::timestamp)::date", *groups[1:]]
    sums = [f"sum({value}){'' if value == 'tally' else '::integer'}" for value in target.values]
    changes = ", ".join(f"{value} = {target.name}.{value} + excluded.{value}" for value in target.values)
    return f"""
        INSERT INTO {target.name} ({", ".join(target.keys + target.values)})
        SELECT {", ".join([*groups, *sums])} FROM {fresh} GROUP BY {", ".join(groups)} ORDER BY 1, 2
        ON CONFLICT ({keys}) DO UPDATE SET {changes}"""
