"""Counting beside intake where statements see one moment, and where each sees its own, as on a cluster."""

from collections.abc import AsyncIterator, Awaitable, Callable
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import text

from app.core.clock import utc_now
from app.core.database import Database
from app.rollups import jobs, pulse, stale
from app.rollups.jobs import nightly_recount, rebuild, refresh, verify
from tests.support.cluster import offered
from tests.support.rows import Said, insert_responses, insert_visits, marks
from tests.support.world import World

TODAY = utc_now().date()


@pytest.fixture
async def cluster(database: Database) -> AsyncIterator[None]:
    """What tells a cluster's coordinator from any other database: the list of what lies on nodes."""
    async with database.transaction() as session:
        await session.execute(text("CREATE TABLE pg_dist_partition (logicalrelid regclass)"))
    yield
    async with database.transaction() as session:
        await session.execute(text("DROP TABLE pg_dist_partition"))


@pytest.fixture
def each_its_own_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a cluster's nodes have it: each statement sees what had been committed when it began."""
    monkeypatch.setattr(pulse, "ONE_MOMENT", "READ COMMITTED")


def one(world: World, channel: str = "kiosk") -> Said:
    unit, form = world.units["09001"], world.questionnaires["quick-5"]
    procedure = next(iter(world.procedures.values()))
    return Said(unit, TODAY, form, (5, 4, 1, 0, 3), channel, procedure_id=procedure)


async def counted(world: World) -> int:
    async with world.database.read() as session:
        return await session.scalar(text("SELECT sum(responses) FROM unit_day")) or 0


async def mark_all(world: World) -> None:
    async with world.database.transaction() as session:
        await stale.mark(session, [(world.units["09001"], TODAY)])


async def drain(world: World) -> None:
    while await refresh(world.database):
        pass
    assert not await marks(world.database)


def interrupt(monkeypatch: pytest.MonkeyPatch, where: ModuleType, name: str, world: World) -> None:
    """Have a response and a visit come in just before this is counted the next time."""
    counting: Callable[..., Awaitable[int]] = getattr(where, name)

    async def interrupted(*arguments: Any, **more: Any) -> int:
        monkeypatch.setattr(where, name, counting)
        await insert_responses(world.database, [one(world, "link")])
        await insert_visits(
            world.database, world.units["09001"], TODAY, world.questionnaires["quick-5"], 2, 1
        )
        return await counting(*arguments, **more)

    monkeypatch.setattr(where, name, interrupted)


async def pulsed(world: World) -> None:
    await mark_all(world)
    await refresh(world.database)


async def rebuilt(world: World) -> None:
    await rebuild(world.database)


async def night(world: World) -> None:
    await nightly_recount(world.database)


COUNTING = [
    pytest.param(pulse, "recount_days", pulsed, id="pulse"),
    pytest.param(jobs, "recount_month", rebuilt, id="rebuild"),
    pytest.param(jobs, "recount_days", night, id="night"),
]


async def interrupted(
    monkeypatch: pytest.MonkeyPatch, where: ModuleType, name: str, count: Any, world: World
) -> int:
    """Responses that are counted two after one of two came in between; how many are counted in the end."""
    await insert_responses(world.database, [one(world)])
    await drain(world)
    interrupt(monkeypatch, where, name, world)
    await count(world)
    assert sum((await marks(world.database)).values()) == 2, "what came in between is still marked"
    await drain(world)
    return await counted(world)


@pytest.mark.parametrize(("where", "name", "count"), COUNTING)
async def test_what_comes_in_between_taking_marks_and_counting_is_counted_once(
    world: World, monkeypatch: pytest.MonkeyPatch, where: ModuleType, name: str, count: Any
) -> None:
    assert await interrupted(monkeypatch, where, name, count, world) == 2
    assert (await verify(world.database)).differences == []


@pytest.mark.usefixtures("cluster", "each_its_own_moment")
@pytest.mark.parametrize(("where", "name", "count"), COUNTING)
async def test_on_a_cluster_it_is_counted_once_though_no_two_statements_see_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch, where: ModuleType, name: str, count: Any
) -> None:
    assert await interrupted(monkeypatch, where, name, count, world) == 2
    assert (await verify(world.database)).differences == []


@pytest.mark.usefixtures("each_its_own_moment")
@pytest.mark.parametrize(("where", "name", "count"), COUNTING)
async def test_to_add_is_wrong_without_the_sight_of_one_moment(
    world: World, monkeypatch: pytest.MonkeyPatch, where: ModuleType, name: str, count: Any
) -> None:
    """Why it is asked for, and why a cluster counts again: here the second response is counted twice."""
    if await offered(world.database.url):
        pytest.skip("nothing is added where Citus is")
    assert await interrupted(monkeypatch, where, name, count, world) == 3
    assert (await verify(world.database)).differences
    await mark_all(world)
    await drain(world)
    assert (await verify(world.database)).differences == [], "counting again sets it right"
