"""What weights are made of: visits by unit and field from the visits themselves, responses from the cells.

A frame is the visits that were to be answered with one questionnaire version. They are counted as they
stand, for no cell keeps them by procedure: two tenths of a second for a province's month, one for its year,
and paid by nobody who does not ask for weights.
"""

# ruff: noqa: S608  statements are made of names of our own, never of what somebody sent

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.reach import find_unit, subtree
from app.auth.subjects import Subject
from app.models.unit import Unit
from app.rollups.spans import Spans


class Group(NamedTuple):
    """Where a count belongs; None where it is not told apart, or where there is none."""

    questionnaire_id: int
    unit_id: int | None
    field: str | None


class Cell(NamedTuple):
    """Counted responses and their tally, in digits."""

    responses: int
    tally: str


class Frame(NamedTuple):
    """All that is known of a scope and period. `fields` are of the responses that know their procedure."""

    visits: dict[Group, int]
    channels: dict[tuple[Group, str], Cell]
    fields: dict[Group, Cell]


async def scope_of(session: AsyncSession, subject: Subject, code: str, *, below: bool) -> dict[int, str]:
    """Ids and codes of the unit, and of all beneath it; UnitUnknown outside the reach."""
    unit = await find_unit(session, subject, code)
    if not below:
        return {unit.id: unit.code}
    rows = await session.execute(select(Unit.id, Unit.code).where(Unit.id.in_(subtree(unit.id))))
    return {row[0]: row[1] for row in rows}


async def read(
    session: AsyncSession, units: Sequence[int], first: date, last: date, *, by_unit: bool, by_field: bool
) -> Frame:
    """Visits and responses of these units and days, told apart by unit and field as asked."""
    spans = Spans.of(first, last)
    given = {"units": list(units), **spans.parameters()}
    unit = "below.id" if by_unit else "NULL::integer"
    channels = await session.execute(text(_cells("channel", spans, "channel", unit, "channel")), given)
    fields: Iterable[Any] = ()
    if by_field:
        statement = text(_cells("procedure", spans, "procedure_id", unit, "p.field"))
        fields = await session.execute(statement, given)
    visits = await session.execute(
        text(
            _VISITS.format(
                unit="v.unit_id" if by_unit else "NULL::integer",
                field="p.field" if by_field else "NULL::text",
            )
        ),
        {"units": list(units), "first": first, "last": last},
    )
    return Frame(
        {Group(row[0], row[1], row[2]): row[3] for row in visits},
        {(Group(row[0], row[1], None), row[2]): Cell(row[3], row[4]) for row in channels},
        {Group(row[0], row[1], row[2]): Cell(row[3], row[4]) for row in fields},
    )


_BELOW = "unnest(CAST(:units AS integer[])) AS below(id)"
_VISITS = """
    SELECT v.questionnaire_id, {unit}, {field}, sum(v.visits)::bigint
    FROM (
        SELECT questionnaire_id, unit_id, procedure_id, count(*) AS visits FROM visits
        WHERE unit_id = ANY(CAST(:units AS integer[])) AND served_on BETWEEN :first AND :last
        GROUP BY questionnaire_id, unit_id, procedure_id OFFSET 0) v
    LEFT JOIN procedures p ON p.id = v.procedure_id
    GROUP BY 1, 2, 3
"""


def _cells(table: str, spans: Spans, key: str, unit: str, shown: str) -> str:
    """Sums of cells over the spans of a period, as `queries._spanned` reads them, by one key more."""
    whole = ("_month", "local_month >= :months_from AND local_month < :months_to", "")
    ranges = [whole] if spans.months else []
    for at, added in enumerate(spans.signs):
        within = f"local_day BETWEEN :days_from_{at} AND :days_to_{at}"
        ranges.append(("_day", within, "" if added else "-"))
    parts = [
        f"""SELECT below.id, cells.questionnaire_id, cells.{key},
            {sign}responses AS responses, {sign}tally AS tally
        FROM {_BELOW} CROSS JOIN LATERAL (SELECT questionnaire_id, {key}, responses, tally
            FROM {table}{grain} WHERE unit_id = below.id AND {within} OFFSET 0) cells"""
        for grain, within, sign in ranges
    ]
    joined = "JOIN procedures p ON p.id = cells.procedure_id" if table == "procedure" else ""
    below = unit.replace("below.id", "cells.id")
    return f"""
        SELECT cells.questionnaire_id, {below}, {shown}, sum(responses)::bigint, sum(tally)::text
        FROM ({" UNION ALL ".join(parts)}) cells {joined}
        GROUP BY 1, 2, 3 HAVING sum(responses) > 0
    """
