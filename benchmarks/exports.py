"""A million responses as CSV through a running server, beside PostgreSQL's own COPY of the same columns.

COPY writes into nothing, with no order and nothing made harmless: no export of these columns can be faster.
What is promised is rows a second at the reader's end, and how much more memory the web process needs
meanwhile. The same rows as JSON Lines, and as an order that the job runner makes, stand beside it.
"""

import asyncio
import hashlib
import time
from statistics import median
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
    if not there:
        await data.fill(ground, counting.size(quick=quick))
    first, rows = await _period(ground)
    bearer = await _client(ground)
    query = {"unit": PROVINCE, "from": str(first), "to": str(data.today()), "questionnaire": "quick-5"}
    taken: dict[str, list[tuple[float, float, int]]] = {"csv": [], "jsonl": []}
    copies = []
    async with (
        ground.running("app.cli", "serve", "--workers", "1") as server,
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{server.port}", headers={"authorization": bearer}, timeout=600
        ) as client,
    ):
        for number in range(2 if quick else 4):  # round 0 warms up
            for kind, turns in taken.items():
                turn = await _take(server, client, {**query, "version": "1", "format": kind}, rows)
                if number:
                    turns.append(turn)
            copies += [await _copy(ground, first, rows)] if number else []
        ordered = [
            await _order(client, {**query, "version": 1, "what": "responses", "format": kind}, rows)
            for kind in (("csv",) if quick else ("csv", "xlsx"))
        ]
    copied = rows / median(copies)
    found = rows / median(seconds for seconds, _, _ in taken["csv"])
    lines = rows / median(seconds for seconds, _, _ in taken["jsonl"])
    more = max(more for turns in taken.values() for _, more, _ in turns)
    size = taken["csv"][0][2] / 2**20
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
        Row(PART, "the same as JSON Lines", f"{lines:,.0f}/s"),
        at_most(PART, "more memory of the web process", more, PROMISED_MIB, f"{more:.1f} MiB", " MiB"),
        *(
            Row(PART, f"ordered as {kind}, made by the job runner", said)
            for kind, said in zip(("CSV", "XLSX"), ordered, strict=False)
        ),
    ]


async def _period(ground: Ground) -> tuple[object, int]:
    """The days that hold about a million of the province's responses, and how many exactly."""
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
        if total >= WANTED:
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


async def _take(
    server: Server, client: httpx.AsyncClient, query: dict[str, str], rows: int
) -> tuple[float, float, int]:
    """Seconds, MiB more in the web process, bytes."""
    watch = Watch(server)
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
    return seconds, watch.more, size


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


async def _order(client: httpx.AsyncClient, order: dict[str, object], rows: int) -> str:
    began = time.perf_counter()
    placed = (await client.post("/api/v1/exports", json=order)).raise_for_status().json()
    while placed["state"] in {"queued", "running"}:
        await asyncio.sleep(0.2)
        placed = (await client.get(f"/api/v1/exports/{placed['id']}")).raise_for_status().json()
    seconds = time.perf_counter() - began
    if (placed["state"], placed["rows"]) != ("done", rows):
        raise RuntimeError(f"an order ended as {placed}")
    began = time.perf_counter()
    file = await client.get(placed["file"])
    if hashlib.sha256(file.content).hexdigest() != placed["sha256"]:
        raise RuntimeError("the file differs from its checksum")
    return f"{seconds:.1f} s, {placed['size'] / 2**20:.0f} MiB; taken in {time.perf_counter() - began:.1f} s"
