"""Running one job: alone among all runners, once for each due time, with a few tries.

Whoever runs a job holds a lock that ends with its connection: a runner that was killed leaves nothing locked.
What it had begun is in the job's state, so the next runner tries it again; and a job that takes its runner
down with it each time is set aside as well.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from sqlalchemy import text

from app.core.clock import utc_now
from app.core.database import Database
from app.core.locks import try_hold
from app.core.settings import Settings
from app.jobs import states
from app.jobs.failures import PAUSES, TRIES, describe
from app.jobs.states import Run
from app.jobs.timetable import LEEWAY, Job, is_owed

log = logging.getLogger(__name__)

# The lock's transaction does nothing as long as the job runs; a runner whose machine vanished is missed soon.
_PATIENT = (
    "SET LOCAL idle_in_transaction_session_timeout = 0",
    "SET LOCAL tcp_keepalives_idle = 30",
    "SET LOCAL tcp_keepalives_interval = 10",
    "SET LOCAL tcp_keepalives_count = 3",
)


class Busy(Exception):
    """Somebody else runs this job just now."""


async def run_due(
    database: Database,
    settings: Settings,
    job: Job,
    stop: asyncio.Event,
    places: asyncio.Semaphore,
    pauses: Sequence[float] = PAUSES,
) -> None:
    """Run a job if it is owed, again after a failure until it is set aside. Raises nothing.

    It takes one of the places while it runs, not while it pauses.
    """
    try:
        while not stop.is_set():
            async with places:
                failed = await attempt(database, settings, job)
            if not failed:
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pauses[failed - 1])
    except Exception as error:
        # whatever keeps one job from being run or written down must not stop the others
        log.error("a job could not be run", extra={"job": job.name, "cause": describe(error)}, exc_info=error)


async def attempt(database: Database, settings: Settings, job: Job) -> int:
    """Try a job if it is owed and nobody is at it; how many tries have failed if it is to be tried again."""
    async with _alone(database, job.name) as free:
        tried = await _begin(database, settings, job) if free else 0
        return await _try(database, settings, job, tried) if tried else 0


async def run_now(database: Database, settings: Settings, job: Job) -> object:
    """Run a job once, whether it is owed or not; what it reports. Busy; else raises what the job raises."""
    async with _alone(database, job.name) as free:
        if not free:
            raise Busy
        started_at, started = utc_now(), time.monotonic()
        async with database.transaction() as session:
            due = job.last_due(started_at, settings.zone)
            state = await states.enter(session, job.name, due)
            state.due_at, state.last_started_at = due, started_at
        try:
            outcome = await call(database, settings, job)
        except Exception as error:
            seconds = time.monotonic() - started
            await states.record(database, Run(job.name, started_at, seconds, describe(error), set_aside=True))
            raise
        await states.record(database, Run(job.name, started_at, time.monotonic() - started, outcome=outcome))
        return outcome


async def _begin(database: Database, settings: Settings, job: Job) -> int:
    """Write down that a try begins; the how many'th it is, 0 when nothing is owed."""
    now = utc_now()
    due = job.last_due(now + LEEWAY, settings.zone)
    async with database.transaction() as session:
        state = await states.enter(session, job.name, due)
        if not is_owed(due, state.due_at, state.tries, now):
            return 0
        tried = state.tries + 1 if state.due_at == due else 1
        state.due_at, state.tries, state.last_started_at = due, tried, now
        return tried


async def _try(database: Database, settings: Settings, job: Job, tried: int) -> int:
    started_at, started = utc_now(), time.monotonic()
    if tried > TRIES:  # begun as often as may be, and never ended: its runners were killed
        await states.record(database, Run(job.name, started_at, 0, "never came to its end", set_aside=True))
        log.error("job set aside: it never came to its end", extra={"job": job.name})
        return 0
    try:
        outcome = await call(database, settings, job)
    except Exception as error:
        why, given_up = describe(error), tried == TRIES
        log.error(
            "job set aside until it is due again" if given_up else "job failed",
            extra={"job": job.name, "tried": tried, "cause": why},
            exc_info=error,
        )
        run = Run(job.name, started_at, time.monotonic() - started, why, set_aside=given_up)
        await states.record(database, run)
        return 0 if given_up else tried
    log.info("job done", extra={"job": job.name, "outcome": outcome})
    await states.record(database, Run(job.name, started_at, time.monotonic() - started, outcome=outcome))
    return 0


async def call(database: Database, settings: Settings, job: Job) -> object:
    """What the job itself does, and nothing around it."""
    return await (job.run(database, settings) if job.by_settings else job.run(database))


@asynccontextmanager
async def _alone(database: Database, name: str) -> AsyncIterator[bool]:
    """Whether nobody else runs this job, and nobody can until the block ends."""
    async with database.transaction() as session:
        for setting in _PATIENT:
            await session.execute(text(setting))
        yield await try_hold(session, "job", name)
