"""From "accepted" to the figure: how long until a response stands in its unit's index, under steady load.

A real server with its job runner takes 500 responses a second from the tablets of 99 communes (open loop:
they fall due whatever the server does). Beside them probers answer at quiet desks, one response at a time,
and read their unit's index of the day until it has risen. The clock runs from the moment the 201 was heard to
the moment the risen index was; reading it takes part of that time, and asking every 50 ms adds to it.

The same web process then hears everything else a day may bring, and its memory is read.
"""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import uuid4

import httpx
import orjson

from benchmarks import counting, data, intake, payloads
from benchmarks.generator import Job, load
from benchmarks.ground import Ground, Server, Tablet
from benchmarks.index import read
from benchmarks.report import Row, at_most

PART = "freshness"
RATE = 500.0
PROMISED_SECONDS = 2.0
PROMISED_MIB = 200
_ASK_EVERY = 0.05
_LONGEST = 30.0


@dataclass
class _Prober:
    ground: Ground
    server: Server
    tablet: Tablet
    waits: list[float] = field(default_factory=list)

    async def run(self, stop: asyncio.Event) -> None:
        address = f"http://127.0.0.1:{self.server.port}"
        async with httpx.AsyncClient(base_url=address, timeout=_LONGEST) as client:
            known = await self._count(client)
            while not stop.is_set():
                await self._answer(client)
                heard = time.perf_counter()
                while (found := await self._count(client)) <= known:
                    if time.perf_counter() - heard > _LONGEST:
                        raise TimeoutError("a response never reached the index")
                    await asyncio.sleep(_ASK_EVERY)
                self.waits.append(time.perf_counter() - heard)
                known = found

    async def _answer(self, client: httpx.AsyncClient) -> None:
        body = payloads.probe(uuid4())
        headers = {"authorization": f"Bearer {self.tablet.token}", "content-type": "application/json"}
        answer = await client.post("/api/v1/responses", content=orjson.dumps(body), headers=headers)
        if answer.status_code != 201:
            raise RuntimeError(f"a probe was not accepted: {answer.status_code} {answer.text}")

    async def _count(self, client: httpx.AsyncClient) -> int:
        day = data.today()
        answer = await client.get(
            f"/api/v1/indices/{self.tablet.unit_code}?from={day}&to={day}",
            headers={"authorization": self.ground.bearer},
        )
        answer.raise_for_status()
        return sum(each["responses"] for each in answer.json()["results"])


async def run(ground: Ground, *, quick: bool) -> list[Row]:
    """Load, probe, and then the memory of the web process that took it all."""
    await counting.ensure(ground, quick=quick)
    async with ground.running("app", "serve", "--workers", "1") as server:
        rows = await _probe(ground, server, 15.0 if quick else 60.0)
        rows += await _memory(ground, server, 3.0 if quick else 15.0)
    return rows


async def _probe(ground: Ground, server: Server, seconds: float) -> list[Row]:
    stop = asyncio.Event()
    probers = [_Prober(ground, server, tablet) for tablet in ground.quiet]
    asking = [asyncio.create_task(prober.run(stop)) for prober in probers]
    job = Job(server.port, payloads.from_tablets(ground.tablets, 4), seconds, 64, rate=RATE)
    loading = asyncio.create_task(load(job))
    done, _ = await asyncio.wait([loading, *asking], return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    if loading not in done:
        loading.cancel()
    with suppress(asyncio.CancelledError):
        result = await loading
    await asyncio.gather(*asking)
    if set(result.statuses) != {201}:
        raise RuntimeError(f"not every response was accepted: {result.statuses}")
    waits = sorted(wait for prober in probers for wait in prober.waits)
    p99 = waits[min(len(waits) - 1, int(0.99 * len(waits)))]
    said = (
        f"p50 {waits[len(waits) // 2]:.2f} s, p99 {p99:.2f} s, worst {waits[-1]:.2f} s of {len(waits)} probes"
    )
    return [
        Row(
            PART,
            "the load beside it",
            f"{result.per_second:,.0f}/s, answered in p50 {result.percentile(0.5) * 1000:.0f} ms, "
            f"p99 {result.percentile(0.99) * 1000:.0f} ms",
        ),
        at_most(PART, "from 201 to the index, at 500 a second", p99, PROMISED_SECONDS, said, " s"),
    ]


async def _memory(ground: Ground, server: Server, seconds: float) -> list[Row]:
    """After steady load: intake at full speed, the province's year at 8 connections, 5,000 visits."""
    await load(Job(server.port, payloads.from_tablets(ground.tablets, 4), seconds, intake.CONNECTIONS))
    await read(ground, server, seconds)
    await intake.register(ground, server.port, 5_000, "M")
    rss, pss = server.largest()
    said = f"{rss / 2**20:.0f} MiB resident, {pss / 2**20:.0f} MiB proportional"
    return [at_most("memory", "one web process after all that", rss / 2**20, PROMISED_MIB, said, " MiB")]
