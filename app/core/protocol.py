"""Uvicorn's HTTP protocol with an end to two waits that it leaves open.

- For the head of a request: a client that connects and sends nothing, or a header a minute, holds a place
  for ever. The same clock ends a body that goes on and on after its answer was given.
- For a reader that never reads: a closed connection stays until its last byte is taken.

A proxy in front ends both, too (nginx: `client_header_timeout`, `send_timeout`); not everybody has one.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 20.0
"""From the connection, or from the answer before, until a head is complete."""


class PatientProtocol(HttpToolsProtocol):
    """Cuts a connection on which nothing moves between two requests."""

    _clock: asyncio.TimerHandle | None = None
    _unsent = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as Uvicorn does
        """Wait for the first head."""
        super().connection_made(transport)
        self._wind()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop()
        super().connection_lost(exc)

    def on_headers_complete(self) -> None:
        """The head is there: from here on the application keeps the time."""
        self._stop()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Wait for the next head, unless it has been read already."""
        super().on_response_complete()
        if self.transport.is_closing() or self.timeout_keep_alive_task is not None:
            self._wind()

    def _wind(self) -> None:
        self._stop()
        self._clock = self.loop.call_later(HEAD_SECONDS, self._strike)

    def _stop(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _strike(self) -> None:
        unsent = self.transport.get_write_buffer_size()
        if unsent and unsent != self._unsent:  # a long answer on a slow line, and it moves
            self._unsent = unsent
            self._wind()
        else:
            self.transport.abort()
