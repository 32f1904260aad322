"""Counting responses into cells: `sipas rebuild` from nothing, with `count(*)` over the same table beside it.

`count(*)` reads every row and does nothing with it: no counting can be faster, so the ratio of the two says
what the counting itself costs on any machine.
"""

import asyncio
import sys
import time
from statistics import median

from app.core.database import Database
from app.rollups.fresh import TABLES
from app.rollups.jobs import rebuild
from benchmarks.data import fill
from benchmarks.ground import Ground
from benchmarks.report import Row, at_least

PART = "counting"
RESPONSES = 2_000_000
PROMISED = 300_000
_CELLS = ", ".join(table.name for table in TABLES)


def size(*, quick: bool) -> int:
    """Responses of the province."""
    return RESPONSES // 10 if quick else RESPONSES


async def run(ground: Ground, *, quick: bool) -> list[Row]:
    """Make the responses, count them from nothing several times, and once by the command itself."""
    began = time.perf_counter()
    total = await fill(ground, size(quick=quick))
    made = time.perf_counter() - began
    rounds = 1 if quick else 3
    counting = [await _rebuild(ground, total) for _ in range(rounds)]
    reading = [await _count(ground, total) for _ in range(rounds + 2)]
    again = await _rebuild(ground, total, afresh=False)
    command = await _command(ground)
    rate = total / median(counting)
    async with ground.connection() as connection:
        cells = await connection.fetchval("SELECT count(*) FROM unit_day")
        procedures = await connection.fetchval("SELECT count(*) FROM procedure_day")
    return [
        Row(PART, "responses made inside PostgreSQL", f"{total:,} in {made:.0f} s"),
        at_least(
            PART,
            "responses counted a second, from nothing",
            rate,
            PROMISED,
            f"{rate:,.0f}/s ({median(counting):.1f} s) into {cells:,} + {procedures:,} cells of a day",
        ),
        Row(
            PART,
            "count(*) over the same table",
            f"{total / median(reading):,.0f}/s ({median(reading):.2f} s): "
            f"counting takes {median(counting) / median(reading):.0f} times as long",
        ),
        Row(PART, "counted once more, nothing to change", f"{total / again:,.0f}/s ({again:.1f} s)"),
        Row(PART, "`sipas rebuild`, start of the command included", f"{command:.1f} s"),
    ]


async def ensure(ground: Ground, *, quick: bool) -> None:
    """The cells of a year, unless this part has already left them."""
    async with ground.connection() as connection:
        there = await connection.fetchval("SELECT EXISTS (SELECT FROM unit_month)")
    if not there:
        await _rebuild(ground, await fill(ground, size(quick=quick)))


async def _rebuild(ground: Ground, total: int, *, afresh: bool = True) -> float:
    if afresh:
        async with ground.connection() as connection:
            await connection.execute(f"TRUNCATE {_CELLS}")
            await connection.execute("CHECKPOINT")
    database = Database(ground.url, pool_size=4)
    try:
        began = time.perf_counter()
        counted = await rebuild(database)
        seconds = time.perf_counter() - began
    finally:
        await database.close()
    if counted != total:
        raise RuntimeError(f"{counted} responses were counted of {total}")
    return seconds


async def _count(ground: Ground, total: int) -> float:
    async with ground.connection() as connection:
        began = time.perf_counter()
        if await connection.fetchval("SELECT count(*) FROM responses") != total:
            raise RuntimeError("responses went missing")
        return time.perf_counter() - began


async def _command(ground: Ground) -> float:
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "app",
        "rebuild",
        env=ground.environment,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    if await process.wait():
        raise RuntimeError("`sipas rebuild` failed")
    return time.perf_counter() - began
