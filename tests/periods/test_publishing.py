"""What may be shown is found out in a process of its own: all are served meanwhile, and it ends in time."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE

import httpx
import orjson
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from app.core.database import Database
from app.core.settings import Settings
from app.main import create_app
from app.periods import apart, choosing
from app.periods.apart import Apart
from app.periods.layers import Question
from tests.periods.test_beside import MONTHS, Two, hidden, monthly
from tests.support.periods import PERIODS, closed, post
from tests.support.said import body, device
from tests.support.world import World


def computing() -> list[int]:
    """Ids of this process's children that find out what may be shown."""
    found = list[int]()
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError):
            found += map(int, (task / "children").read_text().split())
    return [child for child in found if choosing.__name__ in _command(child)]


def _command(process: int) -> list[str]:
    try:
        return Path(f"/proc/{process}/cmdline").read_text().split("\0")
    except FileNotFoundError:  # it has just ended
        return []


async def held() -> int:
    """The next of them, stopped as soon as it is there."""
    while not (found := computing()):
        await asyncio.sleep(0)
    os.kill(found[0], signal.SIGSTOP)
    return found[0]


def publication(http: httpx.AsyncClient, by: dict[str, str], number: int) -> asyncio.Task[httpx.Response]:
    address = f"{PERIODS}/{number}/publish"
    return asyncio.create_task(http.post(address, json={"revision": 1}, headers=by))


async def test_everybody_is_served_and_no_transaction_is_open_while_it_is_found_out(
    http: httpx.AsyncClient, world: World, two: Two, database: Database
) -> None:
    await monthly(world, _09001=(20, 20, 20), _09002=(50, 50, 50))
    number = await closed(http, two[0])
    publishing = publication(http, two[1], number)
    child = await asyncio.wait_for(held(), 60)
    assert (await http.get("/healthz")).status_code == 200
    _, token = await device(world)
    answer = await http.post("/api/v1/responses", json=body(), headers=token)
    assert answer.status_code == 201, answer.text
    made = await closed(http, two[0], **MONTHS[0])  # writes, and takes the lock of another period
    async with database.aside() as session:
        open_ones = text(
            "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"
            " AND datname = current_database()"
        )
        assert await session.scalar(open_ones) == 0
    assert not publishing.done()
    os.kill(child, signal.SIGCONT)
    assert (await publishing).status_code == 200
    await post(http, two[1], f"/{made}/publish", {"revision": 1})


async def test_what_is_published_meanwhile_by_another_process_is_seen(
    http: httpx.AsyncClient, world: World, two: Two, settings: Settings
) -> None:
    await monthly(world, _09001=(20, 20, 3), _09002=(50, 50, 50), SNV=(90, 90, 90))
    for month in MONTHS[:1]:
        await post(http, two[1], f"/{await closed(http, two[0], **month)}/publish", {"revision": 1})
    number, second = await closed(http, two[0]), await closed(http, two[0], **MONTHS[1])
    publishing = publication(http, two[1], number)
    child = await asyncio.wait_for(held(), 60)
    other = create_app(settings)
    transport = httpx.ASGITransport(other)
    async with (
        other.router.lifespan_context(other),
        httpx.AsyncClient(transport=transport, base_url="https://sipas.example.vn") as neighbour,
    ):
        await post(neighbour, two[1], f"/{second}/publish", {"revision": 1})
    os.kill(child, signal.SIGCONT)
    assert (await publishing).status_code == 200
    assert await hidden(http, second) == set()
    assert await hidden(http, number) == {"09001", "09002"}  # alone it would have hidden nobody


async def test_two_at_the_same_moment_are_published_one_after_the_other(
    http: httpx.AsyncClient, world: World, two: Two
) -> None:
    await monthly(world, _09001=(20, 20, 3), _09002=(50, 50, 50), SNV=(90, 90, 90))
    for month in MONTHS[:1]:
        await post(http, two[1], f"/{await closed(http, two[0], **month)}/publish", {"revision": 1})
    number, second = await closed(http, two[0]), await closed(http, two[0], **MONTHS[1])
    answers = await asyncio.gather(publication(http, two[1], second), publication(http, two[1], number))
    assert [answer.status_code for answer in answers] == [200, 200]
    assert await hidden(http, second) | await hidden(http, number) == {"09001", "09002"}


async def test_it_ends_with_the_request_that_wanted_it(
    http: httpx.AsyncClient, world: World, two: Two, app: FastAPI
) -> None:
    await monthly(world, _09001=(20, 20, 20), _09002=(50, 50, 50))
    number = await closed(http, two[0])
    publishing = publication(http, two[1], number)
    child = await asyncio.wait_for(held(), 60)
    publishing.cancel()  # as its deadline does, and the service that stops
    with pytest.raises(asyncio.CancelledError):
        await publishing
    assert not Path(f"/proc/{child}").exists()
    assert not app.state.apart.turn.locked()
    await post(http, two[1], f"/{number}/publish", {"revision": 1})


def large() -> Question:
    """A question that takes a while: a nation, of whose communes most have only a few responses."""
    chance = random.Random(1)
    parents: list[tuple[int, int | None]] = [(0, None), *((unit, 0) for unit in range(1, 1500))]
    own = [[[chance.randint(0, 9) for _ in range(12)]] for _ in parents]
    months = [[int(at == month) for at in range(12)] for month in range(12)]
    everyone = [unit for unit, _ in parents]
    beside = [(month, [everyone[: -1 - at], [], []]) for at, month in enumerate(months)]
    return Question(parents, own, [1] * 12, everyone, beside, [], 5)


def test_it_ends_when_whoever_asked_is_gone() -> None:
    command = [sys.executable, "-m", choosing.__name__]
    asked = orjson.dumps(large()._asdict()) + b"\n"
    with subprocess.Popen(command, cwd=apart.ROOT, stdin=PIPE, stdout=PIPE, stderr=PIPE) as process:
        told = process.communicate(asked, 60)  # closes its input as soon as all is written
    assert (process.returncode, told) == (1, (b"", b""))


async def test_a_process_that_ends_without_an_answer_is_an_error() -> None:
    asking = asyncio.create_task(Apart().answer(large()))
    child = await asyncio.wait_for(held(), 60)
    os.kill(child, signal.SIGKILL)
    with pytest.raises(RuntimeError, match="has ended"):
        await asking
