"""`sipas serve`: N web processes and one job runner under one supervisor, Uvicorn's own with a place more.

Children end with their parent, even one killed outright: each waits for the parent's end in a thread. So
the port is free again and nothing counts twice when the service is started anew.
"""

import asyncio
import errno
import logging
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess

from fastapi import FastAPI
from uvicorn import Config
from uvicorn.supervisors import Multiprocess

from app.core.logs import configure_logs
from app.core.protocol import PatientProtocol
from app.core.settings import Settings, load_settings
from app.main import app_from_environment
from app.worker import run_jobs

START_PATIENCE = 30.0
DRAIN_SECONDS = 20
PORT_PATIENCE = 10.0
REPEATED_DEATH_SECONDS = 2.0

log = logging.getLogger(__name__)


class PortTaken(Exception):
    """Another program listens on our port."""


def end_with_parent() -> None:
    """Stop this process as SIGTERM would when its parent is gone."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="end with parent", daemon=True).start()


def web_process() -> FastAPI:
    """What Uvicorn calls in each web process."""
    end_with_parent()
    return app_from_environment()


def job_process() -> None:
    """The job runner as a process of its own; settings come from the environment."""
    end_with_parent()
    settings = load_settings()
    configure_logs(settings.log_level)
    asyncio.run(run_jobs(settings))


class Supervisor(Multiprocess):
    """Keeps the web processes and, unless told otherwise, one job runner alive."""

    def __init__(
        self, config: Config, sockets: list[socket.socket], *, jobs: bool, on_ready: Callable[[], None]
    ) -> None:
        super().__init__(config, sockets)
        self._runs_jobs = jobs
        self._on_ready = on_ready
        self._jobs: BaseProcess | None = None
        self._jobs_started = 0.0
        self._said_ready = False

    def init_processes(self) -> None:
        """Start everything and say so once every web process answers."""
        super().init_processes()
        if self._runs_jobs:
            self._start_jobs()
        self._say_when_ready(START_PATIENCE)

    def keep_subprocess_alive(self) -> None:
        """Replace whatever has died; a job runner that keeps dying is not restarted in a frenzy."""
        super().keep_subprocess_alive()
        if not self._said_ready:  # a slow machine: the line, with the first password, must not be lost
            self._say_when_ready(1.0)
        if self._jobs is None or self._jobs.is_alive() or self.should_exit.is_set():
            return
        if time.monotonic() - self._jobs_started > REPEATED_DEATH_SECONDS:
            log.error("the job runner died and is started again", extra={"exit_code": self._jobs.exitcode})
            self._start_jobs()

    def terminate_all(self) -> None:
        """Ask everyone to finish."""
        super().terminate_all()
        if self._jobs is not None and self._jobs.is_alive():
            self._jobs.terminate()

    def join_all(self) -> None:
        """Wait until everyone has."""
        super().join_all()
        if self._jobs is not None:
            self._jobs.join(DRAIN_SECONDS)
            if self._jobs.is_alive():
                self._jobs.kill()

    def _say_when_ready(self, patience: float) -> None:
        if all(process.wait_until_ready(patience, self.should_exit) for process in self.processes):
            self._said_ready = True
            self._on_ready()

    def _start_jobs(self) -> None:
        self._jobs = multiprocessing.get_context("spawn").Process(target=job_process, name="sipas jobs")
        self._jobs.start()
        self._jobs_started = time.monotonic()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; waits a little for a predecessor that is still finishing. Raises PortTaken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    deadline = time.monotonic() + PORT_PATIENCE
    while True:
        bound = socket.socket(family)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((host, port))
        except OSError as error:
            bound.close()
            if time.monotonic() > deadline or error.errno != errno.EADDRINUSE:
                raise PortTaken(f"cannot listen on {host}:{port}: {error.strerror}") from error
            time.sleep(0.3)
        else:
            bound.set_inheritable(True)
            return bound


def serve(settings: Settings, *, workers: int, jobs: bool, on_ready: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM. `settings.database_url` must be set; children read the environment."""
    config = Config(
        "app.serve:web_process",
        factory=True,
        http=PatientProtocol,
        host=settings.host,
        port=settings.port,
        workers=workers,
        log_config=None,
        access_log=False,
        proxy_headers=True,
        forwarded_allow_ips=settings.forwarded_allow_ips,
        server_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        timeout_worker_healthcheck=30,
    )
    bound = listen(settings.host, settings.port)
    try:
        Supervisor(config, [bound], jobs=jobs, on_ready=on_ready).run()
    finally:
        bound.close()
