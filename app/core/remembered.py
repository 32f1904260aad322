"""What was read a moment ago serves again: a bounded memory of values that are asked for all the time.

Whoever asks for the same thing while it is being read waits for that one reading. Without it, a crowd that
comes in the moment a value has grown old would ask the database once each, and stand in each other's way.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Coroutine, Mapping
from typing import Any, Generic, TypeVar

from app.core.database import within

K = TypeVar("K")
V = TypeVar("V")

READING_SECONDS = 8.0
"""A reading that takes longer is given up: it is waited for by many, and no deadline of theirs ends it."""


class Remembered(Generic[K, V]):
    """One a process and kind of value; None, for what does not exist, is never kept."""

    def __init__(
        self,
        read: Callable[[K], Coroutine[Any, Any, V | None]],
        *,
        seconds: float,
        most: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._seconds = seconds
        self._most = most
        self._clock = clock
        self._kept: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._readings: dict[K, asyncio.Task[V | None]] = {}

    async def get(self, key: K) -> V | None:
        """The value, at most `seconds` old."""
        until, kept = self._kept.get(key, (0.0, None))
        if kept is not None and until > self._clock():
            return kept
        reading = self._readings.get(key)
        return await asyncio.shield(self._begin(key) if reading is None else reading)

    async def renew(self, key: K) -> V | None:
        """The value as it is now, whatever is kept or under way."""
        return await asyncio.shield(self._begin(key))

    def forget(self, key: K) -> None:
        """The value has changed: what is kept is dropped, and what is being read now will not be kept."""
        self._kept.pop(key, None)
        self._readings.pop(key, None)

    def forget_where(self, chosen: Callable[[K], bool]) -> None:
        """The same for every key that is chosen."""
        for key in [key for key in (*self._kept, *self._readings) if chosen(key)]:
            self.forget(key)

    def _begin(self, key: K) -> asyncio.Task[V | None]:
        reading = asyncio.ensure_future(self._keep(key))
        self._readings[key] = reading
        reading.add_done_callback(lambda done: self._end(key, done))
        return reading

    async def _keep(self, key: K) -> V | None:
        value = await within(READING_SECONDS, self._read(key))
        if value is None:
            self._kept.pop(key, None)
        elif self._readings.get(key) is asyncio.current_task():
            self._kept[key] = self._clock() + self._seconds, value
            self._kept.move_to_end(key)
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return value

    def _end(self, key: K, done: asyncio.Task[V | None]) -> None:
        if self._readings.get(key) is done:
            del self._readings[key]
        if not done.cancelled():
            done.exception()  # whoever waited has it; if all of them have hung up, it concerns nobody


class Gathered(Generic[K, V]):
    """One question to the database for all that wait: the next gathers while the last is being answered.

    Hundreds of tablets that come in the same moment take one connection, not all of the pool.
    """

    def __init__(self, read: Callable[[Collection[K]], Coroutine[Any, Any, Mapping[K, V]]]) -> None:
        self._read = read
        self._waiting: dict[K, asyncio.Future[V | None]] = {}
        self._asking: asyncio.Task[None] | None = None

    async def get(self, key: K) -> V | None:
        """The value; None when the reading does not know the key."""
        answer = self._waiting.setdefault(key, asyncio.get_running_loop().create_future())
        if self._asking is None or self._asking.done():
            self._asking = asyncio.ensure_future(self._ask())
        return await asyncio.shield(answer)

    async def _ask(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, {}
            try:
                found = await within(READING_SECONDS, self._read(batch.keys()))
            except Exception as error:  # noqa: BLE001  whatever it is, it is for those who wait
                for answer in batch.values():
                    answer.set_exception(error)
                    answer.exception()  # all of them may have hung up
            else:
                for key, answer in batch.items():
                    answer.set_result(found.get(key))
