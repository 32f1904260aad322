"""A service under pressure: the application behind real sockets in this process, its pools within sight.

Between it and PostgreSQL stands a wire that can be cut (nobody there) or swallow everything (nobody answers).
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import psutil
import pytest
import uvicorn
from fastapi import FastAPI
from sqlalchemy import text

from app.core.database import Database
from app.core.deadline import Deadline
from app.core.protocol import PatientProtocol
from app.core.settings import Settings
from app.core.tokens import hash_password
from app.main import create_app
from app.models.subject import User
from tests.support import visits
from tests.support.said import body, device, visit
from tests.support.server import free_port
from tests.support.waiting import until
from tests.support.world import World

CHUNK = 65_536
PASSWORD = "mot-mat-khau-du-dai"


def long_form(name: str, short: float) -> float:
    """A measure of the short form, or what the environment says instead."""
    return float(os.environ.get(f"SIPAS_FAULTS_{name}", short))


class Wire:
    """The way to PostgreSQL over TCP, whatever that itself listens on."""

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self.port = free_port()
        self._through = asyncio.Event()
        self._through.set()
        self._forgotten: list[asyncio.Event] = []
        self._listening: asyncio.Server | None = None
        self._open: set[asyncio.WriteTransport] = set()
        self._last_words: bytes | None = None

    @property
    def url(self) -> str:
        """The database's URL through the wire."""
        who = self._target.netloc.rpartition("@")[0]
        return f"postgresql://{who}@127.0.0.1:{self.port}{self._target.path}"

    async def mend(self) -> None:
        """Let everything through, what was held back first."""
        self._through.set()
        if self._listening is None:
            self._listening = await asyncio.start_server(self._carry, "127.0.0.1", self.port)

    async def cut(self) -> None:
        """Refuse new connections and break the open ones, as a server does that is stopped."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        for transport in list(self._open):
            transport.abort()
        for through in (self._through, *self._forgotten):
            through.set()

    async def swallow(self) -> None:
        """Carry nothing any more, and tell nobody: a frozen network."""
        self._through.clear()

    def swallow_after(self, words: bytes) -> None:
        """Carry these words to PostgreSQL yet, when somebody says them, and then nothing any more."""
        self._last_words = words

    def _overhear(self, said: bytes) -> None:
        if self._last_words is not None and self._last_words in said:
            self._last_words = None
            self._through.clear()

    async def forget(self) -> None:
        """Carry new connections and leave the old ones swallowed: a firewall that was started anew."""
        self._forgotten.append(self._through)
        self._through = asyncio.Event()
        self._through.set()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        through = self._through
        await through.wait()
        sockets = parse_qs(self._target.query)
        if "host" in sockets:
            path = f"{sockets['host'][0]}/.s.PGSQL.{sockets.get('port', ['5432'])[0]}"
            far_reader, far_writer = await asyncio.open_unix_connection(path)
        else:
            far_reader, far_writer = await asyncio.open_connection(
                self._target.hostname, self._target.port or 5432
            )
        ends = {writer.transport, far_writer.transport}
        self._open |= ends
        await asyncio.gather(
            _pump(reader, far_writer, through, self._overhear), _pump(far_reader, writer, through)
        )
        self._open -= ends


async def _pump(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    through: asyncio.Event,
    overhear: Callable[[bytes], None] = lambda _: None,
) -> None:
    with suppress(OSError):  # a cut wire
        while chunk := await reader.read(CHUNK):
            await through.wait()
            overhear(chunk)
            writer.write(chunk)
            await writer.drain()
    writer.transport.abort() if writer.transport.is_closing() else writer.close()


@contextmanager
def frozen(url: str) -> Iterator[None]:
    """PostgreSQL stopped in the middle of whatever it does: sockets are open, and nobody answers."""
    if "SIPAS_TEST_DATABASE_URL" in os.environ:
        pytest.skip("the processes of a PostgreSQL of one's own are not ours to stop")
    home = parse_qs(urlsplit(url).query)["host"][0].removesuffix("/run")
    first = next(
        process
        for process in psutil.process_iter(["cmdline"])
        if f"{home}/postgres" in (process.info["cmdline"] or [])
    )
    stopped = [first]
    try:
        first.suspend()
        for process in first.children():
            with suppress(psutil.NoSuchProcess):
                process.suspend()
                stopped.append(process)
        yield
    finally:
        for process in stopped:
            with suppress(psutil.NoSuchProcess):
                process.resume()


@dataclass
class Asked:
    """One kind of request: what to send, and the status of its success."""

    method: str
    path: str
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    json: Any = None
    form: dict[str, str] | None = None

    @property
    def fresh(self) -> "Asked":
        """The same, with a new id where something is to be stored."""
        if self.path == "/api/v1/responses" and self.method == "POST":
            return Asked(self.method, self.path, self.status, self.headers, body())
        if self.path.endswith("/batch"):
            return Asked(self.method, self.path, self.status, self.headers, {"responses": [body(), body()]})
        return self


@dataclass
class House:
    """The running service, what may be asked of it, and its insides."""

    app: FastAPI
    url: str
    http: httpx.AsyncClient
    world: World
    kinds: dict[str, Asked]
    kept: list[str] = field(default_factory=list)
    """Ids of every response that was acknowledged."""

    async def ask(self, kind: str) -> httpx.Response:
        """Send one request of a kind and note what it had acknowledged."""
        asked = self.kinds[kind].fresh
        answer = await self.http.request(
            asked.method, asked.path, headers=asked.headers, json=asked.json, data=asked.form
        )
        if kind == "intake" and answer.status_code in (200, 201):
            self.kept.append(answer.json()["id"])
        if kind == "batch" and answer.status_code == 200:
            self.kept += [item["id"] for item in answer.json()["items"] if item["status"] == "accepted"]
        return answer

    async def all_answered(self) -> dict[str, int]:
        """Every kind once, at the same time: the statuses of those that did not succeed."""
        answers = await asyncio.gather(*(self.ask(kind) for kind in self.kinds))
        return {
            kind: answer.status_code
            for (kind, asked), answer in zip(self.kinds.items(), answers, strict=True)
            if answer.status_code != asked.status
        }

    async def recovered(self) -> None:
        """Wait until every kind succeeds again and nothing is left of the trouble."""
        await until(self.all_answered, lambda failed: not failed)
        await self.at_rest()

    async def at_rest(self) -> None:
        """Wait until no connection, place in a queue or transaction is held by anybody."""
        await until(self._held, lambda held: not any(held.values()))
        stored = await self.stored()
        assert [one for one in self.kept if one not in stored] == []
        assert len(stored) == len(set(stored))

    async def stored(self) -> list[str]:
        """Ids of the responses in the database."""
        async with self.world.database.read() as session:
            return [str(one) for one in await session.scalars(text("SELECT id FROM responses"))]

    async def _held(self) -> dict[str, int]:
        database: Database = self.app.state.database
        pools = database.engine.pool, database.lone_engine.pool
        async with self.world.database.alone() as connection:
            open_transactions = await connection.scalar(
                text(
                    "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'sipas%' "
                    "AND state LIKE 'idle in transaction%'"
                )
            )
        return {
            **await self.gathered(),
            "connections": sum(pool.checkedout() for pool in pools),  # type: ignore[attr-defined]
            "line": 3 - database._line._value,
            "transactions": open_transactions or 0,
        }

    async def gathered(self) -> dict[str, int]:
        """What is kept of requests, whether or not the database can be asked."""
        return {"queue": self.app.state.intake.waiting, "requests": self.under_way}

    @property
    def under_way(self) -> int:
        """Requests that have not ended."""
        layer: Any = self.app.middleware_stack
        while not isinstance(layer, Deadline):
            layer = layer.app
        return layer.under_way


@asynccontextmanager
async def housed(settings: Settings, database: Database, **options: Any) -> AsyncIterator[House]:
    """A furnished service on a port of its own; `database` is a straight way to what it stores in."""
    app = create_app(settings)
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{bound.getsockname()[1]}"
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http=PatientProtocol,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=5,
            **options,
        )
    )
    serving = asyncio.create_task(server.serve([bound]))
    try:
        await until(_ready(server), bool)
        world = await World.build(database, app)
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        async with httpx.AsyncClient(base_url=url, timeout=120, limits=limits) as http:
            yield House(app, url, http, world, await _kinds(world, app))
    finally:
        server.should_exit = True
        await serving
        bound.close()


def _ready(server: uvicorn.Server) -> Any:
    async def started() -> bool:
        return server.started

    return started


async def _kinds(world: World, app: FastAPI) -> dict[str, Asked]:
    async with world.database.transaction() as session:
        session.add(User(username="cán-bộ", password_hash=hash_password(PASSWORD)))
    _, tablet = await device(world)
    link = app.state.links.mint(*await visit(world))
    day = visits.day()
    period = f"from={day}&to={day}"
    return {
        "intake": Asked("POST", "/api/v1/responses", 201, tablet),
        "batch": Asked("POST", "/api/v1/responses/batch", 200, tablet),
        "index": Asked("GET", f"/api/v1/indices/24?{period}", 200, world.admin),
        "list": Asked("GET", f"/api/v1/responses?{period}", 200, world.admin),
        "export": Asked(
            "GET",
            f"/api/v1/exports/responses?format=csv&questionnaire=quick-5&version=1&{period}",
            200,
            world.admin,
        ),
        "tablet": Asked("GET", "/api/v1/device/config", 200, tablet),
        "link": Asked("GET", f"/s/{link}", 200),
        "login": Asked(
            "POST",
            "/api/v1/auth/token",
            form={"grant_type": "password", "username": "cán-bộ", "password": PASSWORD},
        ),
        "register": Asked(
            "POST",
            "/api/v1/visits",
            headers=world.admin,
            json={"visits": [{"dossier_code": uuid4().hex, "unit_code": "09001", "served_on": day}]},
        ),
    }
