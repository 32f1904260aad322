"""Backups as files: what they are called, and what is written beside each.

    sipas-20261124T203000Z.dump         what pg_dump wrote, in its custom format
    sipas-20261124T203000Z.dump.json    the manifest: its sum, what the database held at that instant, and
                                        whether it has been restored since

A backup is verified when it was restored into a scratch database and compared there; only verified ones count
as backups. Anything may ask `newest_backup`: it reads a few small files.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

PATTERN = "sipas-*.dump"
PARTIAL = ".partial"


class BackupError(Exception):
    """A backup cannot be made, read or restored; the message is for the operator."""


class Proof(BaseModel):
    """What came of restoring it: when, how long it took, and every fault found."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    seconds: float
    faults: list[str]


class Manifest(BaseModel):
    """What a dump is and what it holds. `rows`: table -> rows, counted in the snapshot that was dumped."""

    model_config = ConfigDict(frozen=True)

    bytes: int
    sha256: str
    taken_at: datetime
    revision: str
    release: str
    server: str
    client: str
    rows: dict[str, int]
    record_head: str | None
    """Hash at the head of the record's chain, for `sipas audit verify --expect`."""
    secret_check: str | None
    """Tells whether a secret key is the one that was in use; the key itself is never in a backup."""
    unsettled: int | None = None
    """Visits and links of samples whose place in the dump tells when they were answered; None: not looked at,
    as by older releases."""
    proof: Proof | None = None

    @property
    def verified(self) -> bool:
        """Whether it has been restored and nothing was amiss."""
        return self.proof is not None and not self.proof.faults


def file_name(taken_at: datetime) -> str:
    """What the dump of an instant is called; names sort as instants do."""
    return f"sipas-{taken_at.astimezone(UTC):%Y%m%dT%H%M%SZ}.dump"


def manifest_path(dump: Path) -> Path:
    """Where a dump's manifest lies."""
    return dump.with_name(f"{dump.name}.json")


def read_manifest(dump: Path) -> Manifest | None:
    """A dump's manifest; None where there is none. BackupError when it cannot be read."""
    try:
        return Manifest.model_validate_json(manifest_path(dump).read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise BackupError(f"{manifest_path(dump)} is not a manifest that can be read") from error


def write_manifest(dump: Path, manifest: Manifest) -> None:
    """Put a manifest beside its dump, over an older one, whole or not at all."""
    path = manifest_path(dump)
    with writing(path), new_file(path) as file:
        file.write(manifest.model_dump_json(indent=2).encode() + b"\n")


def verified_backups(directory: Path) -> Iterator[tuple[Path, Manifest]]:
    """The verified dumps in a directory, newest first; nothing where the directory cannot be read."""
    for dump in sorted(directory.glob(PATTERN), reverse=True):
        with suppress(BackupError):
            if (manifest := read_manifest(dump)) is not None and manifest.verified:
                yield dump, manifest


def newest_backup(directory: Path) -> datetime | None:
    """When the newest verified backup in a directory was taken; None when there is none."""
    return next((manifest.taken_at for _, manifest in verified_backups(directory)), None)


def unsettled_backups(directory: Path) -> list[Path]:
    """The dumps in a directory that tell when links were used, or may: older releases did not look."""
    found = []
    for dump in sorted(directory.glob(PATTERN)):
        with suppress(BackupError):
            if (manifest := read_manifest(dump)) is not None and manifest.unsettled != 0:
                found.append(dump)
    return found


def prune(directory: Path, keep: int) -> list[Path]:
    """Remove the verified dumps beyond the newest `keep`, and their manifests; those removed.

    What was never verified, or failed, is left for a person to look at.
    """
    removed = [dump for dump, _ in verified_backups(directory)][max(keep, 1) :]
    for dump in removed:
        dump.unlink()
        manifest_path(dump).unlink()
    return removed


@contextmanager
def new_file(path: Path) -> Iterator[FileIO]:
    """A new file only we may read, under its name only when all of it is on the disk.

    Locked while it grows, so that `clear_partials` can tell a dead backup's piece from a growing one.
    """
    partial = path.with_name(path.name + PARTIAL)
    with writing(path):
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield file
            with writing(path):
                os.fsync(file.fileno())
                partial.rename(path)
                _sync_folder(path.parent)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """What the file system refuses is a BackupError that names the file."""
    try:
        yield
    except OSError as error:
        raise BackupError(f"{path} cannot be written: {error.strerror}") from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def clear_partials(directory: Path) -> None:
    """Remove what backups that were killed have left."""
    for partial in directory.glob(f"sipas-*{PARTIAL}"):
        with suppress(OSError), partial.open("rb") as file:  # it grows, or is gone already
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            partial.unlink()
