"""The service through the real PgBouncer in transaction mode: the whole walk on three server connections."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.audit import SYSTEM
from app.core.database import SERVER_SETTINGS, Database, plain_url
from app.core.settings import Settings
from app.doctor.examine import examine
from app.doctor.finding import Finding
from app.exports.jobs import run_exports
from app.main import create_app
from app.rollups.jobs import run_pulse, verify
from app.users import service as users
from tests.support import walk
from tests.support.pgbouncer import PROGRAM, Pooler, backends, pooler

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="PgBouncer is not installed")
SERVERS = 3


@pytest.fixture(scope="module")
def between(migrated_url: str) -> Iterator[Pooler]:
    with pooler(plain_url(migrated_url), size=SERVERS) as running:
        yield running


@pytest.fixture
async def pooled(between: Pooler, database: Database) -> AsyncIterator[Database]:
    through = Database(between.url, direct_url=database.url, pool_size=10)
    yield through
    await through.close()


@pytest.fixture
async def service(between: Pooler, settings: Settings, database: Database) -> AsyncIterator[FastAPI]:
    """Web through the pooler, jobs straight."""
    changes = {"database_url": between.url, "direct_database_url": database.url}
    app, stop = create_app(settings.model_copy(update=changes)), asyncio.Event()
    async with asyncio.TaskGroup() as jobs, app.router.lifespan_context(app):
        jobs.create_task(run_pulse(database, stop))
        jobs.create_task(run_exports(database, stop, interval=0.1))
        yield app
        stop.set()


async def test_a_whole_day_goes_through_three_connections(
    service: FastAPI, database: Database, between: Pooler
) -> None:
    async with database.transaction() as session:
        await users.create_administrator(session, SYSTEM, walk.ADMIN, walk.PASSWORD)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(service), base_url="https://x") as http:
        await walk.walk(http)
    assert (await verify(database)).differences == []
    assert len(await backends(between.url)) <= SERVERS


async def test_each_transaction_has_its_settings_and_leaves_none(pooled: Database, between: Pooler) -> None:
    asked = text("SELECT current_setting(name) FROM unnest(CAST(:names AS text[])) AS name")
    told = {"names": list(SERVER_SETTINGS)}
    wanted = ["sipas", "UTC", "off", "30s", "5s", "1min"]

    async def of(opened: object) -> list[str]:
        async with opened as there:  # type: ignore[attr-defined]  # a session or a connection
            return list((await there.execute(asked, told)).scalars())

    many = [of(open_()) for open_ in (pooled.write, pooled.read, pooled.alone) for _ in range(20)]
    assert await asyncio.gather(*many) == [wanted] * 60
    bare = await asyncpg.connect(between.url, statement_cache_size=0)
    try:
        left = {await bare.fetchval("SELECT current_setting('lock_timeout')") for _ in range(20)}
    finally:
        await bare.close()
    assert left == {"0"}


async def test_who_only_reads_cannot_write(pooled: Database) -> None:
    async with pooled.alone() as connection:
        with pytest.raises(DBAPIError, match="read-only"):
            await connection.execute(text("INSERT INTO stale_unit_days VALUES (1, '2026-01-01')"))


async def test_many_more_clients_than_connections_are_all_served(pooled: Database) -> None:
    async def one(number: int) -> int:
        async with pooled.transaction() as session:
            found = await session.scalar(text(f"SELECT CAST(:n AS integer) + {number % 7}"), {"n": number})
            return int(found or 0)

    assert await asyncio.gather(*map(one, range(200))) == [number + number % 7 for number in range(200)]


async def test_the_doctor_asks_both_ways_to_the_database(
    between: Pooler, settings: Settings, database: Database
) -> None:
    async def found(url: str, direct: str | None) -> dict[str, Finding]:
        changed = settings.model_copy(update={"database_url": url, "direct_database_url": direct})
        return dict(await asyncio.to_thread(lambda: list(examine(changed))))

    well = await found(between.url, database.url)
    assert (well["database"].level, well["pooler"].level, well["sessions"].level) == ("ok", "ok", "ok")
    nobody = await found("postgresql://sipas@127.0.0.1:1/sipas", database.url)
    assert (nobody["database"].level, nobody["pooler"].level) == ("ok", "fault")
    other = urlunsplit(urlsplit(database.url)._replace(path="/template1"))
    elsewhere = await found(other, database.url)
    assert "another database" in elsewhere["pooler"].says
    forgotten = (await found(between.url, None))["database"]
    assert forgotten.level == "fault"
    assert "SIPAS_DIRECT_DATABASE_URL" in (forgotten.do or "")
