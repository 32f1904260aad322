"""The job runner: the roll-up's pulse, the exports that were ordered, and the timetable that PgQueuer keeps.

Any number of runners may work on one database: the pulse excludes itself by a lock, the timetable by
PgQueuer's own rows. A lost database is waited for, not died of.
"""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import asyncpg
from pgqueuer import PgQueuer
from pgqueuer.models import Schedule

from app.auth.jobs import purge_sign_ins
from app.core.clock import utc_now
from app.core.database import LOST_CONNECTION, Database, plain_url
from app.core.replica import reading_from
from app.core.settings import Settings
from app.exports.jobs import purge_exports, run_exports
from app.periods.jobs import close_due
from app.records.jobs import run_sealing
from app.rollups.jobs import nightly_recount, run_pulse
from app.samples.jobs import settle_sample_links
from app.units.jobs import take_effect
from app.visits.jobs import settle_answered

log = logging.getLogger(__name__)
RETRY_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Job:
    """A job of the timetable: every night at a local time, or every hour when `at` is None."""

    name: str
    at: time | None
    run: Callable[[Database], Awaitable[object]]

    def cron(self, zone: ZoneInfo) -> str:
        """When, as cron in UTC (the queue's clock), by the zone's offset of today."""
        if self.at is None:
            return "17 * * * *"
        today = datetime.combine(utc_now().astimezone(zone).date(), self.at, tzinfo=zone).astimezone(UTC)
        return f"{today.minute} {today.hour} * * *"


TIMETABLE = (
    Job("visits.settle_answered", time(1, 40), settle_answered),
    Job("samples.settle_sample_links", time(1, 50), settle_sample_links),
    Job("rollups.nightly_recount", time(2, 10), nightly_recount),
    Job("auth.purge_sign_ins", None, purge_sign_ins),
    Job("units.take_effect", None, take_effect),
    Job("exports.purge_exports", None, purge_exports),
    Job("periods.close_due", None, close_due),
)


def enter_jobs(queue: PgQueuer, database: Database, zone: ZoneInfo) -> None:
    """Give the queue its handlers."""
    for job in TIMETABLE:

        async def handle(_: Schedule, job: Job = job) -> None:
            outcome = await job.run(database)
            log.info("job done", extra={"job": job.name, "outcome": outcome})

        # clean_old: a job whose hour has changed leaves no second row behind
        queue.schedule(job.name, job.cron(zone), clean_old=True, accepts_context=False)(handle)


async def _keep_timetable(database: Database, zone: ZoneInfo, stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            connection = await asyncpg.connect(plain_url(database.url), timeout=5)
            try:
                queue = PgQueuer.from_asyncpg_connection(connection)
                enter_jobs(queue, database, zone)
                queue.shutdown = queue.qm.shutdown = queue.sm.shutdown = stop
                await queue.run(dequeue_timeout=timedelta(seconds=5))
            finally:
                await connection.close(timeout=2)
        except LOST_CONNECTION as error:
            log.warning("the timetable lost the database", extra={"cause": type(error).__name__})
            await asyncio.wait([asyncio.create_task(stop.wait())], timeout=RETRY_SECONDS)


async def run_jobs(settings: Settings) -> None:
    """Run jobs until SIGTERM or SIGINT; what is under way is finished first."""
    if settings.database_url is None:
        raise ValueError("the job runner needs a database URL")
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    database = Database(settings.direct_url, pool_size=4)
    try:
        async with (
            reading_from(database, settings.read_database_url, settings.read_staleness_seconds),
            asyncio.TaskGroup() as group,
        ):
            group.create_task(run_pulse(database, stop))
            group.create_task(run_sealing(database, settings.zone, stop))
            group.create_task(run_exports(database, stop))
            group.create_task(_keep_timetable(database, settings.zone, stop))
    finally:
        await database.close()
