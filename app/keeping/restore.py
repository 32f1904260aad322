"""Putting a backup back: into an empty database as it is, in place of a full one by changing names.

A full database is never emptied. The backup goes into a new one beside it, is brought to this release's
migration and compared there, and only then do the two change names, in one transaction. Until that moment,
and whatever fails before it, the old database is what it was; afterwards it is kept under another name.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app import audit
from app.core.backups import BackupError, Manifest
from app.core.clock import utc_now
from app.core.database import Database
from app.core.revision import HEAD
from app.core.settings import Settings
from app.keeping import contents, programs
from app.keeping.load import load
from app.keeping.proof import inspect

Progress = Callable[[int], None]
LEAP = 10_000_000
"""Running numbers of visits left out: those given since the backup stand in links on receipts, and a link
must never open another visit. There is room for thousands of such leaps, see `visits/links.py`."""
_LEAP = text("SELECT setval('visits_id_seq', last_value + :visits) FROM visits_id_seq")
_MAINTENANCE = "postgres"
_REVISION = re.compile(rb"^COPY public\.alembic_version .*\n(\w+)$", re.MULTILINE)
_LONGEST = 30  # letters of the database's name that are kept in new names; PostgreSQL cuts at 63

_CONNECTED = text(
    "SELECT coalesce(nullif(application_name, ''), 'a program without a name'), count(*)"
    " FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND backend_type = 'client backend' GROUP BY 1 ORDER BY 1"
)
_CUT_OFF = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = "
_MAY = text(
    "SELECT (rolcreatedb AND pg_has_role(datdba, 'USAGE')) OR rolsuper FROM pg_roles, pg_database"
    " WHERE rolname = current_user AND datname = current_database()"
)


@dataclass(frozen=True, slots=True)
class Target:
    """The database a backup is to go into, as it is now."""

    name: str
    major: int
    """Major version of the server."""
    encrypted: bool
    rows: dict[str, int]
    newest_response: datetime | None
    connected: tuple[tuple[str, int], ...]
    """Who else is connected: name of the program, connections."""
    may_replace: bool
    """Whether our role may make databases and rename this one."""

    @property
    def empty(self) -> bool:
        return not self.rows


async def look(settings: Settings) -> Target:
    """What is in the database now, and who uses it."""
    database = Database(settings.direct_url, settings=contents.PLAIN)
    try:
        async with database.read() as session:
            rows = await contents.count_rows(session)
            server = await contents.server_of(session)
            return Target(
                name=server.database,
                major=server.major,
                encrypted=server.encrypted,
                rows=rows,
                newest_response=await _newest_response(session) if "responses" in rows else None,
                connected=await _connected(session),
                may_replace=bool(await session.scalar(_MAY)),
            )
    finally:
        await database.close()


async def check_revision(dump: Path, server: int, pg_bin: Path | None) -> str:
    """The migration a dump stands at, read from itself; BackupError when this release does not know it."""
    suited = programs.for_restore(server, pg_bin, encrypted=False)  # it reads a file
    wanted = ("--data-only", "--table=alembic_version", "--file=-", str(dump))
    async with programs.running(suited, "pg_restore", *wanted) as reading:
        said = await reading.output.read()
        await reading.ended()
    found = _REVISION.search(said)
    if found is None:
        raise BackupError(f"{dump} is not a backup of SIPAS: it holds no migration")
    revision = found[1].decode()
    if revision > HEAD:
        raise BackupError(
            f"the backup stands at migration {revision} and this release knows those up to {HEAD}: "
            "restore it with the release that made it, or a newer one"
        )
    return revision


async def restore(
    settings: Settings,
    dump: Path,
    manifest: Manifest | None,
    target: Target,
    progress: Progress,
    *,
    disconnect: bool = False,
) -> str | None:
    """Put the backup in; the name under which a full database was kept. BackupError: nothing has changed."""
    url = settings.direct_url
    if target.empty:
        try:
            await _fill(settings, url, dump, manifest, progress)
        except BaseException:
            await _empty(url)
            raise
        return None
    stamp = f"{utc_now():%Y%m%dT%H%M%SZ}"
    fresh = f"{target.name[:_LONGEST]}_restoring_{stamp}"
    kept = f"{target.name[:_LONGEST]}_before_{stamp}"
    await _administer(url, f"CREATE DATABASE {_quoted(fresh)} TEMPLATE template0 ENCODING 'UTF8'")
    try:
        await _fill(settings, named(url, fresh), dump, manifest, progress)
        await _change_names(url, target.name, fresh, kept, disconnect=disconnect)
    except BaseException:
        await _administer(url, f"DROP DATABASE {_quoted(fresh)} WITH (FORCE)")
        raise
    return kept


def drop_command(settings: Settings, target: Target, kept: str) -> str:
    """What to type to be rid of a database that was replaced."""
    suited = programs.for_restore(target.major, settings.pg_bin, encrypted=target.encrypted)
    place, _ = programs.connection(named(settings.direct_url, _MAINTENANCE), encrypted=target.encrypted)
    return f"{suited.folder / 'psql'} '{place}' -c 'DROP DATABASE {_quoted(kept)}'"


def named(url: str, database: str) -> str:
    """The same server's other database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{quote(database, safe='')}"))


async def _fill(
    settings: Settings, url: str, dump: Path, manifest: Manifest | None, progress: Progress
) -> None:
    database = Database(url, settings=contents.PLAIN)
    try:
        await load(database, dump, settings.pg_bin, progress)
        if faults := await inspect(database, manifest):
            raise BackupError("\n".join(["what was restored is not sound:", *faults]))
        async with database.transaction() as session:
            details = {} if manifest is None else {"taken_at": manifest.taken_at.isoformat()}
            await session.execute(_LEAP, {"visits": LEAP})
            audit.record(session, audit.SYSTEM, "database.restore", f"backup:{dump.name}", [], **details)
    finally:
        await database.close()


async def _empty(url: str) -> None:
    """Take everything out of a database that was empty before."""
    database = Database(url, settings=contents.PLAIN)
    try:
        async with database.transaction() as session:
            await session.execute(text("DROP SCHEMA public CASCADE"))
            await session.execute(text("CREATE SCHEMA public"))
            await session.execute(text("GRANT USAGE ON SCHEMA public TO PUBLIC"))
    finally:
        await database.close()


async def _change_names(url: str, name: str, fresh: str, kept: str, *, disconnect: bool) -> None:
    """`name` becomes `kept` and `fresh` becomes `name`, both or neither."""
    if disconnect:
        await _administer(
            url,
            f"ALTER DATABASE {_quoted(name)} ALLOW_CONNECTIONS false",  # or they are back at once
            _CUT_OFF + _literal(name),
        )
    database = Database(named(url, _MAINTENANCE), settings=contents.PLAIN)
    try:
        async with database.transaction() as session:
            await session.execute(text(f"ALTER DATABASE {_quoted(name)} RENAME TO {_quoted(kept)}"))
            await session.execute(text(f"ALTER DATABASE {_quoted(fresh)} RENAME TO {_quoted(name)}"))
            if disconnect:
                await session.execute(text(f"ALTER DATABASE {_quoted(kept)} ALLOW_CONNECTIONS true"))
    except BaseException as error:
        if disconnect:
            await _administer(url, f"ALTER DATABASE {_quoted(name)} ALLOW_CONNECTIONS true")
        if isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) == "55006":
            raise BackupError(
                "somebody has connected to the database meanwhile: stop the service, or use --disconnect"
            ) from error
        raise
    finally:
        await database.close()


async def _administer(url: str, *statements: str) -> None:
    """Run statements beside the database itself, each for itself."""
    database = Database(named(url, _MAINTENANCE), settings=contents.PLAIN)
    try:
        async with database.engine.connect() as connection:
            alone = await connection.execution_options(isolation_level="AUTOCOMMIT")
            for statement in statements:
                await alone.exec_driver_sql(statement)
    finally:
        await database.close()


async def _connected(session: AsyncSession) -> tuple[tuple[str, int], ...]:
    return tuple((name, count) for name, count in (await session.execute(_CONNECTED)).all())


async def _newest_response(session: AsyncSession) -> datetime | None:
    newest: datetime | None = await session.scalar(text("SELECT max(received_at) FROM responses"))
    return newest


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"
