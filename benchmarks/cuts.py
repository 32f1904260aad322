"""Clients that hang up, and bodies that never end: is the service as fast meanwhile and afterwards?

In rounds on one server, closed-loop intake by tablets is measured before; beside hundreds of requests that
never come to an end, each begun anew as soon as the service has ended it; and after they have gone. Before
the second, while those hang already, a share of the 10,000 requests is cut 0 to 5 ms after they were sent,
whole or in part, by a reset or as a browser closes. Ratios are taken within a round, so that whatever else
the machine does meets both sides alike. That nothing is lost is proved in `tests/faults`; here it is looked
at again under load.

The server runs without jobs: what counting takes grows with the day's responses, whoever hangs up.
"""

import asyncio
import random
import socket
import struct
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import astuple, dataclass, field
from statistics import median
from uuid import uuid4

import httpx
import psutil

from benchmarks import data, index, intake, payloads
from benchmarks.generator import Job, load
from benchmarks.ground import Ground, Server
from benchmarks.measure import Turn, drive, middle, processes
from benchmarks.report import Row, at_least, at_most

PART = "cuts"
KEPT_UP = 0.9
GROWTH = 1.25
CONNECTIONS = intake.CONNECTIONS
AT_ONCE = 60
LATEST_CUT = 0.005
TRICKLE = 1.0
"""Seconds between two bytes of what never ends: the service's time is measured, not the wire's."""
PATIENCE = 60.0
"""Seconds until the service must be at rest."""

_POST = "POST /api/v1/responses HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
ENDLESS: tuple[tuple[bytes, bytes], ...] = (
    (f"{_POST}content-length: 100000\r\n\r\n{{".encode(), b""),
    (f"{_POST}content-length: 100000\r\n\r\n".encode(), b" "),
    (f"{_POST}transfer-encoding: chunked\r\n\r\n".encode(), b"1\r\n \r\n"),
    (b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-a: ", b"a"),
)
"""How what never ends begins, and goes on: a body that stops, two that trickle, and a head."""


@dataclass(frozen=True)
class Sizes:
    """Rounds; in each of them seconds of a turn, requests cut, requests that hang."""

    rounds: int = 5
    seconds: float = 5.0
    cuts: int = 2_000
    hanging: int = 400


@dataclass(frozen=True)
class _Held:
    """What a server holds when nobody asks anything."""

    clients: int
    queue: float
    pools: float
    transactions: int

    def work(self) -> bool:
        """Whether anything is under way, whoever hangs."""
        return bool(self.queue or self.pools or self.transactions)

    def anything(self) -> bool:
        """Whether anybody holds anything."""
        return bool(self.clients) or self.work()

    def say(self) -> str:
        """In one line."""
        return (
            f"{self.clients} connections of clients, {self.queue:.0f} places in the queue, "
            f"{self.pools:.0f} connections to the database, {self.transactions} transactions"
        )


@dataclass
class _Found:
    """The turns of all rounds, what was acknowledged in them, and what was held after each."""

    before: list[Turn] = field(default_factory=list)
    beside: list[Turn] = field(default_factory=list)
    after: list[Turn] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    held: list[_Held] = field(default_factory=list)
    cutting: float = 0.0
    """Seconds of cutting in all."""
    resting: float = 0.0
    """Seconds that the service went on working after the last cut of a round, at most."""
    ended: Counter[str] = field(default_factory=Counter)


async def run(ground: Ground, *, quick: bool) -> list[Row]:
    """One server through all rounds."""
    sizes = Sizes(2, 2.0, 500, 100) if quick else Sizes()
    requests = payloads.from_tablets(ground.tablets, 4)
    async with ground.running("app", "serve", "--workers", "1", "--no-worker") as server:
        await load(Job(server.port, requests, 3.0, CONNECTIONS))  # afterwards it knows every tablet
        await _round(ground, server, requests, Sizes(1, 1.0, 100, 10), _Found())
        memory, found = [server.largest()[0]], _Found()
        for _ in range(sizes.rounds):
            await _round(ground, server, requests, sizes, found)
            memory.append(server.largest()[0])
    async with ground.connection() as connection:
        lost = await intake.lost(connection, found.acknowledged)
    cuts, hung = f"{sizes.rounds * sizes.cuts:,} cuts", f"{sizes.hanging:,} that never end"
    worst = max(found.held, key=lambda held: sum(astuple(held)))
    growth = memory[-1] / memory[0]
    sizes_said = ", ".join(f"{each / 2**20:.0f}" for each in memory)
    return [
        Row(PART, f"before, {processes(1)}", middle(found.before).say()),
        Row(PART, f"beside {hung}", f"{middle(found.beside).say()}; ended: {_endings(found.ended)}"),
        Row(PART, "after them", middle(found.after).say()),
        Row(PART, cuts, f"in {found.cutting:.1f} s, and {found.resting:.1f} s at most until all was done"),
        _ratio(f"beside {hung} / before", found.beside, found.before),
        _ratio(f"after {cuts} / before", found.after, found.before),
        Row(PART, "held when nobody asks any more", worst.say(), "nothing", not worst.anything()),
        at_most(
            PART,
            "memory, after / before",
            growth,
            GROWTH,
            f"{growth:.2f} (before, and after each round: {sizes_said} MiB)",
        ),
        Row(
            PART,
            "every acknowledged response is stored",
            f"{len(found.acknowledged):,} acknowledged, {lost} of them missing",
            "all",
            not lost,
        ),
    ]


async def _round(ground: Ground, server: Server, requests: list[bytes], sizes: Sizes, found: _Found) -> None:
    async def turn() -> Turn:
        job = Job(server.port, requests, sizes.seconds, CONNECTIONS)
        measured, result = await drive(ground, server, job, 201)
        found.acknowledged += result.acknowledged
        return measured

    found.before.append(await turn())
    async with _hanging(server, sizes.hanging, found.ended):
        began = time.perf_counter()
        await _cut_many(ground, server, sizes.cuts)
        found.cutting += time.perf_counter() - began
        began = time.perf_counter()
        await _at_rest(ground, server, hanging=True)
        found.resting = max(found.resting, time.perf_counter() - began)
        found.beside.append(await turn())
    found.held.append(await _at_rest(ground, server))
    found.after.append(await turn())


def _ratio(what: str, those: list[Turn], before: list[Turn]) -> Row:
    """Of answers a second; and of processor time for each, which neighbours on the machine hardly change."""
    shares = [one.per_second / other.per_second for one, other in zip(those, before, strict=True)]
    costs = [one.web / other.web for one, other in zip(those, before, strict=True)]
    share = median(shares)
    text = (
        f"{share:.2f} (median of {len(shares)}, {min(shares):.2f} to {max(shares):.2f}); "
        f"processor time of each answer x {median(costs):.2f}"
    )
    return at_least(PART, what, share, KEPT_UP, text)


async def _cut_many(ground: Ground, server: Server, cuts: int) -> None:
    """Responses by tablets, the province's index, and sendings of a partner system, in turn."""
    chance = random.Random(cuts)
    tablets = payloads.from_tablets(ground.tablets, 1)
    read = payloads.get(index.path(), ground.bearer)

    def sending() -> bytes:
        unit = chance.choice(ground.tablets).unit_code
        visit = {"dossier_code": uuid4().hex, "unit_code": unit, "served_on": data.today()}
        return payloads.post("/api/v1/visits", {"visits": [visit]}, ground.bearer)

    places = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with places:
            if number % 3:
                sent = tablets[number % len(tablets)].replace(b"{id}", str(uuid4()).encode())
            else:
                sent = sending() if number % 2 else read
            await _cut(server.port, sent, chance)

    async with asyncio.TaskGroup() as group:
        for number in range(cuts):
            group.create_task(one(number))


async def _cut(port: int, sent: bytes, chance: random.Random) -> None:
    """Send a request, or a part of it, and be gone."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent if chance.random() < 0.8 else sent[: chance.randrange(1, len(sent))])
    await asyncio.sleep(chance.uniform(0, LATEST_CUT))
    if chance.random() < 0.5:
        linger = struct.pack("ii", 1, 0)  # close with a reset
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


@asynccontextmanager
async def _hanging(server: Server, count: int, ended: Counter[str]) -> AsyncIterator[None]:
    """So many requests that never end, all the time; `ended` counts how the service ended them."""
    begun = asyncio.Semaphore(0)

    async def one(begin: bytes, more: bytes) -> None:
        while True:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(begin)
            begun.release()
            hearing = asyncio.create_task(reader.read(65_536))
            try:
                while not (await asyncio.wait([hearing], timeout=TRICKLE))[0]:
                    writer.write(more)
                heard = b""
                with suppress(OSError):
                    heard = hearing.result()
                ended[heard[9:12].decode() or "closed"] += 1
            finally:
                hearing.cancel()
                writer.transport.abort()

    tasks = [asyncio.create_task(one(*ENDLESS[number % len(ENDLESS)])) for number in range(count)]
    try:
        for _ in tasks:
            await begun.acquire()
        yield
    finally:
        for task in tasks:
            task.cancel()
        broken = [
            each
            for each in await asyncio.gather(*tasks, return_exceptions=True)
            if isinstance(each, Exception)
        ]
        if broken:
            raise broken[0]


def _endings(ended: Counter[str]) -> str:
    return ", ".join(f"{count:,} x {how}" for how, count in sorted(ended.items())) or "none"


async def _at_rest(ground: Ground, server: Server, *, hanging: bool = False) -> _Held:
    """What is held once nothing is, but by what hangs; or in the end, when it does not come to rest."""
    held = await _look(ground, server)
    until = time.perf_counter() + PATIENCE
    while (held.work() if hanging else held.anything()) and time.perf_counter() < until:
        await asyncio.sleep(0.2)
        held = await _look(ground, server)
    return held


async def _look(ground: Ground, server: Server) -> _Held:
    async with httpx.AsyncClient(timeout=PATIENCE) as asking:
        said = (await asking.get(f"http://127.0.0.1:{server.port}/metrics")).text
    told = [line.rsplit(" ", 1) for line in said.splitlines() if not line.startswith("#")]

    def total(name: str) -> float:
        return sum(float(value) for label, value in told if label.partition("{")[0] == name)

    async with ground.connection() as connection:
        transactions: int = await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'sipas%' AND state <> 'idle'"
        )
    clients = [
        each
        for process in server.tree()
        for each in process.net_connections("tcp")
        if each.laddr.port == server.port and each.status != psutil.CONN_LISTEN
    ]
    return _Held(
        len(clients), total("sipas_intake_queue_length"), total("sipas_database_pool_in_use"), transactions
    )
