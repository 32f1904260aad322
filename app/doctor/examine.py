"""The table of checks, and going through it. Whatever cannot be asked is said, and the rest is still done."""

import asyncio
from collections.abc import Callable, Iterator, Mapping

import asyncpg
from sqlalchemy.exc import SQLAlchemyError

from app.core.backups import BackupError
from app.core.database_errors import LOST_CONNECTION
from app.core.embedded import EmbeddedPostgres
from app.core.pgwheel import EmbeddedError
from app.core.settings import PREFIX, Settings
from app.doctor import facts, machine, server
from app.doctor.finding import Finding, fault, ok
from app.keeping.backup import try_clients
from app.keeping.contents import in_words

MACHINE: Mapping[str, Callable[[Settings], Finding]] = {
    "environment": machine.environment,
    "address": machine.address,
    "CORS": machine.origins,
    "proxies": machine.proxies,
    "secret": machine.secret,
    "python": machine.python,
    "rights": machine.rights,
    "disk": machine.disk,
    "backups": machine.backups,
    "anonymity": machine.settled,
}
DATABASE: Mapping[str, Callable[[Settings, facts.Facts], Finding]] = {
    "version": server.version,
    "durability": server.durability,
    "sessions": server.sessions,
    "encoding": server.encoding,
    "revision": server.revision,
    "clock": server.clock,
    "connections": server.connections,
    "memory": server.memory,
    "size": server.database_disk,
    "encryption": server.encryption,
    "backup tools": server.tools,
    "jobs": server.jobs,
    "figures": server.figures,
    "publications": server.publications,
}

UNASKED = (*LOST_CONNECTION, asyncpg.PostgresError, SQLAlchemyError)


def examine(settings: Settings) -> Iterator[tuple[str, Finding]]:
    """Every check's name and finding, in the order of the tables."""
    for name, check in MACHINE.items():
        yield name, check(settings)
    if settings.database_url is not None:
        yield "way to it", machine.transport(settings)
        yield from _database(settings)
    elif not (settings.data_dir / "postgres").exists():
        yield "database", ok("embedded, not made yet: the first start makes it")
    else:
        try:
            with EmbeddedPostgres(settings.data_dir) as url:
                yield from _database(settings.model_copy(update={"database_url": url}))
        except EmbeddedError as error:
            yield "database", fault(str(error), f"look into {settings.data_dir / 'postgres' / 'log'}")


def _database(settings: Settings) -> Iterator[tuple[str, Finding]]:
    try:
        known = asyncio.run(facts.ask(settings))
    except UNASKED as error:
        yield "database", _unasked(error)
        return
    yield "database", ok("answers")
    if settings.direct_database_url is not None:
        yield "pooler", _pooler(settings)
    if settings.read_database_url is not None:
        yield "replica", _replica(settings)
    for name, check in DATABASE.items():
        yield name, check(settings, known)
    yield "backup's way", _way_of_backups(settings)


def _unasked(error: BaseException) -> Finding:
    says = f"cannot be asked: {in_words(error)}"
    if "startup parameter" in says:  # as PgBouncer refuses what a session would be told at its start
        return fault(
            says,
            f"it leads through a pooler: name it in {PREFIX}DATABASE_URL, and the database itself in "
            f"{PREFIX}DIRECT_DATABASE_URL",
        )
    return fault(says, f"is it running, and is {PREFIX}DATABASE_URL right?")


def _pooler(settings: Settings) -> Finding:
    """The way that web processes take; everything else here goes straight to the database."""
    try:
        if asyncio.run(facts.leads_there(settings)):
            return ok("lets transactions through to the same database")
    except UNASKED as error:
        return fault(
            f"cannot be asked: {in_words(error)}", f"is it running, and is {PREFIX}DATABASE_URL right?"
        )
    return fault(
        "it leads to another database than the direct way",
        f"{PREFIX}DATABASE_URL and {PREFIX}DIRECT_DATABASE_URL must end at the same one",
    )


def _way_of_backups(settings: Settings) -> Finding:
    """The way that pg_dump and psql take, tried with them: they are other programs than the service."""
    try:
        encrypted = asyncio.run(try_clients(settings))
    except (BackupError, *UNASKED) as error:
        return fault(
            f"no backup can be made or restored: {in_words(error)}",
            "let the programs reach the database as the service does: docs/operations/backup.md#over-tls",
        )
    return ok(f"pg_dump and psql reach the database{', encrypted as the service' if encrypted else ''}")


def _replica(settings: Settings) -> Finding:
    """Where figures are read from; the primary stands in for it and nobody notices."""
    name = f"{PREFIX}READ_DATABASE_URL"
    try:
        follows, same = asyncio.run(facts.follows(settings))
    except UNASKED as error:
        return fault(f"cannot be asked: {in_words(error)}", f"is it running, and is {name} right?")
    if not same:
        return fault("it shows another database than the primary", f"let {name} name a replica of it")
    if not follows:
        return fault(
            "it is no replica: the primary answers in its place",
            f"let {name} name a streaming replica, or leave it out",
        )
    return ok("follows the primary")
