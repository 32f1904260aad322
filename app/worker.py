"""The job runner: the roll-up's pulse, the exports that were ordered, and the timetable that PgQueuer wakes.

Any number of runners may work on one database: whoever runs a job has a lock on it, and its state says for
which due time it ran. What was missed while no runner was up is caught up. Whatever is wrong with the
database is waited for, not died of: it is gone, its disk is full, or a standby took its place.
"""

import asyncio
import logging
import signal
from contextlib import suppress
from datetime import time, timedelta

from pgqueuer import PgQueuer
from pgqueuer.models import Schedule

from app.auth.jobs import purge_sign_ins
from app.core.clock import utc_now
from app.core.connecting import connect_plainly
from app.core.database import Database, plain_url
from app.core.replica import reading_from
from app.core.settings import Settings
from app.exports.jobs import purge_exports, run_exports
from app.jobs.failures import describe, is_away
from app.jobs.running import run_due
from app.jobs.states import BEAT_SECONDS, Heartbeat
from app.jobs.timetable import Job
from app.periods.jobs import close_due
from app.records.jobs import run_sealing
from app.retention.jobs import anonymise_responses, anonymise_visits, tidy_queue
from app.rollups.jobs import nightly_recount, run_pulse
from app.samples.jobs import settle_sample_links
from app.units.jobs import take_effect
from app.visits.jobs import settle_answered

log = logging.getLogger(__name__)
RETRY_SECONDS = 2.0
LONGEST_WAIT_SECONDS = 10.0
LOOK_SECONDS = 300.0

AT_ONCE = 3
"""Jobs that one runner runs side by side; each takes a connection for its lock and some for its work."""

TIMETABLE = (
    Job("visits.settle_answered", time(1, 40), settle_answered),
    Job("samples.settle_sample_links", time(1, 50), settle_sample_links),
    Job("rollups.nightly_recount", time(2, 10), nightly_recount),
    Job("retention.anonymise_responses", time(2, 40), anonymise_responses, by_settings=True),
    Job("retention.anonymise_visits", time(2, 50), anonymise_visits, by_settings=True),
    Job("retention.tidy_queue", time(3, 0), tidy_queue),
    Job("auth.purge_sign_ins", None, purge_sign_ins),
    Job("units.take_effect", None, take_effect),
    Job("exports.purge_exports", None, purge_exports),
    Job("periods.close_due", None, close_due),
)


class Timetable:
    """Runs what is due: whenever the queue wakes a job, and whatever it is found to have missed.

    The queue notes when it will wake a job next. A clock that jumped ahead and was put right, or a runner
    that was killed, would leave a job asleep for long.
    """

    def __init__(self, database: Database, settings: Settings, stop: asyncio.Event) -> None:
        self._database = database
        self._settings = settings
        self._stop = stop
        self._places = asyncio.Semaphore(AT_ONCE)
        self._look = asyncio.Event()
        self._heart = Heartbeat(database, "jobs.timetable")

    async def run(self, job: Job) -> None:
        """Run a job if it is owed."""
        await run_due(self._database, self._settings, job, self._stop, self._places)

    async def catch_up(self) -> None:
        """Run all that is owed: at once, every few minutes, and when the queue is back."""
        while not self._stop.is_set():
            self._look.clear()
            await asyncio.gather(*(self.run(job) for job in TIMETABLE))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._look.wait(), LOOK_SECONDS)

    def enter(self, queue: PgQueuer) -> None:
        """Give the queue its handlers."""
        for job in TIMETABLE:

            async def handle(_: Schedule, job: Job = job) -> None:
                await self.run(job)

            # clean_old: a job whose minute has changed leaves no second row behind
            cron = job.cron(utc_now(), self._settings.zone)
            queue.schedule(job.name, cron, clean_old=True, accepts_context=False)(handle)

    async def keep(self) -> None:
        """Catch up and follow the queue until told to stop."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.catch_up())
            await self._follow()
            self._look.set()  # and see that it is over

    async def _follow(self) -> None:
        """Follow the queue, again after ever longer waits when that fails for whatever reason."""
        clock, wait = asyncio.get_running_loop().time, RETRY_SECONDS / 2
        while not self._stop.is_set():
            started, failure = clock(), None
            try:
                await self._turn()
            except Exception as error:
                failure = error
                away = is_away(error)
                log.log(
                    logging.WARNING if away else logging.ERROR,
                    "the timetable waits for the database" if away else "the timetable cannot be kept",
                    extra={"cause": describe(error)},
                    exc_info=None if away else error,
                )
            if self._stop.is_set():
                return
            took = clock() - started
            wait = RETRY_SECONDS if took > BEAT_SECONDS else min(wait * 2, LONGEST_WAIT_SECONDS)
            await self._heart.beat(took, failure)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), wait)
            self._look.set()

    async def _turn(self) -> None:
        """Follow the queue over one connection until it breaks or the runner is told to stop."""
        connection = await connect_plainly(plain_url(self._database.url), timeout=5)
        self._look.set()  # the last look may have been a moment too early
        try:
            queue = PgQueuer.from_asyncpg_connection(connection)
            self.enter(queue)
            telling = asyncio.create_task(self._tell(queue))
            try:
                await queue.run(dequeue_timeout=timedelta(seconds=5))
            finally:
                telling.cancel()
        finally:
            await connection.close(timeout=2)

    async def _tell(self, queue: PgQueuer) -> None:
        """Tell that the queue is followed, and the queue when to stop.

        It has an event of its own: it sets that whenever it ends, broken connections included.
        """
        while not self._stop.is_set():
            try:
                await asyncio.wait_for(self._stop.wait(), BEAT_SECONDS)
            except TimeoutError:
                await self._heart.beat(0.0)
        queue.shutdown.set()


async def run_jobs(settings: Settings) -> None:
    """Run jobs until SIGTERM or SIGINT; what is under way is finished first."""
    if settings.database_url is None:
        raise ValueError("the job runner needs a database URL")
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    database = Database(settings.direct_url, pool_size=8)
    try:
        async with (
            reading_from(database, settings.read_database_url, settings.read_staleness_seconds),
            asyncio.TaskGroup() as group,
        ):
            group.create_task(run_pulse(database, stop))
            group.create_task(run_sealing(database, settings.zone, stop))
            group.create_task(run_exports(database, stop))
            group.create_task(Timetable(database, settings, stop).keep())
    finally:
        await database.close()
