"""Periods published while responses arrive, verdicts and the tree change; and an attacker.

The attacker knows how every publication came about: which response is in which snapshot (responses in the
same ones are one unknown for each unit), and which units each of them adds up. Every number shown is an
equation; rank tells which sums of unknowns are determined. Nothing is shared with the product.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import combinations
from typing import Any, NamedTuple
from uuid import UUID

import httpx
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from tests.periods.test_beside import MIDDLES, MONTHS, Two, arrive, under
from tests.support.branches import count
from tests.support.periods import FIRST, PERIODS, by_code, post, public, quarter, say, snapshot
from tests.support.rows import Said
from tests.support.world import World

MIN_N = 5
PRIME = 2**61 - 1
UNITS = ("24", "09001", "09002", "SNV")
SPANS: tuple[dict[str, str], ...] = (*MONTHS, {}, {"from": str(FIRST), "to": "2026-08-31"})
FEW = st.sampled_from([0, 1, 5, 9])
STEP = st.one_of(
    st.tuples(st.just("arrive"), st.integers(0, 2), st.tuples(FEW, FEW, FEW, FEW)),
    st.tuples(st.just("judge"), st.integers(0, 10**6)),
    st.tuples(st.just("release"), st.integers(0, 10**6)),
    st.tuples(
        st.just("move"),
        st.sampled_from([("09001", "09002"), ("09002", "SNV"), ("09001", "24"), ("09002", "24")]),
    ),
    st.tuples(st.just("close"), st.integers(0, 4)),
    st.tuples(st.just("publish"), st.integers(0, 4)),
)
ALL_MONTHS = [("publish", month) for month in range(3)]
PUBLISHED = st.one_of(
    st.just(ALL_MONTHS),
    st.lists(st.tuples(st.just("publish"), st.integers(0, 4)), min_size=1, max_size=3, unique=True),
)
CLOSED = st.one_of(
    st.just([("close", 3)]), st.lists(st.tuples(st.just("close"), st.integers(0, 4)), max_size=2, unique=True)
)
NUMBERS = st.lists(st.sampled_from([0, 3, 20, 30, 40, 50]), min_size=12, max_size=12)


class Seen(NamedTuple):
    """A publication: the responses in it, the units it shows with all beneath them as it has them."""

    held: frozenset[UUID]
    shown: dict[str, frozenset[str]]


def beneath(units: dict[str, dict[str, Any]], top: str) -> frozenset[str]:
    found = {top}
    for code, unit in units.items():  # parents stand before their children
        if unit["parent"] in found:
            found.add(code)
    return frozenset(found)


def rank(rows: Iterable[dict[Any, int]]) -> int:
    """Of a matrix, in a field so large that it is that over the rationals."""
    basis: dict[Any, dict[Any, int]] = {}
    for row in rows:
        rest = {at: value % PRIME for at, value in row.items()}
        while rest:
            lead = next(iter(rest))
            if lead not in basis:
                inverse = pow(rest[lead], -1, PRIME)
                basis[lead] = {at: value * inverse % PRIME for at, value in rest.items()}
                break
            times = rest[lead]
            for at, value in basis[lead].items():
                rest[at] = (rest.get(at, 0) - times * value) % PRIME
            rest = {at: value for at, value in rest.items() if value}
    return len(basis)


def nothing_small_is_told(seen: list[Seen], where: dict[UUID, str]) -> None:
    """No unit, nor a unit's own share, in any set of the classes that publications make of responses."""
    sizes: Counter[tuple[str, frozenset[int]]] = Counter()
    for one, unit in where.items():
        if held := frozenset(at for at, publication in enumerate(seen) if one in publication.held):
            sizes[unit, held] += 1
    equations = [
        {cell: 1 for cell in sizes if at in cell[1] and cell[0] in units}
        for at, publication in enumerate(seen)
        for units in publication.shown.values()
    ]
    known = rank(equations)
    groups = {units for publication in seen for units in publication.shown.values()}
    groups |= {frozenset([unit]) for unit in UNITS}
    for group in groups:
        classes: defaultdict[frozenset[int], dict[tuple[str, frozenset[int]], int]] = defaultdict(dict)
        for cell in sizes:
            if cell[0] in group:
                classes[cell[1]][cell] = 1
        total = {held: sum(sizes[cell] for cell in row) for held, row in classes.items()}
        few = [held for held, number in total.items() if number < MIN_N]
        for size in range(1, min(len(few), MIN_N - 1) + 1):
            for some in combinations(few, size):
                if sum(total[held] for held in some) < MIN_N:
                    rows = [classes[held] for held in some]
                    assert rank([*equations, *rows]) == known + size, (sorted(group), some, seen)


class Story:
    """What happens, and what is known of it here."""

    def __init__(
        self, http: httpx.AsyncClient, world: World, two: tuple[dict[str, str], dict[str, str]]
    ) -> None:
        self.http, self.world, self.two = http, world, two
        self.chance = random.Random(1)
        self.said: dict[UUID, Said] = {}
        self.seen: list[Seen] = []
        self.numbers: dict[int, int] = {}
        self.held: dict[tuple[int, int], frozenset[UUID]] = {}
        self.latest: dict[int, int] = {}
        self.published: set[tuple[int, int]] = set()

    async def clear(self) -> None:
        async with self.world.database.transaction() as session:
            for table in ("responses", "channel_day", "channel_month", "unit_day", "unit_month"):
                await session.execute(text(f"DELETE FROM {table}"))  # noqa: S608
            await session.execute(
                text("ALTER TABLE period_snapshots DISABLE TRIGGER period_snapshots_frozen")
            )
            await session.execute(text("DELETE FROM period_snapshots"))
            await session.execute(text("DELETE FROM periods"))
            await session.execute(text("ALTER TABLE period_snapshots ENABLE TRIGGER period_snapshots_frozen"))
        for code in ("09001", "09002"):
            await under(self.world.database, code, self.world.units["24"])

    async def step(self, kind: str, *what: Any) -> None:
        match kind:
            case "arrive":
                await self.arrive(*zip(UNITS, what[1], strict=True), month=what[0])
            case "judge" | "release":
                before, after = ("void", "counted") if kind == "release" else ("counted", "void")
                wanted = [one for one in self.said.values() if one.verdict == before]
                if wanted:
                    await self.judge(wanted[what[0] % len(wanted)], after)
            case "move":
                code, parent = what[0]
                await under(self.world.database, code, self.world.units[parent])
            case "close":
                await self.close(what[0])
            case _:
                await self.publish(what[0])

    async def arrive(self, *numbers: tuple[str, int], month: int) -> None:
        new = [
            one
            for unit, number in numbers
            for one in say(self.world, unit, *[self.opinion() for _ in range(number)], on=MIDDLES[month])
        ]
        await arrive(self.world, *new)
        self.said |= {one.id: one for one in new}

    def opinion(self) -> tuple[int, ...]:
        """Hardly one is like another, so that one in another's place is seen."""
        return tuple(self.chance.randint(1, 5) for _ in range(5))

    async def judge(self, one: Said, verdict: str) -> None:
        unit = next(code for code, number in self.world.units.items() if number == one.unit_id)
        answer = await self.http.post(
            f"/api/v1/responses/{one.id.hex}/verdict",
            json={"unit_code": unit, "verdict": verdict, "reason": "x"},
            headers=self.world.admin,
        )
        assert answer.status_code == 204, answer.text
        self.said[one.id] = one.judged(verdict)
        await count(self.world.database)

    async def close(self, span: int) -> None:
        """Close a period, or revise it if there is anything to revise."""
        lan, _ = self.two
        if span in self.numbers:
            address, body = f"/{self.numbers[span]}/revisions", {"reason": "x"}
        else:
            made = await post(self.http, lan, "", quarter(**SPANS[span]))
            self.numbers[span] = made["id"]
            address, body = f"/{made['id']}/close", {}
        answer = await self.http.post(f"{PERIODS}{address}", json=body or None, headers=lan)
        if answer.status_code == 409:
            assert answer.json()["code"] == "nothing_revised"
            return
        assert answer.status_code < 300, answer.text
        self.latest[span] = self.latest.get(span, 0) + 1
        days = quarter(**SPANS[span])
        self.held[span, self.latest[span]] = frozenset(
            one.id
            for one in self.said.values()
            if one.verdict == "counted" and str(days["from"]) <= str(one.local_day) <= str(days["to"])
        )

    async def publish(self, span: int) -> None:
        lan, minh = self.two
        if span not in self.numbers:
            await self.close(span)
        number, revision = self.numbers[span], self.latest[span]
        if (span, revision) in self.published:
            return
        answer = await self.http.post(
            f"{PERIODS}/{number}/publish", json={"revision": revision}, headers=minh
        )
        if answer.status_code == 409:
            assert answer.json()["code"] in {"nothing_to_publish", "tree_differs"}
            return
        assert answer.status_code == 200, answer.text
        self.published.add((span, revision))
        units = by_code(await public(self.http, number))
        taken = by_code((await snapshot(self.http, lan, number, revision=revision))["figures"])
        ids = self.world.units
        shown = {}
        for code, unit in units.items():
            below = beneath(taken, code)
            held = self.held[span, revision]
            inside = sum(self.said[one].unit_id in {ids[each] for each in below} for one in held)
            assert taken[code]["responses"] == inside
            if not unit["suppressed"]:
                assert unit["responses"] == inside
                assert inside == 0 or inside >= MIN_N
                shown[code] = below
        self.seen.append(Seen(self.held[span, revision], shown))


@settings(max_examples=12)
@example(
    numbers=[0, 0, 0, 20, 20, 3, 50, 50, 50, 90, 90, 90],
    first=[("publish", 0), ("publish", 1), ("publish", 2)],
    then=[("close", 3)],
    steps=[("arrive", 0, (0, 1, 5, 0))],
    further=[],
)
@given(NUMBERS, PUBLISHED, CLOSED, st.lists(STEP, min_size=1, max_size=4), st.lists(STEP, max_size=3))
async def test_nothing_that_happens_between_publications_gives_a_small_figure_away(
    http: httpx.AsyncClient,
    world: World,
    two: Two,
    numbers: list[int],
    first: list[tuple[Any, ...]],
    then: list[tuple[Any, ...]],
    steps: list[tuple[Any, ...]],
    further: list[tuple[Any, ...]],
) -> None:
    """Some are published, some closed; something happens; those are published; something happens; all are."""
    story = Story(http, world, two)
    await story.clear()
    for month in range(3):
        await story.arrive(*zip(UNITS, numbers[month::3], strict=True), month=month)
    later = [("publish", step[1]) for step in then]
    spans = sorted({span for _, span in (*first, *then)})
    last = [(kind, span) for kind in ("close", "publish") for span in spans]
    for step in (*first, *then, *steps, *later, *further, *last):
        await story.step(*step)
    codes = {number: code for code, number in world.units.items()}
    nothing_small_is_told(story.seen, {one.id: codes[one.unit_id] for one in story.said.values()})
