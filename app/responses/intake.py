"""The batch writer: one commit for many citizens.

A bounded queue in each process. The writer takes whatever waits (up to 500; there is no timer: the next
batch fills while the last one commits), writes it with one statement, and only after the commit does each
caller hear of it. So "accepted" means committed, and a thousand citizens cost the disk a few dozen flushes.

- A full queue refuses at once (503), so that waiting stays short.
- A caller that hangs up leaves its place in the batch; its response is stored all the same.
- A row the database refuses is found by writing the batch one by one; its neighbours are not harmed. So is
  a unit that somebody has locked: its responses alone are answered 503.
- A deadlock or a serialization failure is tried again: repeating a batch is safe.
- A lost connection, a full disk and their like answer 503 to everyone in the batch: whoever sends again finds
  out whether the response had been stored, by its id.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import NamedTuple, Self, TypeVar
from uuid import UUID

import asyncpg

from app.core import metrics, tracing
from app.core.connecting import connect
from app.core.database import SERVER_SETTINGS, plain_url
from app.core.database_errors import REPEATABLE_STATES, is_passing, state_of
from app.core.errors import Problem
from app.core.faults import Fault
from app.core.problems import (
    Conflict,
    DeviceRevoked,
    InternalError,
    InvalidRequest,
    LinkExpired,
    LinkUnknown,
    LinkUsed,
    ResponseConflict,
    Unavailable,
)
from app.responses import queries
from app.responses.submission import Submission

MAX_BATCH = 500
WRITE_TIMEOUT = 10.0
CONNECT_TIMEOUT = 3.0
LOCK_TIMEOUT = "2s"
"""A lock on one unit holds up everybody in the batch: a short wait, then one by one without that unit.
Longer than PostgreSQL takes to see a deadlock (1 s), which is to be told from a lock."""
MOST_LOCKED = 3
"""Units found locked in one batch until it is taken for a lock on everything."""
LOCK_NOT_GIVEN = "55P03"
TRIES = 3

T = TypeVar("T")

log = logging.getLogger(__name__)


class Stored(NamedTuple):
    """The response is committed; `replayed` when it already was."""

    received_at: datetime
    replayed: bool


Outcome = Stored | Problem


@dataclass(slots=True)
class _Waiting:
    submission: Submission
    answer: asyncio.Future[Outcome]

    def resolve(self, outcome: Outcome) -> None:
        if not self.answer.done():  # done: the caller has hung up
            self.answer.set_result(outcome)


class Intake:
    """The queue and its writer. Use as an async context manager: leaving it drains the queue."""

    def __init__(self, url: str, *, queue_size: int, pooled: bool = False) -> None:
        self._url = plain_url(url)
        self._pooled = pooled
        self._queue_size = queue_size
        self._queue: deque[_Waiting] = deque()
        self._filled = asyncio.Event()
        self._closing = False
        self._connection: asyncpg.Connection | None = None
        self._writer: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._writer = asyncio.create_task(self._write_forever(), name="intake writer")
        metrics.QUEUE_LIMIT.set(self._queue_size)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        self._filled.set()
        if self._writer is not None:
            await self._writer
        await self._disconnect()

    @property
    def waiting(self) -> int:
        """Responses in the queue."""
        return len(self._queue)

    @property
    def alive(self) -> bool:
        """Whether the writer is at work and the queue open."""
        return self._writer is not None and not self._writer.done() and not self._closing

    def enter(self, submission: Submission) -> asyncio.Future[Outcome]:
        """Join the open batch; the future holds a Stored or a Problem after the commit.

        Unavailable when the queue is full or the process is stopping. Cancelling the future is harmless.
        """
        if self._closing or len(self._queue) >= self._queue_size:
            raise Unavailable(retry_after=1)
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(submission, answer))
        metrics.QUEUE_LENGTH.set(len(self._queue))
        self._filled.set()
        return answer

    async def submit(self, submission: Submission) -> Stored:
        """Store one response; raises the problem when it is refused."""
        outcome = await self.enter(submission)
        if isinstance(outcome, Problem):
            raise outcome
        return outcome

    async def _write_forever(self) -> None:
        while True:
            if not self._queue:
                if self._closing:
                    return
                self._filled.clear()
                await self._filled.wait()
                continue
            batch = [self._queue.popleft() for _ in range(min(MAX_BATCH, len(self._queue)))]
            metrics.QUEUE_LENGTH.set(len(self._queue))
            metrics.BATCH_RESPONSES.observe(len(batch))
            try:
                with metrics.BATCH_SECONDS.time(), tracing.span("intake batch", responses=len(batch)):
                    await self._write(batch)
            except Exception as error:
                # The writer must outlive anything: everyone in the batch hears of it, the next batch goes on
                passing = is_passing(error)
                log.log(logging.WARNING if passing else logging.ERROR, "batch not written", exc_info=error)
                metrics.BATCHES_FAILED.inc()
                await self._disconnect()
                for item in batch:
                    item.resolve(Unavailable() if passing else InternalError())

    async def _write(self, batch: list[_Waiting]) -> None:
        leaders, followers = _split(batch)
        connection = await self._connect()
        try:
            outcomes = await self._store(connection, [leader.submission for leader in leaders])
        except (asyncpg.PostgresError, asyncpg.DataError, queries.LinkSpentWithoutResponse) as error:
            if _hopeless(error, connection):
                raise
            log.warning("batch refused, writing one by one", exc_info=error)
            locked: set[int] = set()
            outcomes = [await self._store_alone(connection, leader.submission, locked) for leader in leaders]
        told = {}
        for leader, outcome in zip(leaders, outcomes, strict=True):
            leader.resolve(outcome)
            told[_key(leader.submission)] = leader.submission, outcome
        for follower in followers:
            leader_said, outcome = told[_key(follower.submission)]
            if isinstance(outcome, Problem) and follower.submission.visit_id != leader_said.visit_id:
                outcome = await self._store_alone(
                    connection, follower.submission, set()
                )  # came by a door of its own
            follower.resolve(_follow(follower.submission, leader_said, outcome))

    async def _store(self, connection: asyncpg.Connection, batch: Sequence[Submission]) -> list[Outcome]:
        return await _again(lambda: self._store_once(connection, batch))

    async def _store_once(self, connection: asyncpg.Connection, batch: Sequence[Submission]) -> list[Outcome]:
        if not self._pooled:
            return await self._store_now(connection, batch)
        async with connection.transaction():  # a pooler gives time-outs to transactions alone
            return await self._store_now(connection, batch)

    async def _store_now(self, connection: asyncpg.Connection, batch: Sequence[Submission]) -> list[Outcome]:
        written = await queries.write(connection, batch)
        outcomes: dict[int, Outcome] = {
            place: Stored(batch[place].received_at, replayed=False) for place in written
        }
        refused = [place for place in range(len(batch)) if place not in written]
        if refused:
            facts = await queries.explain(connection, [batch[place] for place in refused])
            for place, fact in zip(refused, facts, strict=True):
                outcomes[place] = _why(batch[place], fact)
        return [outcomes[place] for place in range(len(batch))]

    async def _store_alone(
        self, connection: asyncpg.Connection, submission: Submission, locked: set[int]
    ) -> Outcome:
        """`locked`: units whose lock was waited for already, in vain."""
        if submission.unit_id in locked:
            return Unavailable()
        try:
            return (await self._store(connection, [submission]))[0]
        except (asyncpg.PostgresError, asyncpg.DataError, queries.LinkSpentWithoutResponse) as error:
            if _hopeless(error, connection):
                raise
            log.warning("response refused by the database", exc_info=error)
            if state_of(error) != LOCK_NOT_GIVEN:
                return Conflict()
            locked.add(submission.unit_id)
            if len(locked) == MOST_LOCKED:
                raise
            return Unavailable()

    async def _connect(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await connect(
                self._url,
                {**SERVER_SETTINGS, "application_name": "sipas intake", "lock_timeout": LOCK_TIMEOUT},
                pooled=self._pooled,
                timeout=CONNECT_TIMEOUT,
                command_timeout=WRITE_TIMEOUT,
            )
        return self._connection

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            connection.terminate()


async def _again(write: Callable[[], Awaitable[T]]) -> T:
    """Write, again when somebody else got in the way."""
    for _ in range(TRIES - 1):
        try:
            return await write()
        except asyncpg.PostgresError as error:
            if error.sqlstate not in REPEATABLE_STATES:
                raise
            log.info("batch starts again", extra={"cause": type(error).__name__})
    return await write()


def _hopeless(error: Exception, connection: asyncpg.Connection) -> bool:
    """Nobody in the batch can be written now; a lock concerns some of them alone."""
    return (is_passing(error) and state_of(error) != LOCK_NOT_GIVEN) or connection.is_closed()


def _key(submission: Submission) -> tuple[int, UUID]:
    return submission.unit_id, submission.id


def _split(batch: Sequence[_Waiting]) -> tuple[list[_Waiting], list[_Waiting]]:
    """The first of each (unit, id), in a fixed order so that two writers lock alike, and the repetitions."""
    leaders: dict[tuple[int, UUID], _Waiting] = {}
    followers = [item for item in batch if leaders.setdefault(_key(item.submission), item) is not item]
    return [leaders[key] for key in sorted(leaders)], followers


def _follow(submission: Submission, leader: Submission, outcome: Outcome) -> Outcome:
    """What one hears that was sent in the same batch as another with its id."""
    if isinstance(outcome, Problem):
        return outcome
    if submission.content_digest != leader.content_digest:
        return ResponseConflict()
    return Stored(outcome.received_at, replayed=True)


def _why(submission: Submission, fact: asyncpg.Record) -> Outcome:
    """Why a submission was not written, by the idempotency ladder first."""
    if fact["content_digest"] is not None:
        if fact["content_digest"] == submission.content_digest:
            return Stored(fact["received_at"], replayed=True)
        return ResponseConflict()
    if submission.visit_id is not None:
        if fact["answer_state"] is None:
            return LinkUnknown()
        if fact["answer_state"] != 0:
            return LinkUsed()
        if fact["expires_at"] <= submission.received_at:
            return LinkExpired()
        if fact["questionnaire_id"] != submission.questionnaire_id:
            return InvalidRequest(faults=[Fault("/questionnaire", "questionnaire_differs")])
    elif fact["revoked"]:
        return DeviceRevoked()
    return Unavailable(retry_after=1)  # it was there a moment ago: whoever sends again will know
