"""Reading the province's index over a year: how long 8 impatient dashboards wait, and does more data matter?

Two servers on two databases take turns: one with the cells of 2 million responses, one with ten times the
responses. Making 20 million rows would take long and change nothing that is read: an index is made of
cells, so the tenfold case keeps the cells and multiplies every number in them by ten. The year begins and
ends inside a month, so that edge days are read beside whole months. No request carries If-None-Match.
"""

import json
from contextlib import AsyncExitStack
from dataclasses import replace

import httpx

from app.rollups.fresh import TABLES
from benchmarks import counting, data, payloads
from benchmarks.generator import Job
from benchmarks.ground import PROVINCE, Ground, Server
from benchmarks.measure import Turn, drive, middle, processes
from benchmarks.report import Row, at_most

PART = "index"
CONNECTIONS = 8
PROMISED_MS = 50
PROMISED_GROWTH = 1.3
TENFOLD = "tenfold"


def path(unit: str = PROVINCE) -> str:
    """The index of a unit over the year of the data."""
    return f"/api/v1/indices/{unit}?from={data.first_day()}&to={data.today()}"


async def run(ground: Ground, *, quick: bool) -> list[Row]:
    """Measure with one and with two web processes; the better of both is held against the promise."""
    await counting.ensure(ground, quick=quick)
    await data.fill_visits(ground)
    tenfold = await _tenfold(ground)
    rows: list[Row] = []
    best: tuple[float, float] | None = None
    for workers in (1, 2):
        one, ten = await _compare((ground, tenfold), workers, 3.0 if quick else 8.0, 2 if quick else 4)
        for name, turn in (("2 million", one), ("tenfold", ten)):
            rows.append(Row(PART, f"a year of the province, {name}, {processes(workers)}", turn.say()))
        found = one.p99 * 1000, ten.p99 * 1000
        best = min(best or found, found)
    assert best is not None
    growth = best[1] / best[0]
    rows.append(
        at_most(PART, "p99, 8 connections, uncached", best[0], PROMISED_MS, f"{best[0]:.1f} ms", " ms")
    )
    rows.append(
        at_most(
            PART, "p99 with ten times the responses (cells x 10)", growth, PROMISED_GROWTH, f"x {growth:.2f}"
        )
    )
    return rows


async def _tenfold(ground: Ground) -> Ground:
    """A copy of the database whose cells say ten times as much."""
    async with ground.connection() as connection:
        name = await connection.fetchval("SELECT current_database()")
    tenfold = replace(ground, url=ground.url.replace(f"/{name}?", f"/{TENFOLD}?"))
    other = replace(ground, url=ground.url.replace(f"/{name}?", "/postgres?"))
    async with other.connection() as connection:
        await connection.execute(f"DROP DATABASE IF EXISTS {TENFOLD}")
        await connection.execute(f"CREATE DATABASE {TENFOLD} TEMPLATE {name} STRATEGY file_copy", timeout=300)
    async with tenfold.connection() as connection:
        for table in TABLES:
            times = ", ".join(f"{value} = {value} * 10" for value in table.values)
            await connection.execute(f"UPDATE {table.name} SET {times}", timeout=300)  # noqa: S608  our own names
            await connection.execute(f"VACUUM (FULL, ANALYZE) {table.name}", timeout=300)
    return tenfold


async def _compare(
    grounds: tuple[Ground, Ground], workers: int, seconds: float, rounds: int
) -> tuple[Turn, Turn]:
    turns: tuple[list[Turn], list[Turn]] = [], []
    async with AsyncExitStack() as stack:
        servers = [
            await stack.enter_async_context(
                ground.running("app", "serve", "--workers", str(workers), "--no-worker")
            )
            for ground in grounds
        ]
        one, ten = [await _responses(ground, server) for ground, server in zip(grounds, servers, strict=True)]
        if ten != 10 * one or not one:
            raise RuntimeError(f"the indices say {one} and {ten} responses")
        for number in range(rounds + 1):  # round 0 warms up
            for ground, server, taken in zip(grounds, servers, turns, strict=True):
                turn = await read(ground, server, seconds if number else 1.5)
                if number:
                    taken.append(turn)
    return middle(turns[0]), middle(turns[1])


async def read(ground: Ground, server: Server, seconds: float) -> Turn:
    """Ask for the province's year over and over on 8 connections."""
    request = payloads.get(path(), ground.bearer)
    turn, _ = await drive(ground, server, Job(server.port, [request], seconds, CONNECTIONS), 200)
    return turn


async def _responses(ground: Ground, server: Server) -> int:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", timeout=60) as client:
        answer = await client.get(path(), headers={"authorization": ground.bearer})
    answer.raise_for_status()
    return sum(each["responses"] for each in json.loads(answer.content)["results"])
