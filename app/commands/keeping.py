"""Backups: taking and trying one, and putting one back."""

import asyncio
import errno
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import asyncpg
import typer
from rich.filesize import decimal
from rich.progress import DownloadColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from sqlalchemy.exc import DBAPIError

from app.core.backups import BackupError, Manifest, prune, read_manifest
from app.core.database_errors import LOST_CONNECTION
from app.core.pgwheel import EmbeddedError
from app.core.settings import PREFIX, Settings
from app.keeping import backup as taking
from app.keeping import proof
from app.keeping import restore as putting_back
from app.keeping.contents import in_words, secret_check
from app.shell import err, fail, out, read_settings, with_database

app = typer.Typer()
STDOUT = Path("-")


@app.command()
def backup(
    place: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE|DIR", help="Where to; `-` is standard output, nothing the directory for backups."
        ),
    ] = None,
    verify: Annotated[
        bool, typer.Option(help="Restore it into a scratch database and compare, before it counts.")
    ] = True,
    keep: Annotated[
        int | None, typer.Option(min=1, help="Then remove older verified backups beyond so many.")
    ] = None,
) -> None:
    """Dump the database while it is used, restore the dump into a scratch database, and compare."""
    if keep is not None and (not verify or place == STDOUT):
        fail("--keep counts verified backups, so it wants a verified one in a directory")
    with _told(), with_database(read_settings()) as settings:
        if place == STDOUT:
            with _bytes("Dumping") as progress:
                manifest = asyncio.run(taking.dump(settings, sys.stdout.buffer.write, progress))
                sys.stdout.buffer.flush()
            err.print(f"{_size(manifest)}, not verified; SHA-256 {manifest.sha256}", soft_wrap=True)
            _warn_of_unsettled(manifest)
            return
        with _bytes("Dumping") as progress:
            path, manifest = asyncio.run(taking.take(settings, place or settings.backups, progress))
        if verify:
            with _bytes("Restoring and comparing") as progress:
                manifest = proof.prove(settings, path, manifest, progress)
        _report(path, manifest)
        if keep is not None:
            for old in prune(path.parent, keep):
                out.print(f"Removed {old}", soft_wrap=True, markup=False)
        _remind_of_secret(settings)


@app.command()
def restore(
    dump: Annotated[Path, typer.Argument(metavar="FILE", help="What `sipas backup` has written.")],
    into: Annotated[
        str | None, typer.Option(metavar="URL", help="Another database than the settings name.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Take a full database's place; it is kept under another name.")
    ] = False,
    disconnect: Annotated[
        bool, typer.Option("--disconnect", help="Even while others are connected: they are cut off.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before replacing.")] = False,
) -> None:
    """Put a backup into an empty database, or in the place of a full one."""
    with _told():
        manifest = _read(dump)
        settings = read_settings()
        if into is not None:
            settings = settings.model_copy(update={"database_url": into, "direct_database_url": None})
        with with_database(settings) as ready:
            target = asyncio.run(putting_back.look(ready))
            asyncio.run(putting_back.check_revision(dump, target.major, ready.pg_bin))
            _agree(target, replace=replace, disconnect=disconnect, yes=yes)
            with _bytes("Restoring and comparing") as progress:
                kept = asyncio.run(
                    putting_back.restore(ready, dump, manifest, target, progress, disconnect=disconnect)
                )
            _say_restored(ready, dump, manifest, target, kept)


def _read(dump: Path) -> Manifest | None:
    if not dump.is_file():
        raise BackupError(f"{dump} is no file")
    manifest = read_manifest(dump)
    if manifest is None:
        err.print(
            f"No manifest beside {dump}: what it holds cannot be compared.", soft_wrap=True, markup=False
        )
    else:
        proof.check_sum(dump, manifest)
    return manifest


def _agree(target: putting_back.Target, *, replace: bool, disconnect: bool, yes: bool) -> None:
    """Nothing is replaced unasked, and nobody cut off."""
    if target.connected and not (disconnect and replace):
        names = ", ".join(f"{name} ({count})" for name, count in target.connected)
        fail(
            f"the database {target.name} is in use: {names}",
            "stop the service first; with --replace, --disconnect cuts them off",
        )
    if target.empty:
        return
    responses = target.rows.get("responses", 0)
    newest = f", the last of {target.newest_response:%Y-%m-%d %H:%M} UTC" if target.newest_response else ""
    held = f"the database {target.name} holds {responses} responses{newest}"
    if not replace:
        fail(f"{held}: it is not empty", "--replace takes its place and keeps it under another name")
    if not target.may_replace:
        fail(
            "the role may not make databases: ALTER ROLE ... CREATEDB, as an administrator of the server",
            "or make an empty database, restore --into it, and let the service use that one",
        )
    if not yes:
        err.print(f"{held[0].upper()}{held[1:]}. It will be kept under another name.", markup=False)
        if not typer.confirm("Replace it?", err=True):
            fail("nothing was changed")


def _say_restored(
    settings: Settings, dump: Path, manifest: Manifest | None, target: putting_back.Target, kept: str | None
) -> None:
    out.print(f"Restored {dump}: every row is there, every figure agrees.", soft_wrap=True, markup=False)
    if kept is not None:
        out.print(
            f"What was there before is the database {kept} now; to drop it when nobody needs it any more:\n"
            f"  {putting_back.drop_command(settings, target, kept)}",
            soft_wrap=True,
            markup=False,
        )
    if manifest is not None:
        out.print(
            f"All is as it was at {manifest.taken_at:%Y-%m-%d %H:%M:%S} UTC. Let dossier systems send again "
            "the visits since then.",
            soft_wrap=True,
        )
        _compare_secret(settings, manifest)
    out.print(f"Next: start the service on {target.name}, and look at /readyz.", markup=False)


def _compare_secret(settings: Settings, manifest: Manifest) -> None:
    here = secret_check(settings)
    if here == manifest.secret_check:
        return
    what = (
        "There is no secret key here yet" if here is None else "The secret key here is not that of the backup"
    )
    where = f"{PREFIX}SECRET_KEY" if settings.secret_key is not None else str(settings.secret_file)
    err.print(
        f"[bold]{what}[/]: without it printed links are void and second factors end. Put the kept one into "
        f"{where} before the service starts.",
        soft_wrap=True,
    )


def _report(path: Path, manifest: Manifest) -> None:
    responses = manifest.rows.get("responses", 0)
    out.print(f"{path}  {_size(manifest)}, {responses} responses", soft_wrap=True, markup=False)
    _warn_of_unsettled(manifest)
    if manifest.proof is None:
        out.print("Not verified: it was not restored, so nobody knows whether it can be.")
    elif manifest.verified:
        out.print(
            f"Verified in {manifest.proof.seconds} s: restored, every row is there, every figure agrees."
        )
    else:
        fail("the backup is not sound:", *manifest.proof.faults)


def _warn_of_unsettled(manifest: Manifest) -> None:
    if manifest.unsettled:
        err.print(
            f"[bold]{manifest.unsettled} answered visits in it are not settled[/]: from this file alone "
            "responses can be tied to them (docs/decisions/0002-anonymity.md). Remove it, and take another "
            "when the database can be written to and every process is of this release.",
            soft_wrap=True,
        )


def _remind_of_secret(settings: Settings) -> None:
    where = f"{PREFIX}SECRET_KEY" if settings.secret_key is not None else str(settings.secret_file)
    out.print(
        f"The secret key ({where}) is not in it. Keep it too, elsewhere: without it printed links are void "
        "and second factors end.",
        soft_wrap=True,
        markup=False,
    )


def _size(manifest: Manifest) -> str:
    return decimal(manifest.bytes)


OF_FILES = (errno.ENOSPC, errno.EDQUOT, errno.EPIPE)
"""What a file's writing may fail with and no connection's, though their errors are alike."""


@contextmanager
def _told() -> Iterator[None]:
    """What goes wrong ends with clear lines; SIGTERM ends it as Ctrl-C does, with everything tidied up."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # asyncio takes it over and ends in good order
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        yield
    except (BackupError, EmbeddedError) as error:
        fail(*str(error).splitlines())
    except LOST_CONNECTION as error:
        if isinstance(error, OSError) and (error.filename or error.errno in OF_FILES):
            fail(f"{error.filename or 'while writing'}: {error.strerror}")
        fail(f"the database cannot be reached: {error}")
    except (asyncpg.PostgresError, DBAPIError) as error:
        fail(f"the database refuses: {in_words(error)}")
    except KeyboardInterrupt:
        fail("interrupted: nothing half done is left behind, and nothing unverified counts")


@contextmanager
def _bytes(label: str) -> Iterator[Callable[[int], None]]:
    """Bytes and seconds on standard error while a terminal looks on."""
    columns = SpinnerColumn(), TextColumn(label), DownloadColumn(), TimeElapsedColumn()
    with Progress(*columns, console=err, disable=not err.is_terminal, transient=True) as progress:
        task = progress.add_task(label, total=None)
        yield lambda done: progress.update(task, completed=done)
