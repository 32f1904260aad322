"""Slow hashing is bounded: so many at once, the others hear 503, and no flood crowds anybody out."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable

import pytest

from app.core.hashing import HashingGate
from app.core.problems import Unavailable

NEVER, AT_ONCE = 3600.0, 0.0


class Work:
    """Work that goes on until it is let go, and knows how much of it went on at once."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.under_way = self.most = self.done = 0
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        assert self.go_on.wait(60)
        with self._lock:
            self.under_way -= 1
            self.done += 1


@pytest.fixture
async def work() -> AsyncIterator[Work]:
    made = Work()
    yield made
    made.go_on.set()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.001)


async def enter(gate: HashingGate) -> None:
    async with gate.place():
        pass


async def test_so_many_at_once_and_the_others_are_refused(work: Work) -> None:
    gate = HashingGate(most=2, patience=AT_ONCE)
    places = [asyncio.create_task(gate.run(work)) for _ in range(2)]
    await until(lambda: work.under_way == 2)
    for outcome in await asyncio.gather(*(enter(gate) for _ in range(20)), return_exceptions=True):
        assert isinstance(outcome, Unavailable)
        assert outcome.headers()["Retry-After"]
    work.go_on.set()
    await asyncio.gather(*places)
    assert (work.most, work.done) == (2, 2)
    await gate.run(work)


async def test_whoever_waits_gets_the_place_that_becomes_free(work: Work) -> None:
    gate = HashingGate(most=2, patience=NEVER)
    everybody = [asyncio.create_task(gate.run(work)) for _ in range(12)]
    await until(lambda: work.under_way == 2)
    assert gate.waiting == 10
    work.go_on.set()
    await asyncio.gather(*everybody)
    assert (work.most, work.done, gate.waiting) == (2, 12, 0)


async def order(gate: HashingGate, callers: list[tuple[str, bool]]) -> list[str]:
    """The keys in the order in which they get the one place, all of them waiting from the beginning."""
    served: list[str] = []

    async def call(key: str, known: bool) -> None:
        async with gate.place(key, known=known):
            served.append(key)

    async with gate.place("first"):
        waiting = []
        for key, known in callers:
            waiting.append(asyncio.create_task(call(key, known)))
            await asyncio.sleep(0)
    await asyncio.gather(*waiting, return_exceptions=True)
    return served


async def test_a_flood_from_one_place_waits_behind_itself() -> None:
    callers = [("flood", False)] * 6 + [("office", False), ("home", False)]
    served = await order(HashingGate(most=1, patience=NEVER), callers)
    assert served[:3] == ["flood", "office", "home"]
    assert len(served) == 8


async def test_every_second_place_is_for_devices_that_signed_in_before() -> None:
    crowd = [(f"address {number}", False) for number in range(4)]
    known = [("device a", True), ("device b", True), ("device a", True)]
    served = await order(HashingGate(most=1, patience=NEVER), crowd + known)
    assert served == [
        "device a",
        "address 0",
        "device b",
        "address 1",
        "device a",
        "address 2",
        "address 3",
    ]


async def test_a_full_line_makes_room_for_another_address_and_for_a_known_device() -> None:
    callers = [("flood", False)] * 5 + [("office", False), ("device", True), ("flood", False)]
    served = await order(HashingGate(most=1, patience=NEVER, waiting=4), callers)
    assert sorted(served) == ["device", "flood", "flood", "office"]


async def test_whoever_goes_away_leaves_the_place_and_the_line_to_the_others(work: Work) -> None:
    gate = HashingGate(most=1, patience=NEVER)
    working = asyncio.create_task(gate.run(work))
    await until(lambda: work.under_way == 1)
    gone = asyncio.create_task(gate.run(work))
    await until(lambda: gate.waiting == 1)
    gone.cancel()
    assert isinstance((await asyncio.gather(gone, return_exceptions=True))[0], asyncio.CancelledError)
    assert gate.waiting == 0
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    work.go_on.set()
    await gate.run(work)


async def test_whoever_goes_away_in_the_moment_of_their_turn_passes_it_on() -> None:
    gate = HashingGate(most=1, patience=NEVER)
    async with gate.place():
        gone = asyncio.create_task(gate.run(int))
        await until(lambda: gate.waiting == 1)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    async with asyncio.timeout(60):
        assert await gate.run(int) == 0
