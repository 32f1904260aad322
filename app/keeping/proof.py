"""Proving a backup: it is restored into a scratch database and compared with what was dumped.

The scratch is a PostgreSQL of its own from the wheel, in a folder that is removed afterwards: the server
that serves citizens is not burdened, no right to create databases is needed, and a dump that restores there
does not depend on anything the old server has. It keeps nothing, so it may be fast instead of durable.
"""

import asyncio
import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from app import bootstrap
from app.core.backups import BackupError, Manifest, Proof, write_manifest
from app.core.clock import utc_now
from app.core.database import Database
from app.core.embedded import EmbeddedPostgres
from app.core.pgwheel import MAJOR, EmbeddedError, open_to_all
from app.core.revision import HEAD
from app.core.settings import Settings
from app.keeping import contents
from app.keeping.load import load
from app.records import jobs as records
from app.rollups import jobs as rollups

Progress = Callable[[int], None]
_SCRATCH = "sipas-verify-"
_SOCKET_ROOM = 60  # bytes left of a socket's path for the folder that all of it lies in
_CONF = """
fsync = off
full_page_writes = off
synchronous_commit = off
wal_level = minimal
max_wal_senders = 0
max_wal_size = 4GB
"""


def prove(settings: Settings, dump: Path, manifest: Manifest, progress: Progress) -> Manifest:
    """Restore and compare; the manifest with what came of it, written beside the dump, too."""
    if int(manifest.server.split(".")[0]) > int(MAJOR):
        raise BackupError(
            f"the server is PostgreSQL {manifest.server} and this release brings {MAJOR}: it cannot try the "
            "backup by itself; restore it into a spare database with `sipas restore FILE --into URL`"
        )
    begun = time.monotonic()
    try:
        check_sum(dump, manifest)
        with _scratch(settings) as url:
            faults = asyncio.run(_restored(url, settings, dump, manifest, progress))
    except BackupError as error:
        faults = [str(error)]
    except EmbeddedError as error:
        raise BackupError(f"the scratch database does not start: {error}") from error
    proof = Proof(at=utc_now(), seconds=round(time.monotonic() - begun, 1), faults=faults)
    manifest = manifest.model_copy(update={"proof": proof})
    write_manifest(dump, manifest)
    return manifest


def check_sum(dump: Path, manifest: Manifest) -> None:
    """BackupError unless the file is, byte for byte, what was written."""
    size = dump.stat().st_size
    if size != manifest.bytes:
        raise BackupError(f"{dump} has {size} bytes, {manifest.bytes} were written: it was cut or changed")
    with dump.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != manifest.sha256:
            raise BackupError(f"{dump} is not what was written: its SHA-256 differs from the manifest's")


async def inspect(database: Database, manifest: Manifest | None) -> list[str]:
    """What is wrong with a database just restored, a line each; brings it to this release's migration."""
    faults = []
    async with database.read() as session:
        if manifest is not None:
            faults += contents.differences(manifest.rows, await contents.count_rows(session))
        revision = contents.needs_revision(await contents.revision_of(session))
    if revision < HEAD:
        await bootstrap.migrate(database)
    figures = await rollups.verify(database)
    if figures.differences:
        faults.append(f"{figures.many} figures differ from the responses, first {figures.differences[0]}")
    head = None if manifest is None or manifest.record_head is None else bytes.fromhex(manifest.record_head)
    record = await records.verify(database, expect=head)
    if record.breaks:
        faults.append(
            f"the record's chain is broken at {len(record.breaks)} places, first {record.breaks[0]}"
        )
    if head is not None and not record.expected_found:
        faults.append("the head of the record's chain, as it was dumped, is not in it")
    return faults


async def _restored(
    url: str, settings: Settings, dump: Path, manifest: Manifest, progress: Progress
) -> list[str]:
    database = Database(url, settings=contents.PLAIN)
    try:
        # the wheel's own programs: whatever SIPAS_PG_BIN names is for the other server
        await load(database, dump, None, progress)
        return await inspect(database, manifest)
    finally:
        await database.close()


@contextmanager
def _scratch(settings: Settings) -> Iterator[str]:
    """An empty database that lasts as long as the block; whatever a killed run has left is removed first."""
    place = _room(settings)
    for leftover in place.glob(f"{_SCRATCH}*"):
        _clear(leftover)
    home = Path(tempfile.mkdtemp(prefix=_SCRATCH, dir=place))
    lock = os.open(home, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        (home / "conf").mkdir()
        (home / "conf" / "local.conf").write_text(_CONF)
        (home / "conf" / "local.conf").chmod(0o644)
        with EmbeddedPostgres(home) as url:
            yield url
    finally:
        shutil.rmtree(home, ignore_errors=True)
        os.close(lock)


def _room(settings: Settings) -> Path:
    """A folder in which a PostgreSQL can live: it must be able to get there, and socket paths are short."""
    places = [settings.data_dir, settings.backups, Path(tempfile.gettempdir())]
    for place in places:
        with suppress(OSError):
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            if os.geteuid() == 0 and place == settings.data_dir:
                place.chmod(place.stat().st_mode | 0o011)  # as the embedded PostgreSQL does, see there
            reached = os.geteuid() != 0 or open_to_all(place)
            if reached and os.access(place, os.W_OK) and len(os.fsencode(place.resolve())) < _SOCKET_ROOM:
                return place
    raise BackupError(
        "there is no room to try the backup: none of "
        f"{', '.join(map(str, places))} can be written and reached by PostgreSQL"
    )


def _clear(home: Path) -> None:
    try:
        lock = os.open(home, os.O_RDONLY)
    except OSError:
        return  # another user's
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return  # another backup is being tried
    else:
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                command = process.cmdline() or [""]
                if Path(command[0]).name == "postgres" and str(home.resolve() / "postgres") in command:
                    process.kill()  # the postmaster: its children follow, and nothing here is to be kept
                    process.wait(10)
        shutil.rmtree(home, ignore_errors=True)
    finally:
        os.close(lock)
