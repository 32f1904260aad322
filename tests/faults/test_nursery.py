"""The process that the others are forked from: it outlives them, and they do without it."""

import signal
from collections.abc import AsyncIterator

import psutil
import pytest

from tests.faults.deployment import WORKERS, Deployment, deployed, kill
from tests.support.waiting import until


@pytest.fixture(scope="module")
async def deployment() -> AsyncIterator[Deployment]:
    async with deployed() as (deployment, _):
        await deployment.ready()
        yield deployment


async def successors(deployment: Deployment, gone: list[psutil.Process]) -> list[psutil.Process]:
    """The web processes, once none of those that were told to go is left."""

    async def left() -> bool:
        return any(process.is_running() for process in gone)

    assert await until(left, lambda found: not found) is False
    await deployment.ready()
    return deployment.web()


async def test_a_stop_that_is_meant_for_everybody_does_not_end_it_but_those_it_bears(
    deployment: Deployment,
) -> None:
    """As systemd does: it signals all of a service. The nursery must stay to tell how they ended."""
    nursery = deployment.nursery()
    assert len(nursery) == 1
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        nursery[0].send_signal(number)
    first = deployment.web()
    kill(first, signal.SIGTERM)  # each hears it, though it was forked by one that does not
    second = await successors(deployment, first)
    kill(second, signal.SIGTERM)
    await successors(deployment, second)
    assert deployment.nursery() == nursery


async def test_killed_it_is_opened_again_and_those_it_bore_leave(deployment: Deployment) -> None:
    nursery, orphans = deployment.nursery(), deployment.web() + deployment.jobs()
    assert len(orphans) == WORKERS + 1
    kill(nursery)
    await successors(deployment, orphans)
    assert deployment.nursery() != nursery


async def test_a_web_process_fewer_in_the_middle_of_a_renewal_and_one_more(deployment: Deployment) -> None:
    supervisor, before = deployment.supervisor, deployment.web() + deployment.jobs()
    supervisor.send_signal(signal.SIGHUP)

    async def numbers() -> tuple[int, int]:
        assert supervisor.is_running(), "the supervisor has ended"
        return len(deployment.web()), len([one for one in before if one.is_running()])

    await until(numbers, lambda found: found[0] > WORKERS)
    supervisor.send_signal(signal.SIGTTOU)
    await until(numbers, lambda found: found == (WORKERS - 1, 0))
    assert len(deployment.jobs()) == 1
    supervisor.send_signal(signal.SIGTTIN)
    await until(numbers, lambda found: found == (WORKERS, 0))
    await deployment.ready()


async def test_after_a_renewal_processes_come_from_the_files(deployment: Deployment) -> None:
    """A new release lies there; the nursery knows the old one."""
    nursery, before = deployment.nursery(), deployment.web() + deployment.jobs()
    deployment.supervisor.send_signal(signal.SIGHUP)
    renewed = await successors(deployment, before)
    assert len(renewed) == WORKERS
    assert nursery[0].children() == []
    kill(renewed[:1])
    await successors(deployment, renewed[:1])
    assert nursery[0].children() == []
