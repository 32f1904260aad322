"""A start during which PostgreSQL is killed becomes ready all the same, and shows no traceback."""

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.faults.deployment import Deployment, kill
from tests.support.waiting import PATIENCE

CONNECTION = ": sipas sipas "
"""What stands in the title of a process of PostgreSQL that serves our role in our database."""


@pytest.fixture
def deployment() -> Iterator[Deployment]:
    home = Path(tempfile.mkdtemp(prefix="sipas-starting-"))
    home.chmod(0o755)
    made = Deployment(home, settings={"admin_username": "", "admin_password": ""})
    yield made
    made.stop()


def kill_at_first_connection(home: Path, killed: threading.Event) -> None:
    """Kill PostgreSQL when somebody is connected to the service's database: who prepares it is the first."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with suppress(OSError, ValueError, psutil.Error):  # not there yet, or gone while it was looked at
            first = psutil.Process(int((home / "data/postgres/postmaster.pid").read_text().split()[0]))
            if any(CONNECTION in " ".join(child.cmdline()) for child in first.children()):
                kill([first])
                killed.set()
                return
        time.sleep(0.005)


def test_a_database_that_dies_while_it_is_prepared_costs_another_try(deployment: Deployment) -> None:
    killed = threading.Event()
    killer = threading.Thread(target=kill_at_first_connection, args=(deployment.home, killed))
    killer.start()
    deployment.start()
    killer.join()
    assert killed.is_set()
    said = deployment.said()
    assert "the database went away: another try" in said
    assert "Traceback" not in said
    assert deployment.server is not None
    assert deployment.server.admin[0] == "admin"
