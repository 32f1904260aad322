"""Sealing the record into its chain, and checking the chain.

Whoever changes something only inserts a line; the chain is made a moment later, by one sealer at a time, from
lines that are committed. So no change waits for another, a transaction that rolls back leaves no hole, and
one that commits late is sealed late. A line's own day may be over by then: it goes into the day that is open.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from zoneinfo import ZoneInfo

from app.core.clock import local_day
from app.core.database import Database
from app.core.locks import try_hold
from app.jobs.failures import is_away
from app.jobs.states import Heartbeat
from app.models.record import AuditLine
from app.records import queries
from app.records.chain import BEGINNING, Break, Check, Line, Place, Sealed, next_place

BATCH = 500
INTERVAL_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 30.0
Progress = Callable[[int, int], None]

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Verification:
    """What a check of the chain has found."""

    lines: int = 0
    unsealed: int = 0
    head: Place | None = None
    breaks: list[Break] = field(default_factory=list)
    expected_found: bool = False


async def seal(database: Database, zone: ZoneInfo, limit: int = BATCH) -> int:
    """Give lines without a place the next ones in the chain; how many. 0 while another is at it."""
    async with database.transaction() as session:
        if not await try_hold(session, "audit-chain"):
            return 0
        last = await queries.head(session)
        head = None if last is None else _place(last)
        rows = await queries.unsealed(session, limit)
        for row in rows:
            head = next_place(_line(row), local_day(row.at, zone), head)
            row.day, row.number, row.previous, row.seal = head
    return len(rows)


async def run_sealing(
    database: Database, zone: ZoneInfo, stop: asyncio.Event, interval: float = INTERVAL_SECONDS
) -> None:
    """Seal until told to stop. Whatever goes wrong is tried again: lines wait as long as they must."""
    heart = Heartbeat(database, "records.run_sealing")
    wait = interval
    while not stop.is_set():
        started, failure = time.monotonic(), None
        try:
            while await seal(database, zone) == BATCH and not stop.is_set():
                pass
            wait = interval
        except Exception as error:
            failure = error
            wait = min(max(wait * 2, interval), LONGEST_WAIT_SECONDS)
            if is_away(error):
                log.warning("nothing sealed: the database is away", extra={"cause": type(error).__name__})
            else:
                log.error("nothing sealed", exc_info=error)
        await heart.beat(time.monotonic() - started, failure)
        try:
            await asyncio.wait_for(stop.wait(), wait)
        except TimeoutError:
            continue


async def verify(
    database: Database,
    *,
    day: date | None = None,
    expect: bytes | None = None,
    progress: Progress | None = None,
) -> Verification:
    """Check the chain, or one day of it with its ties to the days around. `expect`: a hash to look for.

    `progress(lines done, all)`.
    """
    done = Verification()
    async with database.read() as session:
        done.unsealed = await queries.count_unsealed(session)
        before = None if day is None else await queries.head(session, day)
        check = Check(BEGINNING if before is None or before.seal is None else before.seal)
        days = await queries.days(session, day)
        total = sum(count for _, count in days)
        for one, _ in days:
            lines = _sealed(await queries.of_day(session, one))
            session.expunge_all()  # a day in memory at a time
            check.follow(lines)
            done.lines += len(lines)
            done.head = lines[-1][1]
            done.expected_found |= any(place.seal == expect for _, place in lines)
            if progress is not None:
                progress(done.lines, total)
        after = None if day is None else await queries.first_after(session, day)
        if after is not None and after.previous != check.head:
            check.breaks.extend(_cut_off(after))
    done.breaks = check.breaks
    return done


def _cut_off(after: AuditLine) -> Sequence[Break]:
    """The day's end is not what the next day's first line follows."""
    place = _place(after)
    return [Break("removed", place.day, place.number, after.id)]


def _line(row: AuditLine) -> Line:
    return Line(
        id=row.id,
        at=row.at,
        actor=row.actor,
        action=row.action,
        target=row.target,
        details=row.details,
        unit_ids=row.unit_ids,
        address=row.address,
        request_id=row.request_id,
    )


def _place(row: AuditLine) -> Place:
    if row.day is None or row.number is None or row.previous is None or row.seal is None:
        raise ValueError("a line without a place in the chain")
    return Place(row.day, row.number, row.previous, row.seal)


def _sealed(rows: Sequence[AuditLine]) -> list[Sealed]:
    return [(_line(row), _place(row)) for row in rows]
