"""Counting while responses arrive: nothing missed, nothing counted twice."""

# ruff: noqa: S608  names of tables are our own

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import httpx
from sqlalchemy import insert, text

from app.core.clock import utc_now
from app.core.database import Database
from app.models.visit import Visit
from app.responses.intake import Intake, Outcome, Stored
from app.responses.submission import Submission
from app.rollups import fresh, stale
from app.rollups.jobs import nightly_recount, rebuild, refresh, verify
from tests.support.said import device, submission
from tests.support.world import World

RESPONSES = 10_000
# days whose arrivals are added, others that are counted again, and the end of a month among them
DAYS = [utc_now().date() - timedelta(days=ago) for ago in (0, 1, 2, 3, 4, 5, 8, 12, 16, 20, 24, 28, 32)]
UNITS = ("09001", "09002", "SNV", "09101")


async def test_a_pulse_beside_intake_misses_nothing_in_ten_thousand_responses(
    migrated_url: str, world: World
) -> None:
    tablets = {unit: (await device(world, unit))[0] for unit in UNITS}
    sent = [made(world, tablets, number) for number in range(RESPONSES)]
    arrived = asyncio.Event()

    async def count() -> int:
        """Pulse without pause until everything has arrived, then until nothing is left."""
        pulses = 0
        while await refresh(world.database, limit=7) or not arrived.is_set():
            pulses += 1
            await asyncio.sleep(0)
        return pulses

    async with (
        Intake(migrated_url, queue_size=RESPONSES) as one,
        Intake(migrated_url, queue_size=RESPONSES) as other,
        asyncio.TaskGroup() as group,
    ):
        counting = [group.create_task(count()) for _ in range(2)]
        outcomes: list[Outcome] = []
        for start in range(0, RESPONSES, 250):  # as they come, not all at once
            batch = sent[start : start + 250]
            entered = [(one, other)[number % 2].enter(row) for number, row in enumerate(batch)]
            outcomes += await asyncio.gather(*entered)
        arrived.set()
    assert all(isinstance(outcome, Stored) and not outcome.replayed for outcome in outcomes)
    assert sum(task.result() for task in counting) > 10  # it really ran beside

    async with world.database.read() as session:
        rows = await session.execute(text("SELECT unit_id, local_day, responses FROM unit_day"))
        cells = {(unit, day): responses for unit, day, responses in rows}
        left = await session.scalar(text("SELECT count(*) FROM stale_unit_days"))
    assert left == 0
    assert cells == Counter((row.unit_id, row.local_day) for row in sent)
    verification = await verify(world.database)
    assert (verification.differences, verification.ignored) == ([], 0)


def made(world: World, tablets: dict[str, UUID], number: int) -> Submission:
    unit = UNITS[number % len(UNITS)]
    return submission(
        world,
        unit_id=world.units[unit],
        device_id=tablets[unit],
        local_day=DAYS[number * 7 % 13],
        answers=bytes(number // step % 6 for step in (1, 6, 36, 216, 1296)),
    )


CROWD = 20
"""Visits of one registration, each of which is answered; beside them as many answers at the desk."""
TURNS = 60


class Visited(NamedTuple):
    """Visits that were registered together."""

    unit_id: int
    ids: Sequence[int]


async def register(world: World, turn: int) -> Visited:
    """Visits of one unit-day with their procedure, marked as the visits service marks them."""
    unit, day = world.units[UNITS[turn % len(UNITS)]], DAYS[turn * 7 % 13]
    procedures = [None, *sorted(world.procedures.values())]
    rows = [
        {
            "unit_id": unit,
            "dossier_code": uuid4().hex,
            "served_on": day,
            "procedure_id": procedures[(turn + number) % len(procedures)],
            "questionnaire_id": world.questionnaires["quick-5"],
            "expires_at": utc_now() + timedelta(days=1),
        }
        for number in range(CROWD + turn % 3)  # some of them nobody answers
    ]
    async with world.database.transaction() as session:
        ids = (await session.scalars(insert(Visit).returning(Visit.id), rows)).all()
        await stale.mark_visits(session, [(unit, day)])
    return Visited(unit, ids[:CROWD])


def answered(world: World, tablet: UUID, visited: Visited, turn: int) -> list[Submission]:
    """An answer through each link, and as many at the desk; every fifth is held back."""
    rows = []
    for number, visit_id in enumerate([*visited.ids, *[None] * len(visited.ids)]):
        held, one = number % 5 == 0, uuid4()
        rows.append(
            submission(
                world,
                id=one,
                unit_id=visited.unit_id,
                visit_id=visit_id,
                device_id=tablet if visit_id is None else None,
                channel="kiosk" if visit_id is None else "link",
                local_day=DAYS[turn * 5 % 13],
                verdict="quarantined" if held else "counted",
                verdict_reason="late" if held else None,
                answers=bytes((turn + number * step) % 6 for step in range(1, 6)),
                content_digest=one.bytes,
            )
        )
    return rows


async def judged(http: httpx.AsyncClient, world: World, sent: Sequence[Submission], unit: str) -> None:
    """Release one that was held back, void another and some that count, and take one of those back in."""
    released, voided = (0, "counted"), [(place, "void") for place in (1, 5, len(sent) - 1)]
    for place, verdict in (released, *voided, (1, "counted")):
        url = f"/api/v1/responses/{sent[place].content_digest.hex()}/verdict"
        body = {"unit_code": unit, "verdict": verdict, "reason": "Đã kiểm tra"}
        heard = await http.post(url, json=body, headers=world.admin)
        assert heard.status_code == 204, heard.text


async def cells(database: Database) -> dict[str, set[tuple[Any, ...]]]:
    async with database.read() as session:
        return {
            table.name: {tuple(row) for row in await session.execute(text(f"SELECT * FROM {table.name}"))}
            for table in fresh.TABLES
        }


@asynccontextmanager
async def again_and_again(*jobs: Callable[[], Awaitable[object]]) -> AsyncIterator[list[int]]:
    """Run these side by side, each over and over until the block ends; how often each has run."""
    ended, ran = asyncio.Event(), [0] * len(jobs)

    async def repeat(place: int, job: Callable[[], Awaitable[object]]) -> None:
        while not ended.is_set():
            await job()
            ran[place] += 1
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        for place, job in enumerate(jobs):
            group.create_task(repeat(place, job))
        try:
            yield ran
        finally:
            ended.set()


async def test_links_verdicts_nights_and_rebuilds_beside_each_other_leave_cells_as_counted_from_nothing(
    migrated_url: str, http: httpx.AsyncClient, world: World
) -> None:
    database = world.database
    tablets = {unit: (await device(world, unit))[0] for unit in UNITS}
    wrong: list[int] = []

    async def night() -> None:
        wrong.append(await nightly_recount(database))

    async def pulse() -> None:
        await refresh(database, limit=5)

    async def rush(intake: Intake, turns: range) -> None:
        for turn in turns:
            unit = UNITS[turn % len(UNITS)]
            sent = answered(world, tablets[unit], await register(world, turn), turn)
            outcomes = await asyncio.gather(*(intake.enter(row) for row in sent))
            assert all(isinstance(outcome, Stored) for outcome in outcomes), outcomes
            if turn % 3 == 0:
                await judged(http, world, sent, unit)

    async with (
        again_and_again(pulse, pulse, night, lambda: rebuild(database)) as ran,
        Intake(migrated_url, queue_size=1000) as one,
        Intake(migrated_url, queue_size=1000) as other,
    ):
        await asyncio.gather(rush(one, range(0, TURNS, 2)), rush(other, range(1, TURNS, 2)))
    assert min(ran) > 0, "each really ran beside"
    while await refresh(database):
        pass
    found = await cells(database)
    verification = await verify(database)
    assert (verification.differences, verification.ignored) == ([], 0)
    assert set(wrong) == {0}, "no night ever met a cell that was wrong"
    async with database.transaction() as session:
        for table in fresh.TABLES:
            await session.execute(text(f"DELETE FROM {table.name}"))
    assert await rebuild(database) == 2 * CROWD * TURNS
    assert await cells(database) == found
    assert all(found.values())
