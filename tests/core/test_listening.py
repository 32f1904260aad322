import asyncio
import logging
import os
import resource
import socket
from collections.abc import Iterator

import pytest

from app.core import listening
from app.core.listening import Door
from tests.support.waiting import until

CROWD = 100
FEW_ROUNDS = 10


class Guest(asyncio.Protocol):
    inside = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        Guest.inside += 1


@pytest.fixture
def bound() -> Iterator[socket.socket]:
    Guest.inside = 0
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        bound.listen(CROWD)
        yield bound


def crowd(bound: socket.socket, number: int) -> list[socket.socket]:
    """So many who have knocked and wait."""
    return [socket.create_connection(bound.getsockname()) for _ in range(number)]


async def test_all_that_wait_are_let_in_within_a_few_rounds_of_the_loop(bound: socket.socket) -> None:
    guests = crowd(bound, CROWD)
    door = Door(bound, Guest)
    door.open()
    for _ in range(FEW_ROUNDS):
        await asyncio.sleep(0)
    assert Guest.inside == CROWD
    door.close()
    guests += crowd(bound, 1)
    for _ in range(FEW_ROUNDS):
        await asyncio.sleep(0)
    assert Guest.inside == CROWD  # the door is closed
    for guest in guests:
        guest.close()


async def test_where_too_many_files_are_open_it_is_tried_again(
    bound: socket.socket, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(listening, "REST_SECONDS", 0.05)
    guests = crowd(bound, 1)
    door = Door(bound, Guest)

    async def told() -> list[logging.LogRecord]:
        return caplog.records

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(bound.fileno())  # the next number: below it there may be no gap for the guest
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        door.open()
        await until(told, lambda records: records != [])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert Guest.inside == 0

    async def inside() -> int:
        return Guest.inside

    await until(inside, lambda found: found == 1)
    door.close()
    guests[0].close()
