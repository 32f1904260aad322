"""Starting, stopping and dying, as an operator sees it."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from typer.testing import CliRunner

from app.cli import app as cli
from tests.support.server import Server, free_port, start
from tests.support.waiting import PATIENCE

STRONG = "kR8v-2mQpZ7wX4tB6nY9cF3hJ5gD1sLa0eUi"


@pytest.fixture
def data_dir() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="sipas-processes-"))
    directory.chmod(0o755)
    yield directory / "data"
    for process in processes_of(directory):
        process.kill()
    shutil.rmtree(directory, ignore_errors=True)


def processes_of(directory: Path) -> list[psutil.Process]:
    """Whatever belongs to this data directory: ours by their environment, PostgreSQL by its arguments."""
    found = []
    for process in psutil.process_iter():
        try:
            said = [*process.cmdline(), process.environ().get("SIPAS_DATA_DIR", "")]
        except psutil.Error:
            continue
        if process.pid != os.getpid() and any(str(directory) in part for part in said):
            found.append(process)
    return found


def wait_until_gone(directory: Path) -> list[psutil.Process]:
    deadline = time.monotonic() + PATIENCE
    while (left := processes_of(directory)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


def signed_in(server: Server, username: str, password: str) -> bool:
    form = {"grant_type": "password", "username": username, "password": password}
    return httpx.post(f"{server.url}/api/v1/auth/token", data=form).status_code == 200


def test_ctrl_c_stops_everything_and_a_second_start_finds_the_data_again(data_dir: Path) -> None:
    first = start(data_dir, "--workers", "2")
    name, password = first.admin
    assert httpx.get(f"{first.url}/readyz").json()["status"] == "ready"
    assert first.stop(signal.SIGINT) == 0
    assert wait_until_gone(data_dir) == []  # the embedded PostgreSQL, too
    second = start(data_dir)
    assert "First administrator" not in "".join(second.printed)
    assert signed_in(second, name, password)
    assert second.stop(signal.SIGTERM) == 0


def test_a_start_after_kill_9_recovers_by_itself(data_dir: Path) -> None:
    port = free_port()
    first = start(data_dir, "--workers", "2", port=port)
    name, password = first.admin
    first.process.kill()  # the supervisor alone: its children notice and leave
    first.process.wait()
    second = start(data_dir, port=port)
    assert signed_in(second, name, password)
    second.stop(signal.SIGKILL)  # and everything at once, PostgreSQL included
    for process in processes_of(data_dir):
        process.kill()
    third = start(data_dir, port=port)
    assert signed_in(third, name, password)
    assert third.stop() == 0


def test_a_given_administrator_is_made_and_the_password_is_not_printed(data_dir: Path) -> None:
    server = start(data_dir, admin_username="quantri", admin_password="mat-khau-rat-dai")
    assert signed_in(server, "quantri", "mat-khau-rat-dai")
    assert "mat-khau-rat-dai" not in "".join(server.printed)
    server.stop()


def sipas(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SIPAS_")}
    environment |= {f"SIPAS_{name.upper()}": value for name, value in settings.items()}
    command = [sys.executable, "-m", "app.cli", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def refused(monkeypatch: pytest.MonkeyPatch, **settings: str) -> list[str]:
    """The lines with which `sipas serve` ends, in this process: a new one reads code for two seconds."""
    for name in [name for name in os.environ if name.startswith("SIPAS_")]:
        monkeypatch.delenv(name)
    ended = CliRunner(env={f"SIPAS_{name.upper()}": value for name, value in settings.items()}).invoke(
        cli, ["serve"]
    )
    assert ended.exit_code == 1
    assert isinstance(ended.exception, SystemExit), "anything else would be a traceback"
    return ended.stderr.strip().splitlines()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, ["SIPAS_SECRET_KEY is missing", "SIPAS_DATABASE_URL is missing"]),
        ({"secret_key": "short", "database_url": "postgresql://db/sipas"}, ["SIPAS_SECRET_KEY is weak"]),
        ({"secret_key": "a" * 64, "database_url": "postgresql://db/sipas"}, ["SIPAS_SECRET_KEY is weak"]),
        ({"secret_key": STRONG}, ["SIPAS_DATABASE_URL is missing"]),
        ({"secret_key": STRONG, "database_url": "mysql://db/sipas"}, ["SIPAS_DATABASE_URL"]),
    ],
)
def test_production_refuses_to_start_on_unsafe_settings(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], said: list[str]
) -> None:
    lines = refused(monkeypatch, environment="production", **settings)
    assert len(lines) == len(said)
    assert all(part in line for part, line in zip(said, lines, strict=True))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "eighty"),
        ("timezone", "Mars/Olympus"),
        ("workers", "0"),
        ("base_url", "sipas.vn"),
        ("base_url", "https://đánhgiá.vn"),
    ],
)
def test_a_setting_that_cannot_be_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    assert f"SIPAS_{name.upper()}" in "".join(refused(monkeypatch, **{name: value}))


def test_an_unreachable_database_is_one_clear_line() -> None:
    ended = sipas("migrate", database_url="postgresql://nobody@127.0.0.1:1/none")
    assert ended.returncode == 1
    assert "the database cannot be reached" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_data_directory_that_cannot_be_is_one_clear_line(data_dir: Path) -> None:
    for command in ("migrate", "serve"):
        ended = sipas(command, data_dir=str(data_dir / "a,b"))
        assert ended.returncode == 1
        assert "must not hold a comma" in ended.stderr
        assert "Traceback" not in ended.stderr


def test_a_taken_port_is_one_clear_line(data_dir: Path) -> None:
    server = start(data_dir)
    port = server.url.rpartition(":")[2]
    ended = sipas("serve", data_dir=str(data_dir), port=port)
    assert ended.returncode == 1
    assert "cannot listen" in ended.stderr
    assert httpx.get(f"{server.url}/readyz").status_code == 200  # the first one is not disturbed
    server.stop()
