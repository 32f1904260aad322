"""PostgreSQL gone, in each way in which it goes, and back: nobody waits for ever or restarts anything."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext

import httpx
import pytest
from sqlalchemy import text

from app.core.database import Database
from app.core.settings import Settings
from app.rollups.jobs import run_pulse
from tests.faults.pressure import House, Wire, frozen, housed, long_form
from tests.support.waiting import until

DEADLINE = long_form("REQUEST_SECONDS", 3)
GONE_SECONDS = long_form("GONE_SECONDS", 3)
RATE = long_form("RATE", 20)
"""Requests a second while it is gone."""
SLACK_SECONDS = 30
"""How late a busy machine may be with an answer that its deadline has written."""


@pytest.fixture
async def wire(migrated_url: str) -> AsyncIterator[Wire]:
    wire = Wire(migrated_url)
    await wire.mend()
    yield wire
    await wire.cut()


@pytest.fixture
async def house(settings: Settings, database: Database, wire: Wire) -> AsyncIterator[House]:
    """A hasty service at the far end of the wire, its job runner's pulse beside it."""
    hasty = settings.model_copy(update={"database_url": wire.url, "request_seconds": DEADLINE})
    stop, runner = asyncio.Event(), Database(wire.url, pool_size=2)
    async with housed(hasty, database) as house:
        pulse = asyncio.create_task(run_pulse(runner, stop))
        try:
            yield house
        finally:
            await wire.mend()
            stop.set()
            await pulse
            await runner.close()


def asks_to_come_again(answer: httpx.Response) -> bool:
    """In the form its reader expects: JSON, or for a citizen a page."""
    expected = "text/html" if answer.request.url.path.startswith("/s/") else "application/problem+json"
    return (
        answer.status_code == 503
        and int(answer.headers["retry-after"]) > 0
        and answer.headers["content-type"].startswith(expected)
    )


async def counted(house: House) -> None:
    """Every response that is stored has been counted by the pulse."""

    async def stale() -> int:
        async with house.world.database.alone() as connection:
            return int(await connection.scalar(text("SELECT count(*) FROM stale_unit_days")) or 0)

    await until(stale, lambda left: left == 0)


async def besieged(house: House) -> list[tuple[str, httpx.Response, float]]:
    """Requests of every kind at a steady rate; what each heard, and after how many seconds."""
    tasks, kinds = [], list(house.kinds)

    async def ask(kind: str) -> tuple[str, httpx.Response, float]:
        begun = time.monotonic()
        answer = await house.ask(kind)
        return kind, answer, time.monotonic() - begun

    for number in range(int(GONE_SECONDS * RATE)):
        tasks.append(asyncio.create_task(ask(kinds[number % len(kinds)])))
        await asyncio.sleep(1 / RATE)
    return await asyncio.gather(*tasks)


WAYS: dict[str, tuple[Callable[[Wire], Awaitable[None]], bool]] = {
    "stopped": (Wire.cut, False),
    "swallowed": (Wire.swallow, False),
    "frozen": (Wire.mend, True),
}


@pytest.mark.parametrize("way", WAYS)
async def test_a_database_that_is_gone_is_said_so_in_time_and_is_found_again(
    house: House, wire: Wire, migrated_url: str, way: str
) -> None:
    go, freeze = WAYS[way]
    await until(house.all_answered, lambda failed: not failed)
    standstill: AbstractContextManager[None] = frozen(migrated_url) if freeze else nullcontext()
    with standstill:
        await go(wire)
        siege = asyncio.create_task(besieged(house))
        alive = await house.http.get("/healthz")
        ready = await house.http.get("/readyz")
        heard = await siege
    await wire.mend()
    assert alive.status_code == 200
    assert (ready.status_code, ready.json()["database"]) == (503, "unreachable")
    assert [
        (kind, said.status_code, said.text) for kind, said, _ in heard if not asks_to_come_again(said)
    ] == []
    assert max(took for *_, took in heard) < DEADLINE + SLACK_SECONDS
    await house.recovered()
    assert (await house.http.get("/readyz")).status_code == 200
    await counted(house)
