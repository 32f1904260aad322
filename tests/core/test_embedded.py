import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from app.core.embedded import EmbeddedPostgres, default_data_dir
from app.core.pgwheel import EmbeddedError, open_to_all, tool

ROOT = Path(__file__).parents[2]
HOLDER = """
import sys
from pathlib import Path
from app.core.embedded import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1])):
    print("up", flush=True)
    sys.stdin.read()
print("left", flush=True)
"""

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")


class Holder:
    """Another process of ours that uses the same data directory."""

    def __init__(self, home: Path) -> None:
        command = [sys.executable, "-c", HOLDER, str(home)]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def said(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def leave(self) -> None:
        self.process.communicate(timeout=60)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=60)


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A data directory that the tests of this file use one after the other, each leaving it stopped."""
    parent = Path(tempfile.mkdtemp(prefix="sipas it's pg-"))  # quoting is tested by the way
    parent.chmod(0o755)  # the server's user passes through
    yield parent / "data"
    shutil.rmtree(parent)


def running(home: Path) -> int | None:
    for process in psutil.process_iter(["cmdline"]):
        if str(home / "postgres") in (process.info["cmdline"] or []):
            return process.pid
    return None


def sql(url: str, statement: str) -> str:
    done = subprocess.run(
        [tool("psql"), "-XAtqc", statement, url], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def answers(url: str) -> bool:
    return subprocess.run([tool("pg_isready"), "-q", "-d", url], check=False).returncode == 0


def test_a_first_start_makes_a_database_that_a_second_start_finds_again(home: Path) -> None:
    with EmbeddedPostgres(home) as url:
        sql(url, "CREATE TABLE kept (word text)")
        sql(url, "INSERT INTO kept VALUES ('Bắc Ninh')")
        assert sql(url, "SHOW server_encoding") == "UTF8"
        assert sql(url, "SELECT upper('ắ')") == "Ắ"
        assert [sql(url, f"SHOW {name}") for name in ("fsync", "synchronous_commit")] == ["on", "on"]
    assert running(home) is None
    with EmbeddedPostgres(home) as url:
        assert sql(url, "SELECT word FROM kept") == "Bắc Ninh"
    assert running(home) is None


async def test_the_url_serves_asyncpg(home: Path) -> None:
    with EmbeddedPostgres(home) as url:
        connection = await asyncpg.connect(url)
        assert await connection.fetchval("SELECT current_database()") == "sipas"
        await connection.close()


def test_the_last_of_two_processes_stops_the_server(home: Path) -> None:
    first, second = Holder(home), Holder(home)
    assert (first.said(), second.said()) == ("up", "up")
    first.leave()
    assert running(home)
    second.leave()
    assert running(home) is None


def test_a_killed_process_leaves_a_server_that_the_next_one_adopts_and_stops(home: Path) -> None:
    holder = Holder(home)
    assert holder.said() == "up"
    holder.kill()
    left = running(home)
    assert left
    with EmbeddedPostgres(home) as url:
        assert running(home) == left
        assert sql(url, "SELECT word FROM kept") == "Bắc Ninh"
    assert running(home) is None


def test_a_killed_server_recovers_with_everything_that_was_committed(home: Path) -> None:
    with EmbeddedPostgres(home) as url:
        sql(url, "CREATE TABLE IF NOT EXISTS committed (n int)")
        sql(url, "INSERT INTO committed SELECT generate_series(1, 1000)")
        postmaster = running(home)
        assert postmaster
        os.kill(postmaster, signal.SIGKILL)
    with EmbeddedPostgres(home) as url:
        assert sql(url, "SELECT count(*) FROM committed") == "1000"


class KilledOnce(EmbeddedPostgres):
    """Its server is killed once, between coming up and being asked for its database."""

    killed = False

    def _ensure_database(self) -> None:
        postmaster = running(self.home)
        if not self.killed and postmaster:
            self.killed = True
            os.kill(postmaster, signal.SIGKILL)
        super()._ensure_database()


def test_a_server_that_is_killed_while_its_database_is_made_is_started_again(home: Path) -> None:
    server = KilledOnce(home)
    with server as url:
        assert server.killed
        assert sql(url, "SELECT 1") == "1"
    assert running(home) is None


def test_a_server_that_dies_while_it_is_kept_is_started_again(home: Path) -> None:
    server = EmbeddedPostgres(home)
    with server as url, server.kept():
        for number in (signal.SIGKILL, signal.SIGQUIT):
            dead = running(home)
            assert dead
            os.kill(dead, number)
            deadline = time.monotonic() + 120
            while running(home) in {None, dead} or not answers(url):
                assert time.monotonic() < deadline
                time.sleep(0.1)
            assert sql(url, "SELECT 1") == "1"
    assert running(home) is None


@pytest.mark.parametrize(
    "content",
    ["", "12", "not a pid\n", "99999999999999999999\n", "1\n/elsewhere\n", "{self}\n/elsewhere\n0\n5432\n"],
    ids=["empty", "torn", "garbage", "huge", "process-one", "a-process-of-ours"],
)
def test_a_stale_pid_file_does_not_stop_a_start(home: Path, content: str) -> None:
    (home / "postgres" / "postmaster.pid").write_text(content.replace("{self}", str(os.getpid())))
    with EmbeddedPostgres(home) as url:
        assert sql(url, "SELECT 1") == "1"


def test_stopping_twice_and_without_a_start_is_harmless(home: Path) -> None:
    server = EmbeddedPostgres(home)
    server.stop()
    assert server.start() == server.start()
    server.stop()
    server.stop()
    assert running(home) is None


def test_settings_of_the_operator_win(home: Path) -> None:
    local = home / "conf" / "local.conf"
    local.write_text("work_mem = '13MB'\n")
    with EmbeddedPostgres(home) as url:
        assert sql(url, "SHOW work_mem") == "13MB"
    local.write_text("no_such_setting = 1\n")
    with pytest.raises(EmbeddedError, match="no_such_setting"):
        EmbeddedPostgres(home).start()
    local.unlink()
    assert running(home) is None


def test_a_cluster_of_another_major_version_is_refused(home: Path) -> None:
    version = home / "postgres" / "PG_VERSION"
    version.write_text("17\n")
    with pytest.raises(EmbeddedError, match="made by PostgreSQL 17"):
        EmbeddedPostgres(home).start()
    version.write_text("18\n")


@as_root
def test_other_users_of_the_machine_cannot_connect(home: Path) -> None:
    def knock(url: str) -> str:
        psql = subprocess.run(
            [tool("psql"), "-Xc", "SELECT 1", url],
            user=65534,
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        assert psql.returncode != 0
        return psql.stderr

    with EmbeddedPostgres(home) as url:
        assert "Permission denied" in knock(url)
        (home / "run").chmod(0o755)  # even with the doors open, the kernel tells who knocks
        (home / "run" / ".s.PGSQL.5432").chmod(0o777)
        assert "Peer authentication failed" in knock(url)
        (home / "run").chmod(0o700)


@as_root
def test_root_is_refused_a_private_place_instead_of_opening_it() -> None:
    private = Path(tempfile.mkdtemp(prefix="sipas-private-"))
    with pytest.raises(EmbeddedError, match="cannot reach"):
        EmbeddedPostgres(private / "data").start()
    assert private.stat().st_mode & 0o777 == 0o700
    shutil.rmtree(private)


def test_a_path_too_long_for_a_socket_is_refused(home: Path) -> None:
    with pytest.raises(EmbeddedError, match="too long"):
        EmbeddedPostgres(home.parent / ("x" * 100)).start()


def test_a_path_with_a_comma_is_refused(home: Path) -> None:
    with pytest.raises(EmbeddedError, match="comma"):
        EmbeddedPostgres(home.parent / "a,b").start()


def test_the_default_place_has_only_parents_that_are_open_or_our_own() -> None:
    place = default_data_dir()
    assert place.name == "sipas"
    assert os.geteuid() != 0 or open_to_all(place.parent)


def test_unknown_programs_are_named() -> None:
    with pytest.raises(EmbeddedError, match="no program pg_nonsense"):
        tool("pg_nonsense")
