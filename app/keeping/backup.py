"""Taking a backup: one snapshot, dumped and counted, streamed into a file with its manifest beside.

The snapshot is exported by a session of ours and taken up by pg_dump, so that the manifest tells of exactly
the rows that were dumped, whatever is written meanwhile. Nothing is held in memory but a piece at a time.
"""

import hashlib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from sqlalchemy import text

from app.core.backups import (
    BackupError,
    Manifest,
    clear_partials,
    file_name,
    new_file,
    write_manifest,
    writing,
)
from app.core.clock import utc_now
from app.core.database import Database
from app.core.settings import Settings
from app.keeping import contents, programs
from app.keeping.settling import settled_read

Write = Callable[[bytes], object]
Progress = Callable[[int], None]


async def dump(settings: Settings, write: Write, progress: Progress) -> Manifest:
    """Hand the dump to `write`, piece by piece; what it is. `progress(bytes so far)`."""
    url = settings.direct_url
    database = Database(url, settings=contents.PLAIN)
    try:
        async with settled_read(database) as (session, unsettled):
            server = await contents.server_of(session)
            suited = programs.for_dump(server.major, settings.pg_bin, encrypted=server.encrypted)
            revision = contents.needs_revision(await contents.revision_of(session))
            rows = await contents.count_rows(session)
            head = await contents.record_head(session)
            snapshot = await session.scalar(text("SELECT pg_export_snapshot()"))
            digest, size = hashlib.sha256(), 0
            arguments = ("--format=custom", "--lock-wait-timeout=60s", f"--snapshot={snapshot}")
            async with programs.running(
                suited, "pg_dump", *arguments, url=url, encrypted=server.encrypted
            ) as running:
                while piece := await running.output.read(programs.CHUNK):
                    digest.update(piece)
                    write(piece)
                    size += len(piece)
                    progress(size)
                await running.ended()
    finally:
        await database.close()
    return Manifest(
        bytes=size,
        sha256=digest.hexdigest(),
        taken_at=server.now,
        revision=revision,
        release=version("sipas"),
        server=server.version,
        client=suited.version,
        rows=rows,
        record_head=head,
        secret_check=contents.secret_check(settings),
        unsettled=unsettled,
    )


async def try_clients(settings: Settings) -> bool:
    """Connect with the programs of a backup and of a restore; whether encrypted. BackupError says why not."""
    url = settings.direct_url
    database = Database(url, settings=contents.PLAIN)
    try:
        async with database.read() as session:
            server = await contents.server_of(session)
            revision = await contents.revision_of(session)
    finally:
        await database.close()
    how, encrypted = (server.major, settings.pg_bin), server.encrypted
    wanted = [
        ("psql", programs.for_restore(*how, encrypted=encrypted), ("--no-psqlrc", "--command=SELECT 1"))
    ]
    if revision is not None:
        reading = ("--schema-only", "--table=alembic_version")
        wanted.append(("pg_dump", programs.for_dump(*how, encrypted=encrypted), reading))
    for name, suited, arguments in wanted:
        async with programs.running(suited, name, *arguments, url=url, encrypted=encrypted) as running:
            await running.output.read()
            await running.ended()
    return encrypted


async def take(settings: Settings, place: Path, progress: Progress) -> tuple[Path, Manifest]:
    """Dump into `place`, a folder or a new file; the file, unseen before it is whole and on the disk."""
    with writing(place):
        path = _new_path(place)
        clear_partials(path.parent)
    with new_file(path) as file:

        def write(piece: bytes) -> None:
            with writing(path):
                left = memoryview(piece)
                while left:
                    left = left[file.write(left) :]

        manifest = await dump(settings, write, progress)
    try:
        write_manifest(path, manifest)
    except BaseException:
        path.unlink()  # a dump without its manifest could not be told from a sound one
        raise
    return path, manifest


def _new_path(place: Path) -> Path:
    if place.suffix and not place.is_dir():
        path = place
    else:
        for step in (*reversed(place.absolute().parents), place):
            if not step.exists():
                step.mkdir(mode=0o700)
        path = place / file_name(utc_now())
    if path.exists():
        raise BackupError(f"{path} is there already, and a backup never overwrites another")
    return path
