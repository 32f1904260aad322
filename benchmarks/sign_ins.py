"""A flood of sign-ins with made-up names, and who is served beside it: tablets, citizens, and real sign-ins.

48 callers sign in as nobody over and over, as fast as they are answered. Beside them tablets send responses
and citizens read questionnaires at a steady rate. Turns alone and turns beside the flood alternate, so that
whatever else the machine does meets them alike; medians are compared.
"""

import asyncio
from statistics import median

import httpx

from app.core.tokens import hash_password
from benchmarks import payloads
from benchmarks.generator import Job, Result, load
from benchmarks.ground import Ground, Server
from benchmarks.report import Row, at_most

PART = "sign_ins"
CALLERS = 48
RATE = 50.0
TIMES = 2.0
PASSWORD = "một câu dài dễ nhớ"
NAMES = 500


async def run(ground: Ground, *, quick: bool) -> list[Row]:
    """Compare the p99 of tablets and of citizens beside the flood with theirs alone."""
    seconds, rounds = (6.0, 3) if quick else (15.0, 5)
    await _add_person(ground)
    tablets = payloads.from_tablets(ground.tablets, 4)
    citizens = [payloads.get("/api/v1/questionnaires/quick-5/1", None)]
    made_up = [payloads.sign_in(f"nobody {number}", "a guess") for number in range(NAMES)]
    alone: list[list[Result]] = []
    beside: list[list[Result]] = []
    floods: list[Result] = []
    costs: list[tuple[float, float]] = []
    async with ground.running("benchmarks.variants", "batched") as server:
        real = [payloads.sign_in("lan", PASSWORD, await _sign_in(server.port))]
        for number in range(rounds + 1):  # round 0 warms up and is not counted
            steady = [
                Job(server.port, requests, seconds if number else 2.0, 32, RATE)
                for requests in (tablets, citizens)
            ]
            signing_in = Job(server.port, real, steady[0].seconds, 1, 0.5)
            flood = Job(server.port, made_up, steady[0].seconds, CALLERS)
            before = _processor(ground, server)
            quiet = await asyncio.gather(*map(load, [*steady, signing_in]))
            between = _processor(ground, server)
            *busy, flooded = await asyncio.gather(*map(load, [*steady, signing_in, flood]))
            after = _processor(ground, server)
            if number:
                alone.append(quiet)
                beside.append(busy)
                floods.append(flooded)
                costs.append(((between - before) / seconds, (after - between) / seconds))
    rows = [_row(place, who, alone, beside) for place, who in enumerate(("tablets", "citizens"))]
    real_ones = f"{_times(2, alone)} alone, {_times(2, beside)} beside the flood"
    rows.append(Row(PART, "a real sign-in every 2 s", real_ones))
    rows.append(Row(PART, f"the flood of {CALLERS}", _tell(floods)))
    quiet_cost, busy_cost = (median(cost[side] for cost in costs) for side in (0, 1))
    rows.append(
        Row(PART, "processor, web and database", f"{quiet_cost:.2f} cores alone, {busy_cost:.2f} beside it")
    )
    return rows


def _row(place: int, who: str, alone: list[list[Result]], beside: list[list[Result]]) -> Row:
    times = _p99(place, beside) / _p99(place, alone)
    said = f"{_times(place, alone)} alone, {_times(place, beside)} beside the flood: x {times:.2f}"
    return at_most(PART, f"{who}, {RATE:.0f} a second", times, TIMES, said)


def _p99(place: int, turns: list[list[Result]]) -> float:
    return median(turn[place].percentile(0.99) for turn in turns)


def _times(place: int, turns: list[list[Result]]) -> str:
    statuses: dict[int, int] = {}
    for turn in turns:
        for status, count in turn[place].statuses.items():
            statuses[status] = statuses.get(status, 0) + count
    refused = sum(count for status, count in statuses.items() if status >= 300)
    middle = median(turn[place].percentile(0.5) for turn in turns)
    told = f", {refused} of {sum(statuses.values())} refused" if refused else ""
    return f"p50 {middle * 1000:.1f} ms, p99 {_p99(place, turns) * 1000:.1f} ms{told}"


def _tell(floods: list[Result]) -> str:
    judged = median(flood.statuses.get(400, 0) / flood.seconds for flood in floods)
    told = median(flood.statuses.get(503, 0) / flood.seconds for flood in floods)
    slowed = median(flood.statuses.get(429, 0) / flood.seconds for flood in floods)
    return f"{judged:.1f} a second judged, {told:.1f} told 503, {slowed:.1f} told 429"


def _processor(ground: Ground, server: Server) -> float:
    return server.cpu_seconds() + ground.database_cpu_seconds()


async def _sign_in(port: int) -> str:
    """Sign in once; the cookie by which this browser is known from then on."""
    form = {"grant_type": "password", "username": "lan", "password": PASSWORD}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as browser:
        answer = await browser.post("/api/v1/auth/token", data=form)
        answer.raise_for_status()
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in answer.cookies.jar)


async def _add_person(ground: Ground) -> None:
    async with ground.connection() as connection:
        await connection.execute(
            "INSERT INTO users (username, password_hash) VALUES ('lan', $1) ON CONFLICT DO NOTHING",
            hash_password(PASSWORD),
        )
