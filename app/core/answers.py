"""This file holds what is true of every answer: HEAD wherever GET is, and no guessing of content types.

Plain ASGI, in the path of every response.
"""

import asyncio
from collections.abc import Mapping, MutableMapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

NO_SNIFFING = (b"x-content-type-options", b"nosniff")
_HEAD = "sipas.head"


def is_head(scope: Mapping[str, object]) -> bool:
    """Whether only the head of the answer is wanted, though the request comes as GET."""
    return _HEAD in scope


class NoSniffing:
    """Adds `X-Content-Type-Options: nosniff` to every answer; stands outermost, around those that answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), NO_SNIFFING]
            await send(message)

        await self.app(scope, receive, send_marked if scope["type"] == "http" else send)


class HeadRequests:
    """Answers HEAD as GET: the same status and headers, and no body (RFC 9110, 9.3.2)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return
        asked = {**scope, "method": "GET", _HEAD: True}  # the server goes on knowing that it was HEAD
        try:
            await _Bodiless(receive, send).run(self.app, asked)
        finally:
            scope.update(asked, method="HEAD")  # the route, for metrics and the log


class _Bodiless:
    """One answer whose body stays here; a streamed one is told at once that its reader has gone."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self._answered = asyncio.Event()
        self._asked = False

    async def run(self, app: ASGIApp, scope: MutableMapping[str, object]) -> None:
        await app(scope, self._arriving, self._leaving)

    async def _arriving(self) -> Message:
        if not self._asked:
            self._asked = True
            return await self._receive()
        gone = asyncio.ensure_future(self._receive())
        answered = asyncio.ensure_future(self._answered.wait())
        try:
            await asyncio.wait({gone, answered}, return_when=asyncio.FIRST_COMPLETED)
            return gone.result() if gone.done() else {"type": "http.disconnect"}
        finally:
            gone.cancel()
            answered.cancel()

    async def _leaving(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._send(message)
        elif not self._answered.is_set():
            self._answered.set()
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
