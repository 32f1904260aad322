"""Real PostgreSQL for every test that asks: one server and one migrated database a test worker.

The database is wiped between tests.

`SIPAS_TEST_DATABASE_URL` runs the suite against a server of one's own: the database it names is emptied!
Several workers each make one of their own beside it.
"""

import asyncio
import gc
import logging
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from pydantic import SecretStr

from app.bootstrap import load_questionnaires, migrate
from app.core import tokens
from app.core.clock import day_bounds, local_day, utc_now
from app.core.database import Database, plain_url
from app.core.embedded import EmbeddedPostgres
from app.core.settings import Settings
from app.models.everything import metadata
from tests.support import cluster
from tests.support.application import application, keeping, tidied
from tests.support.visits import ZONE
from tests.support.world import World

# How long something takes is no test's business: machines that test are busy. Speed lives in `benchmarks/`.
# Fixtures are made once for all examples of a test: those that fill a database empty it themselves.
# The examples of a test are the same in every run; `--hypothesis-profile=searching` looks for new ones.
PATIENCE = hypothesis_settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
hypothesis_settings.register_profile("searching", PATIENCE)
hypothesis_settings.register_profile("patient", PATIENCE, derandomize=True)
hypothesis_settings.load_profile("patient")


def pytest_collection() -> None:
    """Look for no garbage while thousands of tests are collected: all of it stays."""
    gc.disable()


def pytest_collection_finish() -> None:
    """What was collected is never looked over again: that took a third as long as collecting it."""
    gc.freeze()
    gc.enable()


LONGEST_FIRST = ("browser", "faults", "story", "keeping", "house", "scale", "rollups", "units")
"""Folders whose files take longest: they begin first, so that no worker is left alone with one at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the files; within a folder and a file everything stays as it is."""
    ranks = {Path(__file__).parent / folder: rank for rank, folder in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: ranks.get(item.path.parent, len(ranks)))


SECRET = "a-secret-for-tests-only-0123456789abcdef"
KEPT = {"questionnaires"}
LAST_SECONDS = 20


@pytest.fixture(scope="session", autouse=True)
def hasty_passwords() -> Iterator[None]:
    """Argon2 as the service uses it, at the least cost there is: hundreds of people sign in here.

    What it costs outside is held by tests/core/test_passwords.py; served deployments pay it in full.
    """
    with pytest.MonkeyPatch.context() as patch:
        hasty = Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1)
        patch.setattr(tokens, "_passwords", PasswordHash((hasty,)))
        yield


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """A command that is run within a test sets up the logs of the whole process: they are put back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(autouse=True)
def day_that_lasts() -> None:
    """No test begins in a day's last seconds: each looks at the calendar more than once.

    What the service does when a day ends beneath a request is held where the clock is moved on purpose.
    """
    now = utc_now()
    left = (day_bounds(local_day(now, ZONE), ZONE)[1] - now).total_seconds()
    if left < LAST_SECONDS:
        time.sleep(left)


@contextmanager
def own_database(url: str, worker: str) -> Iterator[str]:
    """A database for one worker of several, on the server of the URL."""
    parts = urlsplit(plain_url(url))
    name = f"{parts.path.lstrip('/')}_{worker}"

    async def tell(*statements: str) -> None:
        connection = await asyncpg.connect(plain_url(url))
        for statement in statements:
            await connection.execute(statement)
        await connection.close()

    gone = f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'
    asyncio.run(tell(gone, f"CREATE DATABASE \"{name}\" ENCODING 'UTF8' TEMPLATE template0"))
    yield urlunsplit(parts._replace(path=f"/{name}"))
    asyncio.run(tell(gone))


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A running PostgreSQL; the database in the URL is empty."""
    if external := os.environ.get("SIPAS_TEST_DATABASE_URL"):
        worker = os.environ.get("PYTEST_XDIST_WORKER")
        with own_database(external, worker) if worker else nullcontext(external) as url:
            yield url
        return
    directory = Path(tempfile.mkdtemp(prefix="sipas-tests-"))
    directory.chmod(0o755)
    with EmbeddedPostgres(directory / "data") as url:
        yield url
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def migrated_url(postgres_url: str) -> str:
    """A database at the newest migration that holds the shipped questionnaires; on Citus, laid out."""

    async def prepare() -> None:
        database = Database(postgres_url)
        await migrate(database)
        await load_questionnaires(database)
        await database.close()
        if await cluster.offered(postgres_url):
            await cluster.lay_out(postgres_url)

    asyncio.run(prepare())
    return postgres_url


# DELETE, not TRUNCATE: on tables this small it is thirty times faster, and it is done before every test.
# What was published never changes, and no line of the record, say triggers: they rest while a test's traces
# are removed.
WIPE = "; ".join(
    [
        "ALTER TABLE audit_lines DISABLE TRIGGER audit_lines_stay",
        "ALTER TABLE period_reissues DISABLE TRIGGER period_reissues_frozen",
        "ALTER TABLE period_snapshots DISABLE TRIGGER period_snapshots_frozen",
        *(
            f"DELETE FROM {table.name}"  # noqa: S608
            for table in reversed(metadata.sorted_tables)
            if table.name not in KEPT
        ),
        "ALTER TABLE audit_lines ENABLE TRIGGER audit_lines_stay",
        "ALTER TABLE period_reissues ENABLE TRIGGER period_reissues_frozen",
        "ALTER TABLE period_snapshots ENABLE TRIGGER period_snapshots_frozen",
        "ALTER TABLE questionnaires DISABLE TRIGGER questionnaires_frozen",
        "DELETE FROM questionnaires WHERE version > 1 OR code NOT IN ('quick-5', 'service-16', 'service-22')",
        "UPDATE questionnaires SET status = 'published', retired_at = NULL WHERE status = 'retired'",
        "ALTER TABLE questionnaires ENABLE TRIGGER questionnaires_frozen",
    ]
)


async def wipe(database: Database) -> None:
    """Empty every table but the shipped questionnaires, all or nothing."""
    async with database.engine.connect() as connection:
        raw = await connection.get_raw_connection()
        assert raw.driver_connection is not None
        await raw.driver_connection.execute(WIPE)  # several statements at once are one transaction


@pytest.fixture(scope="session")
async def connected(migrated_url: str) -> AsyncIterator[Database]:
    """A worker's own connections, and those of the applications it starts: opened once for all its tests."""
    async with keeping(migrated_url):
        database = Database(migrated_url)
        yield database
        await database.close()


@pytest.fixture
async def database(connected: Database) -> AsyncIterator[Database]:
    """A clean database."""
    await wipe(connected)
    reader = connected.reader
    yield connected
    connected.reader = reader  # a replica's, perhaps
    await tidied(connected)


@pytest.fixture(scope="session")
def settings(migrated_url: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a service under test."""
    return Settings(
        database_url=migrated_url,
        secret_key=SecretStr(SECRET),
        data_dir=tmp_path_factory.mktemp("data"),
        base_url="https://sipas.example.vn",
    )


@pytest.fixture
async def app(database: Database, settings: Settings) -> AsyncIterator[FastAPI]:
    """The application, started."""
    app = application(settings)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def http(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A caller without credentials."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="https://sipas.example.vn") as client:
        yield client


@pytest.fixture
async def world(database: Database, app: FastAPI) -> World:
    """A small province with noise around it: see tests/support/world.py."""
    return await World.build(database, app)
