"""The batch writer on real PostgreSQL: each promise of app/responses/intake.py."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from app.core.clock import utc_now
from app.core.database import Database
from app.core.errors import Problem
from app.core.problems import (
    Conflict,
    DeviceRevoked,
    InvalidRequest,
    LinkExpired,
    LinkUnknown,
    LinkUsed,
    ResponseConflict,
    Unavailable,
)
from app.responses.intake import Intake, Outcome, Stored
from tests.support.said import device, submission, visit
from tests.support.world import World


@pytest.fixture
async def intake(migrated_url: str, database: Database) -> AsyncIterator[Intake]:
    async with Intake(migrated_url, queue_size=20_000) as intake:
        yield intake


@pytest.fixture
async def tablet(world: World) -> UUID:
    return (await device(world))[0]


async def rows(database: Database, query: str = "SELECT id FROM responses") -> list[object]:
    async with database.read() as session:
        return list(await session.scalars(text(query)))


def kinds(outcomes: Sequence[Outcome]) -> Counter[str]:
    return Counter(
        outcome.code if isinstance(outcome, Problem) else "replayed" if outcome.replayed else "created"
        for outcome in outcomes
    )


async def test_accepted_means_committed(intake: Intake, world: World, tablet: UUID) -> None:
    row = submission(world, device_id=tablet)
    assert await intake.submit(row) == Stored(row.received_at, replayed=False)
    assert await rows(world.database) == [row.id]  # seen by another connection


async def test_a_response_marks_its_unit_day_in_the_same_commit(
    intake: Intake, world: World, tablet: UUID
) -> None:
    await intake.submit(submission(world, device_id=tablet))
    assert await rows(world.database, "SELECT unit_id FROM stale_unit_days") == [world.units["09001"]]


async def test_fifty_racing_for_one_link_count_once(intake: Intake, world: World) -> None:
    unit_id, visit_id = await visit(world)
    sent = [submission(world, unit_id=unit_id, visit_id=visit_id, channel="link") for _ in range(50)]
    outcomes = await asyncio.gather(*(intake.enter(row) for row in sent))
    assert kinds(outcomes) == {"created": 1, "link_used": 49}
    assert len(await rows(world.database)) == 1


async def test_fifty_racing_for_one_link_through_many_processes_count_once(
    migrated_url: str, world: World
) -> None:
    """Each with a batch writer of its own, as separate processes have."""
    unit_id, visit_id = await visit(world)
    async with asyncio.TaskGroup() as group:

        async def answer() -> Outcome:
            async with Intake(migrated_url, queue_size=1) as own:
                return await own.enter(submission(world, unit_id=unit_id, visit_id=visit_id, channel="link"))

        tasks = [group.create_task(answer()) for _ in range(50)]
    assert kinds([task.result() for task in tasks]) == {"created": 1, "link_used": 49}


@pytest.mark.parametrize("by_link", [False, True])
async def test_fifty_repetitions_of_one_response_are_one_row(
    intake: Intake, migrated_url: str, world: World, tablet: UUID, by_link: bool
) -> None:
    _, visit_id = await visit(world)
    row = submission(world, device_id=None if by_link else tablet, visit_id=visit_id if by_link else None)
    async with Intake(migrated_url, queue_size=100) as other:
        outcomes = await asyncio.gather(*((intake, other)[turn % 2].enter(row) for turn in range(50)))
    assert kinds(outcomes) == {"created": 1, "replayed": 49}
    assert {outcome.received_at for outcome in outcomes if isinstance(outcome, Stored)} == {row.received_at}
    assert len(await rows(world.database)) == 1


async def test_the_same_id_with_other_content_is_a_conflict_in_one_batch_and_later(
    intake: Intake, world: World, tablet: UUID
) -> None:
    row = submission(world, device_id=tablet)
    other = row._replace(content_digest=b"\2" * 16)
    assert kinds(await asyncio.gather(intake.enter(row), intake.enter(other))) == {
        "created": 1,
        "response_conflict": 1,
    }
    with pytest.raises(ResponseConflict):
        await intake.submit(other)


async def test_the_same_id_at_two_links_spends_only_the_first(intake: Intake, world: World) -> None:
    unit_id, first = await visit(world)
    _, second = await visit(world)
    row = submission(world, unit_id=unit_id, visit_id=first, channel="link")
    await intake.submit(row)
    assert (await intake.submit(row._replace(visit_id=second))).replayed
    states = await rows(world.database, "SELECT answer_state FROM visits ORDER BY id")
    assert states == [1, 0]


async def test_links_and_devices_share_a_batch_without_mixing(
    intake: Intake, world: World, tablet: UUID
) -> None:
    unit_id, visit_id = await visit(world, procedure_id=world.procedures["1.001193"], counter="Quầy 3")
    outcomes = await asyncio.gather(
        intake.enter(submission(world, unit_id=unit_id, visit_id=visit_id, channel="link")),
        intake.enter(submission(world, device_id=tablet)),
        intake.enter(submission(world, unit_id=unit_id, visit_id=visit_id + 1000, channel="link")),
    )
    assert kinds(outcomes) == {"created": 2, "link_unknown": 1}
    counters = await rows(world.database, "SELECT counter FROM responses ORDER BY channel DESC")
    assert counters == ["Quầy 3", None]


async def test_a_link_response_belongs_to_the_day_of_its_visit(intake: Intake, world: World) -> None:
    served_on = (utc_now() - timedelta(days=9)).date()
    unit_id, visit_id = await visit(world, served_on=served_on)
    await intake.submit(submission(world, unit_id=unit_id, visit_id=visit_id, channel="link"))
    assert await rows(world.database, "SELECT local_day FROM responses") == [served_on]
    assert await rows(world.database, "SELECT local_day FROM stale_unit_days") == [served_on]


async def test_each_closed_door_has_its_own_problem(intake: Intake, world: World) -> None:
    revoked, _ = await device(world, revoked=True)
    unit_id, expired = await visit(world, expires_at=utc_now() - timedelta(seconds=1))
    _, other = await visit(world, questionnaire_id=world.questionnaires["service-16"])
    closed: list[tuple[dict[str, object], type[Problem]]] = [
        ({"device_id": revoked}, DeviceRevoked),
        ({"unit_id": unit_id, "visit_id": expired, "channel": "link"}, LinkExpired),
        ({"unit_id": unit_id, "visit_id": 2**34, "channel": "link"}, LinkUnknown),
        ({"unit_id": unit_id, "visit_id": other, "channel": "link"}, InvalidRequest),
    ]
    for changes, problem in closed:
        with pytest.raises(problem):
            await intake.submit(submission(world, **changes))
    assert await rows(world.database) == []
    assert set(await rows(world.database, "SELECT answer_state FROM visits")) == {0}


async def test_a_replay_is_a_success_even_when_its_link_is_used(intake: Intake, world: World) -> None:
    unit_id, visit_id = await visit(world)
    row = submission(world, unit_id=unit_id, visit_id=visit_id, channel="link")
    await intake.submit(row)
    assert (await intake.submit(row)).replayed
    with pytest.raises(LinkUsed):
        await intake.submit(row._replace(id=uuid4()))


@pytest.mark.parametrize("poison", [{"questionnaire_id": 999_999}, {"comment": "\0"}, {"language": 5}])
async def test_one_bad_row_never_fails_its_neighbours(
    intake: Intake, world: World, tablet: UUID, poison: dict[str, object]
) -> None:
    good = [submission(world, device_id=tablet) for _ in range(20)]
    bad = submission(world, device_id=tablet, **poison)
    outcomes = await asyncio.gather(*(intake.enter(row) for row in [*good[:10], bad, *good[10:]]))
    assert kinds(outcomes) == {"created": 20, Conflict.code: 1}
    assert {row.id for row in good} == set(await rows(world.database))


async def test_a_full_queue_refuses_at_once_and_says_when_to_come_back(
    migrated_url: str, world: World, tablet: UUID
) -> None:
    async with Intake(migrated_url, queue_size=3) as small:
        entered = [small.enter(submission(world, device_id=tablet)) for _ in range(3)]
        with pytest.raises(Unavailable) as refused:
            await small.enter(submission(world, device_id=tablet))
        assert refused.value.retry_after
        assert kinds(await asyncio.gather(*entered)) == {"created": 3}
        await small.submit(submission(world, device_id=tablet))  # room again


async def test_leaving_drains_the_queue_and_then_refuses(
    migrated_url: str, world: World, tablet: UUID
) -> None:
    async with Intake(migrated_url, queue_size=2000) as intake:
        entered = [intake.enter(submission(world, device_id=tablet)) for _ in range(1200)]
    assert kinds([answer.result() for answer in entered]) == {"created": 1200}
    assert len(await rows(world.database)) == 1200
    with pytest.raises(Unavailable):
        await intake.enter(submission(world, device_id=tablet))


async def test_callers_that_hang_up_change_nothing_for_the_others(
    intake: Intake, world: World, tablet: UUID
) -> None:
    sent = [submission(world, device_id=tablet) for _ in range(100)]
    callers = [asyncio.create_task(intake.submit(row)) for row in sent]
    await asyncio.sleep(0)
    for caller in callers[::2]:
        caller.cancel()
    outcomes = await asyncio.gather(*callers, return_exceptions=True)
    assert all(isinstance(outcome, Stored) for outcome in outcomes[1::2])
    assert {row.id for row in sent[1::2]} <= set(await rows(world.database))
    assert (await intake.submit(submission(world, device_id=tablet))).replayed is False


async def test_a_lost_connection_is_told_and_the_next_batch_goes_through(
    intake: Intake, world: World, tablet: UUID
) -> None:
    await intake.submit(submission(world, device_id=tablet))
    async with world.database.engine.begin() as connection:
        await connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'sipas intake'"
            )
        )
    row = submission(world, device_id=tablet)
    outcomes = []
    for _ in range(3):
        try:
            outcomes.append(await intake.submit(row))
            break
        except Unavailable:
            continue
    assert len(outcomes) == 1
    assert row.id in await rows(world.database)


async def test_an_unreachable_database_is_answered_503_and_nothing_hangs(world: World, tablet: UUID) -> None:
    async with Intake("postgresql://nobody@127.0.0.1:1/none", queue_size=10) as lost:
        for _ in range(2):
            with pytest.raises(Unavailable):
                await lost.submit(submission(world, device_id=tablet))
