"""The real PgBouncer before a test's database, in transaction mode, with few server connections."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit

import asyncpg

from app.core.pgwheel import server_owner
from tests.support.server import free_port

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
START_SECONDS = 60.0


@dataclass
class Pooler:
    """A running PgBouncer."""

    url: str


def _server(url: str) -> str:
    """Where the database is, as PgBouncer's configuration says it."""
    parts = urlsplit(url)
    asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
    named = {
        "host": asked.get("host", parts.hostname or "127.0.0.1"),
        "port": asked.get("port", str(parts.port or 5432)),
        "dbname": parts.path.lstrip("/"),
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
    }
    return " ".join(f"{name}='{value}'" for name, value in named.items() if value)


@contextmanager
def pooler(database_url: str, *, size: int) -> Iterator[Pooler]:
    """PgBouncer for the length of a block, with `size` connections to the database."""
    assert PROGRAM is not None
    directory = Path(tempfile.mkdtemp(prefix="sipas-pgb-"))
    directory.chmod(0o755)
    owner = server_owner(directory / "none")  # PgBouncer does not run as root either
    os.chown(directory, owner.pw_uid, owner.pw_gid)
    port, log = free_port(), directory / "log"
    (directory / "pgbouncer.ini").write_text(
        f"""[databases]
sipas = {_server(database_url)}
[pgbouncer]
listen_addr =
listen_port = {port}
unix_socket_dir = {directory}
logfile = {log}
auth_type = any
pool_mode = transaction
default_pool_size = {size}
max_client_conn = 500
tcp_keepidle = 30
tcp_keepintvl = 10
tcp_keepcnt = 3
tcp_user_timeout = 60000
"""
    )
    process = subprocess.Popen(
        [PROGRAM, "-q", directory / "pgbouncer.ini"],
        user=owner.pw_uid if os.geteuid() == 0 else None,
        group=owner.pw_gid if os.geteuid() == 0 else None,
        extra_groups=[] if os.geteuid() == 0 else None,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not (directory / f".s.PGSQL.{port}").exists():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, "PgBouncer does not start"
            time.sleep(0.05)
        yield Pooler(f"postgresql://sipas@/sipas?host={quote(str(directory))}&port={port}")
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(directory, ignore_errors=True)


async def backends(url: str) -> set[int]:
    """The server processes behind a pooler, as transactions one after the other meet them."""
    connection = await asyncpg.connect(url, statement_cache_size=0)
    try:
        return {await connection.fetchval("SELECT pg_backend_pid()") for _ in range(20)}
    finally:
        await connection.close()
