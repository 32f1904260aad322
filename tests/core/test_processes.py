import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from app.core import processes


@pytest.fixture(autouse=True)
def own_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No other service's directory is swept here, nor ours by another."""
    monkeypatch.setattr(processes, "_SHARED_MEMORY", tmp_path)
    monkeypatch.setattr(processes, "_place", None)
    return tmp_path


def test_a_process_that_is_alone_takes_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(processes.VARIABLE, raising=False)
    assert processes.claim() is None


def test_processes_take_places_of_their_own_and_are_known_while_they_live() -> None:
    with processes.shared_directory() as shared:
        assert [processes.claim(), processes.claim()] == ["web0", "web1"]
        assert processes.living(shared) == {"web0": os.getpid(), "web1": os.getpid()}
    assert not shared.exists()
    assert processes.VARIABLE not in os.environ


FORKING = """
import os
from app.core import processes
print(processes.place(), flush=True)
if child := os.fork():
    os.waitpid(child, 0)
print(processes.place(), flush=True)
"""


def test_who_is_forked_takes_a_place_of_its_own_and_who_waits_to_be_takes_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with processes.shared_directory() as shared:
        with monkeypatch.context() as waiting:
            waiting.setenv(processes.UNBORN, "1")
            processes.place()
            assert processes.living(shared) == {}
        forked = subprocess.run(
            [sys.executable, "-c", FORKING], capture_output=True, text=True, check=True, env={**os.environ}
        )
    assert forked.stdout.split() == ["web0", "web1", "web0"]


def test_a_successor_goes_on_counting_but_does_not_inherit_the_queue() -> None:
    with processes.shared_directory() as shared:
        (shared / "web0").touch()  # nobody holds it: its process was killed
        for name in ("counter_web0.db", "gauge_livesum_web0.db"):
            (shared / name).write_bytes(b"counted")
        assert processes.files(shared, processes.living(shared)) == [str(shared / "counter_web0.db")]
        assert processes.claim() == "web0"
        assert (shared / "counter_web0.db").exists()
        assert not (shared / "gauge_livesum_web0.db").exists()


def test_a_file_that_is_just_begun_is_not_read() -> None:
    with processes.shared_directory() as shared:
        place = processes.claim()
        (shared / f"counter_{place}.db").touch()
        assert processes.files(shared, processes.living(shared)) == []


def test_a_start_removes_what_a_killed_service_left_and_nothing_else(own_memory: Path) -> None:
    left = Path(tempfile.mkdtemp(prefix="sipas-metrics-", dir=own_memory))
    new = Path(tempfile.mkdtemp(prefix="sipas-metrics-", dir=own_memory))
    (own_memory / "somebody's").mkdir()
    long_ago = time.time() - 3600
    os.utime(left, (long_ago, long_ago))
    with processes.shared_directory() as living:
        os.utime(living, (long_ago, long_ago))
        with processes.shared_directory():
            assert living.exists()
    assert not left.exists()
    assert new.exists()
    assert (own_memory / "somebody's").exists()


def test_where_there_is_no_shared_memory_the_temporary_directory_does(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(processes, "_SHARED_MEMORY", tmp_path / "none")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with processes.shared_directory() as shared:
        assert shared.parent == tmp_path
