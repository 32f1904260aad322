"""Rankings: 99 communes over a year of 2 million responses, and a country of 3,321 communes.

The country is made of cells: each of its communes is given the year of months of one of the province's, so
that the tree and the number of cells are those of the nation while no row of a response is needed. The year
begins and ends inside a month. No request carries If-None-Match.
"""

import json
from dataclasses import replace

import httpx

from benchmarks import counting, data, payloads
from benchmarks.generator import Job
from benchmarks.ground import COMMUNES, PROVINCE, Ground, Server
from benchmarks.measure import Turn, drive, middle, processes
from benchmarks.report import Row, at_most

PART = "rankings"
CONNECTIONS = 8
PROMISED_MS = 60
NATION = "nation"
NATION_COMMUNES = 3_321
PROMISED_NATION_MS = 600

_PROVINCES = """
INSERT INTO units (code, name, kind, search_text)
SELECT 'N' || n, 'Tỉnh ' || n, 'province', 'n' || n FROM generate_series(1, 32) n
"""
_NATION_COMMUNES = """
INSERT INTO units (code, name, kind, parent_id, search_text)
SELECT 'N' || n % 32 + 1 || '-' || n, 'Xã ' || n, 'commune', u.id, 'x' || n
FROM generate_series(1, $1::int) n JOIN units u ON u.code = 'N' || n % 32 + 1
"""
_CELLS = """
INSERT INTO {table} SELECT mine.id, {columns}
FROM (SELECT id, row_number() OVER (ORDER BY id) % $1::bigint AS place FROM units WHERE code LIKE 'N%-%') mine
JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM units
    WHERE kind = 'commune' AND code NOT LIKE 'N%-%' AND code LIKE $2) model USING (place)
JOIN {table} cells ON cells.unit_id = model.id
"""


def path(parent: str | None, *, compared: bool = False) -> str:
    """Communes over the year of the data; compared: its last quarter with the rest."""
    first = data.first_day()
    query = f"kind=commune&questionnaire=quick-5&to={data.today()}&from={first}"
    if compared:
        turn = data.today().replace(day=1)
        query = f"kind=commune&questionnaire=quick-5&to={data.today()}&from={turn}"
        query += f"&compare_from={first}&compare_to={turn.fromordinal(turn.toordinal() - 1)}"
    return f"/api/v1/rankings?{query}" + (f"&parent={parent}" if parent else "")


async def run(ground: Ground, *, quick: bool) -> list[Row]:
    """Measure with one and with two web processes; the better of both is held against the promise."""
    await counting.ensure(ground, quick=quick)
    nation = await _nation(ground)
    rows: list[Row] = []
    seconds, rounds = (3.0, 1) if quick else (8.0, 3)
    best: dict[str, float] = {}
    cases = (
        ("99 communes", ground, path(PROVINCE), CONNECTIONS, COMMUNES),
        ("99 communes, two periods", ground, path(PROVINCE, compared=True), CONNECTIONS, COMMUNES),
        ("3,321 communes", nation, path(None), 1, NATION_COMMUNES),
    )
    for workers in (1, 2):
        for name, where, address, connections, expected in cases:
            arguments = ("app", "serve", "--workers", str(workers), "--no-worker")
            async with where.running(*arguments) as server:
                await _check(where, server, address, expected)
                await _read(where, server, address, 1.5, connections)
                turns = [await _read(where, server, address, seconds, connections) for _ in range(rounds)]
            turn = middle(turns)
            rows.append(Row(PART, f"{name}, {processes(workers)}", turn.say()))
            best[name] = min(best.get(name, turn.p99), turn.p99)
    for name, promised in (("99 communes", PROMISED_MS), ("3,321 communes", PROMISED_NATION_MS)):
        took = best[name] * 1000
        rows.append(at_most(PART, f"p99 of {name}, uncached", took, promised, f"{took:.1f} ms", " ms"))
    return rows


async def _nation(ground: Ground) -> Ground:
    """A copy of the database with a country in it: whatever is missing to 3,321 communes."""
    async with ground.connection() as connection:
        name = await connection.fetchval("SELECT current_database()")
    nation = replace(ground, url=ground.url.replace(f"/{name}?", f"/{NATION}?"))
    other = replace(ground, url=ground.url.replace(f"/{name}?", "/postgres?"))
    async with other.connection() as connection:
        await connection.execute(f"DROP DATABASE IF EXISTS {NATION}")
        await connection.execute(f"CREATE DATABASE {NATION} TEMPLATE {name} STRATEGY file_copy", timeout=300)
    async with nation.connection() as connection:
        there = await connection.fetchval("SELECT count(*) FROM units WHERE kind = 'commune'")
        await connection.execute(_PROVINCES)
        await connection.execute(_NATION_COMMUNES, NATION_COMMUNES - there)
        for table in ("unit_month", "unit_day"):
            names = await connection.fetch(
                "SELECT column_name FROM information_schema.columns"
                " WHERE table_name = $1 AND column_name <> 'unit_id' ORDER BY ordinal_position",
                table,
            )
            columns = ", ".join(f"cells.{row[0]}" for row in names)
            statement = _CELLS.format(table=table, columns=columns)
            await connection.execute(statement, COMMUNES, f"{PROVINCE}%", timeout=600)
            await connection.execute(f"VACUUM (ANALYZE) {table}", timeout=300)
        await connection.execute("VACUUM (ANALYZE) units")
    return nation


async def _read(ground: Ground, server: Server, address: str, seconds: float, connections: int) -> Turn:
    request = payloads.get(address, ground.bearer)
    turn, _ = await drive(ground, server, Job(server.port, [request], seconds, connections), 200)
    return turn


async def _check(ground: Ground, server: Server, address: str, expected: int) -> None:
    """Whether as many units are ranked as there should be."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", timeout=60) as client:
        answer = await client.get(address, headers={"authorization": ground.bearer})
    answer.raise_for_status()
    ranked = json.loads(answer.content)["ranked"]
    if ranked != expected:
        raise RuntimeError(f"{ranked} units are ranked, not {expected}")
