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


async def renew(deployment: Deployment) -> None:
    """SIGHUP, and wait until it is done and the old processes have gone."""
    before, said = {*deployment.web(), *deployment.jobs()}, times_said(deployment, RENEWED)
    deployment.supervisor.send_signal(signal.SIGHUP)

    async def done() -> bool:
        return times_said(deployment, RENEWED) > said and not any(process.is_running() for process in before)

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
    pauses = (0.0, 0.02, 0.1, 0.5, 1.0, 2.0)
    visitors = [asyncio.create_task(visitor(ground.port, pause, over, counted)) for pause in pauses]
    async with storm(ground, memory, random.Random(), citizens=4, tablets=2):
        await renew(deployment)
        await renew(deployment)
    over.set()
    await asyncio.gather(*visitors)
    assert set(counted) == {"200"}
    assert set(memory.counted) <= {"accepted", "replayed", "link_used"}  # nothing broke, nothing was 503
    assert not str(await audit(deployment.database_url, ground, memory))
