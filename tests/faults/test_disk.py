"""A disk that fills up under intake: where the data lies, and where the write-ahead log lies.

Two small disks of its own for one PostgreSQL; only root may make them. A full data disk refuses what needs a
new page, and the server lives on. On a full log disk PostgreSQL stops itself, and has to be started again
when there is room: by the supervisor, elsewhere by the operator; here by the test.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from app.bootstrap import load_questionnaires, migrate
from app.core.database import Database
from app.core.embedded import EmbeddedPostgres
from app.core.settings import Settings
from app.core.writable import writable
from app.models.everything import metadata
from app.rollups.jobs import rebuild, refresh, verify
from tests.faults.pressure import House, housed
from tests.support.said import body
from tests.support.waiting import until

MOUNT, UMOUNT = (shutil.which(name) or "" for name in ("mount", "umount"))
DATA_DISK, LOG_DISK = "400m", "120m"
MEBIBYTE = 1024 * 1024
RESPONSES = 200
"""Responses in a batch that makes the database want new pages soon."""


@contextmanager
def small_disk(size: str) -> Iterator[Path]:
    """A file system of this size, as long as it takes; skips where it may not be made."""
    place = Path(tempfile.mkdtemp(prefix="sipas-disk-"))
    made = subprocess.run(
        [MOUNT, "-t", "tmpfs", "-o", f"size={size},mode=0755", "sipas-test", place],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        if made.returncode != 0:
            pytest.skip(f"no disk of its own may be made here: {made.stderr.strip()}")
        yield place
    finally:
        if made.returncode == 0:
            subprocess.run([UMOUNT, "--lazy", place], check=True)
        place.rmdir()


class Disk:
    """A small disk that can be filled to the last byte, and emptied again."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._ballast = place / "ballast"

    def fill(self) -> None:
        """Leave no room."""
        with self._ballast.open("ab", buffering=0) as ballast:
            for piece in (MEBIBYTE, 4096, 1):
                while True:
                    try:
                        os.posix_fallocate(ballast.fileno(), ballast.tell(), piece)
                        ballast.seek(piece, os.SEEK_CUR)
                    except OSError:
                        break

    def free(self) -> None:
        """Give the room back."""
        self._ballast.unlink(missing_ok=True)


@pytest.fixture
def disks() -> Iterator[tuple[Disk, Disk]]:
    if os.geteuid() != 0 or not MOUNT:
        pytest.skip("only root may make a disk of its own")
    with ExitStack() as stack:
        data, log = (stack.enter_context(small_disk(size)) for size in (DATA_DISK, LOG_DISK))
        yield Disk(data), Disk(log)


@pytest.fixture
def server(disks: tuple[Disk, Disk]) -> Iterator[EmbeddedPostgres]:
    """PostgreSQL with its data on the one disk and its log on the other."""
    data, log = disks
    server = EmbeddedPostgres(data.place / "data")
    server.start()
    server.stop()
    moved, before = log.place / "pg_wal", server.cluster / "pg_wal"
    owner = before.stat()
    shutil.move(before, moved)
    for path in (moved, *moved.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid)
    before.symlink_to(moved)
    server.start()
    yield server
    for disk in disks:
        disk.free()
    server.stop()


@pytest.fixture
async def straight(server: EmbeddedPostgres) -> AsyncIterator[Database]:
    database = Database(server.url)
    await migrate(database)
    await load_questionnaires(database)
    yield database
    await database.close()


@pytest.fixture
async def house(settings: Settings, straight: Database) -> AsyncIterator[House]:
    own = settings.model_copy(update={"database_url": straight.url, "rate_limit_per_minute": 10_000_000})
    async with housed(own, straight) as house:
        yield house


async def pour(house: House) -> int:
    """Send a batch of long responses; its status. What was acknowledged is noted."""
    batch = [body(comment="Cán bộ rất nhiệt tình. " * 40) for _ in range(RESPONSES)]
    asked = house.kinds["batch"]
    answer = await house.http.post(asked.path, json={"responses": batch}, headers=asked.headers)
    if answer.status_code == 200:
        items = answer.json()["items"]
        house.kept += [item["id"] for item in items if item["status"] == "accepted"]
        refused = {item["problem"]["code"] for item in items if item["status"] == "rejected"}
        assert refused <= {"unavailable"}
        return 503 if refused else 200
    assert answer.json()["code"] == "unavailable"
    assert answer.headers["retry-after"]
    return answer.status_code


async def unready(house: House) -> str:
    """What /readyz says of the database; "" while all is well."""
    answer = await house.http.get("/readyz")
    return "" if answer.status_code == 200 else str(answer.json()["database"])


async def sound(house: House) -> None:
    """Everything acknowledged is there, every row can be read, and every cell is right."""
    await house.recovered()
    database = house.world.database
    while await refresh(database):
        pass
    verification = await verify(database)
    assert (verification.differences, verification.ignored) == ([], 0)
    async with database.engine.connect() as connection:
        for table in metadata.sorted_tables:
            await connection.execute(text(f"SELECT count(md5(t::text)) FROM {table.name} t"))  # noqa: S608
        by_table = await connection.scalar(text("SELECT count(*) FROM responses"))
        await connection.execute(text("SET LOCAL enable_seqscan = off"))
        assert await connection.scalar(text("SELECT count(*) FROM responses WHERE unit_id > 0")) == by_table


async def test_a_full_disk_is_said_so_and_survived(
    house: House, server: EmbeddedPostgres, disks: tuple[Disk, Disk]
) -> None:
    data, log = disks
    assert await writable(house.world.database)
    await until(lambda: pour(house), lambda status: status == 200)
    await rebuild(house.world.database)  # what the house was furnished with, too

    data.fill()
    await until(lambda: pour(house), lambda status: status == 503)
    assert await until(lambda: unready(house), bool) == "unwritable"
    assert not await writable(house.world.database)
    assert (await house.ask("index")).status_code == 200  # whoever only reads is served
    data.free()
    await until(lambda: unready(house), lambda said: not said)
    assert await until(lambda: pour(house), lambda status: status == 200)
    await sound(house)

    log.fill()

    async def pour_over() -> int:
        async with house.world.database.alone() as connection:
            await connection.execute(text("SELECT pg_switch_wal()"))
        return await pour(house)

    await until(pour_over, lambda status: status == 503)
    assert await until(lambda: unready(house), bool) in {"unwritable", "unreachable"}
    log.free()
    restarted = EmbeddedPostgres(server.home)  # finds it running, or starts it
    restarted.start()
    try:
        await until(lambda: unready(house), lambda said: not said)
        await house.world.database.close()  # the test's own connections are of the server before
        await sound(house)
    finally:
        restarted.stop()
