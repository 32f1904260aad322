"""Midnights, month and year ends, a leap day, and a clock that jumps: nothing is lost, nothing waits.

The clock is moved where the service reads it; the database's own goes on.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta

import httpx
import pytest
from sqlalchemy import select, text

from app.core import clock
from app.core.clock import utc_now
from app.core.database import Database
from app.core.limits import RateLimiter
from app.core.settings import Settings
from app.models.device import PairingFailure
from app.models.job import JobState
from app.models.record import AuditLine
from app.models.response import Response
from app.models.rollup import UnitDay, UnitMonth
from app.models.subject import SignInFailure
from app.records.jobs import seal, verify
from app.rollups.jobs import nightly_recount, refresh
from app.worker import TIMETABLE, Timetable
from tests.support import said
from tests.support.application import application
from tests.support.hands import Hands, moved_clock
from tests.support.records import ZONE
from tests.support.visits import register, visit
from tests.support.waiting import until
from tests.support.world import World


@pytest.fixture
def hands() -> Iterator[Hands]:
    with moved_clock() as hands:
        yield hands


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    app = application(settings)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="https://sipas.example.vn") as http:
            yield http


async def send(http: httpx.AsyncClient, tablet: dict[str, str]) -> None:
    heard = await http.post("/api/v1/responses", json=said.body(), headers=tablet)
    assert heard.status_code == 201, heard.text


async def refreshed(database: Database) -> None:
    while await refresh(database):
        pass


# The first instant of a local day, in UTC.
MIDNIGHTS = {
    "Asia/Ho_Chi_Minh": [
        (datetime(2026, 11, 19, 17, tzinfo=UTC), date(2026, 11, 20)),
        (datetime(2026, 11, 30, 17, tzinfo=UTC), date(2026, 12, 1)),
        (datetime(2026, 12, 31, 17, tzinfo=UTC), date(2027, 1, 1)),
        (datetime(2028, 2, 28, 17, tzinfo=UTC), date(2028, 2, 29)),
        (datetime(2028, 2, 29, 17, tzinfo=UTC), date(2028, 3, 1)),
    ],
    "America/New_York": [
        (datetime(2026, 3, 8, 5, tzinfo=UTC), date(2026, 3, 8)),  # a day of 23 hours
        (datetime(2026, 3, 9, 4, tzinfo=UTC), date(2026, 3, 9)),
        (datetime(2026, 11, 1, 4, tzinfo=UTC), date(2026, 11, 1)),  # one of 25
        (datetime(2026, 11, 2, 5, tzinfo=UTC), date(2026, 11, 2)),
        (datetime(2027, 1, 1, 5, tzinfo=UTC), date(2027, 1, 1)),
        (datetime(2028, 2, 29, 5, tzinfo=UTC), date(2028, 2, 29)),
    ],
}


@pytest.mark.parametrize("zone", MIDNIGHTS)
async def test_a_response_counts_on_its_own_side_of_midnight(
    world: World, settings: Settings, hands: Hands, zone: str
) -> None:
    _, tablet = await said.device(world)
    expected: dict[date, int] = {}
    async with served(settings.model_copy(update={"timezone": zone})) as http:
        for midnight, day in MIDNIGHTS[zone]:
            for instant, of in ((midnight - timedelta(seconds=30), day - timedelta(days=1)), (midnight, day)):
                hands.show(instant)
                await send(http, tablet)
                expected[of] = expected.get(of, 0) + 1
    await refreshed(world.database)
    months: dict[date, int] = {}
    for day, responses in expected.items():
        months[day.replace(day=1)] = months.get(day.replace(day=1), 0) + responses
    async with world.database.read() as session:
        verdicts = set((await session.scalars(select(Response.verdict))).all())
        days = {row[0]: row[1] for row in await session.execute(select(UnitDay.local_day, UnitDay.responses))}
        found = await session.execute(select(UnitMonth.local_month, UnitMonth.responses))
        assert {row[0]: row[1] for row in found} == months
    assert (days, verdicts) == (expected, {"counted"})


@pytest.mark.parametrize(
    "jumps",
    [
        (timedelta(0), timedelta(hours=-1), timedelta(0)),
        (timedelta(0), timedelta(days=1), timedelta(0)),
        (timedelta(days=1), timedelta(hours=-1), timedelta(days=400)),
    ],
    ids=["back and put right", "ahead and put right", "to and fro"],
)
async def test_a_clock_that_jumps_holds_nothing_up(
    http: httpx.AsyncClient, world: World, hands: Hands, jumps: tuple[timedelta, ...]
) -> None:
    _, tablet = await said.device(world)
    limiter = RateLimiter(600)
    for turn, off in enumerate(jumps):
        hands.off = off
        limiter.check("tablet", cost=20)
        await send(http, tablet)
        day = str(clock.local_day(utc_now(), ZONE))
        (registered,) = await register(http, world.admin, visit(f"H-{turn}", served_on=day))
        link = registered["link"]["code"]
        heard = await http.post("/api/v1/responses", json=said.body(link=link))
        assert heard.status_code == 201, heard.text
        await refreshed(world.database)
        await nightly_recount(world.database)
        async with world.database.transaction() as session:
            line = AuditLine(actor="system", action="test", target=str(turn), details={}, at=utc_now())
            session.add(line)
        while await seal(world.database, ZONE):
            pass
    async with world.database.read() as session:
        rows = (await session.execute(select(Response.verdict, Response.received_at))).all()
        assert await session.scalar(text("SELECT sum(responses) FROM unit_day")) == len(rows)
        assert await session.scalar(text("SELECT count(*) FROM stale_unit_days")) == 0
    assert [row[0] for row in rows] == ["counted"] * 2 * len(jumps)
    found = await verify(world.database)
    assert (found.unsealed, found.breaks) == (0, [])
    assert found.lines == len(jumps)


async def test_wrong_passwords_and_codes_of_a_clock_that_was_ahead_lock_nobody_out(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    ahead = utc_now() + timedelta(days=1)
    async with database.transaction() as session:
        session.add_all(SignInFailure(name="lan", address="127.0.0.1", failed_at=ahead) for _ in range(60))
        session.add_all(PairingFailure(failed_at=ahead) for _ in range(600))
    form = {"grant_type": "password", "username": "lan", "password": "x"}
    assert (await http.post("/api/v1/auth/token", data=form)).status_code == 400
    heard = await http.post("/api/v1/devices/pair", json={"code": "0123456789"})
    assert heard.status_code not in (429, 503), heard.text


async def test_jobs_the_queue_would_wake_in_a_year_are_run_when_they_are_due(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock was a year ahead when the queue noted when to wake them next."""
    monkeypatch.setattr("app.worker.LOOK_SECONDS", 0.1)
    names = [job.name for job in TIMETABLE]
    stop = asyncio.Event()
    keeping = asyncio.create_task(Timetable(database, settings, stop).keep())

    async def woken() -> int:
        async with database.read() as session:
            noted = "SELECT count(*) FROM pgqueuer_schedules JOIN job_states ON name = entrypoint"
            return await session.scalar(text(noted)) or 0

    async def runs() -> set[int]:
        async with database.read() as session:
            found = await session.scalars(select(JobState.runs).where(JobState.name.in_(names)))
            return set(found.all())

    await until(woken, lambda rows: rows == len(names))
    async with database.transaction() as session:
        await session.execute(text("UPDATE pgqueuer_schedules SET next_run = now() + interval '1 year'"))
        await session.execute(text("UPDATE job_states SET due_at = now() + interval '1 year'"))
    await until(runs, lambda found: found == {1})
    stop.set()
    async with asyncio.timeout(60):
        await keeping
