"""PostgreSQL gone, in each way in which it goes, and back: nobody waits for ever or restarts anything."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext, suppress
from uuid import UUID

import asyncpg
import httpx
import psutil
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.core.clock import utc_now
from app.core.database import SERVER_SETTINGS, Database, within
from app.core.database_errors import problem_of
from app.core.problems import Unavailable
from app.core.settings import Settings
from app.core.writable import writable
from app.responses import queries
from app.responses.intake import Intake, Stored
from app.responses.submission import Submission
from app.rollups import jobs, pulse
from app.rollups.stale import mark
from tests.faults.pressure import Asked, House, Wire, frozen, housed, long_form
from tests.support.said import body, device, submission, visit
from tests.support.waiting import until
from tests.support.world import World

DEADLINE = long_form("REQUEST_SECONDS", 3)
GONE_SECONDS = long_form("GONE_SECONDS", 3)
RATE = long_form("RATE", 20)
"""Requests a second while it is gone."""
MANY = 500
"""Requests from which on memory says something of what each leaves: below, it is noise."""
MOST_KEPT = 64 * 2**10
"""Bytes a request by which this process may grow, the test's own share of each and its answer included."""
MOST_CONNECTIONS = 500
PULSE_SECONDS = 5
SLACK_SECONDS = 30
"""How late a busy machine may be with an answer that its deadline has written."""


@pytest.fixture
async def wire(migrated_url: str) -> AsyncIterator[Wire]:
    wire = Wire(migrated_url)
    await wire.mend()
    yield wire
    await wire.cut()


@pytest.fixture
async def house(
    settings: Settings, database: Database, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[House]:
    """A hasty service at the far end of the wire, its job runner's pulse beside it."""
    hasty = settings.model_copy(update={"database_url": wire.url, "request_seconds": DEADLINE})
    monkeypatch.setattr(pulse, "LONGEST_PULSE_SECONDS", PULSE_SECONDS)
    stop, runner = asyncio.Event(), Database(wire.url, pool_size=2)
    async with housed(hasty, database) as house:
        pulsing = asyncio.create_task(jobs.run_pulse(runner, stop))
        try:
            yield house
        finally:
            await wire.mend()
            stop.set()
            await pulsing
            await runner.close()


def asks_to_come_again(answer: httpx.Response) -> bool:
    """In the form its reader expects: JSON, or for a citizen a page."""
    expected = "text/html" if answer.request.url.path.startswith("/s/") else "application/problem+json"
    return (
        answer.status_code == 503
        and int(answer.headers["retry-after"]) > 0
        and answer.headers["content-type"].startswith(expected)
    )


async def counted(house: House) -> None:
    """Every response that is stored has been counted by the pulse."""

    async def stale() -> int:
        async with house.world.database.alone() as connection:
            return int(await connection.scalar(text("SELECT count(*) FROM stale_unit_days")) or 0)

    await until(stale, lambda left: left == 0)


async def besieged(house: House) -> list[tuple[str, httpx.Response, float]]:
    """Requests of every kind at a steady rate; what each heard, and after how many seconds."""
    tasks, kinds = [], list(house.kinds)

    async def ask(kind: str) -> tuple[str, httpx.Response, float]:
        begun = time.monotonic()
        answer = await house.ask(kind)
        return kind, answer, time.monotonic() - begun

    for number in range(int(GONE_SECONDS * RATE)):
        tasks.append(asyncio.create_task(ask(kinds[number % len(kinds)])))
        await asyncio.sleep(1 / RATE)
    return await asyncio.gather(*tasks)


Step = Callable[[Wire], Awaitable[None]]
WAYS: dict[str, tuple[Step, Step]] = {
    "stopped": (Wire.cut, Wire.mend),
    "swallowed": (Wire.swallow, Wire.mend),
    "forgotten": (Wire.swallow, Wire.forget),
    "frozen": (Wire.mend, Wire.mend),
}
"""How it goes, and how it comes back."""


@pytest.mark.parametrize("way", WAYS)
async def test_a_database_that_is_gone_is_said_so_in_time_and_is_found_again(
    house: House, wire: Wire, migrated_url: str, way: str
) -> None:
    go, come_back = WAYS[way]
    await until(house.all_answered, lambda failed: not failed)
    before = psutil.Process().memory_info().rss
    standstill: AbstractContextManager[None] = frozen(migrated_url) if way == "frozen" else nullcontext()
    with standstill:
        await go(wire)
        siege = asyncio.create_task(besieged(house))
        alive = await house.http.get("/healthz")
        ready = await house.http.get("/readyz")
        heard = await siege
        await until(house.gathered, lambda gathered: not any(gathered.values()))
        grown = psutil.Process().memory_info().rss - before
    await come_back(wire)
    if len(heard) >= MANY:
        assert grown < MOST_KEPT * len(heard), "what cannot be stored is not gathered"
    assert alive.status_code == 200
    assert (ready.status_code, ready.json()["database"]) == (503, "unreachable")
    assert [
        (kind, said.status_code, said.text) for kind, said, _ in heard if not asks_to_come_again(said)
    ] == []
    assert max(took for *_, took in heard) < DEADLINE + SLACK_SECONDS
    await house.recovered()
    assert (await house.http.get("/readyz")).status_code == 200
    await counted(house)


async def test_a_pulse_forgotten_in_the_middle_of_a_statement_keeps_nobody_from_counting(
    world: World, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither idle nor at work: PostgreSQL has a statement's text and waits for its values."""
    monkeypatch.setattr(pulse, "LONGEST_PULSE_SECONDS", 4)
    async with world.database.transaction() as session:
        if int(await session.scalar(text("SHOW server_version_num")) or 0) < 170000:
            pytest.skip("only TCP's keepalive ends such a transaction there")
        await mark(session, [(world.units["09001"], utc_now().date())])
    runner = Database(wire.url, pool_size=1)
    wire.swallow_after(b"DELETE FROM stale_unit_days")
    with pytest.raises(TimeoutError):
        await within(1, pulse.refresh(runner))
    await wire.forget()
    assert await pulse.refresh(world.database) == 0  # the other holds the month
    await until(lambda: pulse.refresh(world.database), lambda counted: counted == 1)
    await runner.close()


# --- the database is there, and cannot


@asynccontextmanager
async def session_of_another(url: str, *statements: str) -> AsyncIterator[asyncpg.Connection]:
    """Somebody else in a transaction that has done these statements; rolled back unless it was ended."""
    other = await asyncpg.connect(url)
    try:
        await other.execute("BEGIN")
        for statement in statements:
            await other.execute(statement)
        yield other
    finally:
        await other.close()


async def waiting_for_a_lock(database: Database, application: str) -> None:
    """Until a connection of this name waits for a lock."""

    async def waits() -> int:
        async with database.alone() as connection:
            query = text(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE application_name = :name AND wait_event_type = 'Lock'"
            )
            return int(await connection.scalar(query, {"name": application}) or 0)

    await until(waits, lambda found: found > 0)


@pytest.fixture
async def calm(settings: Settings, database: Database) -> AsyncIterator[House]:
    """A service whose own deadline is far: what is heard comes from the database's time-outs."""
    async with housed(settings.model_copy(update={"request_seconds": 90}), database) as house:
        yield house


async def test_a_locked_unit_holds_up_nobody_else(calm: House, migrated_url: str) -> None:
    here, there = calm.kinds["intake"], (await device(calm.world, "09002"))[1]
    async with session_of_another(migrated_url, "SELECT FROM units WHERE code = '09001' FOR UPDATE"):
        refused, *stored = await asyncio.gather(
            calm.ask("intake"),
            *(calm.http.post(here.path, json=body(), headers=there) for _ in range(5)),
        )
    assert asks_to_come_again(refused)
    assert {answer.status_code for answer in stored} == {201}
    await calm.recovered()


async def test_a_lock_on_everything_is_said_so(calm: House, migrated_url: str) -> None:
    async with session_of_another(migrated_url, "LOCK TABLE responses IN ACCESS EXCLUSIVE MODE"):
        heard = await asyncio.gather(*(calm.ask(kind) for kind in ("intake", "batch", "list")))
        assert (await calm.http.get("/readyz")).status_code == 200
        assert (await calm.ask("login")).status_code == 200
    assert [answer.text for answer in heard if not asks_to_come_again(answer)] == []
    await calm.recovered()


async def test_a_slow_query_is_ended_by_the_database(migrated_url: str) -> None:
    hasty = Database(migrated_url, settings={**SERVER_SETTINGS, "statement_timeout": "100ms"})
    with pytest.raises(DBAPIError) as caught:
        async with hasty.transaction() as session:
            await session.execute(text("SELECT pg_sleep(60)"))
    assert isinstance(problem_of(caught.value), Unavailable)
    await hasty.close()


async def test_a_pool_used_up_is_a_reason_to_come_again(migrated_url: str) -> None:
    small = Database(migrated_url, pool_size=1)
    async with small.engine.connect(), small.engine.connect():  # the second beyond the size, as is allowed
        with pytest.raises(PoolTimeout) as caught:
            async with small.engine.connect():
                pass
    assert isinstance(problem_of(caught.value), Unavailable)
    await small.close()


async def test_the_probe_of_writing_tells_a_database_from_nothing(database: Database) -> None:
    assert await writable(database)
    nobody = Database("postgresql://nobody@127.0.0.1:1/nothing")
    assert not await writable(nobody)
    await nobody.close()


async def test_connections_used_up_are_said_so_and_found_again(house: House, migrated_url: str) -> None:
    """By somebody else, to the last one, while our pools were empty."""
    async with house.world.database.alone() as straight:
        most = int(await straight.scalar(text("SHOW max_connections")) or 0)
        if most > MOST_CONNECTIONS:
            pytest.skip(f"this server has {most} connections: too many to take")
        greedy: list[asyncpg.Connection] = []
        try:
            await house.app.state.database.close()
            with suppress(asyncpg.TooManyConnectionsError):
                while len(greedy) < most:
                    greedy += [await asyncpg.connect(migrated_url)]
            heard = [
                answer for _ in range(2) for answer in await asyncio.gather(*map(house.ask, house.kinds))
            ]
        finally:
            for taken in greedy:
                taken.terminate()
    assert {answer.status_code for answer in heard} <= {503, 200, 201}
    refused = [answer for answer in heard if answer.status_code == 503]
    assert refused
    assert [answer.text for answer in refused if not asks_to_come_again(answer)] == []
    await house.recovered()


@asynccontextmanager
async def read_only(house: House, url: str) -> AsyncIterator[None]:
    """As after a failover to a server that is a standby yet: it answers every question and takes nothing."""

    straight = await asyncpg.connect(url)
    try:
        database = await straight.fetchval("SELECT quote_ident(current_database())")
        await straight.execute(f"ALTER DATABASE {database} SET default_transaction_read_only = on")
        await house.app.state.database.close()
        await straight.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sipas intake'"
        )
        yield
    finally:
        await straight.execute(f"ALTER DATABASE {database} RESET default_transaction_read_only")
        await straight.close()


async def test_a_server_that_only_reads_is_a_reason_to_come_again_for_whoever_writes(
    calm: House, migrated_url: str
) -> None:
    taken = await calm.ask("intake")
    assert taken.status_code == 201, taken.text
    (stored,) = (await calm.ask("list")).json()["items"]
    calm.kinds["verdict"] = Asked(
        "POST",
        f"/api/v1/responses/{stored['ref']}/verdict",
        204,
        calm.world.admin,
        {"unit_code": "09001", "verdict": "void", "reason": "trùng"},
    )
    writing = ("intake", "batch", "export", "login", "register", "verdict")  # an export is put on record
    async with read_only(calm, migrated_url):
        heard = {kind: await calm.ask(kind) for kind in calm.kinds}
    assert {kind: answer.text for kind, answer in heard.items() if answer.status_code >= 500} == {
        kind: heard[kind].text for kind in writing
    }
    assert [kind for kind in writing if not asks_to_come_again(heard[kind])] == []
    await calm.recovered()


# --- two that get in each other's way


@pytest.fixture
async def links(calm: House) -> list[Submission]:
    """Answers to two links of one unit, in the order in which a batch writes them; no pulse gets between.

    That is their order in the batch, or, where PostgreSQL scans the visits, their order in the table.
    """
    visits = [await visit(calm.world) for _ in range(2)]
    async with calm.world.database.alone() as connection:
        rows = list(await connection.scalars(text("SELECT id FROM visits ORDER BY ctid")))
    visits.sort(key=lambda one: rows.index(one[1]))
    return [
        submission(calm.world, id=UUID(int=number + 1), unit_id=unit, visit_id=ident, channel="link")
        for number, (unit, ident) in enumerate(visits)
    ]


async def test_a_deadlock_is_tried_again(
    calm: House,
    migrated_url: str,
    links: list[Submission],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level("INFO", "app.responses.intake")
    # PostgreSQL looks once for a deadlock, so long after the wait began: by then there must be one
    monkeypatch.setattr("app.responses.intake.LOCK_TIMEOUT", "1min")
    turn = asyncio.Event()
    write = queries.write

    async def give_way(connection: asyncpg.Connection, batch: Sequence[Submission]) -> set[int]:
        """Write; whoever lost a deadlock comes again after the other had its turn, never before it."""
        try:
            return await write(connection, batch)
        except asyncpg.DeadlockDetectedError:
            async with asyncio.timeout(60):
                await turn.wait()
            raise

    monkeypatch.setattr(queries, "write", give_way)
    joint = "&" if "?" in migrated_url else "?"
    patient = f"{migrated_url}{joint}deadlock_timeout=7s"
    first, second = (f"SELECT FROM visits WHERE id = {each.visit_id} FOR UPDATE" for each in links)
    async with (
        session_of_another(migrated_url, "SET deadlock_timeout = '1min'", second) as other,
        Intake(patient, queue_size=10) as intake,
    ):
        outcomes = asyncio.gather(*(intake.enter(each) for each in links))
        await waiting_for_a_lock(calm.world.database, "sipas intake")
        await other.execute(first)  # each holds what the other wants; the batch is the first to notice
        turn.set()
        await other.execute("ROLLBACK")
        assert [type(outcome) for outcome in await outcomes] == [Stored, Stored]
    assert [record.__dict__["cause"] for record in caplog.records if "again" in record.message] == [
        "DeadlockDetectedError"
    ]


async def test_a_serialization_failure_is_tried_again(
    calm: House, migrated_url: str, links: list[Submission], caplog: pytest.LogCaptureFixture
) -> None:
    """As it comes where an operator has made a stricter isolation the rule."""
    caplog.set_level("INFO", "app.responses.intake")
    joint = "&" if "?" in migrated_url else "?"
    strict = f"{migrated_url}{joint}default_transaction_isolation=repeatable read"
    change = f"UPDATE visits SET counter = 'Quầy 9' WHERE id = {links[0].visit_id}"  # noqa: S608
    async with session_of_another(migrated_url, change) as other, Intake(strict, queue_size=10) as intake:
        answer = intake.enter(links[0])
        await waiting_for_a_lock(calm.world.database, "sipas intake")
        await other.execute("COMMIT")
        assert isinstance(await answer, Stored)
    assert [record.__dict__["cause"] for record in caplog.records if "again" in record.message] == [
        "SerializationError"
    ]


async def test_a_write_that_lost_a_deadlock_is_a_reason_to_come_again(
    calm: House, migrated_url: str, links: list[Submission]
) -> None:
    first, second = (f"SELECT FROM visits WHERE id = {each.visit_id} FOR UPDATE" for each in links)
    async with session_of_another(migrated_url, "SET deadlock_timeout = '1min'", second) as other:

        async def write() -> None:
            async with calm.world.database.transaction() as session:
                await session.execute(text(first))
                crossing = asyncio.create_task(other.execute(first))
                try:
                    await session.execute(text(second))
                finally:
                    await session.rollback()
                    await crossing

        with pytest.raises(DBAPIError) as caught:
            await write()
    assert isinstance(problem_of(caught.value), Unavailable)
