"""Clients that hang up in the middle, and clients that never come to an end: they harm themselves alone."""

import asyncio
import json
import random
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from urllib.parse import urlencode

import psutil
import pytest

from app.core import http, protocol
from app.core.database import Database
from app.core.settings import Settings
from tests.faults.pressure import Asked, House, housed, long_form
from tests.support.waiting import PATIENCE, until

CUTS = int(long_form("CUTS", 1200))
AT_ONCE = 60
LATEST_CUT = 0.005
SPARE_FILES = 10
HASTE = 5.0
"""Seconds a head or a body has here."""
EACH = 10


@pytest.fixture
async def house(settings: Settings, database: Database) -> AsyncIterator[House]:
    async with housed(settings.model_copy(update={"rate_limit_per_minute": 10_000_000}), database) as house:
        yield house


def written(asked: Asked, **more: str) -> bytes:
    """A request as it goes over the wire."""
    body, kind = b"", "application/json"
    if asked.json is not None:
        body = json.dumps(asked.json).encode()
    if asked.form is not None:
        body, kind = urlencode(asked.form).encode(), "application/x-www-form-urlencoded"
    headers = {"Host": "x", "Content-Type": kind, "Content-Length": str(len(body)), **asked.headers, **more}
    lines = [f"{asked.method} {asked.path} HTTP/1.1", *(f"{name}: {said}" for name, said in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def connect(house: House) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = house.url.removeprefix("http://").split(":")
    return await asyncio.open_connection(host, int(port))


async def cut(house: House, asked: Asked, chance: random.Random) -> None:
    """Send a request, or a part of it, and be gone 0 to 5 ms later: by a reset, or as a browser closes."""
    _, writer = await connect(house)
    sent = written(asked.fresh)
    writer.write(sent if chance.random() < 0.8 else sent[: chance.randrange(1, len(sent))])
    await asyncio.sleep(chance.uniform(0, LATEST_CUT))
    if chance.random() < 0.5:
        linger = struct.pack("ii", 1, 0)  # close with a reset, and forget what was not sent
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


async def test_requests_that_are_cut_off_cost_nothing_that_lasts(house: House) -> None:
    await until(house.all_answered, lambda failed: not failed)
    chance = random.Random(CUTS)
    files = psutil.Process().num_fds()
    places = asyncio.Semaphore(AT_ONCE)

    async def one(asked: Asked) -> None:
        async with places:
            await cut(house, asked, chance)

    kinds = list(house.kinds.values())
    async with asyncio.TaskGroup() as group:
        for number in range(CUTS):
            group.create_task(one(kinds[number % len(kinds)]))
    await house.at_rest()

    async def open_files() -> int:
        return psutil.Process().num_fds()

    await until(open_files, lambda now: now <= files + SPARE_FILES)
    for _ in range(5):
        assert await house.all_answered() == {}
    await house.at_rest()


POST = "POST /api/v1/responses HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
ENDLESS: dict[str, tuple[bytes, bytes, int | None]] = {
    "nothing at all": (b"", b"", None),
    "a head that trickles": (b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: ", b"a", None),
    "a body that trickles": (f"{POST}Content-Length: 100000\r\n\r\n".encode(), b" ", 408),
    "a body that stops": (f"{POST}Content-Length: 100000\r\n\r\n{{".encode(), b"", 408),
    "chunks that trickle": (f"{POST}Transfer-Encoding: chunked\r\n\r\n".encode(), b"1\r\n \r\n", 408),
    "chunks without end": (
        f"{POST}Transfer-Encoding: chunked\r\n\r\n".encode(),
        b"10000\r\n" + b" " * 65536 + b"\r\n",
        413,
    ),
    "a body after the answer": (
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n",
        b"a",
        200,
    ),
}


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same clocks, wound for a few seconds."""
    monkeypatch.setattr(protocol, "HEAD_SECONDS", HASTE)
    monkeypatch.setattr(http, "BODY_SECONDS", HASTE)


async def endless(house: House, begin: bytes, more: bytes) -> int | None:
    """Send for ever, until the service hangs up; the status it answered, if it did."""
    reader, writer = await connect(house)
    writer.write(begin)

    async def send() -> None:
        with suppress(OSError):
            while True:
                writer.write(more)
                await writer.drain()
                await asyncio.sleep(0.05)

    sending = asyncio.create_task(send())
    heard = b""
    with suppress(OSError):  # a reset is an end, too
        async with asyncio.timeout(PATIENCE):
            while piece := await reader.read(65536):
                heard += piece
    sending.cancel()
    writer.transport.abort()
    return int(heard.split(b" ", 2)[1]) if heard else None


@pytest.mark.usefixtures("hasty")
async def test_what_never_ends_is_ended(house: House) -> None:
    await until(house.all_answered, lambda failed: not failed)
    files = psutil.Process().num_fds()
    endings = [
        asyncio.gather(*(endless(house, begin, more) for _ in range(EACH)))
        for begin, more, _ in ENDLESS.values()
    ]
    assert await house.all_answered() == {}  # others are served meanwhile
    heard = await asyncio.gather(*endings)
    assert {name: Counter(statuses) for name, statuses in zip(ENDLESS, heard, strict=True)} == {
        name: {status: EACH} for name, (_, _, status) in ENDLESS.items()
    }
    await house.at_rest()

    async def open_files() -> int:
        return psutil.Process().num_fds()

    await until(open_files, lambda now: now <= files + SPARE_FILES)
