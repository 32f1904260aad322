"""One thing that always fails is left alone; what stands beside it goes on."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import date, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select, text, update

from app.core.clock import utc_now
from app.core.database import Database
from app.exports.jobs import run_exports
from app.exports.queries import MOST_ATTEMPTS
from app.jobs.failures import TRIES, Aside, SomeFailed
from app.models.export import Export
from app.models.job import JobState
from app.models.period import Period
from app.models.response import Response
from app.models.rollup import UnitDay
from app.models.subject import User
from app.periods import service as periods
from app.periods.jobs import close_due
from app.rollups.jobs import nightly_recount, refresh, run_pulse
from tests.support.rows import Said, insert_responses, marks
from tests.support.visits import today
from tests.support.waiting import until
from tests.support.world import World

GOOD = (5, 4, 3, 2, 1)


async def speak(world: World, *units: str, day: date | None = None, answers: Sequence[int] = GOOD) -> None:
    form = world.questionnaires["quick-5"]
    heard = [Said(world.units[unit], day or today(), form, tuple(answers)) for unit in units]
    await insert_responses(world.database, heard)


async def counted(database: Database) -> set[int]:
    async with database.read() as session:
        return set((await session.scalars(select(UnitDay.unit_id))).all())


async def state(database: Database, name: str) -> JobState | None:
    async with database.read() as session:
        return await session.get(JobState, name)


async def spoil(world: World, unit: str) -> None:
    """Answers too short for their questionnaire: PostgreSQL refuses to count them."""
    await speak(world, unit, answers=())


async def test_a_unit_day_that_cannot_be_counted_rests_and_its_neighbours_are_counted(world: World) -> None:
    await spoil(world, "09001")
    await speak(world, "09002", "09101")
    spoilt, now = (world.units["09001"], today()), 0.0
    aside: Aside[tuple[int, date]] = Aside(lambda: now)
    assert await refresh(world.database, aside=aside) == 2
    assert await counted(world.database) == {world.units["09002"], world.units["09101"]}
    assert aside.resting() == [spoilt]
    await speak(world, "09002")
    assert await refresh(world.database, aside=aside) == 1, "the next pulse does not meet it again"
    for _ in range(TRIES - 1):
        now += 400
        assert await refresh(world.database, aside=aside) == 0
    assert set(await marks(world.database)) == {spoilt}
    assert str(aside.told()).startswith(f"1 set aside, the first {spoilt}: ")
    async with world.database.transaction() as session:
        await session.execute(
            update(Response).where(Response.answers == b"").values(verdict="void", verdict_reason="duplicate")
        )
    now += 4000
    assert await refresh(world.database, aside=aside) == 1
    assert (aside.told(), await marks(world.database)) == (None, {})


async def test_a_limit_full_of_spoilt_unit_days_does_not_hide_the_others(world: World) -> None:
    await spoil(world, "09001")
    await spoil(world, "09002")
    await speak(world, "09101")
    aside: Aside[tuple[int, date]] = Aside()
    assert await refresh(world.database, 2, aside=aside) == 0
    assert await refresh(world.database, 2, aside=aside) == 1
    assert await counted(world.database) == {world.units["09101"]}


async def test_the_pulse_says_in_its_state_what_it_has_set_aside(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.jobs.failures.PAUSES", (0.0, 0.0, 0.0))
    await spoil(world, "09001")
    await speak(world, "09002")
    stop = asyncio.Event()
    running = asyncio.create_task(run_pulse(world.database, stop, 0.01))
    found = await until(
        lambda: state(world.database, "rollups.run_pulse"), lambda one: one is not None and one.set_aside
    )
    stop.set()
    await running
    assert found is not None
    assert f"({world.units['09001']}, " in str(found.last_error)
    assert found.failures == 0, "the pulse itself goes on"
    assert await counted(world.database) == {world.units["09002"]}


async def test_the_nightly_recount_mends_what_it_can_and_says_what_it_cannot(world: World) -> None:
    await speak(world, "09001", "09002", "09101")
    await refresh(world.database)
    async with world.database.transaction() as session:
        await session.execute(text("DELETE FROM unit_day"))
        await session.execute(
            update(Response).where(Response.unit_id == world.units["09001"]).values(answers=b"")
        )
    with pytest.raises(SomeFailed, match=f"1 unit-days cannot be counted, the first {world.units['09001']} "):
        await nightly_recount(world.database)
    assert await counted(world.database) == {world.units["09002"], world.units["09101"]}


async def test_a_period_that_cannot_be_closed_does_not_keep_the_others_open(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = today() - timedelta(days=90)
    async with world.database.transaction() as session:
        rows = [
            Period(
                unit_id=world.units[unit],
                first_day=first,
                last_day=first,
                questionnaire_id=world.questionnaires["quick-5"],
                name=unit,
                state="closing",
                opened_by="system",
                closing_by="system",
                grace_until=utc_now() - timedelta(days=1),
                min_n=5,
            )
            for unit in ("24", "27")
        ]
        session.add_all(rows)
        await session.flush()
        spoilt = rows[0].id
    taking = periods.take_first

    async def take(session: object, known: object, period: Period) -> object:
        if period.id == spoilt:
            raise LookupError("a mistake of ours")
        return await taking(session, known, period)  # type: ignore[arg-type]

    monkeypatch.setattr(periods, "take_first", take)
    with pytest.raises(SomeFailed, match=f"1 periods cannot be closed, the first {spoilt}"):
        await close_due(world.database)
    async with world.database.read() as session:
        states = {row[0]: row[1] for row in await session.execute(select(Period.name, Period.state))}
    assert states == {"24": "closing", "27": "closed"}


async def test_an_order_nobody_can_read_is_given_up_and_the_next_is_made(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As an order of another release would be: it fails before anything of it is made."""
    caplog.set_level(logging.CRITICAL, "app.exports.jobs")
    monkeypatch.setattr("app.exports.jobs.LONGEST_WAIT_SECONDS", 0.05)
    async with world.database.read() as session:
        actor = f"user:{await session.scalar(select(User.id))}"
    days = {"from": str(today()), "to": str(today()), "questionnaire": "quick-5", "version": 1}
    now = utc_now()
    orders = [{"what": "no such thing"}, {"what": "indices", **days}]
    async with world.database.transaction() as session:
        for at, query in enumerate(orders):
            session.add(
                Export(
                    id=uuid4(),
                    actor=actor,
                    state="queued",
                    query=query,
                    tops=None,
                    created_at=now + timedelta(seconds=at),
                    expires_at=now + timedelta(days=7),
                )
            )
    stop = asyncio.Event()
    running = asyncio.create_task(run_exports(world.database, stop, 0.01))

    async def found() -> list[tuple[str, str | None, int]]:
        async with world.database.read() as session:
            query = select(Export.state, Export.failure, Export.attempts).order_by(Export.created_at)
            return [(row[0], row[1], row[2]) for row in await session.execute(query)]

    ended = await until(found, lambda rows: all(row[0] in {"done", "failed"} for row in rows))
    stop.set()
    await running
    assert ended[0] == ("failed", "gave_up", MOST_ATTEMPTS)
    assert ended[1][0] == "done", ended
    told = await state(world.database, "exports.run_exports")
    assert told is not None
    assert told.failures >= 1
