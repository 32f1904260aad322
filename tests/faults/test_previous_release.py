"""The code of the release before runs on the schema of this one, so that machines can be replaced one by one.

It is taken from the history: the newest commit of the main line that names an older migration than we do.
"""

import asyncio
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.bootstrap import migrate, prepare
from app.core.database import Database
from app.core.embedded import EmbeddedPostgres
from app.core.revision import HEAD
from app.core.settings import Settings
from tests.faults.auditor import audit
from tests.faults.client import Broken, Line
from tests.faults.ground import PASSWORD, USERNAME, Ground
from tests.faults.load import Memory, storm
from tests.support.server import free_port
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
REVISION = "app/core/revision.py"
SECRET = "a-secret-for-tests-only-0123456789abcdef"


def git(*arguments: str) -> bytes:
    """What git says; the test is skipped where there is no history to ask."""
    program = shutil.which("git")
    if program is None:
        pytest.skip("needs git, for the code of the release before")
    done = subprocess.run([program, "-C", str(ROOT), *arguments], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"needs the history, for the code of the release before: {done.stderr.decode().strip()}")
    return done.stdout


def head_at(commit: str) -> str:
    found = re.search(r'^HEAD = "(\w+)"', git("show", f"{commit}:{REVISION}").decode(), re.MULTILINE)
    assert found is not None
    return found[1]


def commit_before() -> str:
    """The newest commit of the main line whose migration is an older one."""
    for commit in ("HEAD", *git("rev-list", "--first-parent", "HEAD", "--", REVISION).decode().split()):
        for candidate in (
            commit,
            f"{commit}^",
        ):  # the file may have changed in many commits for one migration
            if head_at(candidate) < HEAD:
                return candidate
    pytest.skip("the history reaches back to no older migration")


@pytest.fixture
def tree() -> Iterator[Path]:
    """The code of the release before, in a directory of its own."""
    home = Path(tempfile.mkdtemp(prefix="sipas-before-"))
    with ZipFile(BytesIO(git("archive", "--format=zip", commit_before(), "app", "migrations"))) as files:
        files.extractall(home)
    yield home
    shutil.rmtree(home)


@contextmanager
def running(tree: Path, *commands: list[str], **settings: str) -> Iterator[None]:
    """Modules of a tree as processes."""
    outside = {
        name: value for name, value in os.environ.items() if not name.startswith(("SIPAS_", "PYTHONPATH"))
    }
    environment = outside | {f"SIPAS_{name.upper()}": value for name, value in settings.items()}
    processes = [
        subprocess.Popen([sys.executable, "-m", *command], cwd=tree, env=environment) for command in commands
    ]
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


async def test_the_release_before_serves_and_counts_on_this_schema(tree: Path, data_dir: Path) -> None:
    older = re.search(r'"(\w+)"', (tree / REVISION).read_text())
    assert older is not None
    assert older[1] < HEAD
    port = free_port()
    with EmbeddedPostgres(data_dir) as url:
        settings = Settings(
            database_url=url,
            secret_key=SecretStr(SECRET),
            admin_username=USERNAME,
            admin_password=SecretStr(PASSWORD),
        )
        database = Database(url)
        await prepare(database, settings)
        await database.close()
        web = ["uvicorn", "app.main:app_from_environment", "--factory", "--port", str(port)]
        with running(
            tree,
            [*web, "--log-level", "warning"],
            ["app.cli", "worker"],
            database_url=url,
            secret_key=SECRET,
            rate_limit_per_minute="10000000",
            log_level="warning",
        ):
            line = Line(port)

            async def readiness() -> dict[str, object]:
                try:
                    answer: dict[str, object] = (await line.ask("GET", "/readyz")).json()
                except Broken:
                    answer = {}
                return answer

            shown = await until(readiness, lambda found: found.get("status") == "ready")
            line.close()
            assert (shown["revision"], shown["expected_revision"]) == (HEAD, older[1])
            ground, memory = Ground(port), Memory()
            await ground.furnish()
            async with storm(ground, memory, random.Random(1)):
                await asyncio.sleep(2)
            assert memory.counted["accepted"] > 0
            assert not str(await audit(url, ground, memory))


async def stand_at(connection: AsyncConnection, revision: str) -> None:
    await connection.execute(text("UPDATE alembic_version SET version_num = :at"), {"at": revision})
    await connection.commit()


async def test_a_release_leaves_the_schema_of_a_newer_one_alone(database: Database) -> None:
    """So `sipas serve` of the release before starts again in the middle of a deploy, and after going back."""
    async with database.engine.connect() as connection:
        try:
            await stand_at(connection, "9999")
            await migrate(database)
            assert await database.revision() == "9999"
        finally:
            await stand_at(connection, HEAD)
