"""Backups as files, and programs to make them, for tests that look at nothing else of them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from app.core.backups import Manifest, Proof, file_name, write_manifest
from app.keeping import programs

FIRST = datetime(2026, 11, 20, 1, 15, tzinfo=UTC)


def planted(directory: Path, days: int, faults: list[str] | None) -> Path:
    """A dump some days after the first; `faults` None for one that was never verified."""
    taken_at = FIRST + timedelta(days=days)
    dump = directory / file_name(taken_at)
    dump.write_bytes(b"x")
    manifest = Manifest(
        bytes=1,
        sha256="0" * 64,
        taken_at=taken_at,
        revision="0001",
        release="1",
        server="18.1",
        client="18.1",
        rows={},
        record_head=None,
        secret_check=None,
        proof=None if faults is None else Proof(at=taken_at, seconds=1, faults=faults),
    )
    write_manifest(dump, manifest)
    return dump


def folder_of(tmp_path: Path, version: str) -> Path:
    """Programs of another version, as far as they are asked for it."""
    folder = tmp_path / version
    folder.mkdir()
    for name in programs.NEEDED:
        (folder / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")
        (folder / name).chmod(0o755)
    return folder
