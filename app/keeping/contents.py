"""What a database holds, told in one snapshot: written into a backup's manifest, compared after a restore."""

import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.backups import BackupError
from app.core.settings import Settings

PLAIN: Mapping[str, str] = {
    "application_name": "sipas command",
    "timezone": "UTC",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
}
"""Server settings of these commands' sessions: no time-outs, whatever the role has.

A large database takes what it takes."""

_TABLES = text(
    "SELECT c.relname, quote_ident(n.nspname) || '.' || quote_ident(c.relname)"
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY c.relname"
)
_HAS_CHAIN = text(
    "SELECT count(*) > 0 FROM pg_attribute"
    " WHERE attrelid = to_regclass('audit_lines') AND attname = 'seal' AND NOT attisdropped"
)
_HEAD = text(
    "SELECT encode(seal, 'hex') FROM audit_lines WHERE seal IS NOT NULL"
    " ORDER BY day DESC, number DESC LIMIT 1"
)
_CHECKED_FOR = b"sipas: is this the secret key of a backup"
_CHECK_DIGITS = 16


class Server(NamedTuple):
    """The server and the database a session is connected to."""

    version: str
    major: int
    database: str
    now: datetime
    encrypted: bool
    """Whether what goes between here and there is."""


async def server_of(session: AsyncSession) -> Server:
    """Where a session is."""
    row = (
        await session.execute(
            text(
                "SELECT current_setting('server_version'),"
                " current_setting('server_version_num')::int / 10000, current_database(), now(),"
                " coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false)"
            )
        )
    ).one()
    return Server(*row)


async def count_rows(session: AsyncSession) -> dict[str, int]:
    """Table -> rows, for every table there is: exact, in the session's snapshot."""
    counted = {}
    for name, quoted in (await session.execute(_TABLES)).all():
        counted[name] = await session.scalar(text(f"SELECT count(*) FROM {quoted}")) or 0  # noqa: S608  a name PostgreSQL has quoted itself
    return counted


async def revision_of(session: AsyncSession) -> str | None:
    """The migration it stands at; None for a database that is not SIPAS's."""
    if await session.scalar(text("SELECT to_regclass('alembic_version') IS NULL")):
        return None
    revision: str | None = await session.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


async def record_head(session: AsyncSession) -> str | None:
    """The hash at the head of the record's chain; None while nothing is sealed.

    In plain SQL, because a database may stand at the migration of an older release, before there was a chain.
    """
    if not await session.scalar(_HAS_CHAIN):
        return None
    head: str | None = await session.scalar(_HEAD)
    return head


def differences(expected: Mapping[str, int], counted: Mapping[str, int]) -> list[str]:
    """How the rows of tables differ from those of a manifest, a line each."""
    return [
        f"{table}: {counted.get(table, 0)} rows, {expected.get(table, 0)} were dumped"
        for table in sorted({*expected, *counted})
        if counted.get(table, 0) != expected.get(table, 0)
    ]


def secret_check(settings: Settings) -> str | None:
    """A few digits that tell whether a secret key is this one; None where there is none yet.

    They lead back to a key no better than any token it has signed does.
    """
    secret = settings.present_secret
    if secret is None:
        return None
    return hmac.digest(secret.encode(), _CHECKED_FOR, "sha256").hex()[:_CHECK_DIGITS]


def in_words(error: BaseException) -> str:
    """What the database said, without what its libraries wrap around it."""
    cause = getattr(getattr(error, "orig", None), "__cause__", None) or error
    return (str(cause).splitlines() or [type(cause).__name__])[0]


def needs_revision(revision: str | None) -> str:
    """The revision, or BackupError for a database that is not one of SIPAS."""
    if revision is None:
        raise BackupError(
            "the database holds no data of SIPAS yet: start the service or `sipas migrate` first"
        )
    return revision
