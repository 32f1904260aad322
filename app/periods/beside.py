"""A new publication beside those that stay readable: on which spans of time all of them rest.

Two publications that share units and days can be subtracted from each other. So can two revisions of one
period, and what is left is what arrived in between. Here the days are cut at the edges of all periods
concerned; what a snapshot lacks or has beyond today's cells is a segment of its own.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.period_problems import TreeDiffers
from app.models.period import Period, Snapshot
from app.periods import queries
from app.periods.figures import Cell, digits
from app.periods.public import Beside, Layers, Own, own_figures, safe_layers, shown_in
from app.questionnaires.published import Published
from app.rollups.lanes import Shape, read_unit

Json = dict[str, Any]
Days = tuple[date, date]


class _Other(NamedTuple):
    days: Days
    own: Mapping[int, Own]
    parents: Mapping[int, int | None]
    codes: Mapping[int, str]
    shown: Layers

    @classmethod
    def of(cls, days: Days, body: Json, shown: Layers) -> "_Other":
        """Read from a snapshot's body."""
        ids = {unit["code"]: unit["id"] for unit in body["units"]}
        parents = {unit["id"]: ids.get(unit["parent"]) for unit in body["units"]}
        return cls(days, own_figures(body), parents, {one: code for code, one in ids.items()}, shown)


async def layers_for(
    session: AsyncSession, period: Period, snapshot: Snapshot, published: Published
) -> Layers:
    """What of a snapshot may be shown; TreeDiffers where that cannot be told."""
    body = orjson.loads(snapshot.body)
    mine = _Other.of((period.first_day, period.last_day), body, _NOTHING)
    others = await _others(session, period, mine)
    parents = _joined([mine, *others])
    if not others:
        own = {unit: [[row[0]] for row in rows] for unit, rows in mine.own.items()}
        return safe_layers(parents, own, [1], frozenset(mine.own), [], body["min_n"])
    spans = _cut([mine.days, *(one.days for one in others)])
    counted = [
        await _counted(session, period.questionnaire_id, published, list(parents), days) for days in spans
    ]
    columns: list[Mapping[int, list[int]]] = [
        {unit: [row[0] for row in found[unit]] for unit in parents} for found in counted
    ]
    vectors: list[dict[int, int]] = []
    for one in [mine, *others]:
        inside = [at for at, days in enumerate(spans) if one.days[0] <= days[0] and days[1] <= one.days[1]]
        vector = dict.fromkeys(inside, 1)
        now = {unit: _sum([counted[at][unit] for at in inside]) for unit in one.own}
        if vectors and one.days == mine.days:  # a revision: what changed since, and nothing between the two
            vector, now = dict(vectors[0]), dict(mine.own)
        late = {unit: _changed(now[unit], rows) for unit, rows in one.own.items() if unit in now}
        if any(any(row) for row in late.values()):
            blank = [0] * len(next(iter(late.values())))
            columns.append({unit: late.get(unit, blank) for unit in parents})
            vector[len(columns) - 1] = -1
        vectors.append(vector)
    rows = range(1 + len(body["questionnaire"]["components"]))
    own = {unit: [[column[unit][row] for column in columns] for row in rows] for unit in parents}
    first, *rest = [[vector.get(at, 0) for at in range(len(columns))] for vector in vectors]
    beside = [Beside(segments, one.shown) for segments, one in zip(rest, others, strict=True)]
    return safe_layers(parents, own, first, frozenset(mine.own), beside, body["min_n"])


_NOTHING = Layers(frozenset(), frozenset(), frozenset())


async def _others(session: AsyncSession, period: Period, mine: _Other) -> list[_Other]:
    """Publications that share days and units with the new one, or with one that does, and so on."""
    left = await queries.published_beside(session, period.questionnaire_id)
    reached = [mine]
    loaded: dict[int, _Other] = {}
    while True:
        more = []
        for other, snapshot_id in left:
            days = other.first_day, other.last_day
            near = [one for one in reached if one.days[0] <= days[1] and days[0] <= one.days[1]]
            if not near:
                continue
            if snapshot_id not in loaded:
                row = await queries.snapshot(session, snapshot_id)
                body = orjson.loads(row.body)
                shown = shown_in(orjson.loads(row.public_body or "{}"))
                loaded[snapshot_id] = _Other.of(days, body, shown)
            if any(not one.own.keys().isdisjoint(loaded[snapshot_id].own) for one in near):
                more.append(snapshot_id)
        if not more:
            return reached[1:]
        reached += [loaded[one] for one in more]
        left = [one for one in left if one[1] not in more]


def _joined(trees: Sequence[_Other]) -> dict[int, int | None]:
    """One tree of several, parents first; the top of a smaller one stands where a larger one has it."""
    joined: dict[int, int | None] = {}
    for tree in trees:
        for unit, parent in tree.parents.items():
            known = joined.get(unit)
            if known is not None and parent is not None and known != parent:
                raise TreeDiffers(unit=tree.codes[unit])
            joined[unit] = known if parent is None else parent
    ordered: dict[int, int | None] = {}

    def put(unit: int) -> None:
        if unit not in ordered:
            parent = joined[unit]
            if parent is not None:
                put(parent)
            ordered[unit] = parent

    for unit in joined:
        put(unit)
    return ordered


def _cut(periods: Sequence[Days]) -> list[Days]:
    """The days of some periods, cut wherever one of them begins or ends."""
    edges = sorted({first for first, _ in periods} | {last + timedelta(days=1) for _, last in periods})
    spans = [(first, after - timedelta(days=1)) for first, after in pairwise(edges)]
    return [days for days in spans if any(one[0] <= days[0] and days[1] <= one[1] for one in periods)]


async def _counted(
    session: AsyncSession, questionnaire_id: int, published: Published, units: Sequence[int], days: Days
) -> dict[int, Own]:
    """What each unit has of its own in some days, by today's cells."""
    cells = await queries.cells(session, units, questionnaire_id, *days)
    shape = Shape.of(published.layout)
    found = {}
    for unit in units:
        cell = cells.get(unit, Cell())
        tally = read_unit(shape, cell.responses, digits(cell.tally))
        found[unit] = tuple((sums.n, sums.x, sums.y) for sums in (tally.whole, *tally.components))
    return found


def _sum(parts: Sequence[Own]) -> Own:
    return tuple(
        (sum(one[0] for one in row), sum(one[1] for one in row), sum(one[2] for one in row))
        for row in zip(*parts, strict=True)
    )


def _changed(now: Own, then: Own) -> list[int]:
    """For each figure on how many responses the difference rests, at least."""
    return [max(abs(a[0] - b[0]), int(a != b)) for a, b in zip(now, then, strict=True)]
