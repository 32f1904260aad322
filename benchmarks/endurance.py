"""Intake for a long time and in a rush, on the server as it is run: jobs on, everything in one place.

First the most that the server takes (closed loop). Then 70 % of it for ten minutes, in slices, with a look
at the marks of the roll-up each second: neither latency nor memory may grow, and counting must keep up. Then
a minute in which ten times as much is asked for, over six times as many connections as requests may be
under way: nothing acknowledged may be lost, a refusal is a 503, and soon after the last of it everything is
as before. Nobody queues inside the client meanwhile: whoever finds every connection waiting gives up, as
people do, and is counted.

Beside it, in the same run, the server that one writes first: the same endpoint, one transaction a request. It
is offered its own maximum, the steady load that the other bore, and the rush. It counts nothing.
"""

import asyncio
import math
import resource
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import mean, median

from app.core.refusing import MOST_UNDER_WAY
from benchmarks import intake, payloads
from benchmarks.generator import Job, Result, load
from benchmarks.ground import Ground, Server
from benchmarks.measure import processes
from benchmarks.report import Row, at_most

PART = "endurance"
SHARE = 0.7
TIMES = 10
SLICE = 30.0
PROMISED_P99_MS = 100
PROMISED_LAG = 3.0
PROMISED_RECOVERY = 10.0
GROWTH = 1.25
"""The last third may be this much above the first: what two runs of the same thing differ by here."""
CONNECTIONS = intake.CONNECTIONS
CROWD = 6 * MOST_UNDER_WAY

_LAG = "SELECT coalesce(extract(epoch FROM now() - min(marked_at))::float8, 0) FROM stale_unit_days"


@dataclass(frozen=True)
class Lengths:
    """Seconds of each turn."""

    maximum: float = 30.0
    steady: float = 600.0
    before: float = 30.0
    rush: float = 60.0
    after: float = 30.0


@dataclass
class _Watch:
    """The roll-up's lag each second: the age of the oldest mark, in seconds."""

    ground: Ground
    lags: list[float] = field(default_factory=list)

    async def run(self) -> None:
        async with self.ground.connection() as connection:
            while True:
                self.lags.append(await connection.fetchval(_LAG))
                await asyncio.sleep(1)


async def run(ground: Ground, *, quick: bool) -> list[Row]:
    """Both servers, one after the other, with the same rates."""
    lengths = Lengths(5.0, 90.0, 10.0, 15.0) if quick else Lengths()
    requests = payloads.from_tablets(ground.tablets, 4)
    _many_files()
    acknowledged: list[str] = []
    async with ground.running("app", "serve", "--workers", "1") as server:
        most = await _most(server, requests, lengths)
        acknowledged += most.acknowledged
        steady = SHARE * most.per_second
        rows = _so_far([_said(f"the most it takes, {processes(1)} and the job runner", most)])
        rows += _so_far(await _steady(ground, server, requests, steady, lengths, acknowledged))
        rows += _so_far(await _rush(server, requests, steady, most.per_second, lengths, acknowledged))
    async with ground.connection() as connection:
        lost = await intake.lost(connection, acknowledged)
    said = f"{len(acknowledged):,} acknowledged, {lost} of them missing"
    rows += _so_far([Row(PART, "every acknowledged response is stored", said, "all", not lost)])
    return rows + await _one_by_one(ground, requests, steady, lengths)


async def _most(server: Server, requests: list[bytes], lengths: Lengths) -> Result:
    await load(Job(server.port, requests, 3.0, CONNECTIONS))
    return await load(Job(server.port, requests, lengths.maximum, CONNECTIONS))


async def _steady(
    ground: Ground,
    server: Server,
    requests: list[bytes],
    rate: float,
    lengths: Lengths,
    acknowledged: list[str],
) -> list[Row]:
    watch = _Watch(ground)
    watching = asyncio.create_task(watch.run())
    slices: list[Result] = []
    memory: list[int] = []
    written = await _written(ground)
    try:
        for _ in range(round(lengths.steady / SLICE)):
            slices.append(await load(Job(server.port, requests, SLICE, CONNECTIONS, rate=rate)))
            memory.append(server.largest()[0])
            acknowledged += slices[-1].acknowledged
    finally:
        watching.cancel()
    answers = sum(each.answers for each in slices)
    log = (await _written(ground) - written) / answers
    p99 = [each.percentile(0.99) * 1000 for each in slices]
    third = len(slices) // 3
    refused = {status: count for each in slices for status, count in each.statuses.items() if status != 201}
    longer = median(p99[-third:]) / median(p99[:third])
    larger = mean(memory[-third:]) / mean(memory[:third])
    middle = median(each.percentile(0.5) for each in slices) * 1000
    return [
        Row(
            PART,
            f"{lengths.steady:.0f} s at {rate:,.0f}/s ({SHARE:.0%})",
            f"{answers:,} answers, refused: {refused or 'none'}; {log:,.0f} bytes of write-ahead log each",
            "none refused",
            not refused,
        ),
        at_most(
            PART,
            "p99 of its slices",
            median(p99),
            PROMISED_P99_MS,
            f"p50 {middle:.1f} ms, p99 {median(p99):.1f} ms (median of {len(p99)}; highest {max(p99):.1f})",
            " ms",
        ),
        at_most(
            PART,
            "latency, last third / first",
            longer,
            GROWTH,
            f"{longer:.2f} ({median(p99[:third]):.1f} and {median(p99[-third:]):.1f} ms)",
        ),
        at_most(
            PART,
            "memory, last third / first",
            larger,
            GROWTH,
            f"{larger:.2f} ({mean(memory[:third]) / 2**20:.0f} and {mean(memory[-third:]) / 2**20:.0f} MiB)",
        ),
        at_most(
            PART,
            "roll-up's lag, worst",
            max(watch.lags),
            PROMISED_LAG,
            f"median {median(watch.lags):.2f} s, worst {max(watch.lags):.2f} s of {len(watch.lags)} looks",
            " s",
        ),
    ]


async def _rush(
    server: Server,
    requests: list[bytes],
    rate: float,
    most: float,
    lengths: Lengths,
    acknowledged: list[str],
) -> list[Row]:
    found = await _burst(server, requests, rate, lengths)
    acknowledged += found.acknowledged
    recovery = _recovery(found, lengths)
    return [
        Row(
            PART,
            f"{lengths.rush:.0f} s of {TIMES} x that, {CROWD:,} connections",
            _crowd(found, lengths),
            "201 or 503, everybody answered that was let in, nobody refused before the rush",
            set(found.statuses) <= {201, 503} and not _silent(found) and not _refused(found, lengths.before),
        ),
        Row(PART, "accepted a second meanwhile, of the most", f"{_accepted(found, lengths) / most:.0%}"),
        at_most(
            PART,
            "back under 100 ms after the rush",
            recovery,
            PROMISED_RECOVERY,
            f"{recovery:.0f} s of {lengths.after:.0f}",
            " s",
        ),
    ]


async def _burst(server: Server, requests: list[bytes], rate: float, lengths: Lengths) -> Result:
    """The usual load, a rush, and the usual again, as one load over all connections."""
    stretches = (lengths.before, rate), (lengths.rush, TIMES * rate), (lengths.after, rate)
    return await load(Job(server.port, requests, 0.0, CROWD, stretches=stretches))


def _recovery(found: Result, lengths: Lengths) -> float:
    """Seconds from the end of the rush until three in a row keep the promised p99; infinity for never.

    A second in which nothing fell due that was answered is a slow one; and whoever was refused or found no
    connection has waited for ever. Three, because single seconds are slow before the rush, too.
    """
    slow = _slow(found, lengths.before + lengths.rush, lengths.after)
    calm = (place for place in range(len(slow) - 2) if not any(slow[place : place + 3]))
    return float(next(calm, math.inf))


def _slow(found: Result, begin: float, seconds: float) -> list[bool]:
    """Of each second from `begin` on, whether it was slow."""
    return [_is_slow(each) for each in _by_seconds(found, begin, int(seconds))]


def _by_seconds(found: Result, begin: float, seconds: int) -> list[list[float]]:
    """How long those waited that fell due in each second."""
    waited: list[list[float]] = [[] for _ in range(seconds)]
    told = zip(found.due, found.latencies, found.answered, strict=True)
    every = [(due, latency if status == 201 else math.inf) for due, latency, status in told]
    for due, latency in [*every, *((due, math.inf) for due in found.alone)]:
        if 0 <= due - begin < seconds:
            waited[int(due - begin)].append(latency)
    return waited


def _is_slow(waited: Sequence[float]) -> bool:
    return not waited or _p99(waited) * 1000 > PROMISED_P99_MS


def _p99(found: Sequence[float]) -> float:
    ordered = sorted(found)
    return ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]


def _refused(found: Result, end: float) -> int:
    """How many that fell due before `end` heard that they should come again."""
    return sum(status == 503 and due < end for due, status in zip(found.due, found.answered, strict=True))


def _silent(found: Result) -> int:
    """How many were sent and never answered. Not whoever found no free connection: that is our own limit."""
    return len(found.alone) - found.unsent


def _accepted(found: Result, lengths: Lengths) -> float:
    """Accepted a second while the rush went on."""
    begin, end = lengths.before, lengths.before + lengths.rush
    told = zip(found.due, found.latencies, found.answered, strict=True)
    return sum(status == 201 and begin <= due + took < end for due, took, status in told) / lengths.rush


async def _one_by_one(ground: Ground, requests: list[bytes], steady: float, lengths: Lengths) -> list[Row]:
    """The other server: its own maximum, the steady load for a minute, and the rush."""
    async with ground.running("benchmarks.variants", "orm", "--workers", "1") as server:
        most = await _most(server, requests, lengths)
        borne = await load(Job(server.port, requests, lengths.rush, CONNECTIONS, rate=steady))
        rush = await _burst(server, requests, steady, lengths)
    name = "one transaction a request"
    return [
        _said(f"{name}: the most it takes", most),
        _said(f"{name}: {lengths.rush:.0f} s at {steady:,.0f}/s", borne),
        Row(
            PART,
            f"{name}: the rush",
            f"{_crowd(rush, lengths)}; back after {_recovery(rush, lengths):.0f} s of {lengths.after:.0f}",
        ),
    ]


def _said(what: str, result: Result) -> Row:
    unsent = f"; {result.unsent:,} never got a connection" if result.unsent else ""
    said = (
        f"{result.per_second:,.0f}/s, p50 {result.percentile(0.5) * 1000:.1f} ms, "
        f"p99 {result.percentile(0.99) * 1000:.1f} ms{unsent}"
    )
    return Row(PART, what, said)


def _crowd(found: Result, lengths: Lengths) -> str:
    """What those heard that fell due in the rush."""
    begin, end = lengths.before, lengths.before + lengths.rush
    heard: dict[int, list[float]] = {}
    for due, latency, status in zip(found.due, found.latencies, found.answered, strict=True):
        if begin <= due < end:
            heard.setdefault(status, []).append(latency)
    counts = ", ".join(
        f"{len(took):,} x {status} (p99 {_p99(took):.1f} s)" for status, took in sorted(heard.items())
    )
    return (
        f"{counts}, {found.unsent:,} found no connection, {_silent(found):,} were never answered; "
        f"over {PROMISED_P99_MS} ms were {sum(_slow(found, 0, lengths.before))} of "
        f"{lengths.before:.0f} seconds before and {sum(_slow(found, end, lengths.after))} of "
        f"{lengths.after:.0f} after"
    )


async def _written(ground: Ground) -> int:
    """Bytes of write-ahead log so far."""
    async with ground.connection() as connection:
        return int(await connection.fetchval("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn"))


def _so_far(rows: list[Row]) -> list[Row]:
    """Rows, told on standard error as they are measured: the whole takes a quarter of an hour."""
    for row in rows:
        print(f"{row.what}: {row.measured}", file=sys.stderr, flush=True)
    return rows


def _many_files() -> None:
    """A crowd's connections are open files, here and in the servers that inherit the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * CROWD
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard) if hard > 0 else wanted, hard))
