"""A rolling restart under load: not one request fails.

Clients keep their connections. What HTTP lets a client repeat (RFC 9112, 9.3.1: the connection ended while it
was idle, before anything of the answer came) is counted apart, and must not happen either: a proxy with
`proxy_next_upstream off` does not repeat it.
"""

import asyncio
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from tests.faults.auditor import audit
from tests.faults.client import Broken, Line
from tests.faults.deployment import Deployment, deployed
from tests.faults.ground import Ground
from tests.faults.load import Memory, storm
from tests.support.waiting import until

RENEWED = "every process was renewed"


@pytest.fixture(scope="module")
async def place() -> AsyncIterator[tuple[Deployment, Ground]]:
    async with deployed(log_level="info") as (deployment, ground):
        await deployment.ready()
        yield deployment, ground


async def renew_twice(deployment: Deployment) -> None:
    """SIGHUP, and again in the middle of it; returns when it is done and every process is a new one."""
    first, runner = deployment.web(), deployment.jobs()
    deployment.supervisor.send_signal(signal.SIGHUP)

    async def one_has_left() -> bool:
        return not all(process.is_running() for process in first)

    await until(one_has_left, bool)
    second = deployment.web()
    deployment.supervisor.send_signal(signal.SIGHUP)

    async def done() -> bool:
        left = [process for process in (*first, *runner, *second) if process.is_running()]
        return times_said(deployment, RENEWED) > 0 and not left

    await until(done, bool)
    await deployment.ready()


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
    visitors = [asyncio.create_task(visitor(ground.port, pause, over, counted)) for pause in pauses]
    async with storm(ground, memory, random.Random(), citizens=3, tablets=2):
        await renew_twice(deployment)
    over.set()
    await asyncio.gather(*visitors)
    assert set(counted) == {"200"}
    assert set(memory.counted) <= {"accepted", "replayed", "link_used"}  # nothing broke, nothing was 503
    assert not str(await audit(deployment.database_url, ground, memory))
