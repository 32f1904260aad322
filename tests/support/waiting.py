"""Waiting for something to become true: by asking again, with a generous deadline."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
PATIENCE = 90.0


async def until(ask: Callable[[], Awaitable[T]], fits: Callable[[T], bool]) -> T:
    """The first answer that fits; AssertionError with the last one when patience has run out."""
    deadline = time.monotonic() + PATIENCE
    while not fits(found := await ask()):
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.1)
    return found
