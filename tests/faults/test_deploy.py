"""A rolling restart under load: not one request fails.

Clients keep their connections. What HTTP lets a client repeat (RFC 9112, 9.3.1: the connection ended while it
was idle, before anything of the answer came) is counted apart, and must not happen either: a proxy with
`proxy_next_upstream off` does not repeat it.
"""

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable

import asyncpg
import pytest

from app.core.revision import HEAD
from tests.faults.auditor import audit
from tests.faults.client import Broken, Line
from tests.faults.deployment import Deployment, deployed
from tests.faults.ground import Ground
from tests.faults.load import Memory, storm
from tests.support.waiting import until

RENEWAL_SECONDS = 300.0
RENEWED = "every process was renewed"
STAYED = "a new web process did not come up: the old ones go on"


@pytest.fixture(scope="module")
async def place() -> AsyncIterator[tuple[Deployment, Ground]]:
    async with deployed(log_level="info", drain_seconds="300") as (deployment, ground):
        await deployment.ready()
        yield deployment, ground


async def renew_twice(deployment: Deployment) -> None:
    """SIGHUP, and again in the middle of it: what the first has renewed is renewed once more."""
    first, runner = deployment.web(), deployment.jobs()
    deployment.supervisor.send_signal(signal.SIGHUP)
    await eventually(deployment, lambda: not all(process.is_running() for process in first))
    renewed = set(deployment.web()) - set(first)
    deployment.supervisor.send_signal(signal.SIGHUP)
    await eventually(deployment, lambda: times_said(deployment, RENEWED) > 0)
    await eventually(deployment, lambda: not any(process.is_running() for process in (*first, *runner)))
    await eventually(deployment, lambda: not all(process.is_running() for process in renewed))
    await deployment.ready()


async def eventually(deployment: Deployment, true: Callable[[], bool]) -> None:
    """Wait; a busy machine may need half a minute to start one process."""
    deadline = time.monotonic() + RENEWAL_SECONDS
    while not true():
        assert time.monotonic() < deadline, deployment.said()
        await asyncio.sleep(0.2)


def times_said(deployment: Deployment, words: str) -> int:
    assert deployment.server is not None
    return sum(words in line for line in list(deployment.server.printed))


async def visitor(port: int, pause: float, over: asyncio.Event, counted: "Counter[str]") -> None:
    """Asks again and again on one connection, with the same pause."""
    line = Line(port)
    while not over.is_set():
        try:
            answer = await line.ask("GET", "/healthz")
            counted[str(answer.status)] += 1
        except Broken as broken:
            counted["idle" if broken.reused and not broken.begun else "failed"] += 1
        await asyncio.sleep(pause)
    line.close()


async def test_two_renewals_under_load_fail_no_request(place: tuple[Deployment, Ground]) -> None:
    deployment, ground = place
    memory, over, counted = Memory(), asyncio.Event(), Counter[str]()
    pauses = (0.05, 0.1, 0.5, 1.0, 2.0)
    async with (
        storm(ground, memory, random.Random(1), citizens=1, tablets=1),
        asyncio.TaskGroup() as visitors,
    ):
        for pause in pauses:
            visitors.create_task(visitor(ground.port, pause, over, counted))
        await renew_twice(deployment)
        over.set()
    assert set(counted) == {"200"}
    assert set(memory.counted) <= {"accepted", "replayed", "link_used"}  # nothing broke, nothing was 503
    assert not str(await audit(deployment.database_url, ground, memory))


async def test_a_release_that_was_not_migrated_for_never_takes_over(place: tuple[Deployment, Ground]) -> None:
    """Its processes say what to do and leave; those of the release before go on."""
    deployment, _ = place
    before = deployment.web()
    connection = await asyncpg.connect(deployment.database_url)
    try:
        await connection.execute("UPDATE alembic_version SET version_num = '0001'")
        deployment.supervisor.send_signal(signal.SIGHUP)
        await eventually(deployment, lambda: times_said(deployment, STAYED) == 1)
    finally:
        await connection.execute("UPDATE alembic_version SET version_num = $1", HEAD)
        await connection.close()
    assert times_said(deployment, "run `sipas migrate`") == 1
    assert deployment.web() == before
    await deployment.ready()


async def test_a_machine_that_leaves_says_so_and_still_serves(place: tuple[Deployment, Ground]) -> None:
    """The last test of this file: the service has been told to stop, and is stopped by its fixture."""
    deployment, ground = place
    line = Line(ground.port)
    assert (await line.ask("GET", "/readyz")).status == 200
    deployment.supervisor.send_signal(signal.SIGTERM)

    async def readiness() -> int:
        line.close()  # the next one may meet the other web process
        return (await line.ask("GET", "/readyz")).status

    await until(readiness, lambda status: status == 503)
    line.close()
    connection = await asyncpg.connect(deployment.database_url)
    stored = "SELECT count(*) FROM responses"
    before = await connection.fetchval(stored)
    memory = Memory()

    async def accepted() -> int:
        return len(memory.accepted)

    async with storm(ground, memory, random.Random(2), citizens=1, tablets=1):
        await until(accepted, lambda number: number > 0)
    assert set(memory.counted) <= {"accepted", "replayed", "link_used"}
    assert await connection.fetchval(stored) == before + len(memory.accepted) > before
    await connection.close()
