"""What is written down of jobs: `record` is the one place where a finished run is told."""

import logging
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import metrics
from app.core.clock import utc_now
from app.core.database import Database, within
from app.jobs.failures import describe
from app.models.job import JobState

BEAT_SECONDS = 10.0

log = logging.getLogger(__name__)


class Run(NamedTuple):
    """A finished run, or what a loop did since it last told. `error`: why it failed; None when it did not."""

    name: str
    started_at: datetime
    seconds: float
    error: str | None = None
    outcome: Any = None
    set_aside: bool = False
    turns: int = 1
    aside: str | None = None
    """What a loop that goes on has set aside, in a line."""


async def record(database: Database, run: Run) -> None:
    """Write a finished run down."""
    good = run.error is None
    metrics.job_finished(run.name, run.seconds, good)
    ended = run.started_at + timedelta(seconds=run.seconds)
    new: dict[str, Any] = {
        "last_started_at": run.started_at,
        "last_finished_at": ended,
        "last_seconds": run.seconds,
        "last_error": run.error or run.aside,
        "set_aside": run.set_aside or run.aside is not None,
    }
    if good:
        new |= {"last_success_at": ended, "last_outcome": run.outcome}
    state = JobState.__table__.c
    add = {"runs": run.turns, "failures": int(not good)}
    change: dict[str, Any] = {name: state[name] + more for name, more in add.items()}
    change["failures_in_a_row"] = 0 if good else state.failures_in_a_row + 1
    change["tries"] = 0 if good or run.set_aside else state.tries
    statement = insert(JobState).values(name=run.name, failures_in_a_row=int(not good), **new, **add)
    async with database.transaction() as session:
        await session.execute(
            statement.on_conflict_do_update(index_elements=["name"], set_={**new, **change})
        )


async def enter(session: AsyncSession, name: str, due: datetime) -> JobState:
    """A job's state, locked; a new job is entered as if it had run at its last due time."""
    await session.execute(insert(JobState).values(name=name, due_at=due).on_conflict_do_nothing())
    return await session.get_one(JobState, name, with_for_update=True)


async def listed(session: AsyncSession) -> Sequence[JobState]:
    """Every job that was ever entered, by name."""
    return (await session.scalars(select(JobState).order_by(JobState.name))).all()


class Heartbeat:
    """How a standing loop tells that it lives: a row every ten seconds, at once when something changes.

    It never raises: what keeps it from telling, the loop itself meets, and waits.
    """

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self._name = name
        self._turns = 0
        self._told: tuple[str | None, str | None] | None = None
        self._told_at = 0.0

    async def beat(
        self, seconds: float, error: BaseException | None = None, aside: str | None = None
    ) -> None:
        """A turn has ended, after so many seconds; `aside` says what of its work it leaves alone."""
        self._turns += 1
        says = None if error is None else describe(error), aside
        if says == self._told and time.monotonic() - self._told_at < BEAT_SECONDS:
            return
        started_at = utc_now() - timedelta(seconds=seconds)
        try:
            run = Run(self._name, started_at, seconds, says[0], turns=self._turns, aside=aside)
            await within(BEAT_SECONDS, record(self._database, run))
        except Exception as failure:  # noqa: BLE001  telling of the work must never end the work
            log.info("no heartbeat", extra={"job": self._name, "cause": describe(failure)})
            return
        self._turns, self._told, self._told_at = 0, says, time.monotonic()
