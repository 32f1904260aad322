"""Where the processes of `sipas serve` are born: forked from one that has imported everything already.

Importing the application takes a processor seconds. Each process doing so for itself, a machine of two cores
was at it for longer than for all the rest of a start together. So it is done once, in a process that does
nothing else and holds no thread, no connection and no lock that a fork could tear (Python's own fork server),
and while PostgreSQL is still coming up. What is forked shares its memory, too.

It knows the release it was started with. From the first renewal on (SIGHUP, the way to a new release) every
process is started from the files instead, as slow as that is.

Whoever stops the service signals all its processes at once (systemd, a terminal). The nursery must outlive
those it bore, since it alone learns how they end, so signals wait at its door: it goes when the supervisor
and all children have gone. A child opens the door again as the first thing it does, and finds there whatever
came for it meanwhile.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import ForkServerContext, ForkServerProcess, SpawnContext, SpawnProcess
from pathlib import Path
from typing import Any

from app.core import processes

WAITING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Nursery:
    """Starts processes. Their environment is that of the moment when the nursery is opened."""

    def __init__(self, imports: str) -> None:
        """`imports` names the file that imports all a child is born with."""
        self._imports = imports
        self._context: ForkServerContext | SpawnContext = multiprocessing.get_context("forkserver")

    def open(self) -> None:
        """Begin to import; returns at once. Open it before each birth: it may have been killed meanwhile."""
        if isinstance(self._context, SpawnContext):
            return
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # a child that has just begun is not ended by it
        multiprocessing.get_context("forkserver").set_forkserver_preload([self._imports])
        resource_tracker.ensure_running()  # else that would be started below, and open the door again
        before = signal.pthread_sigmask(signal.SIG_BLOCK, WAITING)
        os.environ[processes.UNBORN] = "1"
        own = "PYTHONSAFEPATH" in os.environ
        if Path.cwd() != Path(__file__).parents[2]:  # it would import what lies here, and not what we are
            os.environ.setdefault("PYTHONSAFEPATH", "1")
        try:
            forkserver.ensure_running()
        finally:
            os.environ.pop(processes.UNBORN)
            if not own:
                os.environ.pop("PYTHONSAFEPATH", None)
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def renew(self) -> None:
        """From now on processes are those of the release that lies on the disk."""
        self._context = multiprocessing.get_context("spawn")

    def process(
        self, target: Callable[..., object], *, name: str | None = None, **kwargs: Any
    ) -> ForkServerProcess | SpawnProcess:
        """A process that has not been started."""
        return self._context.Process(target=target, name=name, kwargs=kwargs)


def born() -> None:
    """What a child does first of all: let the signals in."""
    os.environ.pop(processes.UNBORN, None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, WAITING)
