"""Figures from a real streaming replica: how fresh they say they are, and who answers when it is late."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from urllib.parse import urlsplit, urlunsplit

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select, text

from app.core.clock import utc_now
from app.core.database import Database
from app.core.metrics import INSTRUMENTS
from app.core.replica import Replica
from app.core.settings import Settings
from app.doctor.examine import examine
from app.doctor.finding import Finding
from app.exports.jobs import Maker
from app.models.unit import Unit
from app.rollups.jobs import refresh
from tests.support import said
from tests.support.application import application
from tests.support.planted import ADDRESS, OCTOBER, OURS, plant
from tests.support.standby import Standby, standby
from tests.support.visits import day
from tests.support.waiting import until
from tests.support.world import World

pytestmark = pytest.mark.skipif(
    "SIPAS_TEST_DATABASE_URL" in os.environ, reason="a replica is made of the tests' own PostgreSQL"
)
BOUND = 2


@pytest.fixture(scope="module")
def replica_of(migrated_url: str) -> Iterator[Standby]:
    with standby(migrated_url) as running:
        yield running


@pytest.fixture
async def there(replica_of: Standby, database: Database) -> Standby:
    """The replica, up, replaying, and no longer behind."""
    replica_of.server.start()
    await replica_of.say("SELECT pg_wal_replay_resume()")
    return replica_of


@pytest.fixture
async def app(there: Standby, settings: Settings, database: Database) -> AsyncIterator[FastAPI]:
    changes = {"read_database_url": there.url, "read_staleness_seconds": BOUND}
    app = application(settings.model_copy(update=changes))
    async with app.router.lifespan_context(app):
        yield app


def reads(which: str) -> float:
    return INSTRUMENTS.get_sample_value("sipas_figure_reads_total", {"database": which}) or 0.0


def unused() -> float | None:
    return INSTRUMENTS.get_sample_value("sipas_replica_unused")


async def replica_line(settings: Settings, url: str) -> Finding:
    told = await asyncio.to_thread(
        lambda: dict(examine(settings.model_copy(update={"read_database_url": url})))
    )
    return told["replica"]


async def asked(http: httpx.AsyncClient, world: World) -> tuple[str, int, datetime]:
    """Who answered, how many responses are in the figure, and when it says it is complete."""
    before = reads("replica")
    period = {"from": day(1), "to": day()}
    answer = await http.get("/api/v1/indices/24", params=period, headers=world.admin)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    who = "replica" if reads("replica") > before else "primary"
    counted = sum(result["responses"] for result in found["results"])
    return who, counted, datetime.fromisoformat(found["as_of"])


async def respond(http: httpx.AsyncClient, world: World, tablet: dict[str, str]) -> None:
    answer = await http.post("/api/v1/responses", json=said.body(), headers=tablet)
    assert answer.status_code == 201
    while await refresh(world.database):
        pass


async def test_the_replica_answers_and_says_how_fresh_it_is(
    http: httpx.AsyncClient, world: World, there: Standby
) -> None:
    _, tablet = await said.device(world)
    await respond(http, world, tablet)
    await until(lambda: asked(http, world), lambda found: found[:2] == ("replica", 1))
    before = utc_now()
    _, _, as_of = await until(
        lambda: asked(http, world), lambda found: found[0] == "replica" and found[2] > before
    )
    assert as_of <= utc_now()
    form = {"from": day(1), "to": day(), "questionnaire": "quick-5"}
    for path, more in (
        ("indices/24/series", {"grain": "day"}),
        ("indices/24/drivers", {}),
        ("rankings", {"kind": "commune"}),
        ("public/periods", {}),
    ):
        params = {**form, **more} if "public" not in path else more
        # a busy machine may be late for once: then the primary answers
        await until(partial(served, http, world, path, params), lambda more: more == 1)
    # staff's lists see what was just written
    assert await served(http, world, "units", {}) == 0


async def served(http: httpx.AsyncClient, world: World, path: str, params: dict[str, str]) -> float:
    """How many readings of the replica this answer took."""
    before = reads("replica")
    answer = await http.get(f"/api/v1/{path}", params=params, headers=world.admin)
    assert answer.status_code == 200, answer.text
    return reads("replica") - before


async def test_a_replica_that_stands_still_says_so_and_is_left_when_it_is_late(
    http: httpx.AsyncClient, world: World, there: Standby
) -> None:
    _, tablet = await said.device(world)
    await until(lambda: asked(http, world), lambda found: found[0] == "replica")
    await there.say("SELECT pg_wal_replay_pause()")
    await until(lambda: there.say("SELECT pg_get_wal_replay_pause_state()"), lambda state: state == "paused")
    paused = utc_now()
    await respond(http, world, tablet)
    late: list[tuple[str, int, datetime]] = []

    async def again() -> tuple[str, int, datetime]:
        late.append(await asked(http, world))
        return late[-1]

    _, counted, as_of = await until(again, lambda found: found[0] == "primary")
    assert (counted, as_of >= paused.replace(microsecond=0)) == (1, True)
    for _, counted, as_of in late[:-1]:  # what the replica said meanwhile was true of its moment
        assert counted == 0
        assert as_of <= paused + timedelta(seconds=1)
    await there.say("SELECT pg_wal_replay_resume()")
    await until(lambda: asked(http, world), lambda found: found[:2] == ("replica", 1))


async def test_a_replica_that_dies_fails_nobody_and_is_taken_again_when_it_returns(
    http: httpx.AsyncClient, world: World, there: Standby
) -> None:
    await until(lambda: asked(http, world), lambda found: found[0] == "replica")
    assert unused() == 0
    there.kill()
    assert [(await asked(http, world))[0] for _ in range(5)] == ["primary"] * 5
    assert unused() == 1
    there.server.start()
    await until(lambda: asked(http, world), lambda found: found[0] == "replica")
    assert unused() == 0


async def test_the_doctor_knows_a_replica(settings: Settings, there: Standby) -> None:
    assert (await replica_line(settings, there.url)).level == "ok"
    for url, part in (
        (urlunsplit(urlsplit(there.url)._replace(path="/template1")), "another database"),
        (settings.direct_url, "no replica"),
        ("postgresql://nobody@127.0.0.1:1/nothing", "SIPAS_READ_DATABASE_URL"),
    ):
        finding = await replica_line(settings, url)
        assert finding.level == "fault"
        assert part in f"{finding.says} {finding.do}"


async def test_an_export_holds_all_that_was_committed_when_it_was_asked_for(
    http: httpx.AsyncClient, world: World, there: Standby
) -> None:
    await plant(world, OURS)
    served = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'sipas export'"
    taken = await http.get(ADDRESS, params=OCTOBER, headers=world.admin)
    assert len(taken.text.splitlines()) == 1 + len(OURS)
    database = world.database
    async with Replica(database, there.url, staleness_seconds=60) as replica:
        await until(_is_fit(replica), bool)
        assert await replica.reader.whole() == there.url
        database.reader = replica.reader
        order = {"what": "responses", **OCTOBER, "version": 1}
        assert (await http.post("/api/v1/exports", json=order, headers=world.admin)).status_code == 202
        assert await Maker(database).work()
    (made,) = (await http.get("/api/v1/exports", params={"limit": 1}, headers=world.admin)).json()["items"]
    assert (made["state"], made["rows"]) == ("done", len(OURS))
    assert await there.say(served) == 0


async def test_what_is_no_replica_is_not_read(world: World, migrated_url: str) -> None:
    async with Replica(world.database, migrated_url, staleness_seconds=60) as itself:
        async with itself.reader.read() as session:
            assert await session.scalar(select(func.count()).select_from(Unit)) == len(world.units)
        assert itself.complete_until is None


async def test_a_replica_cannot_be_written_to(world: World, there: Standby) -> None:
    async with Replica(world.database, there.url, staleness_seconds=60) as replica:
        await until(_is_fit(replica), bool)
        async with replica.reader.read() as session:
            assert await session.scalar(text("SELECT pg_is_in_recovery()"))
            assert await session.scalar(text("SHOW transaction_read_only")) == "on"


def _is_fit(replica: Replica) -> Callable[[], Awaitable[datetime | None]]:
    async def ask() -> datetime | None:
        return replica.complete_until

    return ask
