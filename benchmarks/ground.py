"""The ground every benchmark stands on: a database of its own, a small province in it, real servers.

Nothing outside is touched: PostgreSQL comes from the wheel and lives in a temporary directory, with the
settings `sipas serve` would give it. What matters of them is read back from the server for the header.
"""

import asyncio
import os
import platform
import secrets
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import httpx
import psutil

from app.bootstrap import load_questionnaires, migrate
from app.core.clock import utc_now
from app.core.database import Database, plain_url
from app.core.embedded import EmbeddedPostgres
from app.core.tokens import AccessTokens, hash_secret
from app.devices.pairing import new_token

COMMUNES = 99
NEIGHBOURS = 20
TABLETS_A_COMMUNE = 3
QUIET = 4
PROVINCE = "24"
_START_PATIENCE = 180.0


@dataclass(frozen=True)
class Tablet:
    """A paired tablet."""

    unit_code: str
    token: str


@dataclass
class Server:
    """A running server, seen from outside."""

    process: asyncio.subprocess.Process
    port: int

    def tree(self) -> list[psutil.Process]:
        """Its processes, the supervisor first."""
        top = psutil.Process(self.process.pid)
        return [top, *top.children(recursive=True)]

    def cpu_seconds(self) -> float:
        """Processor time of all its processes so far."""
        return sum(sum(each.cpu_times()[:2]) for each in self.tree())

    def largest(self) -> tuple[int, int]:
        """Resident and proportional memory, in bytes, of the process that holds most: a web process."""
        sizes = [each.memory_full_info() for each in self.tree()]
        most = max(sizes, key=lambda size: size.rss)
        return most.rss, most.pss


@dataclass
class Ground:
    """A running database with a province of 99 communes, a neighbour, and a partner system's token."""

    url: str
    home: Path
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    tablets: list[Tablet] = field(default_factory=list)
    quiet: list[Tablet] = field(default_factory=list)
    client: UUID = field(default_factory=uuid4)

    @property
    def environment(self) -> dict[str, str]:
        """Environment of the servers. The limit per credential is out of the way: the load is few tablets."""
        return {
            **os.environ,
            "SIPAS_DATABASE_URL": self.url,
            "SIPAS_DATA_DIR": str(self.home),
            "SIPAS_SECRET_KEY": self.secret,
            "SIPAS_RATE_LIMIT_PER_MINUTE": "100000000",
            "SIPAS_LOG_LEVEL": "warning",
        }

    @property
    def bearer(self) -> str:
        """Authorization of a partner system that may do what the benchmarks do; good for 15 minutes."""
        scopes = ["indices:read", "visits:write"]
        return f"Bearer {AccessTokens(self.secret).issue(f'client:{self.client}', scopes, utc_now())}"

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection]:
        """A plain connection to the database."""
        connection = await asyncpg.connect(plain_url(self.url))
        try:
            yield connection
        finally:
            await connection.close()

    @asynccontextmanager
    async def running(self, module: str, *arguments: str) -> AsyncIterator[Server]:
        """A server of ours, `python -m module arguments --port N`, once it is ready."""
        port = free_port()
        command = [sys.executable, "-m", module, *arguments, "--port", str(port)]
        process = await asyncio.create_subprocess_exec(
            *command, env=self.environment, stdout=asyncio.subprocess.DEVNULL
        )
        try:
            await _ready(process, port)
            yield Server(process, port)
        finally:
            with suppress(ProcessLookupError):
                process.terminate()
            await process.wait()

    def database_cpu_seconds(self) -> float:
        """Processor time of PostgreSQL so far, finished children included."""
        used = 0.0
        for each in psutil.process_iter():
            with suppress(psutil.Error):
                if str(self.home / "postgres") in each.cmdline():
                    for one in [each, *each.children()]:
                        used += sum(one.cpu_times()[:2])
                    used += sum(each.cpu_times()[2:4])
                    break
        return used

    async def header(self) -> list[str]:
        """Machine, versions and settings, as read back from the running server."""
        async with self.connection() as connection:
            names = (
                "fsync",
                "synchronous_commit",
                "full_page_writes",
                "shared_buffers",
                "max_wal_size",
                "jit",
            )
            shown = [f"{name}={await connection.fetchval(f'SHOW {name}')}" for name in names]
            server = await connection.fetchval("SHOW server_version")
        packages = ("fastapi", "uvicorn", "uvloop", "httptools", "pydantic", "sqlalchemy", "asyncpg")
        system = f"{platform.system()} {platform.release()}"
        return [
            f"machine     {_processor()}, {os.cpu_count()} cores, {psutil.virtual_memory().total >> 30} GiB",
            f"system      {system}, Python {platform.python_version()}, PostgreSQL {server}",
            "versions    " + ", ".join(f"{name} {version(name)}" for name in packages),
            "database    " + ", ".join(shown),
        ]


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _ready(process: asyncio.subprocess.Process, port: int) -> None:
    deadline = time.monotonic() + _START_PATIENCE
    async with httpx.AsyncClient() as asking:
        while time.monotonic() < deadline and process.returncode is None:
            with suppress(httpx.TransportError):
                if (await asking.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200:
                    return
            await asyncio.sleep(0.1)
    raise RuntimeError(f"a server did not become ready (exit code {process.returncode})")


@asynccontextmanager
async def prepared() -> AsyncIterator[Ground]:
    """The ground, cleared away afterwards."""
    home = Path(tempfile.mkdtemp(prefix="sipas-bench-"))
    home.chmod(0o755)  # the server runs as a user of its own when we are root
    try:
        with EmbeddedPostgres(home) as url:
            ground = Ground(url, home)
            database = Database(url)
            try:
                await migrate(database)
                await load_questionnaires(database)
            finally:
                await database.close()
            await _settle(ground)
            yield ground
    finally:
        shutil.rmtree(home, ignore_errors=True)


async def _settle(ground: Ground) -> None:
    """Units, paired tablets and the partner system, straight into their tables."""
    async with ground.connection() as connection:
        province = await _unit(connection, PROVINCE, "province", None)
        neighbour = await _unit(connection, "N", "province", None)
        communes = [
            (f"{PROVINCE}{place:03}", await _unit(connection, f"{PROVINCE}{place:03}", "commune", province))
            for place in range(1, COMMUNES + 1)
        ]
        for place in range(1, NEIGHBOURS + 1):
            await _unit(connection, f"N{place:03}", "commune", neighbour)
        quiet = [
            (f"Q{place}", await _unit(connection, f"Q{place}", "centre", province)) for place in range(QUIET)
        ]
        await connection.execute(
            "INSERT INTO clients (id, name, secret_hash, scopes, unit_id) VALUES ($1, 'bench', $2, $3, NULL)",
            ground.client,
            hash_secret("never used"),
            ["indices:read", "visits:write"],
        )
        ground.tablets = await _pair(
            connection, [each for each in communes for _ in range(TABLETS_A_COMMUNE)]
        )
        ground.quiet = await _pair(connection, quiet)


async def _unit(connection: asyncpg.Connection, code: str, kind: str, parent: int | None) -> int:
    made: int = await connection.fetchval(
        "INSERT INTO units (code, name, kind, parent_id, search_text) VALUES ($1, $2, $3, $4, $2)"
        " RETURNING id",
        code,
        f"don vi {code}",
        kind,
        parent,
    )
    return made


async def _pair(connection: asyncpg.Connection, units: Sequence[tuple[str, int]]) -> list[Tablet]:
    tablets, rows = [], []
    for code, unit_id in units:
        device = uuid4()
        token = new_token(device)
        tablets.append(Tablet(code, token))
        rows.append((device, unit_id, hash_secret(token)))
    await connection.executemany(
        "INSERT INTO devices (id, unit_id, name, questionnaire_code, token_hash, paired_at)"
        " VALUES ($1, $2, 'bench', 'quick-5', $3, now())",
        rows,
    )
    return tablets
