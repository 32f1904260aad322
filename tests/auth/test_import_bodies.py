"""A body that may be large is read for those alone who may send it, and a few at a time."""

import asyncio
from collections.abc import Mapping

import pytest
from fastapi import FastAPI, UploadFile
from fastapi.routing import iter_route_contexts
from starlette.types import Message

from app.auth.deps import admit_import
from app.core import http as limits
from tests.support.world import World

IMPORT = "/api/v1/units/import"
LARGE = 5_000_000


class Sender:
    """Sends one request by hand, and knows whether its body was asked for."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self.read = asyncio.Event()
        self.go_on = asyncio.Event()
        self.status = 0
        self.headers: dict[bytes, bytes] = {}

    async def send(self, path: str, headers: Mapping[str, str], length: int | None = LARGE) -> int:
        sent = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        sent.append((b"content-type", b"multipart/form-data; boundary=x"))
        if length is not None:
            sent.append((b"content-length", str(length).encode()))
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "https",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": sent,
            "client": ("127.0.0.1", 4711),
            "server": ("sipas.example.vn", 443),
        }
        await self.app(scope, self._give, self._take)
        return self.status

    async def _give(self) -> Message:
        self.read.set()
        await self.go_on.wait()
        return {"type": "http.request", "body": b"{", "more_body": False}

    async def _take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], dict(message["headers"])


@pytest.mark.parametrize("length", [LARGE, None])
async def test_no_byte_is_read_before_the_token_is_known(
    app: FastAPI, world: World, length: int | None
) -> None:
    viewer = await world.person("viewer", ("viewer", "24"))
    for headers, status in (
        ({"Authorization": "Bearer made-up"}, 401),
        ({"Authorization": "Basic eDp5"}, 401),
        (viewer, 403),
    ):
        sender = Sender(app)
        assert await sender.send(IMPORT, headers, length) == status
        assert not sender.read.is_set()


@pytest.mark.parametrize("path", [IMPORT, "/api/v1/nowhere/import", f"{IMPORT}/"])
async def test_without_a_token_or_such_a_route_a_large_body_is_too_large(
    app: FastAPI, world: World, path: str
) -> None:
    sender = Sender(app)
    assert await sender.send(path, {} if path == IMPORT else world.admin) == 413
    assert not sender.read.is_set()


async def test_a_process_reads_a_few_large_bodies_at_a_time(app: FastAPI, world: World) -> None:
    senders = [Sender(app) for _ in range(limits.MOST_IMPORTS)]
    sending = [asyncio.create_task(sender.send(IMPORT, world.admin)) for sender in senders]
    async with asyncio.timeout(60):
        await asyncio.gather(*(sender.read.wait() for sender in senders))
    late = Sender(app)
    assert await late.send(IMPORT, world.admin) == 503
    assert int(late.headers[b"retry-after"]) >= 1
    assert not late.read.is_set()
    small = Sender(app)
    small.go_on.set()
    assert await small.send(IMPORT, world.admin, length=1) in {400, 422}, "a small one needs no place"
    for sender in senders:
        sender.go_on.set()
    assert set(await asyncio.gather(*sending)) <= {400, 422}
    again = Sender(app)
    again.go_on.set()
    assert await again.send(IMPORT, world.admin) in {400, 422}


async def test_every_route_that_takes_a_file_and_no_other_takes_a_large_body(
    app: FastAPI, world: World
) -> None:
    for context in iter_route_contexts(app.routes):
        fields = getattr(getattr(context, "dependant", None), "body_params", [])
        takes_file = any(field.field_info.annotation is UploadFile for field in fields)
        headers = [(b"authorization", world.admin["Authorization"].encode())]
        scope = {
            "type": "http",
            "method": "POST",
            "path": context.path_format,
            "headers": headers,
            "app": app,
            "client": ("127.0.0.1", 1),
        }
        assert await admit_import(scope) == takes_file, context.path_format
