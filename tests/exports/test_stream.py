"""Streams of a real server: whoever goes away takes their connection along, and a few at a time is enough."""

import csv
import hashlib
import io
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from app.core.database import Database
from app.exports.stream import AT_ONCE
from tests.conftest import SECRET
from tests.support.planted import ADDRESS, OCTOBER, ORDERS, Planted, plant
from tests.support.server import Server, start
from tests.support.waiting import until
from tests.support.world import World

ROWS = 12_000  # of two thousand characters: far more than the buffers between us and PostgreSQL hold
QUERY = {**OCTOBER, "comments": "true"}

MANY = text(
    """
    INSERT INTO responses (unit_id, id, questionnaire_id, local_day, channel, verdict, answers, comment,
        submitted_at, received_at, content_digest)
    SELECT unit_id, gen_random_uuid(), questionnaire_id, local_day, channel, verdict, answers,
        number || repeat('ắ', 1990), submitted_at, received_at, decode(md5(number::text), 'hex')
    FROM responses CROSS JOIN generate_series(2, :rows) number
    """
)
OPEN = text("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'sipas export'")


@pytest.fixture
def server(world: World) -> Iterator[Server]:
    directory = Path(tempfile.mkdtemp(prefix="sipas-exports-"))
    server = start(directory, "--no-worker", database_url=world.database.url, secret_key=SECRET)
    yield server
    server.stop()
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
async def http(server: Server, world: World) -> AsyncIterator[httpx.AsyncClient]:
    await plant(world, [Planted("09001")])
    async with world.database.transaction() as session:
        await session.execute(MANY, {"rows": ROWS})
    async with httpx.AsyncClient(base_url=server.url, headers=world.admin, timeout=30) as client:
        yield client


async def test_streams_end_with_their_readers_and_a_whole_one_is_what_its_record_says(
    http: httpx.AsyncClient, database: Database
) -> None:
    async def open_connections() -> int:
        async with database.read() as session:
            return await session.scalar(OPEN) or 0

    async def told(export: str) -> dict[str, object]:
        found: dict[str, object] = (await http.get(f"{ORDERS}/{export}")).raise_for_status().json()
        return found

    async with AsyncExitStack() as readers:
        begun = []
        for _ in range(AT_ONCE):
            answer = await readers.enter_async_context(http.stream("GET", ADDRESS, params=QUERY))
            assert answer.status_code == 200
            begun.append(answer.headers["x-export-id"])
        assert await open_connections() == AT_ONCE
        refused = await http.get(ADDRESS, params=QUERY)
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
        assert int(refused.headers["retry-after"]) > 0
        assert {(await told(export))["state"] for export in begun} == {"running"}
    await until(open_connections, lambda found: found == 0)
    for export in begun:
        ended = await until(lambda export=export: told(export), lambda found: found["state"] != "running")  # type: ignore[misc]
        assert (ended["state"], ended["failure"]) == ("failed", "broken_off")

    whole = await http.get(ADDRESS, params=QUERY)
    assert len(list(csv.reader(io.StringIO(whole.content.decode("utf-8-sig"), newline="")))) == 1 + ROWS
    record = await told(whole.headers["x-export-id"])
    assert (record["state"], record["rows"], record["size"]) == ("done", ROWS, len(whole.content))
    assert record["sha256"] == hashlib.sha256(whole.content).hexdigest()
    assert await open_connections() == 0
