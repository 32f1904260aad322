"""`sipas serve` as it runs on a machine, with a PostgreSQL of its own, each process within reach."""

import asyncio
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from app.core.embedded import EmbeddedPostgres
from tests.faults.client import Broken, Line
from tests.faults.ground import PASSWORD, USERNAME, Ground
from tests.support.server import STOP_SECONDS, Server, free_port, start

WORKERS = 2
READY_SECONDS = 120.0
"""Deadline of a start; how long it took is reported, and nothing but this is asserted."""
SETTINGS = {
    "admin_username": USERNAME,
    "admin_password": PASSWORD,
    "rate_limit_per_minute": "10000000",
    "log_level": "warning",
}


@dataclass
class Deployment:
    """A service on one machine."""

    home: Path
    port: int = field(default_factory=free_port)
    settings: dict[str, str] = field(default_factory=dict)
    server: Server | None = None

    @property
    def database_url(self) -> str:
        """The embedded database, for looking inside while it runs."""
        return EmbeddedPostgres(self.home / "data").url

    def start(self) -> None:
        """Start everything, at first or after it was killed, and wait until it says that it is ready."""
        if self.server is not None:
            self.server.process.wait(STOP_SECONDS)
        self.server = start(
            self.home / "data",
            "--workers",
            str(WORKERS),
            port=self.port,
            tree=None,
            **SETTINGS | self.settings,
        )

    def stop(self) -> None:
        """Stop as an operator does, and clear away whatever a fault has left."""
        if self.server is not None:
            self.server.process.send_signal(signal.SIGINT)
            self.server.process.wait(STOP_SECONDS)
        kill(self.everything())
        shutil.rmtree(self.home, ignore_errors=True)

    # --- who runs

    @property
    def supervisor(self) -> psutil.Process:
        """`sipas serve` itself."""
        assert self.server is not None
        return psutil.Process(self.server.process.pid)

    def web(self) -> list[psutil.Process]:
        """The web processes: those of the supervisor's children that hold the listening socket."""
        return [child for child in self._children() if self._listens(child)]

    def jobs(self) -> list[psutil.Process]:
        """The job runner, or nobody while there is none."""
        return [child for child in self._children() if not self._listens(child)]

    def postmaster(self) -> psutil.Process | None:
        """PostgreSQL's first process."""
        cluster = str(self.home / "data" / "postgres")
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if cluster in process.cmdline():
                    return process
        return None

    def postgres(self) -> list[psutil.Process]:
        """PostgreSQL, all of it, its first process first."""
        first = self.postmaster()
        return [first, *first.children()] if first is not None else []

    def everything(self) -> list[psutil.Process]:
        """Whatever belongs to this deployment, orphans included; ours are known by their environment."""
        found = self.postgres()
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("SIPAS_DATA_DIR") == str(self.home / "data"):
                    found.append(process)
        return found

    def nursery(self) -> list[psutil.Process]:
        """Where children are forked from."""
        return [child for child in self.supervisor.children() if "forkserver" in _called(child)]

    def _children(self) -> list[psutil.Process]:
        """Those that were forked, and those that a renewal has started from the files."""
        forked = [child for nursery in self.nursery() for child in nursery.children()]
        return forked + [child for child in self.supervisor.children() if "spawn_main" in _called(child)]

    def _listens(self, process: psutil.Process) -> bool:
        with suppress(psutil.Error):
            listening = (each for each in process.net_connections("tcp") if each.status == psutil.CONN_LISTEN)
            return any(each.laddr.port == self.port for each in listening)
        return False

    # --- how it is

    async def ready(self) -> float:
        """Seconds until /readyz is green and all processes are there, and no others."""
        begun = time.monotonic()
        while True:
            if await self._green() and len(self.web()) == WORKERS and len(self.jobs()) == 1:
                return time.monotonic() - begun
            waited = time.monotonic() - begun
            assert waited < READY_SECONDS, f"not ready after {waited:.0f} s\n{self.said()}"
            await asyncio.sleep(0.05)

    async def _green(self) -> bool:
        line = Line(self.port)
        try:
            return (await line.ask("GET", "/readyz")).status == 200
        except Broken:
            return False
        finally:
            line.close()

    def said(self) -> str:
        """The last that the service printed."""
        return "".join(self.server.printed[-40:]) if self.server is not None else ""


def _called(process: psutil.Process) -> str:
    """The command of a process; nothing for one that has gone."""
    with suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


def kill(processes: Iterable[psutil.Process], number: int = signal.SIGKILL) -> None:
    """Signal processes at once; those that have gone already are gone."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)


@asynccontextmanager
async def deployed(**settings: str) -> AsyncIterator[tuple[Deployment, Ground]]:
    """A furnished deployment in a temporary directory, cleared away afterwards."""
    home = Path(tempfile.mkdtemp(prefix="sipas-faults-"))
    home.chmod(0o755)  # PostgreSQL's own user passes through
    deployment = Deployment(home, settings=settings)
    try:
        await asyncio.to_thread(deployment.start)
        ground = Ground(deployment.port)
        await ground.furnish()
        yield deployment, ground
    finally:
        await asyncio.to_thread(deployment.stop)
