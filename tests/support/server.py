"""A real service: `sipas serve` as its own processes on a free port, embedded database or a given one."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

START_SECONDS = 120
STOP_SECONDS = 60


def free_port() -> int:
    """A port nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Server:
    """A running service and what it has printed."""

    process: subprocess.Popen[str]
    url: str
    printed: list[str] = field(default_factory=list)
    ready: threading.Event = field(default_factory=threading.Event)

    @property
    def admin(self) -> tuple[str, str]:
        """Name and password of the first administrator, as printed on the first start."""
        found = re.search(r"First administrator: (\S+)\s+password: (\S+)", "".join(self.printed))
        assert found is not None, self.printed
        return found[1], found[2]

    def follow(self) -> None:
        """Read what the service prints until it ends."""
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self.printed.append(line)
                if "SIPAS is ready" in line:
                    self.ready.set()
        self.ready.set()

    def stop(self, number: int = signal.SIGINT) -> int:
        """Send a signal to the whole group, as a terminal does, and wait; the exit code."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)
        return self.process.wait(STOP_SECONDS)


def start(
    data_dir: Path, *arguments: str, port: int | None = None, tree: Path | None = None, **settings: str
) -> Server:
    """Start `sipas serve`, from another source tree if one is given, and wait until it says it is ready."""
    port = port or free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SIPAS_")}
    environment |= {"SIPAS_DATA_DIR": str(data_dir), "SIPAS_PORT": str(port), "PYTHONUNBUFFERED": "1"}
    environment |= {f"SIPAS_{name.upper()}": value for name, value in settings.items()}
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli", "serve", *arguments],
        env=environment,
        cwd=tree,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    server = Server(process, f"http://127.0.0.1:{port}")
    threading.Thread(target=server.follow, daemon=True).start()
    assert server.ready.wait(START_SECONDS), server.printed
    assert process.poll() is None, "".join(server.printed)
    return server


@contextmanager
def running(data_dir: Path, *arguments: str) -> Iterator[Server]:
    """A service for the length of a block, stopped as by Ctrl-C."""
    server = start(data_dir, *arguments)
    try:
        yield server
    finally:
        server.stop()
