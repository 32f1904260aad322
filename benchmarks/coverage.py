"""The interval's coverage as a part of the table: `interval_coverage` on fewer draws, in one line."""

import asyncio
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from statistics import mean

from benchmarks.ground import Ground
from benchmarks.interval_coverage import Coverage, all_settings, measure
from benchmarks.report import Row

PART = "coverage"


def _simulate(draws: int) -> list[Coverage]:
    with ProcessPoolExecutor() as pool:
        return list(pool.map(partial(measure, draws=draws, skip=0.1, seed=1), all_settings()))


async def run(_: Ground, *, quick: bool) -> list[Row]:
    """For information: luck is not tested."""
    draws = 300 if quick else 2000
    results = await asyncio.to_thread(_simulate, draws)
    shares = [100 * result.shrunk for result in results]
    said = f"{mean(shares):.1f} % on average, {min(shares):.1f} % at worst"
    return [Row(PART, f"95 % interval holds the truth, {len(results)} settings x {draws} draws", said)]
