"""What was read a moment ago: one reading for a crowd, and nothing outdated after a change."""

import asyncio
from collections.abc import Collection

import pytest

from app.core import remembered
from app.core.remembered import Gathered, Remembered


class Source:
    """Counts its readings; each waits until it is let go."""

    def __init__(self) -> None:
        self.value: str | None = "first"
        self.readings = 0
        self.open = asyncio.Event()
        self.open.set()
        self.now = 0.0

    async def read(self, key: str) -> str | None:
        self.readings += 1
        value = self.value
        await self.open.wait()
        if value == "broken":
            raise ConnectionError(key)
        return value

    def memory(self, most: int = 10) -> Remembered[str, str]:
        return Remembered(self.read, seconds=5, most=most, clock=lambda: self.now)


async def crowd(memory: Remembered[str, str], size: int) -> list[asyncio.Task[str | None]]:
    """So many who ask at once, and have begun to wait."""
    asking = [asyncio.create_task(memory.get("a")) for _ in range(size)]
    await asyncio.sleep(0.01)
    return asking


async def test_a_crowd_is_served_by_one_reading() -> None:
    source = Source()
    memory = source.memory()
    source.open.clear()
    asking = await crowd(memory, 500)
    source.open.set()
    assert await asyncio.gather(*asking) == ["first"] * 500
    assert source.readings == 1


async def test_a_value_serves_until_it_is_old() -> None:
    source = Source()
    memory = source.memory()
    assert await memory.get("a") == "first"
    source.value, source.now = "second", 4.9
    assert await memory.get("a") == "first"
    source.now = 5.1
    assert await memory.get("a") == "second"
    assert source.readings == 2


async def test_a_change_during_a_reading_is_not_overwritten_by_it() -> None:
    source = Source()
    memory = source.memory()
    source.open.clear()
    (asking,) = await crowd(memory, 1)
    source.value = "second"
    memory.forget("a")
    source.open.set()
    assert await asking == "first"
    assert await memory.get("a") == "second"


async def test_who_hangs_up_takes_nobody_along() -> None:
    source = Source()
    memory = source.memory()
    source.open.clear()
    first, second = await crowd(memory, 2)
    first.cancel()
    source.open.set()
    assert await second == "first"
    assert source.readings == 1


async def test_a_failure_reaches_all_and_is_not_remembered() -> None:
    source = Source()
    memory = source.memory()
    source.value = "broken"
    for asking in await crowd(memory, 3):
        with pytest.raises(ConnectionError):
            await asking
    source.value = "mended"
    assert await memory.get("a") == "mended"


async def test_what_does_not_exist_is_asked_for_each_time() -> None:
    source = Source()
    memory = source.memory()
    source.value = None
    assert [await memory.get("a"), await memory.get("a")] == [None, None]
    assert source.readings == 2


async def test_the_oldest_makes_room_and_those_chosen_are_forgotten() -> None:
    source = Source()
    memory = source.memory(most=2)
    for key in ("a", "b", "c"):
        await memory.get(key)
    assert source.readings == 3
    await memory.get("c")
    await memory.get("b")
    assert source.readings == 3
    await memory.get("a")
    assert source.readings == 4
    memory.forget_where(lambda key: key == "a")
    await memory.get("a")
    assert source.readings == 5


class Shop:
    """Answers many questions at once, and notes which it was asked together."""

    def __init__(self) -> None:
        self.asked: list[set[int]] = []
        self.open = asyncio.Event()
        self.broken = False

    async def read(self, keys: Collection[int]) -> dict[int, str]:
        self.asked.append(set(keys))
        await self.open.wait()
        if self.broken:
            raise ConnectionError
        return {key: f"value {key}" for key in keys if key > 0}


async def test_who_comes_during_a_question_is_in_the_next() -> None:
    shop = Shop()
    gathered = Gathered(shop.read)
    first = asyncio.create_task(gathered.get(1))
    await asyncio.sleep(0.01)
    others = [asyncio.create_task(gathered.get(key)) for key in (2, 3, 3, -1)]
    await asyncio.sleep(0.01)
    shop.open.set()
    assert await first == "value 1"
    assert await asyncio.gather(*others) == ["value 2", "value 3", "value 3", None]
    assert shop.asked == [{1}, {2, 3, -1}]


async def test_a_failed_question_is_told_to_its_askers_and_the_next_is_asked() -> None:
    shop = Shop()
    shop.broken = True
    gathered = Gathered(shop.read)
    asking = [asyncio.create_task(gathered.get(key)) for key in (1, 2)]
    await asyncio.sleep(0.01)
    asking[0].cancel()
    shop.open.set()
    with pytest.raises(ConnectionError):
        await asking[1]
    shop.broken = False
    assert await gathered.get(1) == "value 1"


async def test_a_reading_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "READING_SECONDS", 0.05)
    source, shop = Source(), Shop()
    source.open.clear()
    memory, gathered = source.memory(), Gathered(shop.read)
    with pytest.raises(TimeoutError):
        await memory.get("a")
    with pytest.raises(TimeoutError):
        await gathered.get(1)
    source.open.set()
    shop.open.set()
    assert await memory.get("a") == "first"
    assert await gathered.get(1) == "value 1"
