"""What is true of every answer: HEAD wherever GET is, 405 names every method, no guessing of types."""

import asyncio
import re

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from sqlalchemy import text

from app.core import refusing
from app.core.database import Database
from app.core.protocol import PatientProtocol
from tests.support.application import NOWHERE, application
from tests.support.world import World

METHODS: dict[str, set[str]] = {}
for context in iter_route_contexts(application(NOWHERE).routes):
    METHODS.setdefault(context.path_format or "", set()).update(context.methods or set())
OF_ONE_ANSWER = {"x-request-id", "date"}
STREAMED = {"transfer-encoding", "content-length"}
"""What a streamed answer says of a body that nobody has made yet."""


def address(path: str) -> str:
    """An address of this route, of things that do not exist."""
    return re.sub(r"\{[^}]*\}", "1", path)


def told(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name not in OF_ONE_ANSWER | STREAMED}


async def test_head_is_answered_as_get_without_a_body(http: httpx.AsyncClient, world: World) -> None:
    asked = [path for path, methods in METHODS.items() if "GET" in methods]
    assert len(asked) > 60
    for path in asked:
        for headers in (world.admin, {}):
            got = await http.get(address(path), headers=headers)
            heard = await http.head(address(path), headers=headers)
            assert (heard.status_code, heard.content) == (got.status_code, b""), path
            if path not in {"/metrics", "/readyz"}:
                assert told(heard) == told(got), path
            if "content-length" in got.headers and path != "/metrics":
                assert heard.headers["content-length"] == got.headers["content-length"], path


async def test_head_of_a_streamed_answer_ends_at_once(http: httpx.AsyncClient, world: World) -> None:
    address = "/api/v1/audit/export"
    got = await http.get(address, headers=world.admin)
    async with asyncio.timeout(60):
        heard = await http.head(address, headers=world.admin)
    assert (heard.status_code, heard.content) == (got.status_code, b"")


async def test_head_of_an_export_takes_nothing_along(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    asked = "from=2025-07-01&to=2025-07-31&unit=24&questionnaire=quick-5&version=1"
    for what in ("responses", "indices"):
        heard = await http.head(f"/api/v1/exports/{what}?{asked}", headers=world.admin)
        assert (heard.status_code, heard.content) == (200, b""), heard.headers
        assert heard.headers["content-type"].startswith("text/csv")
    async with database.read() as session:
        assert await session.scalar(text("SELECT count(*) FROM exports")) == 0
        lines = "SELECT count(*) FROM audit_lines WHERE action LIKE 'export.%'"
        assert await session.scalar(text(lines)) == 0


async def test_405_names_every_method_of_every_address(http: httpx.AsyncClient, world: World) -> None:
    for path, methods in METHODS.items():
        unknown = next(name for name in ("DELETE", "PUT", "PATCH", "POST", "TRACE") if name not in methods)
        answer = await http.request(unknown, address(path), headers=world.admin)
        if answer.status_code != 405:
            continue  # another route knows it there
        wanted = methods | ({"HEAD"} if "GET" in methods else set())
        assert wanted <= set(answer.headers["allow"].split(", ")), path


async def test_no_browser_guesses_what_an_answer_is(
    http: httpx.AsyncClient, world: World, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path, methods in METHODS.items():
        for method in ("GET", "POST"):
            if method in methods:
                answer = await http.request(method, address(path), headers=world.admin)
                assert answer.headers.get_list("x-content-type-options") == ["nosniff"], path
    preflight = {"Origin": "https://elsewhere.example.vn", "Access-Control-Request-Method": "GET"}
    too_large = {"Content-Length": "999999999"}
    broken = {"Content-Type": "application/x-www-form-urlencoded"}
    for answer in (
        await http.get("/api/v1/nowhere"),
        await http.request("TRACE", "/healthz"),
        await http.options("/api/v1/public/periods", headers=preflight),
        await http.post("/api/v1/responses", headers=too_large),
        await http.post("/api/v1/auth/token", content=b"\xff\xfe\x00", headers=broken),
        await http.get("/healthz/"),
    ):
        assert answer.headers.get_list("x-content-type-options") == ["nosniff"], answer.request.url

    async def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(app.state.pages, "render", fail)
    monkeypatch.setattr("app.core.deadline.Deadline.__call__", fail)
    answer = await http.get("/healthz")
    assert (answer.status_code, answer.headers["x-content-type-options"]) == (500, "nosniff")


def test_no_browser_guesses_what_is_said_at_the_door() -> None:
    for accepted in (b"application/json", b"text/html"):
        said = refusing.answer("GET", [(b"accept", accepted)], [], 0.0)
        assert said.lower().count(b"x-content-type-options: nosniff\r\n") == 1


def test_no_browser_guesses_what_is_said_to_what_is_no_http() -> None:
    class Line:
        written = b""
        closed = False

        def write(self, data: bytes) -> None:
            self.written += data

        def close(self) -> None:
            self.closed = True

    protocol = PatientProtocol.__new__(PatientProtocol)
    protocol.transport = line = Line()  # type: ignore[assignment]  # all of it that is used
    protocol.send_400_response("Invalid HTTP request received.")
    head, _, body = line.written.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"x-content-type-options: nosniff" in head
    assert (body, line.closed) == (b"Invalid HTTP request received.", True)
