"""What several snapshots counted of the same units: each response in exactly those that hold it.

Days say for most responses which periods they belong to, and the cells of the roll-up how many there are.
Where a snapshot has another number than today's cells, something arrived, or got another verdict, after it
was taken: there the responses themselves are read, with the time they arrived and the verdict that they had
then by the record. So one late response is one response, however many snapshots lack it.

What even that does not explain (a database that was restored, say) stands apart as `unexplained`.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby, pairwise
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.periods import queries
from app.periods.figures import Cell, digits
from app.periods.public import Own, own_of, plus
from app.questionnaires.published import Published
from app.rollups.compare import tally_of
from app.rollups.lanes import Shape, read_unit

Days = tuple[date, date]
Holders = frozenset[int]
"""Which of the snapshots hold a response, by their places."""

_RESPONSES = text(
    """
    SELECT r.unit_id, r.verdict, r.answers, j.digest,
        ARRAY(SELECT s.place FROM unnest(CAST(:firsts AS date[]), CAST(:lasts AS date[]),
                CAST(:taken AS timestamptz[])) WITH ORDINALITY AS s (first, last, taken_at, place)
            WHERE r.local_day BETWEEN s.first AND s.last AND r.received_at <= s.taken_at) AS holders,
        count(*) AS times
    FROM responses r
    LEFT JOIN unnest(CAST(:judged_units AS integer[]), CAST(:judged AS bytea[])) AS j (unit_id, digest)
        ON j.unit_id = r.unit_id AND j.digest = r.content_digest
    WHERE r.unit_id = ANY(CAST(:units AS integer[])) AND r.questionnaire_id = :questionnaire
        AND r.local_day BETWEEN :first AND :last
    GROUP BY r.unit_id, r.verdict, r.answers, j.digest, holders
    """
)

_JUDGED = text(
    """
    SELECT at, unit_ids[1], right(target, 32), details ->> 'before' FROM audit_lines
    WHERE action = 'response.verdict' AND at > :since AND unit_ids && CAST(:units AS integer[])
    ORDER BY at, id
    """
)


@dataclass(frozen=True, slots=True)
class Taken:
    """A snapshot: its days, its moment, and what each unit had of its own."""

    days: Days
    taken_at: datetime
    own: Mapping[int, Own]


class Changes(NamedTuple):
    """Numbers of responses by column, unit and figure, and what each snapshot adds up of the columns."""

    columns: list[dict[int, list[int]]]
    sums: list[dict[int, int]]
    """For each snapshot: column -> how often."""
    unexplained: frozenset[int]
    """Columns that only tell of a snapshot that it differs."""


async def changes_of(
    session: AsyncSession,
    questionnaire_id: int,
    published: Published,
    units: Sequence[int],
    taken: Sequence[Taken],
) -> Changes:
    """Find all columns; every unit has a number in each."""
    shape = Shape.of(published.layout)
    nothing = _own(shape, Cell())
    found: defaultdict[Holders, dict[int, Own]] = defaultdict(dict)
    for days in _cut([one.days for one in taken]):
        held = frozenset(
            at for at, one in enumerate(taken) if one.days[0] <= days[0] and days[1] <= one.days[1]
        )
        cells = await queries.cells(session, units, questionnaire_id, *days)
        for unit, cell in cells.items():
            found[held][unit] = plus(found[held].get(unit, nothing), _own(shape, cell))
    moved = [
        unit for unit in units if any(any(map(any, rest)) for rest in _rests(taken, found, unit, nothing))
    ]
    if moved:
        for column in found.values():
            for unit in moved:
                column.pop(unit, None)
        cells_of: defaultdict[tuple[Holders, int], Cell] = defaultdict(Cell)
        async for held, unit, cell in _held(session, questionnaire_id, shape, moved, taken):
            cells_of[held, unit] += cell
        for (held, unit), cell in cells_of.items():
            found[held][unit] = _own(shape, cell)
    columns = [{unit: _people(column.get(unit, nothing)) for unit in units} for column in found.values()]
    sums = [{at: 1 for at, held in enumerate(found) if place in held} for place in range(len(taken))]
    explained = len(columns)
    rests = {unit: _rests(taken, found, unit, nothing) for unit in moved}
    _set_apart(columns, sums, taken, rests, {unit: [0] * len(nothing) for unit in units}, nothing)
    return Changes(columns, sums, frozenset(range(explained, len(columns))))


def _rests(
    taken: Sequence[Taken], found: Mapping[Holders, Mapping[int, Own]], unit: int, nothing: Own
) -> list[Own]:
    """What each snapshot has of a unit beyond the columns that it adds up."""
    rests = []
    for place, one in enumerate(taken):
        rest = one.own.get(unit)
        for held, column in found.items():
            if rest is not None and place in held:
                rest = plus(rest, column.get(unit, nothing), -1)
        rests.append(nothing if rest is None else rest)
    return rests


def _set_apart(
    columns: list[dict[int, list[int]]],
    sums: list[dict[int, int]],
    taken: Sequence[Taken],
    rests: Mapping[int, Sequence[Own]],
    blank: Mapping[int, list[int]],
    nothing: Own,
) -> None:
    """Columns of what is unexplained: of the last snapshot of some days, and from each to the one before."""
    order = sorted(range(len(taken)), key=lambda place: (taken[place].days, taken[place].taken_at))
    for _, places in groupby(order, key=lambda place: taken[place].days):
        apart: dict[int, int] = {}
        after: int | None = None
        for place in reversed(list(places)):
            changed = {
                unit: _at_least(rest[place], nothing if after is None else rest[after])
                for unit, rest in rests.items()
            }
            if any(map(any, changed.values())):
                columns.append({**blank, **changed})
                apart[len(columns) - 1] = -1
            sums[place] |= apart
            after = place


async def _held(
    session: AsyncSession,
    questionnaire_id: int,
    shape: Shape,
    units: Sequence[int],
    taken: Sequence[Taken],
) -> AsyncIterator[tuple[Holders, int, Cell]]:
    """The responses of some units that any of the snapshots holds."""
    judged = await _judged(session, units, min(one.taken_at for one in taken))
    given = {
        "units": list(units),
        "questionnaire": questionnaire_id,
        "first": min(one.days[0] for one in taken),
        "last": max(one.days[1] for one in taken),
        "firsts": [one.days[0] for one in taken],
        "lasts": [one.days[1] for one in taken],
        "taken": [one.taken_at for one in taken],
        "judged_units": [unit for unit, _ in judged],
        "judged": [digest for _, digest in judged],
    }
    async for unit, verdict, answers, digest, places, times in await session.stream(_RESPONSES, given):
        lines = judged[unit, digest] if digest is not None else []
        held = frozenset(
            place - 1
            for place in places
            if next((was for at, was in lines if at > taken[place - 1].taken_at), verdict) == "counted"
        )
        if held:
            yield held, unit, Cell(responses=times, tally=times * tally_of(shape, answers)[0])


async def _judged(
    session: AsyncSession, units: Sequence[int], since: datetime
) -> dict[tuple[int, bytes], list[tuple[datetime, str]]]:
    """Verdicts that were changed since: of each response when, and what it had been."""
    found: defaultdict[tuple[int, bytes], list[tuple[datetime, str]]] = defaultdict(list)
    for at, unit, ref, before in await session.execute(_JUDGED, {"units": list(units), "since": since}):
        found[unit, bytes.fromhex(ref)].append((at, before))
    return found


def _cut(periods: Sequence[Days]) -> list[Days]:
    """The days of some periods, cut wherever one of them begins or ends."""
    edges = sorted({first for first, _ in periods} | {last + timedelta(days=1) for _, last in periods})
    spans = [(first, after - timedelta(days=1)) for first, after in pairwise(edges)]
    return [days for days in spans if any(one[0] <= days[0] and days[1] <= one[1] for one in periods)]


def _own(shape: Shape, cell: Cell) -> Own:
    tally = read_unit(shape, cell.responses, digits(cell.tally))
    parts = [tally.counts[first : first + length] for first, length in shape.components]
    sums = [(one.n, one.x, one.y, one.xx, one.xy, one.yy) for one in (tally.whole, *tally.components)]
    return own_of(sums, [tally.counts, *parts])


def _people(own: Own) -> list[int]:
    return [row[0] for row in own]


def _at_least(now: Own, then: Own) -> list[int]:
    """For each figure on how many responses the difference rests, at least."""
    return [max(abs(a[0] - b[0]), int(a != b)) for a, b in zip(now, then, strict=True)]
