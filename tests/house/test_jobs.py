"""Every job has a handler, every handler a time, and what is due is run."""

import ast
import asyncio
import importlib
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from pgqueuer import PgQueuer
from sqlalchemy import select

from app.core.database import Database, plain_url
from app.core.settings import Settings
from app.jobs.running import call
from app.jobs.timetable import Job
from app.models.job import JobState
from app.worker import TIMETABLE, Timetable

APP = Path(__file__).parents[2] / "app"
FILES = sorted(APP.glob("*/jobs.py"))
STARTERS = (APP / "worker.py", APP / "cli.py", *sorted((APP / "commands").glob("*.py")))
ZONES = ("Asia/Ho_Chi_Minh", "UTC", "America/New_York", "Asia/Kolkata", "Pacific/Auckland")
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")


def public_jobs() -> Iterator[tuple[str, Callable[..., Awaitable[object]]]]:
    """Every public coroutine function that stands in a room's `jobs.py`, as `room.name`."""
    for path in FILES:
        module = importlib.import_module(f"app.{path.parent.name}.jobs")
        for name, found in inspect.getmembers(module, inspect.iscoroutinefunction):
            if found.__module__ == module.__name__ and not name.startswith("_"):
                yield f"{path.parent.name}.{name}", found


JOBS = dict(public_jobs())


def names_in(path: Path) -> set[str]:
    """Every name and attribute a file speaks of, but for what it defines."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    return {node.id for node in nodes if isinstance(node, ast.Name)} | {
        node.attr for node in nodes if isinstance(node, ast.Attribute)
    }


@asynccontextmanager
async def job_queue(database: Database, settings: Settings) -> AsyncIterator[PgQueuer]:
    """A real queue with every handler entered; what it wrote is gone afterwards."""
    connection = await asyncpg.connect(plain_url(database.url))
    try:
        queue = PgQueuer.from_asyncpg_connection(connection)
        Timetable(database, settings, asyncio.Event()).enter(queue)
        yield queue
    finally:
        await connection.execute("DELETE FROM pgqueuer_schedules")
        await connection.close()


def test_the_walk_finds_the_jobs() -> None:
    assert {"auth", "rollups", "visits"} <= {path.parent.name for path in FILES}
    assert len(JOBS) >= 5


@pytest.mark.parametrize("name", JOBS)
def test_a_job_is_started_by_the_timetable_the_job_runner_or_a_command(name: str) -> None:
    room = APP / name.partition(".")[0] / "jobs.py"
    spoken_of = set().union(*map(names_in, (*STARTERS, room)))
    assert JOBS[name] in {job.run for job in TIMETABLE} or name.partition(".")[2] in spoken_of


def test_the_jobs_of_the_timetable_have_names_that_say_where_they_stand() -> None:
    assert {job.name: job.run for job in TIMETABLE} == {
        name: job for name, job in JOBS.items() if job in {entry.run for entry in TIMETABLE}
    }
    assert len({job.name for job in TIMETABLE}) == len(TIMETABLE)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("job", TIMETABLE, ids=lambda job: job.name)
def test_a_job_is_woken_each_hour_at_the_minute_of_its_local_time(job: Job, zone: str) -> None:
    now, place = datetime.now(UTC), ZoneInfo(zone)
    minute, *rest = job.cron(now, place).split()
    assert rest == ["*", "*", "*", "*"]
    due = job.next_due(now, place)
    assert (due.minute, due > now) == (int(minute), True)
    if job.at is not None:
        assert due.astimezone(place).time() == job.at
        assert job.at < time(6), "the night is for jobs, the day for citizens"


async def test_every_job_of_the_timetable_is_entered_at_the_queue(
    database: Database, settings: Settings
) -> None:
    async with job_queue(database, settings) as queue:
        entered = {str(key.entrypoint): str(key.expression) for key in queue.sm.registry}
    assert entered == {job.name: job.cron(datetime.now(UTC), ZONE) for job in TIMETABLE}


async def test_every_job_that_is_due_is_run_by_the_queue_to_its_end(
    database: Database, settings: Settings
) -> None:
    """The queue's own loop would sleep until the hour: its steps are taken one by one instead."""
    long_ago = datetime.now(UTC) - timedelta(days=2)
    async with database.transaction() as session:
        session.add_all(JobState(name=job.name, due_at=long_ago) for job in TIMETABLE)
    async with job_queue(database, settings) as queue:
        await queue.sm.queries.insert_schedule(dict.fromkeys(queue.sm.registry, timedelta(minutes=-1)))
        due = await queue.sm.queries.fetch_schedule(
            {key: executor.next_in() for key, executor in queue.sm.registry.items()}
        )
        for schedule in due:
            key = next(key for key in queue.sm.registry if key.entrypoint == schedule.entrypoint)
            await queue.sm.dispatch(queue.sm.registry[key], schedule)
    async with database.read() as session:
        states = (await session.scalars(select(JobState))).all()
    assert {state.name for state in states} == {job.name for job in TIMETABLE}
    assert {(state.runs, state.failures, state.tries) for state in states} == {(1, 0, 0)}


@pytest.mark.parametrize("job", TIMETABLE, ids=lambda job: job.name)
async def test_a_job_may_run_twice(job: Job, database: Database, settings: Settings) -> None:
    await call(database, settings, job)
    await call(database, settings, job)
