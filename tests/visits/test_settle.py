import asyncio
import itertools
from typing import Any

import httpx
from sqlalchemy import String, literal_column, select, text, update

from app.core.database import Database
from app.models.visit import ANSWERED, OPEN, SETTLED, Visit
from app.visits.jobs import settle_answered
from tests.support.visits import register, visit
from tests.support.world import World


async def rows(database: Database) -> list[dict[str, Any]]:
    async with database.read() as session:
        return [
            dict(row)
            for row in (await session.execute(select(Visit.__table__).order_by(Visit.id))).mappings()
        ]


async def answer(database: Database, ids: list[int]) -> None:
    """One by one, each in a transaction of its own, as citizens do."""
    for visit_id in ids:
        async with database.transaction() as session:
            await session.execute(update(Visit).where(Visit.id == visit_id).values(answer_state=ANSWERED))


async def test_answered_visits_are_settled_and_nothing_else_changes(
    http: httpx.AsyncClient, world: World
) -> None:
    sent = [
        visit(f"H-{number}", unit, procedure_code="1.001193", counter="3")
        for number, unit in enumerate(["09001", "09002", "09101"] * 4)
    ]
    await register(http, world.admin, *sent)
    before = await rows(world.database)
    answered = [row["id"] for row in before[::2]]
    await answer(world.database, answered)
    assert await settle_answered(world.database) == len(answered)
    expected = [{**row, "answer_state": SETTLED if row["id"] in answered else OPEN} for row in before]
    assert await rows(world.database) == expected
    assert await settle_answered(world.database) == 0
    assert await rows(world.database) == expected


async def test_a_settled_visit_still_has_its_link_and_it_stays_used(
    http: httpx.AsyncClient, world: World
) -> None:
    (first,) = await register(http, world.admin, visit())
    await answer(world.database, [row["id"] for row in await rows(world.database)])
    await settle_answered(world.database)
    assert await register(http, world.admin, visit()) == [{**first, "status": "existing"}]
    assert (await http.get(f"/api/v1/links/{first['link']['code']}")).json()["code"] == "link_used"


async def test_after_the_sweep_neither_version_nor_place_of_a_row_tells_when_it_was_answered(
    http: httpx.AsyncClient, world: World
) -> None:
    await register(http, world.admin, *(visit(f"H-{number}") for number in range(300)))
    order = [row["id"] for row in await rows(world.database)][::2]
    await answer(world.database, order)
    await settle_answered(world.database)
    async with world.database.read() as session:
        version = literal_column("xmin::text || ' ' || xmax::text", String)
        found = (
            await session.execute(
                select(Visit.id, version).where(Visit.answer_state == SETTLED).order_by(text("ctid"))
            )
        ).all()
    assert len(found) == len(order)
    assert len({row[1] for row in found}) == 1
    by_place = [row[0] for row in found]
    # chance alone leaves half of the neighbours in order; the order of answering would leave nearly all
    kept = sum(one < other for one, other in itertools.pairwise(by_place))
    assert kept < 0.75 * len(order)


async def test_what_was_settled_before_moves_again_with_the_next_of_its_unit_and_day(
    http: httpx.AsyncClient, world: World
) -> None:
    """Else the only one that came since would stand alone, with a version of its own."""
    await register(http, world.admin, *(visit(f"H-{number}") for number in range(5)), visit("N-1", "09101"))
    ids = [row["id"] for row in await rows(world.database)]
    await answer(world.database, [*ids[:3], ids[5]])
    assert await settle_answered(world.database) == 4
    await answer(world.database, [ids[3]])
    assert await settle_answered(world.database) == 1
    async with world.database.read() as session:
        found = await session.execute(
            select(Visit.id, literal_column("xmin::text", String)).where(Visit.answer_state == SETTLED)
        )
        version = {row[0]: row[1] for row in found}
    assert len({version[each] for each in ids[:4]}) == 1
    assert version[ids[5]] != version[ids[0]]  # another unit's stay where they are


async def test_sweeps_and_repeated_calls_at_the_same_time_agree(
    http: httpx.AsyncClient, world: World
) -> None:
    sent = [visit(f"H-{number}") for number in range(100)]
    first = await register(http, world.admin, *sent)
    before = await rows(world.database)
    await answer(world.database, [row["id"] for row in before[:50]])
    swept, *again, swept_too = await asyncio.gather(
        settle_answered(world.database),
        *(register(http, world.admin, *sent) for _ in range(3)),
        settle_answered(world.database),
    )
    assert (swept, swept_too) in {(50, 0), (0, 50)}
    assert again == [[{**item, "status": "existing"} for item in first]] * 3
    assert [row["id"] for row in await rows(world.database)] == [row["id"] for row in before]
