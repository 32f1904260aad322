"""Backups over TLS: what is encrypted for the service is encrypted for them, or they say why not."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr
from sqlalchemy.exc import DBAPIError

from app.bootstrap import load_questionnaires, migrate
from app.core.backups import BackupError
from app.core.database import Database
from app.core.pgwheel import tool
from app.core.settings import Settings
from app.doctor.examine import examine
from app.keeping import backup, programs, restore
from tests.conftest import SECRET
from tests.keeping.test_restore import sipas
from tests.support.tls import SERVERS, Encrypted, encrypted_server

pytestmark = pytest.mark.skipif(not SERVERS, reason="needs a PostgreSQL with TLS (Debian: postgresql)")
WHEEL = tool("pg_dump").parent


async def prepare(url: str) -> None:
    database = Database(url)
    await migrate(database)
    await load_questionnaires(database)
    await database.close()


@pytest.fixture(scope="module", params=[True, False], ids=["demanded", "offered"])
def server(request: pytest.FixtureRequest) -> Iterator[Encrypted]:
    """One that turns away whoever comes without TLS, and one that merely offers it."""
    with encrypted_server(demanded=request.param) as running:
        asyncio.run(prepare(running.checked_url))
        yield running


@pytest.fixture(params=["checked", "unsaid"])
def settings(request: pytest.FixtureRequest, server: Encrypted, tmp_path: Path) -> Settings:
    """The service's, by a URL that has the certificate checked and by one without a word of TLS."""
    url = server.checked_url if request.param == "checked" else server.url
    return Settings(database_url=url, secret_key=SecretStr(SECRET), data_dir=tmp_path)


async def test_a_backup_is_encrypted_where_the_service_is(
    server: Encrypted, settings: Settings, tmp_path: Path
) -> None:
    server.connections("pg_dump")
    path, manifest = await backup.take(settings, tmp_path / "kept.dump", lambda _: None)
    (said,) = server.connections("pg_dump")
    assert "SSL enabled" in said
    assert path.stat().st_size == manifest.bytes


async def test_programs_without_tls_are_refused_in_one_sentence_and_dump_nothing(
    server: Encrypted, settings: Settings, tmp_path: Path
) -> None:
    wheel = settings.model_copy(update={"pg_bin": WHEEL})
    server.connections("pg_dump")
    with pytest.raises(BackupError) as refused:
        await backup.take(wheel, tmp_path / "kept.dump", lambda _: None)
    assert "can encrypt" in str(refused.value)
    assert str(WHEEL) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert server.connections("pg_dump") == []
    assert not (tmp_path / "kept.dump").exists()


def test_those_that_can_encrypt_are_taken_before_the_wheels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the wheel's are nearer to the server, or newer."""
    one, other = programs.found(WHEEL) + programs.found(SERVERS[-1].parent)
    for near, far in ((one, other), (other, one)):
        monkeypatch.setattr(programs, "found", lambda _, both=(near, far): list(both))
        assert programs.for_dump(1, None, encrypted=True).folder == SERVERS[-1].parent
        assert programs.for_restore(1, None, encrypted=True).folder == SERVERS[-1].parent
    assert (programs.speaks_tls(one), programs.speaks_tls(other)) == (False, True)


async def test_whoever_is_not_the_server_gets_no_backup(server: Encrypted, tmp_path: Path) -> None:
    url = f"{server.url}?sslmode=verify-full&sslrootcert={server.stranger}"
    place, environment = programs.connection(url, encrypted=True)
    assert "sslmode=verify-full" in place
    debian = programs.found(SERVERS[-1].parent)[0]
    with pytest.raises(BackupError, match="certificate verify failed"):
        async with programs.running(debian, "psql", "--command=SELECT 1", url=url, encrypted=True) as psql:
            await psql.ended()
    assert environment["PGPASSWORD"]
    stranger = Settings(database_url=url, secret_key=SecretStr(SECRET), data_dir=tmp_path)
    with pytest.raises((OSError, DBAPIError), match="certificate verify failed"):
        await backup.take(stranger, tmp_path / "kept.dump", lambda _: None)


async def test_a_backup_goes_back_over_tls(server: Encrypted, settings: Settings, tmp_path: Path) -> None:
    path, manifest = await backup.take(settings, tmp_path / "kept.dump", lambda _: None)
    connection = await asyncpg.connect(server.checked_url)
    await connection.execute("DROP DATABASE IF EXISTS empty WITH (FORCE)")
    await connection.execute("CREATE DATABASE empty TEMPLATE template0")
    await connection.close()
    empty = settings.model_copy(update={"database_url": restore.named(settings.direct_url, "empty")})
    server.connections("psql")
    target = await restore.look(empty)
    assert await restore.restore(empty, path, manifest, target, lambda _: None) is None
    (said,) = server.connections("psql")
    assert "SSL enabled" in said


async def test_the_doctor_tries_the_programs_it_will_use(settings: Settings) -> None:
    found = dict(await asyncio.to_thread(lambda: list(examine(settings))))
    assert (found["backup tools"].level, found["backup's way"].level) == ("ok", "ok")
    assert "encrypted" in found["backup's way"].says
    wheel = settings.model_copy(update={"pg_bin": WHEEL})
    found = dict(await asyncio.to_thread(lambda: list(examine(wheel))))
    assert (found["backup tools"].level, found["backup's way"].level) == ("fault", "fault")
    assert "postgresql-client-" in found["backup tools"].do


def test_a_whole_backup_is_tried_while_variables_demand_tls(server: Encrypted, tmp_path: Path) -> None:
    """The scratch database is reached by a socket, with programs that know no TLS."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PGSSLMODE", "verify-full")
        patch.setenv("PGSSLROOTCERT", str(server.authority))
        ended = sipas("backup", tmp_path / "kept.dump", database_url=server.url, data_dir=tmp_path / "data")
    assert ended.returncode == 0, ended.stderr
    assert "Verified" in ended.stdout
