"""Files and programs of backups: names, leftovers, what is kept, and passwords that stand nowhere."""

from datetime import timedelta
from pathlib import Path

import pytest

from app.core.backups import (
    BackupError,
    clear_partials,
    manifest_path,
    new_file,
    newest_backup,
    prune,
)
from app.core.settings import Settings
from app.keeping import backup, programs
from tests.support.backed_up import FIRST, folder_of, planted


def test_only_verified_backups_count_and_the_newest_of_them_stay(tmp_path: Path) -> None:
    assert newest_backup(tmp_path / "missing") is None
    sound = [planted(tmp_path, days, []) for days in range(4)]
    wrong, unknown = planted(tmp_path, 5, ["figures differ"]), planted(tmp_path, 6, None)
    assert newest_backup(tmp_path) == FIRST + timedelta(days=3)
    assert prune(tmp_path, 2) == [sound[1], sound[0]]
    left = {*sound[2:], wrong, unknown}
    assert set(tmp_path.iterdir()) == left | {manifest_path(dump) for dump in left}
    assert prune(tmp_path, 0) == [sound[2]]  # the last good one is never removed
    manifest_path(sound[3]).write_text("{ torn")
    assert newest_backup(tmp_path) is None


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "sipas-a.dump"

    def stop_half_way() -> None:
        with new_file(path) as file:
            file.write(b"half")
            assert not path.exists()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop_half_way()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_backup_has_left_is_removed_and_what_grows_is_not(tmp_path: Path) -> None:
    left = tmp_path / "sipas-dead.dump.partial"
    left.write_bytes(b"half")
    with new_file(tmp_path / "sipas-alive.dump") as file:
        clear_partials(tmp_path)
        assert not left.exists()
        file.write(b"whole")
    assert [path.name for path in tmp_path.iterdir()] == ["sipas-alive.dump"]


async def test_where_nothing_can_be_written_one_line_says_so(settings: Settings, tmp_path: Path) -> None:
    wall = tmp_path / "wall"
    wall.write_text("no folder")
    with pytest.raises(BackupError, match="cannot be written"):
        await backup.take(settings, wall / "kept", lambda _: None)
    wall.rename(tmp_path / "a.dump")
    with pytest.raises(BackupError, match="never overwrites"):
        await backup.take(settings, tmp_path / "a.dump", lambda _: None)
    assert [path.name for path in tmp_path.iterdir()] == ["a.dump"]


async def test_a_database_without_tables_leaves_no_file(
    settings: Settings, spare: str, tmp_path: Path
) -> None:
    elsewhere = settings.model_copy(update={"database_url": spare})
    with pytest.raises(BackupError, match="holds no data of SIPAS"):
        await backup.take(elsewhere, tmp_path, lambda _: None)
    assert list(tmp_path.iterdir()) == []


async def test_programs_older_than_the_server_are_refused_by_name(settings: Settings, tmp_path: Path) -> None:
    old = settings.model_copy(update={"pg_bin": folder_of(tmp_path, "14.1")})
    with pytest.raises(BackupError, match=r"are of version 14\.1: name a folder"):
        await backup.take(old, tmp_path / "kept", lambda _: None)
    assert list((tmp_path / "kept").iterdir()) == []
    assert programs.for_dump(14, old.pg_bin, encrypted=False).version == "14.1"
    with pytest.raises(BackupError, match="postgresql-client-99"):
        programs.for_dump(99, None, encrypted=False)


@pytest.mark.parametrize(
    ("url", "shown", "password"),
    [
        ("postgresql://sipas:PASSWORD%40@db:5432/sipas", "postgresql://sipas@db:5432/sipas", "PASSWORD@"),
        ("postgresql+asyncpg://sipas@db/sipas", "postgresql://sipas@db/sipas", None),
        (
            "postgresql://db/sipas?user=u&password=a+b%26&sslmode=prefer",
            "postgresql://db/sipas?user=u&sslmode=prefer",
            "a b&",
        ),
        ("postgresql://u:secret@[::1]/d", "postgresql://u@[::1]/d", "secret"),
    ],
)
def test_a_password_goes_by_environment(
    url: str, shown: str, password: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PGPASSWORD", raising=False)
    place, environment = programs.connection(url, encrypted=False)
    assert place == shown
    assert environment.get("PGPASSWORD") == password


def test_the_image_brings_programs_that_know_tls() -> None:
    last_stage = (Path(__file__).parents[2] / "Dockerfile").read_text().rpartition("\nFROM ")[2]
    assert "POSTGRESQL_CLIENT=postgresql-client" in last_stage
    assert 'install --yes --no-install-recommends "${POSTGRESQL_CLIENT}"' in last_stage
