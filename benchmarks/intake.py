"""Intake over HTTP: the batch writer between its two bounds, measured in the same run.

Above it the same application that stores nothing, below it one ORM session a request. The three take turns,
round after round, so that whatever else the machine does meets them alike; medians are compared. Afterwards
every response that was acknowledged with 201 must be in the database, and nothing else.
"""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from uuid import UUID

import asyncpg
import httpx

from app.core.clock import local_day, utc_now
from app.core.settings import load_settings
from benchmarks import payloads
from benchmarks.generator import Job
from benchmarks.ground import Ground
from benchmarks.measure import Turn, drive, middle, processes
from benchmarks.report import Row, at_least
from benchmarks.variants import NAMES

CONNECTIONS = 64
PART = "intake"
OF_VALIDATION = 0.5
OF_ORM = 4.0


async def run(ground: Ground, *, quick: bool) -> list[Row]:
    """Measure with one and with two web processes; the better of both is held against the promise."""
    seconds, rounds = (3.0, 2) if quick else (8.0, 5)
    rows: list[Row] = []
    best: dict[str, Turn] = {}
    acknowledged: list[str] = []
    for workers in (1, 2):
        turns = await _compare(ground, workers, seconds, rounds, acknowledged)
        for name, turn in turns.items():
            rows.append(Row(PART, f"{name}, {processes(workers)}", turn.say()))
            if name not in best or turn.per_second > best[name].per_second:
                best[name] = turn
    share = best["batched"].per_second / best["validated"].per_second
    times = best["batched"].per_second / best["orm"].per_second
    rows.append(at_least(PART, "batched / validated, best of each", share, OF_VALIDATION, f"{share:.2f}"))
    rows.append(at_least(PART, "batched / orm, best of each", times, OF_ORM, f"{times:.1f}"))
    rows.append(await _check(ground, acknowledged))
    rows += await _by_links(ground, 5_000 if quick else 20_000)
    return rows


async def _compare(
    ground: Ground, workers: int, seconds: float, rounds: int, acknowledged: list[str]
) -> Mapping[str, Turn]:
    requests = payloads.from_tablets(ground.tablets, 4)
    turns: dict[str, list[Turn]] = {name: [] for name in NAMES}
    async with AsyncExitStack() as stack:
        servers = {
            name: await stack.enter_async_context(
                ground.running("benchmarks.variants", name, "--workers", str(workers))
            )
            for name in NAMES
        }
        for number in range(rounds + 1):  # round 0 warms up and is not counted
            for name, server in servers.items():
                job = Job(server.port, requests, seconds if number else 2.0, CONNECTIONS)
                turn, result = await drive(ground, server, job, 201)
                if number:
                    turns[name].append(turn)
                if name != "validated":
                    acknowledged += result.acknowledged
    return {name: middle(taken) for name, taken in turns.items()}


async def _check(ground: Ground, acknowledged: Sequence[str]) -> Row:
    async with ground.connection() as connection:
        missing = await lost(connection, acknowledged)
        stored: int = await connection.fetchval("SELECT count(*) FROM responses")
    said = f"{len(acknowledged):,} acknowledged, {missing} of them missing; {stored:,} stored"
    return Row(
        PART,
        "every acknowledged response is stored",
        said,
        "all, no more",
        not missing and stored == len(acknowledged),
    )


async def lost(connection: asyncpg.Connection, acknowledged: Sequence[str]) -> int:
    """How many of these ids the database does not hold."""
    await connection.execute("CREATE TEMP TABLE acknowledged (id uuid)")
    await connection.copy_records_to_table("acknowledged", records=[(UUID(each),) for each in acknowledged])
    missing: int = await connection.fetchval(
        "SELECT count(*) FROM acknowledged a WHERE NOT EXISTS (SELECT FROM responses r WHERE r.id = a.id)"
    )
    return missing


async def _by_links(ground: Ground, count: int) -> list[Row]:
    """Responses by link, for information: each spends the link of a visit registered before."""
    async with ground.running("benchmarks.variants", "batched") as server:
        links, slowest = await register(ground, server.port, count, "L")
        job = Job(server.port, payloads.from_links(links), 60.0, CONNECTIONS, once=True)
        turn, _ = await drive(ground, server, job, 201)
    return [
        Row(PART, "1,000 visits in one call, slowest", f"{slowest:.2f} s", "<= 1 s", slowest <= 1),
        Row(PART, f"by link, {processes(1)}", turn.say()),
    ]


async def register(ground: Ground, port: int, count: int, prefix: str) -> tuple[list[str], float]:
    """Register visits of today by the thousand; their links, and the seconds of the slowest call."""
    codes = sorted({tablet.unit_code for tablet in ground.tablets})
    today = local_day(utc_now(), load_settings().zone).isoformat()
    links: list[str] = []
    slowest = 0.0
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as partner:
        for start in range(0, count, 1000):
            visits = [
                {
                    "dossier_code": f"{prefix}{place}",
                    "unit_code": codes[place % len(codes)],
                    "served_on": today,
                }
                for place in range(start, min(count, start + 1000))
            ]
            answer = await partner.post(
                "/api/v1/visits", json={"visits": visits}, headers={"authorization": ground.bearer}
            )
            answer.raise_for_status()
            links += [item["link"]["code"] for item in answer.json()["items"]]
            slowest = max(slowest, answer.elapsed.total_seconds())
    return links, slowest
