"""A million responses as CSV through a running server, beside PostgreSQL's own COPY of the same columns.

COPY writes into nothing, with no order and nothing made harmless: no export of these columns can be faster.
What is promised is rows a second at the reader's end, and how much more memory the web process needs
meanwhile. The same rows as JSON Lines, and as an order that the job runner makes, stand beside it.
"""

import asyncio
import hashlib
import time
from statistics import median
from typing import NamedTuple
from uuid import UUID

import httpx

from app.core.clock import utc_now
from app.core.tokens import AccessTokens
from benchmarks import counting, data
from benchmarks.ground import PROVINCE, Ground, Server
from benchmarks.report import Row, at_least, at_most

PART = "exports"
PROMISED_ROWS = 100_000
PROMISED_MIB = 100
WANTED = 1_000_000
WANTED_AS_XLSX = 100_000
SCOPES = ["exports:create", "responses:read", "indices:read"]
LOOK_SECONDS = 0.02

_COPY = """
SELECT u.code, r.local_day, q.code, q.version, r.channel, r.verdict, r.verdict_reason, p.code,
    nullif(get_byte(r.answers, 0), 0), nullif(get_byte(r.answers, 1), 0), nullif(get_byte(r.answers, 2), 0),
    nullif(get_byte(r.answers, 3), 0), nullif(get_byte(r.answers, 4), 0),
    r.respondent->>'gender', r.respondent->>'age_band', r.respondent->>'education',
    r.respondent->>'occupation', r.language, r.complete
FROM responses r
JOIN units u ON u.id = r.unit_id
JOIN questionnaires q ON q.id = r.questionnaire_id
LEFT JOIN procedures p ON p.id = r.procedure_id
WHERE q.code = 'quick-5' AND r.local_day >= $1
    AND r.unit_id IN (SELECT id FROM units WHERE parent_id = (SELECT id FROM units WHERE code = $2))
"""


class Watch:
    """How much more memory the server's processes have held than at the start, looked at often."""

    def __init__(self, server: Server) -> None:
        self._processes = server.tree()
        self._before = [each.memory_full_info().uss for each in self._processes]
        self.more = 0.0

    async def look(self) -> None:
        """Until cancelled; `more` is in MiB, of the process that has grown most."""
        while True:
            grown = [
                each.memory_full_info().uss - before
                for each, before in zip(self._processes, self._before, strict=True)
            ]
            self.more = max(self.more, max(grown) / 2**20)
            await asyncio.sleep(LOOK_SECONDS)


async def run(ground: Ground, *, quick: bool) -> list[Row]:
    """Measure streams, an order, and COPY in turns."""
    async with ground.connection() as connection:
        there = await connection.fetchval("SELECT count(*) FROM responses")
    if there < counting.size(quick=quick):
        await data.fill(ground, counting.size(quick=quick))
    first, rows = await _period(ground, WANTED)
    bearer = await _client(ground)
    query = {"unit": PROVINCE, "from": str(first), "to": str(data.today()), "questionnaire": "quick-5"}
    taken: dict[str, list[Taken]] = {"csv": [], "jsonl": []}
    copies = []
    async with (
        ground.running("app", "serve", "--workers", "1") as server,
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{server.port}", headers={"authorization": bearer}, timeout=600
        ) as client,
    ):
        for number in range(2 if quick else 4):  # round 0 warms up
            for kind, turns in taken.items():
                turn = await _take(ground, server, client, {**query, "version": "1", "format": kind}, rows)
                if number:
                    turns.append(turn)
            copies += [await _copy(ground, first, rows)] if number else []
        order: dict[str, object] = {**query, "version": 1, "what": "responses"}
        ordered = [Row(PART, "ordered as CSV", await _order(server, client, order, rows))]
        if not quick:
            first, rows_of_sheet = await _period(ground, WANTED_AS_XLSX)
            order |= {"format": "xlsx", "from": str(first)}
            ordered.append(Row(PART, "ordered as XLSX", await _order(server, client, order, rows_of_sheet)))
    copied = rows / median(copies)
    found = rows / median(turn.seconds for turn in taken["csv"])
    lines = rows / median(turn.seconds for turn in taken["jsonl"])
    more = max(turn.more for turns in taken.values() for turn in turns)
    size = taken["csv"][0].size / 2**20
    web = median(turn.web for turn in taken["csv"]) / rows * 1e6
    database = median(turn.database for turn in taken["csv"]) / rows * 1e6
    return [
        at_least(
            PART,
            f"CSV of {rows:,} responses, rows a second at the reader",
            found,
            PROMISED_ROWS,
            f"{found:,.0f}/s ({rows / found:.1f} s, {size:.0f} MiB)",
        ),
        Row(
            PART,
            "COPY of the same columns, unordered, to nowhere",
            f"{copied:,.0f}/s ({rows / copied:.1f} s)",
        ),
        Row(PART, "COPY's share of our time", f"{found / copied:.0%}"),
        Row(PART, "processor time for each row", f"web {web:.1f} us, database {database:.1f} us"),
        Row(PART, "the same as JSON Lines", f"{lines:,.0f}/s"),
        at_most(PART, "more memory of the web process", more, PROMISED_MIB, f"{more:.1f} MiB", " MiB"),
        *ordered,
    ]


async def _period(ground: Ground, wanted: int) -> tuple[object, int]:
    """The first of the days that hold so many of the province's responses, and how many exactly."""
    async with ground.connection() as connection:
        days = await connection.fetch(
            "SELECT r.local_day, count(*) AS rows FROM responses r JOIN units u ON u.id = r.unit_id"
            " JOIN questionnaires q ON q.id = r.questionnaire_id"
            " WHERE q.code = 'quick-5' AND u.parent_id = (SELECT id FROM units WHERE code = $1)"
            " GROUP BY 1 ORDER BY 1 DESC",
            PROVINCE,
        )
    total = 0
    for day, rows in days:
        total += rows
        if total >= wanted:
            return day, total
    return days[-1]["local_day"], total


async def _client(ground: Ground) -> str:
    async with ground.connection() as connection:
        client: UUID = await connection.fetchval(
            "INSERT INTO clients (id, name, secret_hash, scopes, unit_id)"
            " VALUES (gen_random_uuid(), 'exports', 'unused', $1, NULL) RETURNING id",
            SCOPES,
        )
    return f"Bearer {AccessTokens(ground.secret).issue(f'client:{client}', SCOPES, utc_now())}"


class Taken(NamedTuple):
    """A file: seconds it took, MiB more in the web process, bytes, processor seconds."""

    seconds: float
    more: float
    size: int
    web: float
    database: float


async def _take(
    ground: Ground, server: Server, client: httpx.AsyncClient, query: dict[str, str], rows: int
) -> Taken:
    watch = Watch(server)
    web, database = server.cpu_seconds(), ground.database_cpu_seconds()
    looking = asyncio.create_task(watch.look())
    began, size, breaks, digest = time.perf_counter(), 0, 0, hashlib.sha256()
    try:
        async with client.stream("GET", "/api/v1/exports/responses", params=query) as answer:
            if answer.status_code != 200:
                raise RuntimeError(f"an export was refused: {await answer.aread()!r}")
            async for piece in answer.aiter_raw():
                size += len(piece)
                breaks += piece.count(b"\n")
                digest.update(piece)
        seconds = time.perf_counter() - began
    finally:
        looking.cancel()
    told = (await client.get(f"/api/v1/exports/{answer.headers['x-export-id']}")).json()
    if (told["rows"], told["sha256"], told["size"]) != (rows, digest.hexdigest(), size):
        raise RuntimeError(f"the export says {told}, and {rows} rows were expected")
    web, database = server.cpu_seconds() - web, ground.database_cpu_seconds() - database
    return Taken(seconds, watch.more, size, web, database)


async def _copy(ground: Ground, first: object, rows: int) -> float:
    async def nowhere(_: bytes) -> None:
        return

    async with ground.connection() as connection:
        began = time.perf_counter()
        status = await connection.copy_from_query(_COPY, first, PROVINCE, output=nowhere, format="csv")
        seconds = time.perf_counter() - began
    if status != f"COPY {rows}":
        raise RuntimeError(f"COPY says {status}, not {rows}")
    return seconds


async def _order(server: Server, client: httpx.AsyncClient, order: dict[str, object], rows: int) -> str:
    watch = Watch(server)
    looking = asyncio.create_task(watch.look())
    began = time.perf_counter()
    placed = (await client.post("/api/v1/exports", json=order)).raise_for_status().json()
    while placed["state"] in {"queued", "running"}:
        await asyncio.sleep(0.2)
        placed = (await client.get(f"/api/v1/exports/{placed['id']}")).raise_for_status().json()
    seconds = time.perf_counter() - began
    looking.cancel()
    if (placed["state"], placed["rows"]) != ("done", rows):
        raise RuntimeError(f"an order ended as {placed}")
    began = time.perf_counter()
    file = await client.get(placed["file"])
    if hashlib.sha256(file.content).hexdigest() != placed["sha256"]:
        raise RuntimeError("the file differs from its checksum")
    taken = time.perf_counter() - began
    size = placed["size"] / 2**20
    rate = f"{rows:,} rows in {seconds:.1f} s ({rows / seconds:,.0f}/s)"
    return f"{rate}, {watch.more:.1f} MiB more memory; {size:.0f} MiB taken in {taken:.1f} s"
