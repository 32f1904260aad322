"""What the routes of exports are given, and an answer that ends when its reader does."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Annotated

from fastapi import Depends, Request, Response
from starlette.types import Receive, Scope, Send

from app.core.deadline import give_time
from app.exports.stream import Streams


async def get_streams(request: Request) -> Streams:
    """The streams of this process."""
    streams: Streams = request.app.state.exports
    return streams


TheStreams = Annotated[Streams, Depends(get_streams)]


class Streamed(Response):
    """An answer in pieces. A problem before the first piece is answered as any other.

    Nothing runs on for a reader who has gone: the pieces are closed, and with them their connection.
    Starlette's own streaming answer begins before the first piece and leaves closing to the collector.
    """

    def __init__(
        self, pieces: AsyncGenerator[bytes, None], media_type: str, headers: Mapping[str, str]
    ) -> None:
        super().__init__(media_type=media_type, headers=headers)
        self._pieces = pieces
        if "Content-Length" not in headers:
            del self.headers["Content-Length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the pieces until there are no more, or nobody takes them."""
        give_time(scope)
        sending = asyncio.create_task(self._send(send))
        leaving = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                await sending
        finally:
            for task in (sending, leaving):
                task.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)

    async def _send(self, send: Send) -> None:
        start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        begun = False
        async with aclosing(self._pieces) as pieces:
            async for piece in pieces:
                if not begun:
                    await send(start)
                    begun = True
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        if not begun:
            await send(start)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
