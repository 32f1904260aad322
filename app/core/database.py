"""The database: one engine a process, a session type for writing and one for reading.

Nothing connects at import: the application, the job runner and each test make their own `Database`.
Reading sessions are read-only and see one snapshot (repeatable read), so that an answer made of several
queries agrees with itself. Every statement and every wait for a lock has an end.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, NamedTuple, TypeVar

import asyncpg
from sqlalchemy import AsyncAdaptedQueuePool, ExceptionContext, event, text
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.pool import ConnectionPoolEntry

from app.core import metrics, tracing
from app.core.connecting import UNNAMED, connect
from app.core.database_url import plain_url as plain_url

SERVER_SETTINGS: Mapping[str, str] = {
    "application_name": "sipas",
    "timezone": "UTC",
    "jit": "off",  # plans here are short: compiling them costs more than it saves
    "statement_timeout": "30s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "60s",
}

ONLY_READS = "25006"
LONE_STATEMENTS = 3
_ONE_MOMENT = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
PROBE_SECONDS = 2.0
CLOSING_SECONDS = 5.0
T = TypeVar("T")

log = logging.getLogger(__name__)


class _Pool(AsyncAdaptedQueuePool):
    """Tells how many of its connections are at work, and how many wait for one."""

    told_as = "shared"

    def _do_get(self) -> ConnectionPoolEntry:
        with metrics.POOL_WAITING.labels(self.told_as).track_inprogress():
            entry = super()._do_get()
        metrics.POOL_IN_USE.labels(self.told_as).inc()
        return entry

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        metrics.POOL_IN_USE.labels(self.told_as).dec()
        super()._do_return_conn(record)


class _LonePool(_Pool):
    told_as = "alone"


class Reader(NamedTuple):
    """The side of a database that cannot write: sessions, lone statements, and for what reads for long, the
    URL of a database that shows all that is committed. A replica may stand behind it.
    """

    read: Callable[[], AbstractAsyncContextManager[AsyncSession]]
    alone: Callable[[], AbstractAsyncContextManager[AsyncConnection]]
    whole: Callable[[], Awaitable[str]]


class Database:
    """Engine and sessions of one process."""

    def __init__(
        self,
        url: str,
        *,
        direct_url: str | None = None,
        pool_size: int = 10,
        settings: Mapping[str, str] = SERVER_SETTINGS,
        told: bool = True,
    ) -> None:
        """With a `direct_url`, `url` leads through a pooler in transaction mode.

        `told`: whether metrics speak of its pools; of one database in a process they can.
        """
        self.url = direct_url or url
        """For a connection of one's own: it never leads through a pooler."""
        pooled = direct_url is not None

        self.engine = _engine(
            url,
            settings,
            pooled,
            poolclass=_Pool if told else AsyncAdaptedQueuePool,
            pool_size=pool_size,
            max_overflow=pool_size,
        )
        event.listen(self.engine.sync_engine, "handle_error", _miss_a_server_that_only_reads)
        reading = self.engine.execution_options(**_ONE_MOMENT)
        self.write = async_sessionmaker(self.engine, expire_on_commit=False)
        self.read = async_sessionmaker(reading, expire_on_commit=False, autoflush=False)
        reading_only = {**settings, "default_transaction_read_only": "on"}
        # without a transaction there would be no place for the settings that a pooler must be told
        lone = {"execution_options": _ONE_MOMENT} if pooled else {"isolation_level": "AUTOCOMMIT"}
        self.lone_engine = _engine(
            url,
            reading_only,
            pooled,
            poolclass=_LonePool if told else AsyncAdaptedQueuePool,
            pool_size=LONE_STATEMENTS,
            max_overflow=0,
            **lone,
        )
        if told:
            metrics.POOL_LIMIT.labels(_Pool.told_as).set(2 * pool_size)
            metrics.POOL_LIMIT.labels(_LonePool.told_as).set(LONE_STATEMENTS)
        self.probes = _engine(url, settings, pooled, pool_size=1, max_overflow=1)
        """To ask how the database is: whoever asks does not stand in line behind those who work."""
        self._aside = _engine(
            self.url, settings, False, pool_size=1, max_overflow=1, execution_options=_ONE_MOMENT
        )
        self.aside = async_sessionmaker(self._aside, expire_on_commit=False, autoflush=False)
        """For what is looked up in the middle of a transaction, once for many: reading on connections of its
        own, it never waits for the connections of those who wait for it."""
        self._line = asyncio.Semaphore(LONE_STATEMENTS)
        self.reader = Reader(self.read, self.alone, self._whole)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """A writing session for jobs and commands: commits at the end, rolls back when anything is raised."""
        async with self.write() as session, session.begin():
            yield session

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[AsyncConnection]:
        """A connection for one statement that sees all it needs by itself, without a transaction around it.

        For what is asked hundreds of times a second: it spares two trips to the database, and the session.
        It cannot write. A few at a time in each process; the others stand in line, which is over sooner than
        all of them pushing at once. The line is kept here, because the pool's is none: whoever comes while a
        connection is being handed back takes it, and one in a hundred waited five times as long as most.
        """
        with metrics.POOL_WAITING.labels(_LonePool.told_as).track_inprogress():
            await self._line.acquire()
        try:
            async with self.lone_engine.connect() as connection:
                yield connection
        finally:
            self._line.release()

    async def _whole(self) -> str:
        return self.url

    async def revision(self) -> str | None:
        """The migration the database stands at; None when it has never been migrated.

        TimeoutError when it does not say within two seconds.
        """
        return await within(PROBE_SECONDS, self._revision())

    async def _revision(self) -> str | None:
        async with self.probes.connect() as connection:
            if await connection.scalar(text("SELECT to_regclass('alembic_version') IS NULL")):
                return None
            revision: str | None = await connection.scalar(text("SELECT version_num FROM alembic_version"))
            return revision

    async def close(self) -> None:
        """Give every connection back; those whose other end has fallen silent are not waited for."""
        try:
            await within(CLOSING_SECONDS, self._close())
        except TimeoutError:
            log.warning("connections were left to themselves: the database does not answer")

    async def _close(self) -> None:
        for engine in (self.engine, self.lone_engine, self.probes, self._aside):
            await engine.dispose()


async def within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """What comes of the work; TimeoutError when it takes longer, and it clears up behind the caller's back.

    `asyncio.timeout` would wait for that, too: at a frozen server for seconds more.
    """
    task = asyncio.create_task(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    finally:
        if not task.done():
            task.cancel()
            task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
    if not done:
        raise TimeoutError
    return task.result()


def _miss_a_server_that_only_reads(context: ExceptionContext) -> None:
    """To whoever writes, a standby in the server's place is a lost connection: the next may find the server.

    Of a session that only reads, the same error is our own mistake.
    """
    connection = context.connection
    reads = connection is not None and connection.get_execution_options().get("postgresql_readonly", False)
    if not reads and getattr(context.original_exception, "sqlstate", None) == ONLY_READS:
        context.is_disconnect = True


def _engine(url: str, settings: Mapping[str, str], pooled: bool, **options: Any) -> AsyncEngine:
    async def create(**_: object) -> asyncpg.Connection:
        # asyncpg reads the URL itself and knows all of libpq's parameters, sslmode among them
        return await connect(plain_url(url), settings, pooled=pooled, timeout=5)

    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=create,
        connect_args=dict(UNNAMED) if pooled else {},
        pool_timeout=5,
        pool_pre_ping=False,
        pool_recycle=1800,
        hide_parameters=True,  # what people sent stays out of every error's words
        **options,
    )
    tracing.watch(engine)
    return engine
