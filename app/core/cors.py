"""Any origin may read what is public, and only that: `Access-Control-Allow-Origin: *` on the public paths.

Everything else follows the setting `cors_origins`. These paths take no credentials, so that a page which
reads them reads what anybody could. Plain ASGI, so that refusals and errors carry the header as well.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

PUBLIC = "/api/v1/public/"

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

_ANY = [(b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", b"etag, x-request-id")]
_PREFLIGHT = [
    *_ANY,
    (b"access-control-allow-methods", b"GET"),
    (b"access-control-allow-headers", b"accept, accept-language, if-none-match"),
    (b"access-control-max-age", b"86400"),
]


class PublicCors:
    """Outermost, around the middleware that knows the setting."""

    def __init__(self, app: Application) -> None:
        self.app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PUBLIC):
            await self.app(scope, receive, send)
            return
        if scope["method"] == "OPTIONS" and any(
            name == b"access-control-request-method" for name, _ in scope["headers"]
        ):
            await send({"type": "http.response.start", "status": 204, "headers": _PREFLIGHT})
            await send({"type": "http.response.body", "body": b""})
            return

        async def send_open(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [
                    (name, value)
                    for name, value in message.get("headers", [])
                    if not name.lower().startswith(b"access-control-")
                ]
                message = {**message, "headers": [*kept, *_ANY]}
            await send(message)

        await self.app(scope, receive, send_open)
