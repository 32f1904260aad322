"""After any sequence of reorganisations: a forest on every day, figures that add up, a past that stays.

The tree of each day is written down as the service shows it on that day, and indices are held against a plain
sum over what was written down.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import date, timedelta
from itertools import pairwise
from random import Random
from typing import Any

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from app.core.database import Database
from app.models.unit import Unit
from app.rollups.jobs import refresh
from tests.support.rows import Said, insert_responses
from tests.support.visits import today
from tests.support.world import World

URL = "/api/v1/units/reorganisations"
START = today() - timedelta(days=200)
EVERY = timedelta(days=17)
PROPERTY = settings(max_examples=12)
TABLES = {
    "units": "id, code, name, kind, parent_id, valid_from, valid_to",
    "unit_versions": "unit_id, valid_from, valid_to, code, name, kind, parent_id, reorganisation_id",
    "unit_successions": "from_unit, to_unit, effective_on, kind, reorganisation_id",
}
Tree = dict[str, str | None]
KINDS = ["merge", "merge", "absorb", "split", "shrink", "rename", "move", "uproot", "close", "create"]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(KINDS),
        st.integers(0, 10**6),
        st.integers(0, 10**6),
    ),
    min_size=1,
    max_size=7,
)
ANY_DAY = st.lists(
    st.tuples(
        st.sampled_from(KINDS),
        st.integers(0, 10**6),
        st.integers(0, 10**6),
        st.integers(-40, 40),
        st.booleans(),
    ),
    min_size=2,
    max_size=9,
)


def beneath(tree: Tree, top: str) -> set[str]:
    found = {top}
    while more := {code for code, parent in tree.items() if parent in found} - found:
        found |= more
    return found


def pick(codes: Iterable[str], number: int) -> str:
    ordered = sorted(codes)
    return ordered[number % len(ordered)]


def change_of(kind: str, tree: Tree, one: int, two: int, fresh: str) -> dict[str, Any] | None:
    """A change that is valid on this tree, or None where there is none of the kind."""
    leaves = [code for code in tree if code not in tree.values() and code != "VN"]
    if len(leaves) < 4:
        kind = "create"
    old = pick(leaves, one)
    other = pick([code for code in leaves if code != old], two) if len(leaves) > 1 else old
    parents = [code for code, parent in tree.items() if parent == "VN"]
    new = {"code": fresh, "name": f"Xã {fresh}", "kind": "commune", "parent_code": pick(parents, two)}
    match kind:
        case "merge":
            return {"kind": "merge", "from": [old, other], "to": [new]}
        case "absorb":
            return {"kind": "merge", "from": [old], "to": [other]}
        case "split":
            parts = [new, {**new, "code": fresh + "x", "parent_code": pick(parents, one)}]
            return {"kind": "split", "from": [old], "to": parts}
        case "shrink":
            return {"kind": "split", "from": [old], "to": [old, new]}
        case "rename":
            return {"kind": "rename", "from": [old], "to": [{"code": fresh, "name": f"Xã {fresh}"}]}
        case "move":
            elsewhere = [code for code in parents if code not in (tree[old], old)]
            if not elsewhere:
                return None
            return {"kind": "move", "from": [old], "to": [{"code": old, "parent_code": pick(elsewhere, two)}]}
        case "uproot":
            inner = pick([code for code in tree if code != "VN"], one)
            above = tree.keys() - beneath(tree, inner) - {tree[inner]}
            if not above:
                return None
            return {"kind": "move", "from": [inner], "to": [{"code": inner, "parent_code": pick(above, two)}]}
        case "close":
            return {"kind": "close", "from": [old]}
        case _:
            return {"kind": "create", "to": [new]}


class Chronicle:
    """What an example did, and what the service showed on the way."""

    def __init__(self, http: httpx.AsyncClient, world: World) -> None:
        self.http, self.world = http, world
        self.trees: list[tuple[date, Tree]] = []
        self.said: Counter[tuple[str, date]] = Counter()
        self.ids: dict[str, int] = {}

    async def found(self) -> None:
        """A nation of three provinces."""
        async with self.world.database.transaction() as session:
            for table in ("responses", "stale_unit_days", "visits", "unit_successions", "unit_versions"):
                await session.execute(text(f"DELETE FROM {table}"))  # noqa: S608
            for table in ("channel", "unit", "visit"):
                await session.execute(text(f"DELETE FROM {table}_day"))  # noqa: S608
                await session.execute(text(f"DELETE FROM {table}_month"))  # noqa: S608
            await session.execute(text("UPDATE units SET parent_id = NULL"))
            await session.execute(text("DELETE FROM units"))
            await session.execute(text("DELETE FROM reorganisations"))
            nation = Unit(code="VN", name="Nước", kind="nation", search_text="")
            session.add(nation)
            await session.flush()
            for province in "PQR":
                above = Unit(
                    code=province, name=province, kind="province", parent_id=nation.id, search_text=""
                )
                session.add(above)
                await session.flush()
                for number in range(3):
                    code = f"{province}{number}"
                    session.add(
                        Unit(code=code, name=code, kind="commune", parent_id=above.id, search_text="")
                    )

    async def tree(self, on: date) -> Tree:
        answer = await self.http.get(f"/api/v1/units?on={on}&limit=200", headers=self.world.admin)
        items = answer.json()["items"]
        assert len({one["code"] for one in items}) == len(items), "a code stands there twice"
        return {one["code"]: one["parent_code"] for one in items}

    async def live(self, day: date) -> None:
        """Every unit that stands on the day is answered once, some twice."""
        tree = await self.tree(day)
        self.trees.append((day, tree))
        async with self.world.database.read() as session:
            rows = await session.execute(select(Unit.code, Unit.id))
            self.ids = {row[0]: row[1] for row in rows}
        questionnaire = self.world.questionnaires["quick-5"]
        said = []
        for code in tree:
            for _ in range(1 + self.ids[code] % 2):
                said.append(Said(self.ids[code], day, questionnaire, (5, 4, 3, 2, 1)))
                self.said[code, day] += 1
        await insert_responses(self.world.database, said)
        while await refresh(self.world.database):
            pass

    async def index(self, code: str, first: date, last: date, boundaries: str) -> int:
        query = {"from": str(first), "to": str(last), "boundaries": boundaries}
        answer = await self.http.get(f"/api/v1/indices/{code}", params=query, headers=self.world.admin)
        assert answer.status_code == 200, answer.text
        return sum(result["responses"] for result in answer.json()["results"])

    async def reorganise(self, change: dict[str, Any], day: date, decision: str) -> httpx.Response:
        body = {"effective_on": str(day), "decision": decision, "changes": [change]}
        return await self.http.post(URL, json=body, headers=self.world.admin)

    async def take_back(self, number: int) -> bool:
        """Whether it was; where it was not, nothing has changed."""
        before = await self.dump()
        answer = await self.http.post(f"{URL}/{number}/revert", headers=self.world.admin)
        if answer.status_code == 200:
            return True
        assert answer.json()["code"] == "reorganisation_in_use", answer.text
        assert answer.json()["errors"] != []
        assert await self.dump() == before
        return False

    async def forests(self, days: Iterable[date]) -> None:
        """On each of these days and on its eve every parent stands, and all of it is one tree."""
        for day in {turn - timedelta(days=ago) for turn in days for ago in (0, 1)} | {today()}:
            forest_of(await self.tree(day))

    async def dump(self) -> dict[str, list[tuple[object, ...]]]:
        async with self.world.database.read() as session:
            return {
                table: sorted(
                    (tuple(row) for row in await session.execute(text(f"SELECT {columns} FROM {table}"))),  # noqa: S608
                    key=repr,
                )
                for table, columns in TABLES.items()
            }


def forest_of(tree: Tree) -> None:
    assert set(tree.values()) - {None} <= tree.keys(), "a parent that does not stand on that day"
    assert [code for code, parent in tree.items() if parent is None] == ["VN"]
    assert beneath(tree, "VN") == tree.keys(), "a loop"


async def no_overlaps(database: Database) -> None:
    async with database.read() as session:
        rows = (
            await session.execute(
                text(
                    "SELECT unit_id, valid_from, valid_to FROM unit_versions"
                    " WHERE valid_to IS NOT NULL ORDER BY unit_id, valid_to"
                )
            )
        ).all()
        assert await session.scalar(text("SELECT count(*) FROM unit_versions WHERE valid_to IS NULL")) == 0
    for before, after in pairwise(rows):
        if before[0] == after[0]:
            assert after[1] == before[2] + timedelta(days=1)


class Names:
    """What became of the units that once had these codes."""

    def __init__(self) -> None:
        self.renamed: dict[str, str] = {}
        self.heirs: dict[str, str] = {}
        self.split = False

    def note(self, change: dict[str, Any]) -> None:
        self.split |= change["kind"] == "split"
        if change["kind"] == "rename":
            self.renamed[change["from"][0]] = change["to"][0]["code"]
        if change["kind"] == "merge":
            heir = change["to"][0] if isinstance(change["to"][0], str) else change["to"][0]["code"]
            self.heirs.update(dict.fromkeys(change["from"], heir))

    def now(self, code: str) -> str:
        while code in self.renamed:
            code = self.renamed[code]
        return code

    def last_heir(self, code: str) -> str:
        code = self.now(code)
        while code in self.heirs:
            code = self.now(self.heirs[code])
        return code


def as_was(told: Chronicle, names: Names, top: str) -> int:
    """Day by day, what stood beneath whoever is called so now."""
    return sum(
        told.said[code, day]
        for day, tree in told.trees
        for former in tree
        if names.now(former) == top
        for code in beneath(tree, former)
    )


def as_now(told: Chronicle, names: Names, top: str) -> int:
    """Everybody belongs to the last heir; who ended without one, to where it last stood."""
    present = told.trees[-1][1]
    mine = beneath(present, top)
    stood = {names.now(code): parent for _, tree in told.trees for code, parent in tree.items()}

    def belongs(code: str) -> bool:
        heir = names.last_heir(code)
        if heir in present:
            return heir in mine
        above = stood[heir]
        return above is not None and names.now(above) in mine

    return sum(count for (code, _), count in told.said.items() if belongs(code))


@PROPERTY
@given(steps=STEPS)
async def test_the_tree_stays_a_forest_and_the_past_stays_as_it_was(
    world: World, http: httpx.AsyncClient, steps: list[tuple[str, int, int]]
) -> None:
    told, names = Chronicle(http, world), Names()
    await told.found()
    await told.live(START)
    for number, (kind, one, two) in enumerate(steps):
        day = START + EVERY * (number + 1)
        tree = told.trees[-1][1]
        change = change_of(kind, tree, one, two, f"N{number}")
        if change is None:
            continue
        before = await told.dump()
        answer = await told.reorganise(change, day, f"NQ {number}")
        assert answer.status_code == 201, answer.text
        back = await http.post(f"{URL}/{answer.json()['id']}/revert", headers=world.admin)
        assert back.status_code == 200, back.text
        assert await told.dump() == before, "taking back restores exactly"
        again = await told.reorganise(change, day, f"NQ {number}")
        assert again.status_code == 201, again.text
        forest_of(await told.tree(day))
        assert await told.tree(day - timedelta(days=1)) == tree, "yesterday's tree is yesterday's tree"
        names.note(change)
        await told.live(day)
    await no_overlaps(world.database)
    for day, tree in told.trees:
        assert await told.tree(day) == tree
    last = told.trees[-1][0]
    everything = sum(told.said.values())
    assert await told.index("VN", START, last, "as_was") == everything
    assert await told.index("VN", START, last, "as_now") == everything
    for top in sorted({names.now(code) for _, tree in told.trees for code in tree}):
        assert await told.index(top, START, last, "as_was") == as_was(told, names, top), top
    if not names.split:
        for top in told.trees[-1][1]:
            assert await told.index(top, START, last, "as_now") == as_now(told, names, top), top


@settings(max_examples=8)
@given(steps=ANY_DAY, order=st.randoms(use_true_random=False))
async def test_whatever_is_decided_and_taken_back_in_any_order_leaves_a_tree_on_every_day(
    world: World, http: httpx.AsyncClient, steps: list[tuple[str, int, int, int, bool]], order: Random
) -> None:
    """Days come in no order, some are yet to come, inner units move; what does not fit is refused."""
    told = Chronicle(http, world)
    await told.found()
    at_first = await told.dump()
    standing: list[int] = []
    days = {today() + timedelta(days=ahead) for *_, ahead, _ in steps}
    for number, (kind, one, two, ahead, back) in enumerate(steps):
        day = today() + timedelta(days=ahead)
        change = change_of(kind, await told.tree(day), one, two, f"N{number}")
        if change is None:
            continue
        answer = await told.reorganise(change, day, f"NQ {number}")
        assert answer.status_code in {201, 422}, answer.text
        if answer.status_code == 201:
            standing.append(answer.json()["id"])
        if back and standing:
            chosen = order.choice(standing)
            if await told.take_back(chosen):
                standing.remove(chosen)
    await told.forests(days)
    for number in order.sample(standing, len(standing)):
        if await told.take_back(number):
            standing.remove(number)
            await told.forests(days)
    for number in reversed(standing):
        assert await told.take_back(number), "the last one can always be taken back"
    assert await told.dump() == at_first
