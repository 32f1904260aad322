"""A dump ties no response to a visit: the attack by the order of rows finds nobody above chance.

Whoever has a dump knows the unit, day, procedure and counter of every response, and when it came. Among the
visits with the same four, those answered stand in the file in some order: where it is that of answering, the
first response belongs to the first visit, and so on. By chance alone one in each such crowd is met.
"""

import asyncio
import itertools
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import text

from app.core.pgwheel import run_client
from app.core.settings import Settings
from app.keeping import backup
from app.keeping.settling import settled_read
from app.models.visit import Visit
from app.responses.intake import Intake
from app.visits.jobs import settle_answered
from tests.support.said import submission
from tests.support.visits import today
from tests.support.world import World

CROWDS, MEMBERS = 40, 15
CHANCE_MET = 120
"""Forty are expected by chance, Poisson's law: more than this comes once in 10^23 runs."""
CHANCE_IN_ORDER = 0.6
"""Half of the neighbours are expected in the order of answering, give or take 0.013."""
CHANCE_LAST = 20
"""Between two and three are expected: more than this comes once in 10^12 runs."""

Truth = dict[int, UUID]
"""Visit -> the response that came through its link: what nobody may find out."""


async def crowds(world: World) -> list[list[tuple[int, int]]]:
    """Visits of today in crowds that look alike; (unit, visit) each."""
    places = [
        (unit, f"Quầy {counter}") for unit in ("09001", "09002", "09101", "SNV") for counter in range(10)
    ]
    rows = [
        [
            Visit(
                unit_id=world.units[unit],
                dossier_code=uuid4().hex,
                served_on=today(),
                counter=counter,
                questionnaire_id=world.questionnaires["quick-5"],
                expires_at=text("now() + interval '9 days'"),
            )
            for _ in range(MEMBERS)
        ]
        for unit, counter in places[:CROWDS]
    ]
    async with world.database.transaction() as session:
        session.add_all([row for crowd in rows for row in crowd])
        await session.flush()
        return [[(row.unit_id, row.id) for row in crowd] for crowd in rows]


async def answer(world: World, intake: Intake, visits: Sequence[tuple[int, int]]) -> Truth:
    """One after another, each in a batch of its own."""
    truth = {}
    for unit_id, visit_id in visits:
        row = submission(
            world, unit_id=unit_id, visit_id=visit_id, channel="link", content_digest=uuid4().bytes
        )
        await intake.submit(row)
        truth[visit_id] = row.id
    return truth


@asynccontextmanager
async def writer(settings: Settings) -> AsyncIterator[Intake]:
    async with Intake(settings.direct_url, queue_size=1000) as intake:
        yield intake


def table(dump: Path, name: str) -> list[dict[str, str]]:
    """The rows of a table as they stand in a dump."""
    said = run_client("pg_restore", "--data-only", f"--table={name}", "--file=-", dump).stdout.splitlines()
    start = next(at for at, line in enumerate(said) if line.startswith("COPY "))
    columns = said[start].partition("(")[2].partition(")")[0].split(", ")
    end = said.index("\\.", start)
    return [dict(zip(columns, line.split("\t"), strict=True)) for line in said[start + 1 : end]]


class Tied(NamedTuple):
    """Whom the order ties: all of each crowd one by one, its last alone, and who stands beside whom."""

    met: dict[int, UUID]
    last: dict[int, UUID]
    neighbours: list[tuple[int, int]]
    came: dict[UUID, int]
    """A response's place in the order of answering."""


def attack(dump: Path) -> Tied:
    visits, responses = defaultdict(list), defaultdict(list)
    for row in table(dump, "visits"):
        if row["answer_state"] != "0":
            visits[row["unit_id"], row["served_on"], row["counter"]].append(int(row["id"]))
    ordered = sorted(table(dump, "responses"), key=lambda row: row["received_at"])
    for row in ordered:
        responses[row["unit_id"], row["local_day"], row["counter"]].append(UUID(row["id"]))
    pairs = [(each, responses[crowd]) for crowd, each in visits.items()]
    return Tied(
        met={visit: response for each, came in pairs for visit, response in zip(each, came, strict=True)},
        last={each[-1]: came[-1] for each, came in pairs},
        neighbours=[both for each, _ in pairs for both in itertools.pairwise(each)],
        came={UUID(row["id"]): place for place, row in enumerate(ordered)},
    )


def in_order(tied: Tied, truth: Truth) -> float:
    """Share of neighbours in the dump whose responses came in that order."""
    kept = [tied.came[truth[one]] < tied.came[truth[other]] for one, other in tied.neighbours]
    return sum(kept) / len(kept)


def rightly(tied: dict[int, UUID], truth: Truth) -> int:
    return sum(truth[visit] == response for visit, response in tied.items())


async def test_a_backup_right_after_intake_ties_nobody_above_chance(
    world: World, settings: Settings, tmp_path: Path
) -> None:
    visits = [each for crowd in await crowds(world) for each in crowd]
    random.shuffle(visits)
    async with writer(settings) as intake:
        truth = await answer(world, intake, visits)
    path, manifest = await backup.take(settings, tmp_path / "kept.dump", lambda _: None)
    tied = attack(path)
    assert len(tied.met) == len(truth) == CROWDS * MEMBERS
    assert rightly(tied.met, truth) <= CHANCE_MET
    assert in_order(tied, truth) <= CHANCE_IN_ORDER
    assert manifest.unsettled == 0


async def test_the_few_that_answered_since_the_last_sweep_are_not_told_by_their_place(
    world: World, settings: Settings, tmp_path: Path
) -> None:
    """One more in each crowd: settled alone it would stand apart from all that were settled before it."""
    groups = await crowds(world)
    late = [crowd.pop(random.randrange(MEMBERS)) for crowd in groups]
    async with writer(settings) as intake:
        truth = await answer(world, intake, [each for crowd in groups for each in crowd])
        await settle_answered(world.database)
        truth |= await answer(world, intake, late)
    path, _ = await backup.take(settings, tmp_path / "kept.dump", lambda _: None)
    last = attack(path).last
    assert len(last) == CROWDS
    assert rightly(last, truth) <= CHANCE_LAST


async def test_no_snapshot_of_a_backup_shows_an_unsettled_visit_while_people_answer(
    world: World, settings: Settings
) -> None:
    visits = [each for crowd in await crowds(world) for each in crowd]
    seen = []
    async with writer(settings) as one, writer(settings) as other:
        halves = asyncio.gather(answer(world, one, visits[::2]), answer(world, other, visits[1::2]))
        while not halves.done():
            async with settled_read(world.database) as (session, unsettled):
                seen.append(await session.scalar(text("SELECT count(*) FROM visits WHERE answer_state = 1")))
                assert unsettled == 0
        await halves
    assert set(seen) == {0}
    async with world.database.read() as session:
        assert await session.scalar(text("SELECT count(*) FROM responses")) == len(visits)


async def test_what_cannot_be_settled_is_counted_and_dumped_all_the_same(
    world: World, settings: Settings, tmp_path: Path
) -> None:
    """A standby, or a role that only reads: a backup that tells is better than none."""
    visits = [each for crowd in await crowds(world) for each in crowd]
    async with writer(settings) as intake:
        await answer(world, intake, visits[:3])
    async with world.database.transaction() as session:
        name = await session.scalar(text("SELECT quote_ident(current_database())"))
        await session.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
    try:
        _, manifest = await backup.take(settings, tmp_path / "kept.dump", lambda _: None)
    finally:
        async with world.database.transaction() as session:
            await session.execute(text(f"ALTER DATABASE {name} RESET default_transaction_read_only"))
    assert manifest.unsettled == 3
