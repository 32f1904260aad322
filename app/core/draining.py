"""How a web process begins and ends, so that a deploy fails no request.

Ending, Uvicorn closes every connection that is idle at that moment, and whoever is just sending on one finds
it reset. So first comes a last call: nobody new is let in (others listen on the same socket), every answer
says `Connection: close`, and idle connections may be used once more until their time is up as it always is.
What is under way is then finished and the intake queue written. Ctrl-C (SIGINT) spares the last call.

Where the whole machine leaves, proxies must hear of it first: for a time that an operator sets, `/readyz` is
red and everything is served as before (SIGUSR1, from the supervisor, which then waits).

Beginning, a process refuses a schema older than its code. In a rolling restart its predecessor then goes on.
"""

import asyncio
import logging
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from multiprocessing.connection import wait
from types import FrameType

from uvicorn.config import STARTUP_FAILURE, Config
from uvicorn.server import Server
from uvicorn.supervisors.multiprocess import Process

from app.core.listening import Door
from app.core.nursery import Nursery, born
from app.core.revision import HEAD

LAST = (b"connection", b"close")
LOOK_SECONDS = 0.05

leaving = threading.Event()
"""Set in a web process that will soon be asked to stop."""

log = logging.getLogger(__name__)


class DrainingServer(Server):
    """Uvicorn's server in a web process of ours."""

    _hurried = False
    _doors: Sequence[Door] = ()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin, unless the database has still to be migrated."""
        # here, because the supervisor imports this file and asks no database anything
        from app.core.behind import older_revision  # noqa: PLC0415

        if (behind := await older_revision()) is not None:
            log.error(
                "the database is older than this release: run `sipas migrate`",
                extra={"revision": behind, "expected_revision": HEAD},
            )
            sys.exit(STARTUP_FAILURE)
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, leaving.set)
        await super().startup(sockets)
        made: Callable[..., asyncio.Protocol] = self.config.http_protocol_class
        protocol = partial(
            made, config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        self._doors = [Door(each, protocol) for each in sockets or []]
        for door in self._doors:
            door.open()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let nobody new in, give the last call, finish what is under way."""
        for door in self._doors:
            door.close()
        for server in self.servers:
            server.close()
        for each in sockets or []:
            each.close()
        self.server_state.default_headers.append(LAST)
        # by then Uvicorn's own clock has closed whatever stayed idle
        until = time.monotonic() + self.config.timeout_keep_alive
        # Uvicorn keeps a set of its connections, and tells nobody when it is empty
        while self.server_state.connections and not self._hurried and time.monotonic() < until:  # noqa: ASYNC110  Uvicorn tells nobody
            await asyncio.sleep(LOOK_SECONDS)
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Note how we are asked to stop."""
        self._hurried = self._hurried or sig == signal.SIGINT
        super().handle_exit(sig, frame)


class WebProcess(Process):
    """A web process as the supervisor holds it."""

    def __init__(self, config: Config, sockets: list[socket.socket], nursery: Nursery) -> None:
        super().__init__(config, sockets)
        self.process = nursery.process(self.target, sockets=sockets)  # type: ignore[assignment]  # one like it

    def target(self, sockets: list[socket.socket] | None = None) -> None:
        """What the process does."""
        born()
        self.config.configure_logging()
        with suppress(KeyboardInterrupt):  # Ctrl-C while it begins: the parent stops as well
            super().target(sockets)

    def _healthcheck(self, timeout: float) -> bool | None:
        """As Uvicorn's own, which waits for the answer of a process that has died meanwhile, too."""
        try:
            self.parent_conn.send(b"ping")
            if self.parent_conn in wait([self.parent_conn, self.process.sentinel], timeout):
                started: bool = self.parent_conn.recv()
                return started
        except (OSError, EOFError):
            pass  # it has gone
        return None

    @property
    def server(self) -> Server:
        """The server, made in the process itself."""
        if self._server is None:
            self._server = DrainingServer(config=self.config)
        return self._server
