"""The job runner as `sipas worker` starts it: what is wrong with its database passes, and it goes on."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert

from app import worker
from app.core.clock import utc_now
from app.core.connecting import connect_plainly
from app.core.database import Database
from app.core.settings import Settings
from app.jobs.running import run_due
from app.models.job import JobState
from app.rollups.stale import mark
from app.worker import TIMETABLE
from tests.faults.pressure import Wire
from tests.support.waiting import PATIENCE, until
from tests.support.world import World

NAMES = [job.name for job in TIMETABLE]
FOLLOWING = "jobs.timetable"
REFUSE = """
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN RAISE EXCEPTION USING ERRCODE = 'THE STATE', MESSAGE = 'not now'; END$$
"""
REFUSED = """
    CREATE TRIGGER refuse BEFORE INSERT ON pgqueuer_schedules FOR EACH STATEMENT EXECUTE FUNCTION refuse()
"""


@pytest.fixture
async def wire(migrated_url: str) -> AsyncIterator[Wire]:
    wire = Wire(migrated_url)
    await wire.mend()
    yield wire
    await wire.cut()


def sipas(*arguments: str, database_url: str) -> subprocess.Popen[bytes]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SIPAS_")}
    command = [sys.executable, "-m", "app.cli", *arguments]
    return subprocess.Popen(command, env=environment | {"SIPAS_DATABASE_URL": database_url})


@pytest.fixture
async def runner(wire: Wire) -> AsyncIterator[subprocess.Popen[bytes]]:
    """`sipas worker`, nobody beside it who would start it again."""
    process = sipas("worker", database_url=wire.url)
    yield process
    process.terminate()
    assert await asyncio.to_thread(process.wait, 60) == 0


async def owe_everything(world: World) -> None:
    """A unit-day that waits to be counted, and a timetable that was last kept a week ago."""
    async with world.database.transaction() as session:
        await mark(session, [(world.units["09001"], utc_now().date())])
        due = utc_now() - timedelta(days=7)
        owed = insert(JobState).values([{"name": name, "due_at": due} for name in NAMES])
        await session.execute(owed.on_conflict_do_update(index_elements=["name"], set_={"due_at": due}))


async def undone(world: World, runs: int) -> dict[str, int]:
    """By job, how many good runs it lacks of so many."""
    async with world.database.read() as session:
        states = await session.scalars(select(JobState).where(JobState.name.in_(NAMES)))
        done = {state.name: state.runs - state.failures for state in states}
    return {name: runs - done.get(name, 0) for name in NAMES if done.get(name, 0) < runs}


async def all_done(world: World, runner: subprocess.Popen[bytes], runs: int) -> None:
    """The runner has counted what was marked and done each job so often without a failure."""

    async def owed() -> dict[str, int]:
        assert runner.poll() is None, "the runner has ended"
        async with world.database.read() as session:
            marks = await session.scalar(text("SELECT count(*) FROM stale_unit_days")) or 0
        return await undone(world, runs) | ({"marks": marks} if marks else {})

    await until(owed, lambda owed: not owed)


async def test_a_runner_that_loses_its_database_counts_and_keeps_the_timetable_when_it_is_back(
    world: World, wire: Wire, runner: subprocess.Popen[bytes]
) -> None:
    await owe_everything(world)
    await all_done(world, runner, 1)
    await wire.cut()
    await owe_everything(world)
    await wire.mend()
    await all_done(world, runner, 2)


async def test_a_database_that_is_back_a_moment_after_the_runner_looked_is_not_left_waiting(
    world: World, wire: Wire, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Back between the look that failed and the connection over which the queue is followed."""
    assert worker.LOOK_SECONDS > PATIENCE
    looks, tries = 0, 0

    async def looked(*arguments: Any) -> None:
        nonlocal looks
        await run_due(*arguments)
        looks += 1

    async def overtaken(*arguments: Any, **more: Any) -> asyncpg.Connection:
        nonlocal tries
        tries += 1
        if tries == 2:
            await until(ended, lambda ended: ended == 2 * len(NAMES))
            await wire.mend()
        return await connect_plainly(*arguments, **more)

    async def ended() -> int:
        return looks

    monkeypatch.setattr(worker, "run_due", looked)
    monkeypatch.setattr(worker, "connect_plainly", overtaken)
    await owe_everything(world)
    await wire.cut()
    stop, far = asyncio.Event(), Database(wire.url)
    keeping = asyncio.create_task(worker.Timetable(far, settings, stop).keep())
    try:
        await until(lambda: undone(world, 1), lambda undone: not undone)
    finally:
        stop.set()
        await keeping
        await far.close()


async def following(database: Database) -> tuple[int, str | None]:
    """How often in a row the queue could not be followed, and why."""
    async with database.read() as session:
        state = await session.get(JobState, FOLLOWING)
        return (0, None) if state is None else (state.failures_in_a_row, state.last_error)


@pytest.mark.parametrize("state", ["53100", "25006", "XX000"], ids=("full_disk", "standby", "broken"))
async def test_a_queue_that_cannot_be_written_to_is_told_and_ends_nothing(
    world: World, http: httpx.AsyncClient, runner: subprocess.Popen[bytes], state: str
) -> None:
    """Whatever the reason, told apart by nothing but its SQLSTATE."""
    async with world.database.transaction() as session:
        await session.execute(text(REFUSE.replace("THE STATE", state)))
        await session.execute(text(REFUSED))
    try:
        _, why = await until(lambda: following(world.database), lambda told: told[0] > 0)
        assert why is not None
        assert state in why
        told = (await http.get("/metrics")).text
        assert f'sipas_job_failures_in_a_row{{job_name="{FOLLOWING}"}}' in told
        await owe_everything(world)
        await all_done(world, runner, 1)
    finally:
        async with world.database.transaction() as session:
            await session.execute(text("DROP FUNCTION refuse CASCADE"))
    await until(lambda: following(world.database), lambda told: told == (0, None))
