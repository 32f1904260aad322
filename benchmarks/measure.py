"""One load on one server, and what it cost whom.

On a machine that others use as well, answers a second tell of the neighbours too; processor time for each
answer hardly does. So both are taken: of the web processes, of PostgreSQL and of the load generator itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.generator import Job, Result, load
from benchmarks.ground import Ground, Server


@dataclass(frozen=True)
class Turn:
    """What a load found: answers a second, latency in seconds, processor microseconds for each answer."""

    per_second: float
    p50: float
    p99: float
    web: float
    database: float
    load: float

    def say(self) -> str:
        """In one line."""
        return (
            f"{self.per_second:,.0f}/s, p50 {self.p50 * 1000:.1f} ms, p99 {self.p99 * 1000:.1f} ms; "
            f"processor us: web {self.web:,.0f}, database {self.database:,.0f}, load {self.load:,.0f}"
        )


async def drive(ground: Ground, server: Server, job: Job, status: int) -> tuple[Turn, Result]:
    """Run a job against a server; every answer must have this status."""
    web, database = server.cpu_seconds(), ground.database_cpu_seconds()
    result = await load(job)
    web, database = server.cpu_seconds() - web, ground.database_cpu_seconds() - database
    if set(result.statuses) != {status}:
        raise RuntimeError(f"answers other than {status}: {result.statuses}")
    each = 1e6 / result.answers
    turn = Turn(
        per_second=result.per_second,
        p50=result.percentile(0.5),
        p99=result.percentile(0.99),
        web=web * each,
        database=database * each,
        load=result.cpu_seconds * each,
    )
    return turn, result


def middle(turns: Sequence[Turn]) -> Turn:
    """The median of each figure."""
    return Turn(
        per_second=median(turn.per_second for turn in turns),
        p50=median(turn.p50 for turn in turns),
        p99=median(turn.p99 for turn in turns),
        web=median(turn.web for turn in turns),
        database=median(turn.database for turn in turns),
        load=median(turn.load for turn in turns),
    )


def processes(workers: int) -> str:
    """How many web processes, in words."""
    return f"{workers} web process{'es' if workers > 1 else ''}"
