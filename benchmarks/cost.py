"""What responses cost on disk: bytes a million of them, and what grows with what.

Responses and their keys grow with the responses; cells of a day with units and days, whatever is said there;
visits with the visits. So the three are measured apart, from the database that `counting` has filled, and
from a day's visits registered over HTTP.
"""

from app.rollups.fresh import TABLES
from benchmarks import counting, intake
from benchmarks.ground import Ground
from benchmarks.report import Row

PART = "cost"
MILLION = 1_000_000

_SIZES = """
SELECT relname, pg_table_size(oid) AS heap, pg_indexes_size(oid) AS indexes
FROM pg_class WHERE relkind = 'r' AND relname = any($1::text[])
"""
_CELLS = [table.name for table in TABLES]


async def run(ground: Ground, *, quick: bool) -> list[Row]:
    """Sizes, for information: a promise would only hold on the machine it was made on."""
    await counting.ensure(ground, quick=quick)
    visits = 5_000 if quick else 20_000
    async with ground.connection() as connection:
        await connection.execute("VACUUM ANALYZE responses")
        responses = await connection.fetchval("SELECT count(*) FROM responses")
        days = await connection.fetchval("SELECT count(DISTINCT (unit_id, local_day)) FROM responses")
        before = await connection.fetchval("SELECT pg_total_relation_size('visits')")
        already = await connection.fetchval("SELECT count(*) FROM visits")
    async with ground.running("benchmarks.variants", "batched") as server:
        await intake.register(ground, server.port, visits, "C")
    async with ground.connection() as connection:
        sizes = {
            row["relname"]: (row["heap"], row["indexes"])
            for row in await connection.fetch(_SIZES, ["responses", *_CELLS])
        }
        grown = await connection.fetchval("SELECT pg_total_relation_size('visits')") - before
    heap, indexes = sizes["responses"]
    cells = sum(sum(sizes[name]) for name in _CELLS)
    return [
        Row(
            PART,
            f"responses, a million of them (of {responses:,})",
            f"{_mib(heap, responses):,.0f} MiB and {_mib(indexes, responses):,.0f} MiB of indexes",
        ),
        Row(
            PART,
            "cells, a million unit-days",
            f"{_mib(cells, days):,.0f} MiB ({days:,} unit-days, {cells / 2**20:,.0f} MiB)",
        ),
        Row(
            PART,
            f"visits, a million of them (of {visits:,} beside {already:,})",
            f"{_mib(grown, visits):,.0f} MiB",
        ),
    ]


def _mib(size: int, of: int) -> float:
    """MiB for a million, if `size` bytes hold `of`."""
    return size * MILLION / of / 2**20
