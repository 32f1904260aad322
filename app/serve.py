"""`sipas serve`: N web processes and one job runner under one supervisor, Uvicorn's own with a place more.

Children end with their parent, even one killed outright: each waits for the parent's end in a thread. So
the port is free again and nothing counts twice when the service is started anew.

What dies is started again: at once, or after ever longer rests when it dies at once each time. SIGHUP renews
everything without a pause, one after the other: each new process answers before an old one is asked to leave,
and if a new one does not come up, the old ones stay.
"""

import logging
import multiprocessing
import os
import resource
import signal
import socket
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess

from uvicorn import Config
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

from app.children import Prepared, job_process, preparation, web_process
from app.core import processes
from app.core.draining import WebProcess
from app.core.listening import listen
from app.core.nursery import Nursery
from app.core.rests import Rests
from app.core.settings import Settings

START_PATIENCE = 30.0
RENEWAL_PATIENCE = 300.0
HEALTH_SECONDS = 30
DRAIN_SECONDS = 20
KEEP_ALIVE_SECONDS = 5
BACKLOG = 4096
"""As many may knock at once and be let in; the next knock again after a second. The kernel may say fewer."""
MOST_FILES = 65_536
JOBS = "the job runner"

__all__ = ["job_process", "web_process"]  # what a supervisor of an earlier release renews itself with

log = logging.getLogger(__name__)


def many_files() -> None:
    """Let this process and its children open as many files as the system allows: each citizen here is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def prepare(nursery: Nursery) -> Prepared:
    """Have the database prepared, in a process of its own: this one need not know how."""
    told, telling = multiprocessing.Pipe(duplex=False)
    nursery.open()
    process = nursery.process(preparation, told=telling)
    process.start()
    telling.close()
    try:
        prepared: Prepared = told.recv()
    except EOFError:  # it has said itself what went wrong
        raise SystemExit(1) from None
    finally:
        told.close()
        process.join()
    return prepared


class Supervisor(Multiprocess):
    """Keeps the web processes and, unless told otherwise, one job runner alive."""

    def __init__(
        self,
        config: Config,
        sockets: list[socket.socket],
        nursery: Nursery,
        *,
        jobs: bool,
        drain_seconds: float,
        on_ready: Callable[[], None],
    ) -> None:
        super().__init__(config, sockets)
        self._drain_seconds = drain_seconds
        self._stop_at: float | None = None
        self._patient_until = 0.0
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # as the nursery has it: Uvicorn has just set its own
        self.failed = False
        self._nursery = nursery
        self._runs_jobs = jobs
        self._on_ready = on_ready
        self._jobs: BaseProcess | None = None
        self._rests = Rests()
        self._said_ready = False
        self._to_renew: list[int] = []
        self._coming: tuple[WebProcess, float] | None = None
        self._leaving: list[BaseProcess] = []

    def init_processes(self) -> None:
        """Start everything and say so once every web process answers."""
        for place in range(self.processes_num):
            self.processes.append(self._start_web())
            self._rests.born(place)
        if self._runs_jobs:
            self._start_jobs()
        self._say_when_ready(START_PATIENCE)

    def keep_subprocess_alive(self) -> None:
        """Replace whatever has died, and go on renewing; stop when the time for it has come."""
        if self._stop_at is not None and time.monotonic() >= self._stop_at:
            self.should_exit.set()
        if not self._said_ready:  # a slow machine: the line, with the first password, must not be lost
            self._say_when_ready(1.0)
        for place in range(len(self.processes)):
            if not self._stops():
                self._keep_web(place)
        if self._stops():
            return
        jobs = self._jobs
        if jobs is not None and not jobs.is_alive() and self._rests.over(JOBS, jobs.exitcode):
            self._start_jobs()
        self._renew()
        self._leaving = [process for process in self._leaving if process.is_alive()]

    def _stops(self) -> bool:
        """Nothing is started any more: a newcomer would not know that everybody leaves."""
        return self._stop_at is not None or self.should_exit.is_set()

    def restart_all(self) -> None:
        """What SIGHUP asks for: renew everything. A second one begins again from the first place."""
        log.info("every process is renewed")
        self._nursery.renew()
        self._to_renew = list(range(len(self.processes)))

    def handle_term(self) -> None:
        """Stop, when proxies have heard of it: so long as the settings say. SIGINT stops at once."""
        if self._stop_at is None:
            self._stop_at = time.monotonic() + self._drain_seconds
        for process in self.processes:
            if self._drain_seconds and process.pid is not None and process.process.is_alive():
                os.kill(process.pid, signal.SIGUSR1)

    def handle_ttin(self) -> None:
        """One web process more."""
        self.processes_num += 1
        self._rests.born(len(self.processes))
        self.processes.append(self._start_web())

    def handle_ttou(self) -> None:
        """One web process fewer, but the last; it finishes what it has begun, and nobody waits for it."""
        if self.processes_num == 1:
            return
        self.processes_num -= 1
        self._let_go(self.processes.pop())
        renewing = bool(self._to_renew)
        self._to_renew = [place for place in self._to_renew if place < len(self.processes)]
        if renewing and not self._to_renew:  # all others are new: who came for this place has none
            if self._coming is not None:
                self._let_go(self._coming[0])
                self._coming = None
            if not self._stops():
                self._renew_jobs()

    def _let_go(self, process: Process | BaseProcess) -> None:
        process.terminate()
        self._leaving.append(process if isinstance(process, BaseProcess) else process.process)

    def terminate_all(self) -> None:
        """Ask everyone to finish."""
        self._patient_until = time.monotonic() + DRAIN_SECONDS + KEEP_ALIVE_SECONDS
        super().terminate_all()
        if self._coming is not None:
            self._let_go(self._coming[0])
        if self._jobs is not None and self._jobs.is_alive():
            self._let_go(self._jobs)

    def join_all(self) -> None:
        """Wait until everyone has."""
        super().join_all()
        for process in self._leaving:
            process.join(max(0.0, self._patient_until - time.monotonic()))
            if process.is_alive():
                process.kill()

    def _say_when_ready(self, patience: float) -> None:
        if all(process.wait_until_ready(patience, self.should_exit) for process in self.processes):
            self._said_ready = True
            self._on_ready()

    def _keep_web(self, place: int) -> None:
        process = self.processes[place]
        if process.is_alive(timeout=HEALTH_SECONDS):
            return
        process.kill()  # it hangs, or has died already
        process.join()
        if process.exitcode == STARTUP_FAILURE and not self._said_ready:
            log.error("a web process cannot start: the service stops")
            self.failed = True
            self.should_exit.set()
        elif self._rests.over(place, process.exitcode):
            self.processes[place] = self._start_web()
            self._rests.born(place)

    def _renew(self) -> None:
        """One step of a renewal; the supervisor goes on with everything else between two of them."""
        if not self._to_renew:
            return
        if self._coming is None:
            self._coming = self._start_web(), time.monotonic() + RENEWAL_PATIENCE
        process, deadline = self._coming
        if process.is_ready(timeout=1):
            place = self._to_renew.pop(0)
            old, self.processes[place] = self.processes[place], process
            self._rests.born(place)
            self._let_go(old)
            self._coming = None
            if not self._to_renew:
                self._renew_jobs()
        elif not process.process.is_alive() or time.monotonic() > deadline:
            process.kill()
            process.join()
            self._to_renew, self._coming = [], None
            log.error("a new web process did not come up: the old ones go on")

    def _renew_jobs(self) -> None:
        """Two runners side by side are no harm; the old one takes the time its work needs."""
        if self._jobs is not None:
            self._let_go(self._jobs)
            self._start_jobs()
        log.info("every process was renewed")

    def _start_web(self) -> WebProcess:
        self._nursery.open()
        process = WebProcess(self.config, self.sockets, self._nursery)
        process.start()
        return process

    def _start_jobs(self) -> None:
        self._nursery.open()
        self._jobs = self._nursery.process(job_process, name=processes.JOBS)
        self._jobs.start()
        self._rests.born(JOBS)


def serve(
    settings: Settings, nursery: Nursery, *, workers: int, jobs: bool, on_ready: Callable[[], None]
) -> None:
    """Serve until SIGINT or SIGTERM. Children read their settings from the environment."""
    config = Config(
        "app.children:web_process",
        factory=True,
        http="app.core.protocol:PatientProtocol",  # imported where it is used
        host=settings.host,
        port=settings.port,
        backlog=BACKLOG,
        workers=workers,
        log_config=None,
        access_log=False,
        proxy_headers=True,
        forwarded_allow_ips=settings.forwarded_allow_ips,
        server_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        timeout_worker_healthcheck=HEALTH_SECONDS,
    )
    bound = listen(settings.host, settings.port)
    try:
        supervisor = Supervisor(
            config, [bound], nursery, jobs=jobs, drain_seconds=settings.drain_seconds, on_ready=on_ready
        )
        supervisor.run()
    finally:
        bound.close()
    if supervisor.failed:
        raise SystemExit(STARTUP_FAILURE)
