"""The door of a web process: a crowd that comes at once is let in at once.

uvloop takes one new connection each time around its loop, and in a rush a round takes a tenth of a second.
The others wait unheard until the kernel's line is full; then whoever knocks is not answered at all and tries
again after 1, 3, 7, 15 seconds. Nobody hears 503, because nobody is inside to hear it. So beside uvloop's own
listening stands this one, which takes all that wait.
"""

import asyncio
import errno
import logging
import socket
import time
from collections.abc import Callable

MOST_AT_ONCE = 256
"""Let in before those inside have their turn again."""
REST_SECONDS = 1.0
"""After the system refused a connection: as a rule too many files are open."""
PORT_PATIENCE = 10.0
"""Seconds for whoever had the port before to finish."""

log = logging.getLogger(__name__)


class PortTaken(Exception):
    """Another program listens on our port."""


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


class Door:
    """Takes connections from a listening socket and gives each its protocol."""

    def __init__(self, listening: socket.socket, protocol: Callable[[], asyncio.Protocol]) -> None:
        self._socket = listening.dup()  # the other listener watches this socket under its own number
        self._socket.setblocking(False)
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._entering: set[asyncio.Task[object]] = set()
        self._rest: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Begin to let in."""
        self._loop.add_reader(self._socket, self._let_in)

    def close(self) -> None:
        """Let nobody in any more."""
        if self._rest is not None:
            self._rest.cancel()
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def _let_in(self) -> None:
        for _ in range(MOST_AT_ONCE):
            try:
                connection, _address = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                log.warning("no connection can be let in", extra={"cause": error.strerror})
                self._loop.remove_reader(self._socket)
                self._rest = self._loop.call_later(REST_SECONDS, self.open)
                return
            task = self._loop.create_task(self._enter(connection))
            self._entering.add(task)
            task.add_done_callback(self._entering.discard)

    async def _enter(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        try:
            await self._loop.connect_accepted_socket(self._protocol, connection)
        except OSError:  # gone already
            connection.close()
