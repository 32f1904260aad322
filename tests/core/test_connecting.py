"""Whoever vanishes at one end of a connection is missed at the other: both ends are told to ask."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import asyncpg
import pytest

from app.core.connecting import KEPT_ALIVE, KEPT_ALIVE_THERE, connect, connect_plainly
from app.core.database import SERVER_SETTINGS, Database, plain_url
from tests.faults.pressure import Wire

Open = Callable[[str], Awaitable[Any]]
STRAIGHT: dict[str, Open] = {
    "for the service's work": lambda url: connect(url, SERVER_SETTINGS, pooled=False, timeout=20),
    "for what needs one of its own": lambda url: connect_plainly(url, timeout=20),
}
WAYS: dict[str, Open] = {
    **STRAIGHT,
    "through a pooler": lambda url: connect(url, SERVER_SETTINGS, pooled=True, timeout=20),
}


async def first_words(opened: Open) -> dict[str, str]:
    """What a server is told when a connection begins."""
    heard: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = int.from_bytes(await reader.readexactly(4))
        heard.append(await reader.readexactly(length - 4))
        writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with suppress(ConnectionError, asyncpg.ConnectionDoesNotExistError):
            await opened(f"postgresql://sipas@127.0.0.1:{port}/sipas?sslmode=disable")
    words = heard[0][4:].decode().rstrip("\0").split("\0")
    return dict(zip(words[::2], words[1::2], strict=True))


@pytest.mark.parametrize("opened", STRAIGHT.values(), ids=STRAIGHT)
async def test_the_server_is_told_to_ask_after_us(opened: Open) -> None:
    told = await first_words(opened)
    assert {name: told.get(name) for name in KEPT_ALIVE_THERE} == KEPT_ALIVE_THERE


async def test_a_pooler_is_told_nothing_that_it_would_refuse() -> None:
    told = await first_words(WAYS["through a pooler"])
    assert told.keys() <= {"user", "database", "client_encoding", "application_name", "timezone"}


@pytest.mark.parametrize("opened", WAYS.values(), ids=WAYS)
async def test_we_ask_after_the_server(opened: Open, database: Database) -> None:
    wire = Wire(plain_url(database.url))
    await wire.mend()
    connection = await opened(f"{wire.url}?sslmode=disable")
    try:
        end = connection._transport.get_extra_info("socket")
        assert end.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        said = {name: getattr(socket, name) for name in KEPT_ALIVE if hasattr(socket, name)}
        found = {name: end.getsockopt(socket.IPPROTO_TCP, option) for name, option in said.items()}
        assert found == {name: KEPT_ALIVE[name] for name in said}
    finally:
        await connection.close()
        await wire.cut()
