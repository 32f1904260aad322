"""A new publication beside those that stay readable: on which responses, and which trees, all of them rest.

Two publications that share units and days can be subtracted from each other. So can two revisions of one
period, and what is left is what arrived in between.
"""

import asyncio
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.period_problems import TreeDiffers
from app.models.period import Period, Snapshot
from app.periods import queries
from app.periods.changes import Changes, Taken, changes_of
from app.periods.joined import Grown, fitting, join, whole_branches
from app.periods.layers import Layers, Question
from app.periods.public import Own, own_figures, shown_in
from app.questionnaires.published import Published

Json = dict[str, Any]
Days = tuple[date, date]


class _Edition(NamedTuple):
    days: Days
    taken_at: datetime
    own: Mapping[int, Own]
    parents: Mapping[int, int | None]
    codes: Mapping[int, str]
    shown: Layers
    min_n: int

    @classmethod
    async def of(cls, period: Period, snapshot: Snapshot) -> "_Edition":
        """Read from a snapshot; nothing is shown of one that is not published."""
        days = period.first_day, period.last_day
        # of the nation it takes a second
        return await asyncio.to_thread(
            cls._read, days, snapshot.taken_at, snapshot.body, snapshot.public_body
        )

    @classmethod
    def _read(cls, days: Days, taken_at: datetime, taken: str, public: str | None) -> "_Edition":
        body: Json = orjson.loads(taken)
        ids = {unit["code"]: unit["id"] for unit in body["units"]}
        parents = {unit["id"]: ids.get(unit["parent"]) for unit in body["units"]}
        shown = _NOTHING if public is None else shown_in(orjson.loads(public))
        codes = {one: code for code, one in ids.items()}
        return cls(days, taken_at, own_figures(body), parents, codes, shown, body["min_n"])


_NOTHING = Layers(frozenset(), frozenset(), frozenset())


async def question_for(
    session: AsyncSession, period: Period, snapshot: Snapshot, published: Published
) -> Question:
    """What is to be asked about a snapshot; TreeDiffers where the trees leave nothing that could be shown."""
    mine = await _Edition.of(period, snapshot)
    others = await _others(session, period, mine)
    if not others:
        own = [[[row[0]] for row in mine.own[unit]] for unit in mine.parents]
        return Question(list(mine.parents.items()), own, [1], list(mine.own), [], [], mine.min_n)
    editions = [*others, mine]
    units = sorted({unit for one in editions for unit in one.own})
    taken = [Taken(one.days, one.taken_at, one.own) for one in editions]
    changes = await changes_of(session, period.questionnaire_id, published, units, taken)
    return await asyncio.to_thread(_question, editions, changes, 1 + len(published.layout.components))


def _question(editions: list[_Edition], changes: Changes, figures: int) -> Question:
    parents, fit = _joined(editions, changes)
    own = [[[column[unit][row] for column in changes.columns] for row in range(figures)] for unit in parents]
    *rest, first = [[sums.get(at, 0) for at in range(len(changes.columns))] for sums in changes.sums]
    *others, mine = editions
    beside = [
        (segments, [sorted(layer) for layer in one.shown]) for segments, one in zip(rest, others, strict=True)
    ]
    unexplained = sorted(changes.unexplained)
    return Question(list(parents.items()), own, first, sorted(fit), beside, unexplained, mine.min_n)


def _joined(editions: list[_Edition], changes: Changes) -> tuple[dict[int, int | None], set[int]]:
    """The joined tree, and the units of the last edition that may be shown as far as trees are concerned."""
    trees = []
    for one, sums in zip(editions, changes.sums, strict=True):
        counted = frozenset(unit for at in sums for unit, row in changes.columns[at].items() if any(row))
        trees.append(Grown(one.parents, one.shown.overall, counted))
    parents = join(trees)
    for one, tree in zip(editions, trees, strict=True):
        if unlike := tree.shown - fitting(parents, tree):
            raise TreeDiffers(unit=min(one.codes[unit] for unit in unlike))
    mine = trees[-1]
    fit = fitting(parents, mine)
    found = whole_branches(fit, mine.parents, parents)
    if not found:
        raise TreeDiffers(unit=min(editions[-1].codes[unit] for unit in mine.parents.keys() - fit))
    return parents, found


async def _others(session: AsyncSession, period: Period, mine: _Edition) -> list[_Edition]:
    """Publications that share days and units with the new one, or with one that does, and so on.

    In the order in which they were published.
    """
    left = await queries.published_beside(session, period.questionnaire_id)
    order = [snapshot_id for _, snapshot_id in left]
    reached = [mine]
    loaded: dict[int, _Edition] = {}
    kept: set[int] = set()
    while True:
        more = []
        for other, snapshot_id in left:
            days = other.first_day, other.last_day
            near = [one for one in reached if one.days[0] <= days[1] and days[0] <= one.days[1]]
            if not near:
                continue
            if snapshot_id not in loaded:
                loaded[snapshot_id] = await _Edition.of(other, await queries.snapshot(session, snapshot_id))
            if any(not one.own.keys().isdisjoint(loaded[snapshot_id].own) for one in near):
                more.append(snapshot_id)
        if not more:
            return [loaded[one] for one in order if one in kept]
        reached += [loaded[one] for one in more]
        kept.update(more)
        left = [one for one in left if one[1] not in more]
