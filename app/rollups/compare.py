"""Verification: every cell against a count that shares nothing with the one that made it.

Cells are made by SQL that PostgreSQL runs; here plain Python counts the bytes, so that a mistake in the
one does not hide in the other. All is read in one snapshot, a month at a time. Unit-days with a mark are left
out, since their re-count is still due; a month is compared with the sum of its stored days, which must hold
at any moment.
"""

# ruff: noqa: S608  statements are made of names and numbers of our own, never of what somebody sent

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple, Self

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.clock import next_month
from app.models.distribution import EVERY_UNIT
from app.questionnaires.published import Published, PublishedQuestionnaires
from app.rollups.differences import MAX_DIFFERENCES, Difference, Verification
from app.rollups.lanes import WHOLE, Lane, Shape, pack, procedure_lanes, unit_lanes, unpack

Key = tuple[object, ...]


class _Table(NamedTuple):
    name: str
    keys: str
    values: str


_DAYS = (
    _Table("channel_day", "questionnaire_id, channel", "responses, held_back, tally::text"),
    _Table("unit_day", "questionnaire_id", "responses, held_back, tally::text"),
    _Table("procedure_day", "questionnaire_id, procedure_id", "responses, tally::text"),
    _Table("visit_day", "", "visits, answered"),
)
_MARKS = f"SELECT {EVERY_UNIT} DISTINCT unit_id, local_day FROM stale_unit_days"
_RESPONSES = text(
    f"""
    {EVERY_UNIT}
    SELECT unit_id, local_day, questionnaire_id, channel, procedure_id, verdict, answers, count(*) AS times
    FROM responses WHERE local_day >= :first AND local_day < :after AND verdict <> 'void'
    GROUP BY unit_id, local_day, questionnaire_id, channel, procedure_id, verdict, answers
    """
)
_VISITS = text(
    f"""
    {EVERY_UNIT}
    SELECT unit_id, served_on, count(*), count(*) FILTER (WHERE answer_state > 0) FROM visits
    WHERE served_on >= :first AND served_on < :after GROUP BY unit_id, served_on
    """
)


@lru_cache(maxsize=100_000)
def tally_of(shape: Shape, answers: bytes) -> tuple[int, int]:
    """What one response adds to the tally of its unit's and of its procedure's cell."""
    pairs = {WHOLE: answers} | {
        place: answers[first : first + length] for place, (first, length) in enumerate(shape.components)
    }

    def value(lane: Lane) -> int:
        if lane.kind == "count":
            return int(answers[lane.place] == lane.answer)
        x = sum(answer > 0 for answer in pairs[lane.place])
        y = sum(answer in {4, 5} for answer in pairs[lane.place])
        return {"n": int(x > 0), "x": x, "y": y, "xx": x * x, "xy": x * y, "yy": y * y}[lane.kind]

    units, procedures = unit_lanes(shape), procedure_lanes(shape)
    return pack([value(lane) for lane in units]), pack([value(lane) for lane in procedures])


class Comparison:
    """One verification; `compare` takes it through a month."""

    def __init__(
        self,
        questionnaires: PublishedQuestionnaires,
        names: Mapping[str, Mapping[int, str]],
        marked: set[Key],
    ) -> None:
        self.result = Verification(ignored=len(marked))
        self._questionnaires = questionnaires
        self._names = names
        self._marked = marked
        self._shapes: dict[int, Shape] = {}

    @classmethod
    async def open(cls, connection: AsyncConnection, questionnaires: PublishedQuestionnaires) -> Self:
        """Begin: read the names to report by, and which unit-days are marked."""
        codes = {
            "unit": "SELECT id, code FROM units",
            "procedure": "SELECT id, code FROM procedures",
            "questionnaire": "SELECT id, code || ' v' || version FROM questionnaires",
        }
        names = {
            what: {row[0]: row[1] for row in await connection.execute(text(statement))}
            for what, statement in codes.items()
        }
        marks = await connection.execute(text(_MARKS))
        return cls(questionnaires, names, {tuple(row) for row in marks})

    async def compare(self, connection: AsyncConnection, month: date) -> None:
        """Compare the cells of one month, given by its first day."""
        counted = await self._count(connection, month)
        span = {"first": month, "after": next_month(month)}
        for table in _DAYS:
            columns = ", ".join(filter(None, ("unit_id, local_day", table.keys, table.values)))
            condition = "local_day >= :first AND local_day < :after"
            statement = text(f"SELECT {EVERY_UNIT} {columns} FROM {table.name} WHERE {condition}")
            size = len(table.values.split(","))
            stored = {
                tuple(row[:-size]): tuple(row[-size:])
                for row in await connection.execute(statement, span)
                if (row[0], row[1]) not in self._marked
            }
            await self._report(table.name, stored, counted[table.name])
            self.result.cells += len(stored)
        for table in _DAYS:
            await self._compare_months(connection, table, month)

    async def _count(self, connection: AsyncConnection, month: date) -> dict[str, dict[Key, Key]]:
        """What the cells of the month should be, by table and key, as they are stored."""
        span = {"first": month, "after": next_month(month)}
        channels: dict[Key, list[int]] = {}
        units: dict[Key, list[int]] = {}
        procedures: dict[Key, list[int]] = {}
        for unit, day, questionnaire, channel, procedure, verdict, answers, times in await connection.execute(
            _RESPONSES, span
        ):
            if (unit, day) in self._marked:
                continue
            key = unit, day, questionnaire
            counted, held, for_unit, for_procedure = 0, times, 0, 0
            if verdict == "counted":
                counted, held = times, 0
                for_unit, for_procedure = tally_of(await self._shape(questionnaire), answers)
            _add(channels, (*key, channel), counted, held, for_unit * counted)
            _add(units, key, counted, held, for_unit * counted)
            if procedure is not None and counted:
                _add(procedures, (*key, procedure), counted, 0, for_procedure * counted)
        visits = {
            (unit, day): (visits, answered)
            for unit, day, visits, answered in await connection.execute(_VISITS, span)
            if (unit, day) not in self._marked
        }
        return {
            "channel_day": {key: (n, held, _digits(tally)) for key, (n, held, tally) in channels.items()},
            "unit_day": {key: (n, held, _digits(tally)) for key, (n, held, tally) in units.items()},
            "procedure_day": {key: (n, _digits(tally)) for key, (n, _, tally) in procedures.items()},
            "visit_day": dict(visits),
        }

    async def _shape(self, questionnaire: int) -> Shape:
        if questionnaire not in self._shapes:
            self._shapes[questionnaire] = Shape.of((await self._questionnaires.by_id(questionnaire)).layout)
        return self._shapes[questionnaire]

    async def _compare_months(self, connection: AsyncConnection, days: _Table, month: date) -> None:
        """A month's stored cells against the sum of its stored days, differences only, found in SQL."""
        table = days.name.replace("_day", "_month")
        keys = ["unit_id", *filter(None, days.keys.split(", "))]
        names = [value.removesuffix("::text") for value in days.values.split(", ")]
        both = ", ".join(keys)
        sums = ", ".join(f"sum({name}) AS {name}" for name in names)
        shown = ", ".join(f"{side}.{name}::text" for side in ("m", "d") for name in names)
        unlike = " OR ".join(f"m.{name} IS DISTINCT FROM d.{name}" for name in names)
        statement = text(
            f"""
            {EVERY_UNIT}
            SELECT {both}, {shown}
            FROM (SELECT * FROM {table} WHERE local_month = :first) m
            FULL JOIN (SELECT {both}, {sums} FROM {days.name}
                       WHERE local_day >= :first AND local_day < :after GROUP BY {both}) d USING ({both})
            WHERE {unlike}
            """
        )
        stored: dict[Key, Key] = {}
        summed: dict[Key, Key] = {}
        for row in await connection.execute(statement, {"first": month, "after": next_month(month)}):
            key = (row[0], month, *row[1 : len(keys)])
            values = row[len(keys) :]
            for side, found in ((stored, values[: len(names)]), (summed, values[len(names) :])):
                if found[0] is not None:
                    numbers = [int(value) for value in found[: len(names) - ("tally" in names)]]
                    side[key] = (*numbers, *found[len(numbers) :])
        await self._report(table, stored, summed)

    async def _report(self, table: str, stored: Mapping[Key, Key], counted: Mapping[Key, Key]) -> None:
        """Put down where two readings of a table differ, figure by figure."""
        for key in stored.keys() | counted.keys():
            here, there = stored.get(key), counted.get(key)
            if here == there:
                continue
            for name, was, should in await self._unlike(table, key, here, there):
                if len(self.result.differences) >= MAX_DIFFERENCES:
                    self.result.truncated = True
                    return
                self.result.differences.append(self._difference(table, key, name, was, should))

    async def _unlike(
        self, table: str, key: Key, here: Key | None, there: Key | None
    ) -> list[tuple[str, int | None, int | None]]:
        """(figure, stored, counted) of each that differs; a missing or needless cell is one figure."""
        if here is None or there is None:
            return [("cell", _number(here), _number(there))]
        if table.startswith("visit"):
            names, was, should = ["visits", "answered"], [*here], [*there]
        else:
            published = (await self._questionnaires.by_ids([int(str(key[2]))]))[int(str(key[2]))]
            shape = Shape.of(published.layout)
            lanes = procedure_lanes(shape) if table.startswith("procedure") else unit_lanes(shape)
            names = ["responses", "held_back"][: len(here) - 1]
            was, should = [*here[:-1]], [*there[:-1]]
            try:
                was += unpack(str(here[-1]), len(lanes))
                should += unpack(str(there[-1]), len(lanes))
            except ValueError:
                return [("tally (unreadable)", None, _number(there))]
            names += [_lane_name(lane, published) for lane in lanes]
        return [
            (name, int(str(one)), int(str(other)))
            for name, one, other in zip(names, was, should, strict=True)
            if one != other
        ]

    def _difference(
        self, table: str, key: Key, name: str, stored: int | None, recounted: int | None
    ) -> Difference:
        unit, period, questionnaire, other = (*key, None, None)[:4]
        by_procedure = table.startswith("procedure")
        return Difference(
            table,
            self._name("unit", unit) or "",
            date.fromisoformat(str(period)),
            self._name("questionnaire", questionnaire),
            None if other is None or by_procedure else str(other),
            self._name("procedure", other) if by_procedure else None,
            name,
            stored,
            recounted,
        )

    def _name(self, what: str, identity: object) -> str | None:
        if identity is None:
            return None
        return self._names[what].get(int(str(identity)), f"#{identity}")


def _lane_name(lane: Lane, published: Published) -> str:
    if lane.kind == "count":
        return f"{published.layout.codes[lane.place]}={lane.answer}"
    part = "overall" if lane.place == WHOLE else published.layout.components[lane.place].code
    return f"{part}.{lane.kind}"


def _number(values: Key | None) -> int | None:
    return None if values is None else int(str(values[0]))


def _add(cells: dict[Key, list[int]], key: Key, responses: int, held_back: int, tally: int) -> None:
    cell = cells.setdefault(key, [0, 0, 0])
    cell[0] += responses
    cell[1] += held_back
    cell[2] += tally


def _digits(tally: int) -> str:
    """A tally as it is stored; through Decimal, because Python refuses to write out very long integers."""
    return f"{Decimal(tally):f}"
