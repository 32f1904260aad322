"""An answer leaves in one piece: of one that has no body yet nothing is heard."""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import uvicorn
from starlette import types
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from app.core.answers import HeadRequests
from app.core.protocol import PatientProtocol
from tests.support.server import free_port
from tests.support.waiting import until

LENGTH = [(b"content-length", b"4")]
QUIET = 0.2
"""Seconds in which a head would long have come."""

Send = Callable[[dict[str, Any]], Awaitable[None]]
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Application:
    """Answers in steps; each waits for leave."""

    def __init__(self) -> None:
        self.port = free_port()
        self.headed, self.go_on = asyncio.Event(), asyncio.Event()

    async def __call__(
        self, scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Send
    ) -> None:
        if scope["path"] == "/read":
            await receive()
        status = 204 if scope["path"] == "/nothing" else 200
        headers = [] if scope["path"] in {"/nothing", "/stream"} else LENGTH
        await send({"type": "http.response.start", "status": status, "headers": headers})
        self.headed.set()
        await self.go_on.wait()
        if scope["path"] == "/breaks":
            raise RuntimeError("broken off")
        body = b"" if status == 204 else b"four"
        if scope["path"] == "/stream":
            await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await send({"type": "http.response.body", "body": body})

    async def ask(self, path: str, *headers: str, method: str = "GET") -> Streams:
        """A request whose application has said the head of its answer."""
        self.headed.clear()
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write("\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", *headers, "", ""]).encode())
        await asyncio.wait_for(self.headed.wait(), 10)
        return reader, writer


@pytest.fixture
async def application(caplog: pytest.LogCaptureFixture) -> AsyncIterator[Application]:
    caplog.set_level(logging.CRITICAL, "uvicorn.error")
    application = Application()
    config = uvicorn.Config(
        application, port=application.port, http=PatientProtocol, lifespan="off", log_config=None
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())

    async def started() -> bool:
        return server.started

    await until(started, bool)
    yield application
    server.should_exit = True
    await serving


async def silent(reader: asyncio.StreamReader) -> bool:
    try:
        return not await asyncio.wait_for(reader.read(1), QUIET)
    except TimeoutError:
        return True


@pytest.mark.parametrize("path", ["/whole", "/stream"])
async def test_the_head_of_an_answer_waits_for_its_body(application: Application, path: str) -> None:
    reader, writer = await application.ask(path)
    assert await silent(reader)
    application.go_on.set()
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    assert await reader.readuntil(b"four") == (b"four" if path == "/whole" else b"5\r\nfirst\r\n4\r\nfour")
    writer.close()


@pytest.mark.parametrize(("method", "path"), [("HEAD", "/whole"), ("GET", "/nothing")])
@pytest.mark.parametrize("closes", [False, True])
async def test_an_answer_without_a_body_leaves_when_it_is_complete(
    application: Application, method: str, path: str, closes: bool
) -> None:
    more = ("Connection: close",) if closes else ()
    application.go_on.set()
    reader, writer = await application.ask(path, *more, method=method)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(
        b"HTTP/1.1 204" if path == "/nothing" else b"HTTP/1.1 200"
    )
    if closes:
        assert await reader.read() == b""
    writer.close()


async def test_of_an_answer_that_breaks_off_before_its_body_nothing_is_heard(
    application: Application,
) -> None:
    """So a proxy may ask another machine: half an answer it would have to pass on."""
    reader, writer = await application.ask("/breaks")
    application.go_on.set()
    assert await reader.read() == b""
    writer.close()


async def test_leave_to_go_on_does_not_wait_for_the_answer(application: Application) -> None:
    application.go_on.set()
    reader, writer = await asyncio.open_connection("127.0.0.1", application.port)
    writer.write(b"POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"{}")
    assert (await reader.readuntil(b"four")).startswith(b"HTTP/1.1 200")
    writer.close()


async def test_requests_one_behind_the_other_are_answered_in_their_order(application: Application) -> None:
    application.go_on.set()
    reader, writer = await asyncio.open_connection("127.0.0.1", application.port)
    one = "{} HTTP/1.1\r\nHost: x\r\n\r\n"
    writer.write("".join(one.format(said) for said in ("HEAD /whole", "GET /nothing", "GET /whole")).encode())
    heads = [(await reader.readuntil(b"\r\n\r\n")).split()[1] for _ in range(3)]
    assert heads == [b"200", b"204", b"200"]
    assert await reader.readexactly(4) == b"four"
    writer.close()


async def test_an_answered_request_leaves_no_garbage_to_be_looked_for(application: Application) -> None:
    """In a rush garbage is collected seldom, and each time everybody waits."""

    def under_way() -> int:
        return sum(isinstance(one, RequestResponseCycle) for one in gc.get_objects())

    application.go_on.set()
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            reader, writer = await application.ask("/whole")
            await reader.readuntil(b"four")
            writer.close()

        async def left() -> int:
            return under_way()

        await until(left, lambda found: found <= 1)
    finally:
        gc.enable()


async def test_head_is_answered_whole_on_a_real_connection(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: types.Scope, receive: types.Receive, send: types.Send) -> None:
        headers = [] if scope["path"] == "/stream" else LENGTH
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"four"})

    port = free_port()
    config = uvicorn.Config(
        HeadRequests(app), port=port, http=PatientProtocol, lifespan="off", log_config=None
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    await until(lambda: started(server), lambda found: found)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for path in ("/", "/stream", "/"):
        writer.write(f"HEAD {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
        assert head.startswith(b"HTTP/1.1 200 "), path
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert (await asyncio.wait_for(reader.read(), 30)).endswith(b"\r\n\r\nfour")
    writer.close()
    server.should_exit = True
    await serving
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == []


async def started(server: uvicorn.Server) -> bool:
    return server.started
