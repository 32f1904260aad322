"""The network between a tablet and the service, for tests that cut it: a small TCP proxy with a fixed port.

Cutting the wire is what a fallen network is: connections break, new ones are refused. Nothing in the browser
is told, and nothing of ours is replaced.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.support.server import free_port

CHUNK = 65_536


@dataclass
class Wire:
    """A way to a service that can be cut and mended."""

    target: int
    port: int
    _listening: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        """Where the service is reached through the wire. A name of its own keeps origins apart."""
        return f"http://localhost:{self.port}"

    async def mend(self) -> None:
        """Let connections through."""
        if self._listening is None:
            self._listening = await asyncio.start_server(self._carry, "127.0.0.1", self.port)

    async def cut(self) -> None:
        """Refuse new connections and break the open ones."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        for writer in list(self._open):
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, far_writer}
        self._open |= ends
        await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
        self._open -= ends


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):  # a cut wire
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
    writer.transport.abort() if writer.transport.is_closing() else writer.close()


@asynccontextmanager
async def wired(url: str) -> AsyncIterator[Wire]:
    """A mended wire to a service, cut for good at the end."""
    wire = Wire(urlsplit(url).port or 80, free_port())
    await wire.mend()
    try:
        yield wire
    finally:
        await wire.cut()
