"""This file bounds slow hashing: a few at a time in each process, in threads that yield to everything else.

One Argon2 hash takes a tenth of a second of the processor and 64 MiB on purpose, and anybody may ask for one
by naming an account. Beyond `MOST_AT_ONCE` the others wait for a moment, then hear 503 with `Retry-After`.
Callers take turns by their key (a device that signed in before, else an address), so that a flood from one
place waits behind itself; every second place goes to devices that signed in before, whom no crowd of
addresses can crowd out. Nobody may hold a database connection while they wait or hash.
"""

import asyncio
import os
import sys
import threading
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from app.core.problems import Unavailable

T = TypeVar("T")

MOST_AT_ONCE = 2
PATIENCE_SECONDS = 2.0
"""As long as a refusal at the door takes: whoever comes again at once causes one every two seconds."""
WORK_PATIENCE_SECONDS = 5.0
"""For callers who have proven who they are already: nobody else can send many of them."""
MOST_WAITING = 100
"""A tenth of the requests a process may have under way: a flood here leaves the other places free."""
LEAST_PRIORITY = 19
"""Threads that hash run when nobody else wants the processor, as `nice -n 19` does. Argon2's own threads
inherit it. At 10, tablets beside a flood waited three times as long at the median."""

_Queue = OrderedDict[str, deque[asyncio.Future[bool]]]


class HashingGate:
    """Gives out the places in which slow hashes are made."""

    def __init__(
        self,
        most: int = MOST_AT_ONCE,
        patience: float = PATIENCE_SECONDS,
        waiting: int = MOST_WAITING,
    ) -> None:
        self._free = most
        self._patience = patience
        self._most_waiting = waiting
        self._queues: dict[bool, _Queue] = {True: OrderedDict(), False: OrderedDict()}
        self._known_next = True
        self._threads = ThreadPoolExecutor(most, "hashing", initializer=_yield_processor)

    @asynccontextmanager
    async def place(
        self, key: str = "", *, known: bool = False, patience: float | None = None
    ) -> AsyncIterator[None]:
        """Hold one of the places, for `call`; Unavailable when none becomes free in time.

        `known`: whether the key belongs to a device that signed in before.
        """
        await self._enter(key, known, self._patience if patience is None else patience)
        try:
            yield
        finally:
            self._leave()

    async def run(self, function: Callable[..., T], *arguments: object) -> T:
        """Call one slow function for a caller who has proven who they are; Unavailable without a place."""
        async with self.place(known=True, patience=WORK_PATIENCE_SECONDS):
            return await self.call(function, *arguments)

    @property
    def waiting(self) -> int:
        """How many callers wait for a place."""
        return sum(len(line) for queue in self._queues.values() for line in queue.values())

    async def call(self, function: Callable[..., T], *arguments: object) -> T:
        """Call a slow function in a thread, from within a place."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    async def _enter(self, key: str, known: bool, patience: float) -> None:
        if self._free:
            self._free -= 1
            return
        queue = self._queues[known]
        if self.waiting >= self._most_waiting and not self._make_room(queue, key, known):
            raise Unavailable
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        queue.setdefault(key, deque()).append(turn)
        try:
            await asyncio.wait({turn}, timeout=patience)
        except asyncio.CancelledError:
            if turn.done() and turn.result():
                self._leave()
            raise
        finally:
            if not turn.done():
                queue[key].remove(turn)
                if not queue[key]:
                    del queue[key]
        if not turn.done() or not turn.result():
            raise Unavailable

    def _leave(self) -> None:
        """Give the place to the next in turn."""
        for known in (self._known_next, not self._known_next):
            if queue := self._queues[known]:
                self._known_next = not known
                key, line = queue.popitem(last=False)
                turn = line.popleft()
                if line:
                    queue[key] = line
                turn.set_result(True)
                return
        self._free += 1

    def _make_room(self, queue: _Queue, key: str, known: bool) -> bool:
        """Turn out the last who came of the longest line, if the newcomer has a better right to wait."""
        lines = self._queues[False]
        if not lines:
            return False
        longest = max(lines, key=lambda each: len(lines[each]))
        if not known and len(lines[longest]) <= len(queue.get(key, ())) + 1:
            return False
        lines[longest].pop().set_result(False)
        if not lines[longest]:
            del lines[longest]
        return True


def _yield_processor() -> None:
    # only Linux gives each thread a priority of its own; elsewhere this would slow the whole process down
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LEAST_PRIORITY)


GATE = HashingGate()
"""One a process, as the processor and the memory that it guards are."""
