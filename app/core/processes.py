"""The processes of one machine, so that one scrape tells of all of them: web processes and the job runner.

prometheus_client keeps the figures of several processes in files of one directory. The supervisor makes the
directory; each process takes a numbered place in it (`web0`, `jobs0`) and holds it by a lock on a file, which
the system lets go whatever the process dies of. Its successor takes the same place and counts on from there:
counters never fall, and however often something dies, there are no more files than places.

It lies in shared memory where there is some: counting must never wait for a disk that is busy with responses.
"""

import fcntl
import multiprocessing
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
UNBORN = "SIPAS_UNBORN"
"""Set in a process that does nothing but wait to be forked: it takes no place."""
JOBS = "sipas jobs"
"""What the process of the job runner is called."""

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  where there is none, the temporary directory does
_PREFIX = "sipas-metrics-"
_OWNER = "supervisor"
_NOBODY = "nobody"
_JUST_MADE_SECONDS = 60.0

_place: str | None = None


@contextmanager
def shared_directory() -> Iterator[Path]:
    """The directory for the figures of all processes started meanwhile, who find it in their environment."""
    shared = _SHARED_MEMORY.is_dir() and os.access(_SHARED_MEMORY, os.W_OK)
    above = _SHARED_MEMORY if shared else Path(tempfile.gettempdir())
    _sweep(above)
    directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=above))
    owner = _take(directory / _OWNER)
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = str(directory)
    try:
        yield directory
    finally:
        os.environ.pop(VARIABLE)
        if before is not None:
            os.environ[VARIABLE] = before
        shutil.rmtree(directory, ignore_errors=True)
        if owner is not None:
            os.close(owner)


def directory() -> Path | None:
    """Where the processes of this machine leave their figures; None for a process that is alone."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else None


def place() -> str:
    """What this process is called. Takes a place when first asked; who is forked from it takes another.

    Asked each time something is counted, which is several times a request.
    """
    global _place  # noqa: PLW0603  one a process
    if _place is None:
        if UNBORN in os.environ:
            return _NOBODY
        _place = claim() or _NOBODY
    return _place


def _give_up_place() -> None:
    global _place  # noqa: PLW0603  one a process
    _place = None


os.register_at_fork(after_in_child=_give_up_place)


def claim() -> str | None:
    """Take a place for as long as this process lives; its name, or None for a process that is alone."""
    shared = directory()
    if shared is None:
        return None
    kind = "jobs" if multiprocessing.current_process().name == JOBS else "web"
    number = 0
    while (descriptor := _take(shared / f"{kind}{number}")) is None:
        number += 1
    for left in shared.glob(f"gauge_*_{kind}{number}.db"):  # the predecessor's queue is not ours
        left.unlink()
    os.ftruncate(descriptor, 0)
    os.write(descriptor, str(os.getpid()).encode())
    return f"{kind}{number}"


def living(shared: Path) -> dict[str, int]:
    """Place -> process id, of everyone who lives."""
    found = {}
    for path in sorted(shared.iterdir()):
        if path.suffix == ".db" or path.name == _OWNER:
            continue
        with path.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                with suppress(ValueError):  # it has just taken the place and not yet said who it is
                    found[path.name] = int(file.read())
    return found


def files(shared: Path, alive: dict[str, int]) -> list[str]:
    """The files to be added up: of the dead what they counted, but not how full their queue was."""
    found = []
    for path in shared.glob("*.db"):
        kind, _, place = path.stem.rpartition("_")
        # an empty one belongs to a process that is just beginning
        if (place in alive or not kind.startswith("gauge_")) and path.stat().st_size:
            found.append(str(path))
    return found


def _take(path: Path) -> int | None:
    """Lock a file; None when another process has it. The lock ends with the process."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _sweep(above: Path) -> None:
    """Remove what supervisors of ours left behind that could not clean up."""
    for left in above.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # another's, or another start sweeps as well
            about = left.lstat()
            if about.st_uid != os.geteuid() or time.time() - about.st_mtime < _JUST_MADE_SECONDS:
                continue
            owner = _take(left / _OWNER)
            if owner is not None:
                os.close(owner)
                shutil.rmtree(left, ignore_errors=True)
