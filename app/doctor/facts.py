"""What the doctor asks the database, once, so that the checks themselves need none.

Some tables belong to newer or older releases: each is asked for only where it stands.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import utc_now
from app.core.database import Database
from app.core.settings import Settings
from app.keeping import contents


@dataclass(frozen=True, slots=True)
class Facts:
    """The database as it is."""

    version: str
    major: int
    settings: Mapping[str, str]
    """Of the server and of a session as the service opens them; memory in bytes."""
    encoding: str
    bytes: int
    encrypted: bool
    skew: timedelta
    """By how much the database's clock is ahead of this machine's."""
    now: datetime
    """The database's clock."""
    revision: str | None
    last_line: datetime | None
    """When the record's last line was written."""
    oldest_stale: datetime | None
    """Since when the oldest unit-day waits for its re-count."""
    jobs_seen: datetime | None
    """When any job last began or ended; None when no runner has ever come."""
    set_aside: tuple[str, ...] = ()
    """Jobs that were given up for now."""
    testable_documents: int = 0
    """Public documents that carry the hash of their snapshot alone, with which guesses can be tested."""


_SETTINGS = text(
    "SELECT name, CASE unit WHEN '8kB' THEN (setting::bigint * 8192)::text ELSE setting END AS setting"
    " FROM pg_settings"
    " WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes', 'max_connections', 'shared_buffers',"
    " 'superuser_reserved_connections', 'TimeZone', 'statement_timeout')"
)
_SELF = text(
    "SELECT current_setting('server_encoding'), pg_database_size(current_database()),"
    " coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false), clock_timestamp()"
)
_LAST_LINE = text("SELECT at FROM audit_lines ORDER BY id DESC LIMIT 1")
_WHICH = text("SELECT oid, pg_postmaster_start_time() FROM pg_database WHERE datname = current_database()")
_WHOSE = text("SELECT system_identifier, current_database() FROM pg_control_system()")
_OLDEST_STALE = text("SELECT min(marked_at) FROM stale_unit_days")
_STATES = text("SELECT max(greatest(last_started_at, last_finished_at)) FROM job_states")
_SET_ASIDE = text("SELECT name FROM job_states WHERE set_aside ORDER BY name")
# a timetable that is kept has nothing that is long overdue
_TIMETABLE = text(
    "SELECT CASE WHEN min(next_run) < now() THEN min(next_run) ELSE now() END"
    " FROM pgqueuer_schedules HAVING count(*) > 0"
)


_TESTABLE = text(
    "SELECT count(*) FROM period_snapshots s"
    " WHERE strpos(s.public_body, concat('\"snapshot_sha256\":\"', s.digest, '\"')) > 0"
    " AND NOT EXISTS (SELECT FROM period_reissues r WHERE r.snapshot_id = s.id)"
)


async def ask(settings: Settings) -> Facts:
    """Ask the database the settings name."""
    database = Database(settings.direct_url, pool_size=1)
    try:
        async with database.read() as session:
            return await _asked(session)
    finally:
        await database.close()


async def leads_there(settings: Settings) -> bool:
    """Whether the pooler lets a transaction through, and it meets the database that is asked directly."""
    through = Database(settings.database_url or "", direct_url=settings.direct_url, pool_size=1, told=False)
    try:
        async with through.read() as pooled, through.aside() as straight:
            met = [(await session.execute(_WHICH)).one() for session in (pooled, straight)]
    finally:
        await through.close()
    return met[0] == met[1]


async def follows(settings: Settings) -> tuple[bool, bool]:
    """Of the database that figures are read from: whether it follows one, and shows what the primary does."""
    primary = Database(settings.direct_url, pool_size=1, told=False)
    there = Database(settings.read_database_url or "", pool_size=1, told=False)
    try:
        async with primary.read() as session:
            ours = (await session.execute(_WHOSE)).one()
        async with there.read() as session:
            theirs = (await session.execute(_WHOSE)).one()
            follows = bool(await session.scalar(text("SELECT pg_is_in_recovery()")))
    finally:
        await primary.close()
        await there.close()
    return follows, ours == theirs


async def _asked(session: AsyncSession) -> Facts:
    server = await contents.server_of(session)
    known = {row.name: row.setting for row in await session.execute(_SETTINGS)}
    before = utc_now()
    encoding, size, encrypted, now = (await session.execute(_SELF)).one()
    middle = before + (utc_now() - before) / 2
    states = await _has(session, "job_states")
    jobs_seen: datetime | None = None
    if states:
        jobs_seen = await session.scalar(_STATES)
    elif await _has(session, "pgqueuer_schedules"):
        jobs_seen = await session.scalar(_TIMETABLE)
    stale = await session.scalar(_OLDEST_STALE) if await _has(session, "stale_unit_days") else None
    reissues = await _has(session, "period_reissues")
    return Facts(
        version=server.version,
        major=server.major,
        settings=known,
        encoding=encoding,
        bytes=size,
        encrypted=encrypted,
        skew=now - middle,
        now=now,
        revision=await contents.revision_of(session),
        last_line=await session.scalar(_LAST_LINE) if await _has(session, "audit_lines") else None,
        oldest_stale=stale,
        jobs_seen=jobs_seen,
        set_aside=tuple(await session.scalars(_SET_ASIDE)) if states else (),
        testable_documents=int(await session.scalar(_TESTABLE) or 0) if reissues else 0,
    )


async def _has(session: AsyncSession, table: str) -> bool:
    return bool(await session.scalar(text("SELECT to_regclass(:name) IS NOT NULL"), {"name": table}))
