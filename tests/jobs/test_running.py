"""A job runs once for each due time, whoever runs it; it is tried again, and set aside in the end."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
import pytest
from sqlalchemy import select, text

from app.core.clock import utc_now
from app.core.database import Database, plain_url
from app.core.settings import Settings
from app.jobs.failures import TRIES, Aside
from app.jobs.running import Busy, attempt, run_due, run_now
from app.jobs.states import Heartbeat
from app.jobs.timetable import Job
from app.models.job import JobState
from app.worker import TIMETABLE, Timetable
from tests.support.waiting import until

AT_ONCE = (0.0, 0.0, 0.0)
LAST_WEEK = timedelta(days=7)


def job(run: Callable[[Database], Awaitable[object]]) -> Job:
    return Job("tests.job", None, run)


async def fail(_: Database) -> None:
    raise ValueError("Nguyễn Văn A, 0912 345 678")


async def succeed(_: Database) -> dict[str, int]:
    return {"done": 3}


async def owe(database: Database, *names: str) -> None:
    """These jobs ran last a week ago."""
    async with database.transaction() as session:
        for name in names:
            state = await session.get(JobState, name) or JobState(name=name)
            state.due_at = utc_now() - LAST_WEEK
            session.add(state)


async def read(database: Database, name: str = "tests.job") -> JobState:
    async with database.read() as session:
        return await session.get_one(JobState, name)


async def run(database: Database, settings: Settings, one: Job) -> JobState:
    await run_due(database, settings, one, asyncio.Event(), asyncio.Semaphore(), AT_ONCE)
    return await read(database)


async def test_a_job_that_always_fails_is_set_aside_after_its_tries(
    database: Database, settings: Settings
) -> None:
    await owe(database, "tests.job")
    state = await run(database, settings, job(fail))
    assert (state.runs, state.failures, state.failures_in_a_row) == (TRIES, TRIES, TRIES)
    assert (state.set_aside, state.tries, state.last_success_at) == (True, 0, None)
    state = await run(database, settings, job(fail))
    assert state.runs == TRIES, "it is not tried again before it is due again"
    await owe(database, "tests.job")
    state = await run(database, settings, job(succeed))
    assert (state.runs, state.failures, state.failures_in_a_row) == (TRIES + 1, TRIES, 0)
    assert (state.set_aside, state.last_error, state.last_outcome) == (False, None, {"done": 3})


async def test_what_is_written_of_a_failure_holds_no_data(database: Database, settings: Settings) -> None:
    await owe(database, "tests.job")
    assert (
        await run(database, settings, job(fail))
    ).last_error == "ValueError at app/jobs/running.py:" + str((await read(database)).last_error).rpartition(
        ":"
    )[2]

    async def trip(given: Database) -> None:
        async with given.transaction() as session:
            await session.execute(text("SELECT 'Nguyễn Văn A'::integer"))

    await owe(database, "tests.job")
    said = str((await run(database, settings, job(trip))).last_error)
    assert "22P02" in said
    assert "Nguyễn" not in said


async def test_a_job_that_mends_itself_is_done(database: Database, settings: Settings) -> None:
    runs = 0

    async def second_time(_: Database) -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise ValueError

    await owe(database, "tests.job")
    state = await run(database, settings, job(second_time))
    assert (state.runs, state.failures, state.tries, state.set_aside) == (2, 1, 0, False)


async def test_a_new_job_waits_for_its_first_time(database: Database, settings: Settings) -> None:
    state = await run(database, settings, job(fail))
    assert (state.runs, state.last_started_at) == (0, None)
    assert state.due_at is not None


async def test_of_many_runners_one_runs_it(database: Database, settings: Settings) -> None:
    at_work = 0

    async def slowly(_: Database) -> None:
        nonlocal at_work
        at_work += 1
        assert at_work == 1
        await asyncio.sleep(0.2)
        at_work -= 1

    await owe(database, "tests.job")
    await asyncio.gather(*(run(database, settings, job(slowly)) for _ in range(6)))
    state = await read(database)
    assert (state.runs, state.failures) == (1, 0)


async def test_a_job_that_kills_its_runner_is_tried_again_and_set_aside(
    database: Database, settings: Settings
) -> None:
    begun = 0

    async def hang(_: Database) -> None:
        nonlocal begun
        begun += 1
        await asyncio.Event().wait()

    await owe(database, "tests.job")
    for tried in range(1, TRIES + 1):
        running = asyncio.create_task(attempt(database, settings, job(hang)))
        await until(lambda: asyncio.sleep(0, begun), lambda seen, tried=tried: seen == tried)  # type: ignore[misc]
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        assert (await read(database)).tries == tried
    state = await run(database, settings, job(hang))
    assert (begun, state.set_aside, state.last_error) == (TRIES, True, "never came to its end")


async def test_a_pause_ends_when_the_runner_is_told_to_stop(database: Database, settings: Settings) -> None:
    stop = asyncio.Event()

    async def fail_and_stop(_: Database) -> None:
        stop.set()
        raise ValueError

    await owe(database, "tests.job")
    async with asyncio.timeout(60):
        await run_due(database, settings, job(fail_and_stop), stop, asyncio.Semaphore(), (3600.0,) * 3)
    state = await read(database)
    assert (state.runs, state.tries, state.set_aside) == (1, 1, False)


async def test_the_clock_jumps_ahead_and_back_and_no_job_waits_for_it(
    database: Database, settings: Settings
) -> None:
    async with database.transaction() as session:
        session.add(JobState(name="tests.job", due_at=utc_now() + timedelta(days=400)))
    assert (await run(database, settings, job(succeed))).runs == 1
    state = await run(database, settings, job(succeed))
    assert state.runs == 1
    assert state.due_at is not None
    assert state.due_at < utc_now() + timedelta(minutes=5)


async def test_a_job_can_be_run_at_once_and_only_once_at_a_time(
    database: Database, settings: Settings
) -> None:
    async def inside(given: Database) -> str:
        with pytest.raises(Busy):
            await run_now(given, settings, job(succeed))
        return "ran"

    assert await run_now(database, settings, job(inside)) == "ran"
    with pytest.raises(ValueError, match="Nguyễn"):
        await run_now(database, settings, job(fail))
    state = await read(database)
    assert (state.runs, state.failures, state.set_aside) == (2, 1, True)


async def test_a_failing_job_stops_neither_the_runner_nor_the_others(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The runner's own loop; what was missed is caught up when it begins."""
    names = [one.name for one in TIMETABLE]
    broken = [Job(names[0], None, fail), *TIMETABLE[1:]]
    monkeypatch.setattr("app.worker.TIMETABLE", broken)
    await owe(database, *names)
    stop = asyncio.Event()
    keeping = asyncio.create_task(Timetable(database, settings, stop).keep())

    async def states() -> dict[str, tuple[int, int]]:
        async with database.read() as session:
            found = (await session.scalars(select(JobState).where(JobState.name.in_(names)))).all()
        return {state.name: (state.runs, state.failures) for state in found}

    expected = dict.fromkeys(names, (1, 0)) | {names[0]: (1, 1)}
    await until(states, lambda found: found == expected)
    assert not keeping.done()
    stop.set()
    async with asyncio.timeout(60):
        await keeping


async def test_a_heartbeat_is_written_at_once_when_something_changes_and_seldom_else(
    database: Database,
) -> None:
    heart = Heartbeat(database, "tests.loop")
    for _ in range(5):
        await heart.beat(0.1)
    assert (await read(database, "tests.loop")).runs == 1
    await heart.beat(0.1, ValueError("Nguyễn Văn A"))
    state = await read(database, "tests.loop")
    assert (state.runs, state.failures, state.failures_in_a_row) == (6, 1, 1)
    assert (state.last_error, state.set_aside) == ("ValueError", False)
    await heart.beat(0.1, aside="1 set aside, the first 12")
    state = await read(database, "tests.loop")
    assert (state.failures_in_a_row, state.set_aside, state.last_error) == (
        0,
        True,
        "1 set aside, the first 12",
    )
    await heart.beat(0.1)
    assert not (await read(database, "tests.loop")).set_aside


def test_a_thing_that_fails_rests_ever_longer_and_is_told_of_after_its_tries() -> None:
    now = 0.0
    aside: Aside[int] = Aside(lambda: now)
    rests = []
    for tried in range(1, TRIES + 2):
        assert aside.failed(7, ValueError()) is (tried == TRIES)
        assert aside.resting() == [7]
        assert (aside.told() is None) is (tried < TRIES)
        started = now
        while aside.resting():
            now += 1
        rests.append(now - started)
    assert rests == [10, 60, 300, 3600, 3600]
    assert aside.told() == "1 set aside, the first 7: ValueError"
    aside.keep([])
    assert (aside.resting(), aside.told()) == ([], None)


def sipas(database: Database, *arguments: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SIPAS_")}
    environment["SIPAS_DATABASE_URL"] = database.url
    return subprocess.Popen(
        [sys.executable, "-m", "app.cli", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@asynccontextmanager
async def runners(database: Database, number: int) -> AsyncIterator[list[subprocess.Popen[str]]]:
    started = [sipas(database, "worker") for _ in range(number)]
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            await asyncio.to_thread(process.communicate)


async def test_two_runners_catch_up_once_and_one_that_is_killed_leaves_its_job_to_the_next(
    database: Database,
) -> None:
    names = [one.name for one in TIMETABLE]
    await owe(database, *names)
    visits = "visits.settle_answered"

    async def done() -> dict[str, int]:
        """A job that waited too long for the table failed for now, and was tried again."""
        async with database.read() as session:
            found = (await session.scalars(select(JobState))).all()
        return {state.name: state.runs - state.failures for state in found}

    async def tries() -> int:
        return (await read(database, visits)).tries

    holder = await asyncpg.connect(plain_url(database.url))
    try:
        async with runners(database, 2) as (one, other):
            await holder.execute("BEGIN; LOCK TABLE visits IN ACCESS EXCLUSIVE MODE")
            await until(tries, lambda found: found == 1)
            one.send_signal(signal.SIGKILL)
            other.send_signal(signal.SIGKILL)
            await asyncio.to_thread(one.wait)
            await asyncio.to_thread(other.wait)
        await holder.execute("ROLLBACK")
    finally:
        await holder.close()
    assert (await read(database, visits)).last_success_at is None
    async with runners(database, 2):
        await until(done, lambda found: all(found.get(name, 0) >= 1 for name in names))
    assert {name: found for name, found in (await done()).items() if name in names} == dict.fromkeys(names, 1)
    assert (await read(database, visits)).tries == 0


async def test_the_command_lists_jobs_and_runs_one(database: Database, settings: Settings) -> None:
    name = "visits.settle_answered"
    await owe(database, name)
    await run_due(database, settings, Job(name, None, fail), asyncio.Event(), asyncio.Semaphore(), AT_ONCE)

    async def ask(*arguments: str) -> tuple[int, str]:
        process = sipas(database, *arguments)
        said, _ = await asyncio.to_thread(process.communicate)
        return process.returncode, said

    code, said = await ask("jobs")
    assert code == 1
    assert f"set aside: {name}" in said
    assert all(one.name in said for one in TIMETABLE)
    assert (await ask("jobs", "run", name))[0] == 0
    assert (await ask("jobs"))[0] == 0
    assert (await ask("jobs", "run", "no.such"))[0] == 1
