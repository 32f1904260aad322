"""Figures of the whole deployment, read from the database when Prometheus asks.

Every machine tells the same ones. Each is read at most every few seconds in a process, those that cost more
more seldom, all within a deadline: a scrape is answered quickly and well when the database is slow or gone.
What could not be read is left out rather than told from memory.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.subjects import Grant, Subject
from app.core.backups import newest_backup
from app.core.clock import local_day, utc_now
from app.core.database import Database
from app.core.database_errors import ANY_FAILURE
from app.devices import queries as device_queries
from app.devices import service as devices
from app.operations import queries

DEADLINE = 2.0
SILENT_MINUTES = 30
"""Of opening hours, as a list of silent tablets is usually asked for."""

_EVERYTHING = Subject("client", UUID(int=0), "metrics", (Grant(frozenset(), None),))

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Part:
    """Figures read together, and how long they may be told before they are read again."""

    name: str
    seconds: float
    read: Callable[[AsyncSession], Awaitable[list[Metric]]]
    due: float = 0.0
    told: list[Metric] | None = field(default=None)


class Figures:
    """What one process knows of the deployment."""

    def __init__(self, database: Database, zone: ZoneInfo, backups: Path) -> None:
        self._database = database
        self._backups = backups
        self._zone = zone
        self._parts = (
            _Part("answer", 5, self._answer),
            _Part("stale", 5, self._stale),
            _Part("jobs", 5, self._jobs),
            _Part("size", 60, self._size),
            _Part("devices", 60, self._devices),
            _Part("units", 600, self._units),
        )
        self._reading = asyncio.Lock()

    async def read(self) -> list[Metric]:
        """All there is to tell; what the database did not say in time is missing."""
        async with self._reading:
            deadline = asyncio.get_running_loop().time() + DEADLINE
            for part in self._parts:
                if part.due <= time.monotonic():
                    await self._renew(part, deadline)
        told = [metric for part in self._parts for metric in part.told or []]
        up = self._parts[0].told is not None
        told.append(_gauge("sipas_database_up", "Whether the database answers this machine.", up))
        read = GaugeMetricFamily("sipas_figures_read", "Whether they could be read.", labels=("figures",))
        for part in self._parts[1:]:
            read.add_metric((part.name,), part.told is not None)
        return [*told, read, await self._newest_backup()]

    async def _renew(self, part: _Part, deadline: float) -> None:
        part.due, part.told = time.monotonic() + 5, None
        try:
            async with asyncio.timeout_at(deadline), self._database.read() as session:
                part.told = await part.read(session)
        except ANY_FAILURE as error:
            log.info("figures not read", extra={"figures": part.name, "cause": type(error).__name__})
        else:
            part.due = time.monotonic() + part.seconds

    async def _newest_backup(self) -> Metric:
        """Nothing where no backup lies: another machine may keep them, or another way be used."""
        told = GaugeMetricFamily(
            "sipas_backup_newest_timestamp_seconds", "When the newest verified backup here was taken."
        )
        taken_at = await asyncio.to_thread(newest_backup, self._backups)
        if taken_at is not None:
            told.add_metric((), taken_at.timestamp())
        return told

    async def _answer(self, session: AsyncSession) -> list[Metric]:
        await queries.answers(session)
        return []

    async def _stale(self, session: AsyncSession) -> list[Metric]:
        found = await queries.stale(session)
        return [
            _gauge("sipas_stale_unit_days", "Unit-days that wait to be counted.", found.unit_days),
            _gauge(
                "sipas_stale_oldest_age_seconds", "Since the first of them was marked.", found.oldest_seconds
            ),
        ]

    async def _jobs(self, session: AsyncSession) -> list[Metric]:
        label = ("job_name",)
        runs = CounterMetricFamily("sipas_job_runs", "Runs of a job.", labels=label)
        failures = CounterMetricFamily("sipas_job_failures", "Runs that failed.", labels=label)
        in_a_row = GaugeMetricFamily("sipas_job_failures_in_a_row", "Since it last went well.", labels=label)
        aside = GaugeMetricFamily("sipas_job_set_aside", "Whether it is no longer tried.", labels=label)
        started = GaugeMetricFamily(
            "sipas_job_last_started_timestamp_seconds", "When it last began.", labels=label
        )
        finished = GaugeMetricFamily(
            "sipas_job_last_finished_timestamp_seconds", "When it last ended.", labels=label
        )
        seconds = GaugeMetricFamily("sipas_job_last_seconds", "How long it last took.", labels=label)
        for job in await queries.jobs(session):
            for metric, value in (
                (runs, job.runs),
                (failures, job.failures),
                (in_a_row, job.failures_in_a_row),
                (aside, job.set_aside),
                (started, job.started),
                (finished, job.finished),
                (seconds, job.seconds),
            ):
                if value is not None:
                    metric.add_metric((job.name,), float(value))
        return [runs, failures, in_a_row, aside, started, finished, seconds]

    async def _size(self, session: AsyncSession) -> list[Metric]:
        return [_gauge("sipas_database_size_bytes", "The database on its disk.", await queries.size(session))]

    async def _devices(self, session: AsyncSession) -> list[Metric]:
        since = await devices.silent_since(session, _EVERYTHING, None, SILENT_MINUTES, utc_now(), self._zone)
        found = await device_queries.in_use(session, since)
        return [
            _gauge("sipas_devices_in_use", "Tablets paired and not revoked.", found.devices),
            _gauge("sipas_devices_silent", "Of them, silent in opening hours.", found.silent),
            _gauge("sipas_devices_responses_waiting", "Responses that lie on them.", found.waiting),
            _gauge("sipas_devices_responses_set_aside", "Responses refused for good.", found.set_aside),
        ]

    async def _units(self, session: AsyncSession) -> list[Metric]:
        yesterday = local_day(utc_now(), self._zone) - timedelta(days=1)
        silent = await queries.silent_units(session, yesterday)
        return [_gauge("sipas_units_silent", "Units silent yesterday that usually are not.", silent)]


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(name, meaning, value=float(value))
