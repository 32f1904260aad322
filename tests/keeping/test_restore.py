"""What cannot or must not be restored is refused in one line, and leaves everything as it was."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr

from app.bootstrap import load_questionnaires, migrate
from app.core.backups import BackupError, manifest_path, read_manifest
from app.core.database import Database
from app.core.settings import Settings
from app.keeping import backup
from app.keeping.proof import check_sum
from app.keeping.restore import named
from tests.conftest import SECRET


def sipas(*arguments: object, **settings: object) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SIPAS_")}
    environment |= {"SIPAS_SECRET_KEY": SECRET}
    environment |= {f"SIPAS_{name.upper()}": str(value) for name, value in settings.items()}
    command = [sys.executable, "-m", "app.cli", *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def kept(spare: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """Two backups: one of this release, and one of a release to come."""
    directory = tmp_path_factory.mktemp("kept")

    async def take() -> tuple[Path, Path]:
        settings = Settings(database_url=spare, secret_key=SecretStr(SECRET), data_dir=directory)
        database = Database(spare)
        await migrate(database)
        await load_questionnaires(database)
        await database.close()
        sound, _ = await backup.take(settings, directory / "sound.dump", lambda _: None)
        await execute(spare, "UPDATE alembic_version SET version_num = '9999'")
        newer, _ = await backup.take(settings, directory / "newer.dump", lambda _: None)
        return sound, newer

    yield asyncio.run(take())
    shutil.rmtree(directory)


async def execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def ask(url: str, query: str) -> list[object]:
    connection = await asyncpg.connect(url)
    try:
        return [row[0] for row in await connection.fetch(query)]
    finally:
        await connection.close()


@pytest.fixture
async def target(spare: str) -> AsyncIterator[str]:
    """An empty database of the spare server."""
    await execute(spare, "CREATE DATABASE target")
    yield named(spare, "target")
    for name in await databases(spare):
        if name != "sipas":
            await execute(spare, f'DROP DATABASE "{name}" WITH (FORCE)')


async def databases(url: str) -> list[object]:
    query = "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres' ORDER BY 1"
    return await ask(url, query)


async def tables(url: str) -> list[object]:
    return await ask(url, "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace")


def copied(dump: Path, folder: Path) -> Path:
    copy = folder / "copy.dump"
    shutil.copy(dump, copy)
    shutil.copy(manifest_path(dump), manifest_path(copy))
    return copy


def cut(dump: Path) -> None:
    os.truncate(dump, dump.stat().st_size // 2)


def flip(dump: Path) -> None:
    """A byte in the middle of what was compressed."""
    content = bytearray(dump.read_bytes())
    content[-200] ^= 0xFF
    content[len(content) // 2] ^= 0xFF
    dump.write_bytes(content)


def alone(damage: Callable[[Path], None]) -> Callable[[Path], None]:
    def damage_and_forget(dump: Path) -> None:
        damage(dump)
        manifest_path(dump).unlink()

    return damage_and_forget


def claim_more(dump: Path) -> None:
    path = manifest_path(dump)
    path.write_text(path.read_text().replace('"questionnaires": 3', '"questionnaires": 4'))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (alone(cut), "pg_restore: error"),
        (flip, "SHA-256 differs"),
        (claim_more, "questionnaires: 3 rows, 4 were dumped"),
    ],
    ids=["cut, no manifest", "flipped", "rows"],
)
async def test_a_damaged_backup_leaves_the_empty_database_empty(
    damage: Callable[[Path], None], said: str, kept: tuple[Path, Path], target: str, tmp_path: Path
) -> None:
    dump = copied(kept[0], tmp_path)
    damage(dump)
    ended = await asyncio.to_thread(sipas, "restore", dump, "--into", target)
    assert ended.returncode == 1
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "Restored" not in ended.stdout
    assert await tables(target) == []


def test_a_backup_that_was_cut_or_has_no_sound_manifest_is_named(
    kept: tuple[Path, Path], tmp_path: Path
) -> None:
    dump = copied(kept[0], tmp_path)
    manifest = read_manifest(dump)
    assert manifest is not None
    check_sum(dump, manifest)
    cut(dump)
    with pytest.raises(BackupError, match="it was cut or changed"):
        check_sum(dump, manifest)
    manifest_path(dump).write_text("{}")
    with pytest.raises(BackupError, match="is not a manifest"):
        read_manifest(dump)


async def test_a_backup_of_a_newer_release_is_refused(kept: tuple[Path, Path], target: str) -> None:
    ended = await asyncio.to_thread(sipas, "restore", kept[1], "--into", target)
    assert ended.returncode == 1
    assert "the backup stands at migration 9999" in ended.stderr
    assert await tables(target) == []


async def test_a_full_database_is_replaced_only_when_told_to_and_then_kept(
    kept: tuple[Path, Path], spare: str, target: str, tmp_path: Path
) -> None:
    await execute(target, "CREATE TABLE precious (id int)")

    refused = await asyncio.to_thread(sipas, "restore", kept[0], "--into", target)
    assert refused.returncode == 1
    assert "it is not empty" in refused.stderr

    damaged = copied(kept[0], tmp_path)
    alone(flip)(damaged)
    failed = await asyncio.to_thread(sipas, "restore", damaged, "--into", target, "--replace", "--yes")
    assert failed.returncode == 1
    assert await databases(spare) == ["sipas", "target"]
    assert await tables(target) == ["precious"]

    using = await asyncpg.connect(target, server_settings={"application_name": "sipas"})
    in_use = await asyncio.to_thread(sipas, "restore", kept[0], "--into", target, "--replace", "--yes")
    assert in_use.returncode == 1
    assert "is in use: sipas (1)" in in_use.stderr
    assert await using.fetchval("SELECT count(*) FROM precious") == 0

    done = await asyncio.to_thread(
        sipas, "restore", kept[0], "--into", target, "--replace", "--disconnect", "--yes"
    )
    assert done.returncode == 0, done.stderr
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await using.fetchval("SELECT 1")
    assert await ask(target, "SELECT version_num FROM alembic_version") != []
    (old,) = [name for name in await databases(spare) if name not in {"sipas", "target"}]
    assert str(old).startswith("target_before_")
    assert str(old) in done.stdout
    assert await tables(named(spare, str(old))) == ["precious"]
