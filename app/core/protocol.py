"""Uvicorn's HTTP protocol with an end to two waits that it leaves open, a bound, and answers in one piece.

- For the head of a request: a client that connects and sends nothing, or a header a minute, holds a place
  for ever. The same clock ends a body that goes on and on after its answer was given.
- For a reader that never reads: a closed connection stays until its last byte is taken.
- Beyond as many requests under way as a process may have, the next is refused here (`core/refusing.py`):
  before a task is made of it, at a tenth of what it would cost to do it.
- The head of an answer waits for its body. Whoever is killed between the two would leave a proxy with half an
  answer, and that it can't ask for again elsewhere; and one write costs less than two.

A proxy in front ends both waits, too (nginx: `client_header_timeout`, `send_timeout`); not everybody has one.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.core import refusing
from app.core.answers import NO_SNIFFING
from app.core.http import LEAST_RATE, MAX_IMPORT_BODY

HEAD_SECONDS = 20.0
"""From the connection, or from the answer before, until a head is complete."""
CLOSE = (b"connection", b"close")


class PatientProtocol(HttpToolsProtocol):
    """Cuts a connection on which nothing moves between two requests; refuses at the bound."""

    _clock: asyncio.TimerHandle | None = None
    _unsent = 0
    _refused: "_Refused | None" = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as Uvicorn does
        """Wait for the first head."""
        super().connection_made(transport)
        self._wind()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop()
        self._refused = None
        super().connection_lost(exc)

    def on_headers_complete(self) -> None:
        """The head is there: from here on the application keeps the time, unless there is no place."""
        if self._refused is not None:  # whoever does not wait for an answer is not answered twice
            self._refused.closes = True
            self._refuse()
            self.transport.close()
        if self.transport.is_closing():
            return
        self._stop()
        if self._is_full():
            self._hold()
            return
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before:  # a request to upgrade has none
            _Whole(self.cycle)

    def on_body(self, body: bytes) -> None:
        """What belongs to a refused request is of no use to anybody."""
        if self._refused is not None:
            self._refused.arrived += len(body)
        elif not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        """A refused request is done when it has been read and answered, in whichever order."""
        if self._refused is not None:
            self._refused.whole = True
            if self._refused.answered:
                self._end_refused()
        elif not self.transport.is_closing():
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for the next head, unless it has been read already."""
        super().on_response_complete()
        if self.transport.is_closing() or self.timeout_keep_alive_task is not None:
            self._wind()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, as plain text that no browser takes for anything else."""
        self.transport.write(
            b"HTTP/1.1 400 Bad Request\r\n"
            b"content-type: text/plain; charset=utf-8\r\n%b: %b\r\ncontent-length: %d\r\n"
            b"connection: close\r\n\r\n%b" % (*NO_SNIFFING, len(msg), msg.encode("ascii"))
        )
        self.transport.close()

    def shutdown(self) -> None:
        """Nobody waits for a refusal any longer."""
        if self._refused is None or self._refused.answered:
            super().shutdown()
        else:
            self._refused.closes = True
            self._refuse()

    def _is_full(self) -> bool:
        """Whether this request is to be refused. One behind another on its connection waits for that one."""
        return (
            len(self.tasks) >= refusing.MOST_UNDER_WAY
            and (self.cycle is None or self.cycle.response_complete)  # type: ignore[redundant-expr]  # at first
            and not self.parser.should_upgrade()
            and refusing.may_be_refused(self.url, self.headers)
        )

    def _hold(self) -> None:
        self._refused = _Refused(self.parser.get_method().decode("ascii"), self.headers, self.loop.time())
        self._refused.closes = self.parser.get_http_version() == "1.0" or not self.parser.should_keep_alive()
        if self.expect_100_continue:
            # without leave the body does not come, as a rule: what comes next nobody knows
            self._refused.closes = True
            self._refuse()
            self.transport.close()
        else:
            self._clock = self.loop.call_later(refusing.HOLD_SECONDS, self._refuse)

    def _refuse(self) -> None:
        refused = self._refused
        if refused is None or refused.answered:
            return
        self._stop()
        refused.answered = True
        more = list(self.server_state.default_headers)
        if CLOSE in more:
            refused.closes = True
        elif refused.closes:
            more.append(CLOSE)
        self.transport.write(
            refusing.answer(refused.method, refused.headers, more, self.loop.time() - refused.came)
        )
        if refused.whole:
            self._end_refused()
        else:
            self._wind()

    def _end_refused(self) -> None:
        closes = self._refused is not None and self._refused.closes
        self._refused = None
        if closes:
            self.transport.close()
        self.on_response_complete()

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
        elif self._refused is not None and self._refused.still_arrives():
            self._wind()
        else:
            self.transport.abort()


class _Whole:
    """Stands between a request and its connection: the head of the answer waits for the first of its body."""

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle, self._there, self._done = cycle, cycle.transport, cycle.on_response
        self._head: bytes | None = None
        self._begun = False
        cycle.transport = self  # type: ignore[assignment]  # all of it that a cycle uses
        cycle.on_response = self._complete

    def write(self, data: bytes) -> None:
        """Send, but no head by itself. Leave to go on ("100 Continue") comes before an answer has started."""
        if self._head is not None:
            head, self._head = self._head, None
            if data:
                self._there.writelines((head, data))
            else:  # asyncio (Python 3.12 and later) never comes to the end of an empty piece
                self._there.write(head)
        elif self._cycle.response_started and not self._begun:
            self._begun, self._head = True, data
        else:
            self._there.write(data)

    def is_closing(self) -> bool:
        """Whether nothing more can be sent."""
        return self._there.is_closing()

    def close(self) -> None:
        """Send what is complete and close. Of an answer that broke off before its body nothing is heard."""
        if self._cycle.response_complete:
            self._send()
        self._there.close()

    def _complete(self) -> None:
        self._send()  # an answer without a body
        self._cycle.transport = self._there  # or the two would hold each other until garbage is collected
        self._done()

    def _send(self) -> None:
        if self._head is not None:
            self.write(b"")


class _Refused:
    """A request that is being refused: it waits, is answered, and at last its body has been read."""

    def __init__(self, method: str, headers: list[tuple[bytes, bytes]], came: float) -> None:
        self.method, self.headers, self.came = method, headers, came
        self.answered = self.whole = self.closes = False
        self.arrived = 0
        self._seen = 0

    def still_arrives(self) -> bool:
        """Whether its body still comes as fast as any must, and is no longer than the longest may be."""
        seen, self._seen = self._seen, self.arrived
        return self.arrived - seen >= HEAD_SECONDS * LEAST_RATE and self.arrived <= MAX_IMPORT_BODY
