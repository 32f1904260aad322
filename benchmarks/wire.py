"""A wire with a meter: forwards a port to another and counts what crosses it.

Browsers report sizes page by page and say little of their service workers; a wire hears everything.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

_PIECE = 65536
_REQUEST_LINE = b" HTTP/1.1\r\n"


@dataclass
class Wire:
    """Its port, and what has crossed it since `clear`."""

    port: int = 0
    received: int = 0
    """Bytes that came back from the server, headers included."""
    requests: int = 0

    def clear(self) -> None:
        """Count from zero."""
        self.received = self.requests = 0


@asynccontextmanager
async def metered(port: int) -> AsyncIterator[Wire]:
    """A wire to this port of the same machine."""
    wire = Wire()
    carrying: set[asyncio.Task[None]] = set()

    async def carry(browser: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        server, forth = await asyncio.open_connection("127.0.0.1", port)
        ways = [
            asyncio.create_task(_asked(wire, browser, forth)),
            asyncio.create_task(_told(wire, server, back)),
        ]
        carrying.update(ways)
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        carrying.difference_update(ways)
        for end in (forth, back):
            end.close()

    listening = await asyncio.start_server(carry, "127.0.0.1", 0)
    wire.port = listening.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        listening.close()
        for way in carrying:
            way.cancel()
        await listening.wait_closed()


async def _asked(wire: Wire, browser: asyncio.StreamReader, forth: asyncio.StreamWriter) -> None:
    tail = b""
    with suppress(ConnectionError):
        while piece := await browser.read(_PIECE):
            tail += piece
            wire.requests += tail.count(_REQUEST_LINE)
            tail = tail[-len(_REQUEST_LINE) + 1 :]
            forth.write(piece)
            await forth.drain()


async def _told(wire: Wire, server: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while piece := await server.read(_PIECE):
            wire.received += len(piece)
            back.write(piece)
            await back.drain()
