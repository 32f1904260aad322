"""What may be shown takes up to minutes to find out: apart from all that serves people, one at a time.

In a process of its own (`choosing`), since a thread would share the interpreter with every request. The
process ends with the request that wanted it: at its deadline, or when the service stops. Should this process
be killed outright, the other finds its input closed.
"""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from pathlib import Path

import orjson

from app.periods import choosing
from app.periods.layers import Layers, Question

ROOT = Path(__file__).parents[2]
MOST_ANSWERED = 16 * 1024 * 1024
"""Of bytes: three lists of units, of which a nation has some thousands."""


class Apart:
    """One a process."""

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        """Held by whoever asks, so that what they ask is not old by the time it is answered."""

    async def answer(self, question: Question) -> Layers:
        """What may be shown; RuntimeError when the process ends without an answer."""
        asked = await asyncio.to_thread(orjson.dumps, question._asdict())
        process = await _started()
        try:
            told = await _told(process, asked + b"\n")
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        if not told.endswith(b"\n"):
            raise RuntimeError("what may be published was not found out: the process for it has ended")
        return Layers(*map(frozenset, orjson.loads(told)))


async def _told(process: Process, asked: bytes) -> bytes:
    """The answer. The input stays open: as long as it is, somebody waits."""
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("a process without its pipes")
    with suppress(ConnectionError):  # it has ended: what it told shows that
        process.stdin.write(asked)
        await process.stdin.drain()
    return await process.stdout.readline()


async def _started() -> Process:
    """Start it; a cancellation waits until it is there, because asyncio's own hangs in the middle."""
    # of the release that this process is of, wherever it was started from
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}
    starting = asyncio.create_task(
        asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            choosing.__name__,
            env=environment,
            stdin=PIPE,
            stdout=PIPE,
            limit=MOST_ANSWERED,
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        process = await starting
        process.kill()
        await process.wait()
        raise
