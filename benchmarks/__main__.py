"""`python -m benchmarks [PART ...] [--quick]`: run the benchmarks and print one table.

Everything they need is made and cleared away: a database in a temporary directory, its data, real server
processes. Exit code 1 when a promise was missed. Nothing else should run on the machine meanwhile.
"""

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Sequence

import psutil

from benchmarks import (
    cost,
    counting,
    cuts,
    endurance,
    exports,
    freshness,
    index,
    intake,
    pages,
    rankings,
    reform,
    sign_ins,
)
from benchmarks.coverage import run as coverage
from benchmarks.ground import Ground, prepared
from benchmarks.report import Row, table

PARTS: dict[str, Callable[..., Awaitable[list[Row]]]] = {
    "intake": intake.run,
    "endurance": endurance.run,
    "cuts": cuts.run,
    "sign_ins": sign_ins.run,
    "counting": counting.run,
    "cost": cost.run,
    "index": index.run,
    "freshness": freshness.run,
    "exports": exports.run,
    "coverage": coverage,
    "pages": pages.run,
    "rankings": rankings.run,
    "reform": reform.run,
}


async def measure(ground: Ground, parts: Sequence[str], rows: list[Row], *, quick: bool) -> None:
    """Run the parts in order and add their rows; each says how long it took on standard error."""
    for part in parts:
        began = time.perf_counter()
        rows += await PARTS[part](ground, quick=quick)
        print(f"{part}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)


async def run(parts: Sequence[str], *, quick: bool) -> bool:
    """Print header and table; whether every promise was kept."""
    load = psutil.getloadavg()[0]
    rows: list[Row] = []
    try:
        async with prepared() as ground:
            print(*await ground.header(), sep="\n")
            size = ", a quick run: fewer data, shorter turns" if quick else ""
            print(f"beside us   load average {load:.1f} before the start{size}\n", flush=True)
            await measure(ground, parts, rows, quick=quick)
    finally:
        print(table(rows), flush=True)  # what there is, should a part have failed
    return all(row.kept is not False for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description="Benchmarks of SIPAS: ratios first, then figures.")
    parser.add_argument(
        "parts", nargs="*", choices=[*PARTS, []], help=f"{', '.join(PARTS)}; none: all of them"
    )
    parser.add_argument("--quick", action="store_true", help="smaller and shorter, for a first look")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # servers and database are ended then as well
    kept = asyncio.run(run(options.parts or list(PARTS), quick=options.quick))
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
