"""PostgreSQL's own programs for dumping and restoring: which of those on this machine suit a server.

pg_dump refuses a server newer than itself, so its major version must be at least the server's; the nearest
is taken. Candidates are the folder `SIPAS_PG_BIN` names and no other, or else the wheel's, those on the PATH,
and Debian's. The wheel comes with this release, so up to its version nothing need be installed, unless the
connection is encrypted: the wheel's programs are built without TLS.

No credential ever stands on a command line, where every user of the machine could read it: the password goes
by environment, all else of the URL is libpq's to read.
"""

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from app.core.backups import BackupError
from app.core.database_url import ENCRYPTED_MODES, joined, libpq_url
from app.core.pgwheel import EmbeddedError, tool

NEEDED = ("pg_dump", "pg_restore", "psql")
CHUNK = 1 << 20
_VERSION = re.compile(r"\(PostgreSQL\) ((\d+)\S*)")
_NO_TLS = "SSL support is not compiled in"
_DEBIAN = Path("/usr/lib/postgresql")


@dataclass(frozen=True, slots=True)
class Programs:
    """One folder of client programs, all of one version."""

    folder: Path
    version: str
    major: int


def found(pg_bin: Path | None) -> list[Programs]:
    """Every folder that holds all programs needed, the preferred first."""
    if pg_bin is not None:
        folders = [pg_bin]
    else:
        folders = [*_of_the_wheel(), *_on_the_path(), *sorted(_DEBIAN.glob("*/bin"))]
    return [programs for folder in folders if (programs := _asked(folder)) is not None]


def for_dump(server: int, pg_bin: Path | None, *, encrypted: bool) -> Programs:
    """The programs nearest to a server of this major version. BackupError says what to install.

    `encrypted`: whether the service's own connection is: then theirs must be, too.
    """
    return min(_fit(server, pg_bin, encrypted), key=lambda programs: programs.major)


def for_restore(server: int, pg_bin: Path | None, *, encrypted: bool) -> Programs:
    """The newest programs: they read every dump, and none must be older than the server."""
    return max(_fit(server, pg_bin, encrypted), key=lambda programs: programs.major)


def speaks_tls(programs: Programs) -> bool:
    """Whether they can encrypt: those of the wheel cannot. Both that connect are asked, and go nowhere."""
    nowhere = f"--dbname=host={programs.folder / 'nowhere'} sslmode=require"
    asked = [[str(programs.folder / name), "--no-password", nowhere] for name in ("pg_dump", "psql")]
    environment = {**os.environ, "LC_ALL": "C"}
    said = [
        subprocess.run(command, capture_output=True, text=True, check=False, env=environment).stderr
        for command in asked
    ]
    return not any(_NO_TLS in complaint for complaint in said)


def connection(url: str, *, encrypted: bool) -> tuple[str, dict[str, str]]:
    """A URL to put on a command line, and the environment that goes with it.

    What is encrypted for the service is encrypted for them, or they refuse: left to themselves they would go
    on in the clear where the URL demands nothing. What is not (a socket of this machine) is not demanded, or
    programs without TLS would refuse. BackupError for a passphrase, which would stand on the command line.
    """
    parts = urlsplit(libpq_url(url))
    environment = {**os.environ, "LC_ALL": "C"}
    if parts.password is not None:
        environment["PGPASSWORD"] = unquote(parts.password)
    query = dict(parse_qsl(parts.query))
    if "password" in query:
        environment["PGPASSWORD"] = query.pop("password")
    if "sslpassword" in query:
        raise BackupError(
            "the URL holds an sslpassword, which every user of this machine could read while pg_dump runs: "
            "use a key without one, readable by the service's user alone"
        )
    demand = query if "sslmode" in query else environment
    name = "sslmode" if demand is query else "PGSSLMODE"
    if (demand.get(name) in ENCRYPTED_MODES) != encrypted:
        demand[name] = "require" if encrypted else "disable"
    login, at, place = parts.netloc.rpartition("@")
    place = f"{login.partition(':')[0]}{at}{place}"
    return joined(parts._replace(netloc=place, query=urlencode(query, quote_via=quote))), environment


@asynccontextmanager
async def running(
    programs: Programs, name: str, *arguments: str, url: str | None = None, encrypted: bool = False
) -> AsyncIterator["Running"]:
    """A program at work, connected to `url`, `encrypted` as the service's own connection is.

    It is killed when the block is left before it has ended.
    """
    environment = {**os.environ, "LC_ALL": "C"}
    if url is not None:
        place, environment = connection(url, encrypted=encrypted)
        arguments = ("--no-password", f"--dbname={place}", *arguments)
    process = await _started([str(programs.folder / name), *arguments], environment)
    assert process.stderr is not None  # noqa: S101  asked for above
    complaints = asyncio.create_task(process.stderr.read())
    try:
        yield Running(name, process, complaints)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await complaints


async def _started(command: list[str], environment: dict[str, str]) -> asyncio.subprocess.Process:
    """Start a program; a cancellation waits until it is there, because asyncio's own hangs in the middle."""
    starting = asyncio.create_task(
        asyncio.create_subprocess_exec(
            *command,
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=CHUNK,
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        process = await starting
        process.kill()
        await process.wait()
        raise


@dataclass(frozen=True, slots=True)
class Running:
    """A program at work."""

    name: str
    process: asyncio.subprocess.Process
    complaints: "asyncio.Task[bytes]"

    @property
    def output(self) -> asyncio.StreamReader:
        """What it writes."""
        assert self.process.stdout is not None  # noqa: S101  `running` asks for it
        return self.process.stdout

    @property
    def input(self) -> asyncio.StreamWriter:
        """What it reads."""
        assert self.process.stdin is not None  # noqa: S101  `running` asks for it
        return self.process.stdin

    async def ended(self) -> None:
        """Wait for its end; BackupError with what it complained about unless all went well."""
        if await self.process.wait() != 0:
            said = (await self.complaints).decode(errors="replace").strip().splitlines()
            lines = [line for line in said if "error:" in line.lower()] or said[-1:]
            raise BackupError(lines[0] if lines else f"{self.name} ended with {self.process.returncode}")


def _of_the_wheel() -> Iterator[Path]:
    with suppress(EmbeddedError):  # a machine for which there is no wheel
        yield tool("pg_dump").parent


def _on_the_path() -> Iterator[Path]:
    name = shutil.which("pg_dump")
    if name is not None and Path(name).resolve().name == "pg_dump":  # Debian's is a wrapper that chooses
        yield Path(name).resolve().parent


def _asked(folder: Path) -> Programs | None:
    if not all(os.access(folder / name, os.X_OK) for name in NEEDED):
        return None
    said = subprocess.run([folder / "pg_dump", "--version"], capture_output=True, text=True, check=False)
    version = _VERSION.search(said.stdout)
    return None if version is None else Programs(folder, version[1], int(version[2]))


def _fit(server: int, pg_bin: Path | None, encrypted: bool) -> list[Programs]:
    new_enough = [programs for programs in found(pg_bin) if programs.major >= server]
    if not new_enough:
        raise BackupError(_missing(server, pg_bin))
    fit = [programs for programs in new_enough if not encrypted or speaks_tls(programs)]
    if not fit:
        raise BackupError(
            "the connection to the database is encrypted, and no pg_dump of version "
            f"{server} or newer that can encrypt is in "
            f"{', '.join(str(programs.folder) for programs in new_enough)}: install one (Debian: apt-get "
            f"install postgresql-client-{server}), or name its folder in SIPAS_PG_BIN"
        )
    return fit


def _missing(server: int, pg_bin: Path | None) -> str:
    if pg_bin is not None:
        here = ", ".join(programs.version for programs in found(pg_bin)) or "none"
        return (
            f"the server is PostgreSQL {server}, the programs in SIPAS_PG_BIN ({pg_bin}) are of version "
            f"{here}: name a folder with pg_dump, pg_restore and psql of version {server} or newer"
        )
    return (
        f"the server is PostgreSQL {server} and no pg_dump of that version or newer is here: install one "
        f"(Debian: apt-get install postgresql-client-{server}), or name its folder in SIPAS_PG_BIN"
    )
