"""Counting while responses arrive: nothing missed, nothing counted twice."""

import asyncio
from collections import Counter
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import text

from app.responses.intake import Intake, Outcome, Stored
from app.responses.submission import Submission
from app.rollups.jobs import refresh, verify
from tests.support.said import device, submission
from tests.support.world import World

RESPONSES = 10_000
FIRST = date(2026, 10, 25)  # the days reach over the end of a month
UNITS = ("09001", "09002", "SNV", "09101")


async def test_a_pulse_beside_intake_misses_nothing_in_ten_thousand_responses(
    migrated_url: str, world: World
) -> None:
    tablets = {unit: (await device(world, unit))[0] for unit in UNITS}
    sent = [made(world, tablets, number) for number in range(RESPONSES)]
    arrived = asyncio.Event()

    async def count() -> int:
        """Pulse without pause until everything has arrived, then until nothing is left."""
        pulses = 0
        while await refresh(world.database, limit=7) or not arrived.is_set():
            pulses += 1
            await asyncio.sleep(0)
        return pulses

    async with (
        Intake(migrated_url, queue_size=RESPONSES) as one,
        Intake(migrated_url, queue_size=RESPONSES) as other,
        asyncio.TaskGroup() as group,
    ):
        counting = [group.create_task(count()) for _ in range(2)]
        outcomes: list[Outcome] = []
        for start in range(0, RESPONSES, 250):  # as they come, not all at once
            batch = sent[start : start + 250]
            entered = [(one, other)[number % 2].enter(row) for number, row in enumerate(batch)]
            outcomes += await asyncio.gather(*entered)
        arrived.set()
    assert all(isinstance(outcome, Stored) and not outcome.replayed for outcome in outcomes)
    assert sum(task.result() for task in counting) > 10  # it really ran beside

    async with world.database.read() as session:
        rows = await session.execute(text("SELECT unit_id, local_day, responses FROM unit_day"))
        cells = {(unit, day): responses for unit, day, responses in rows}
        left = await session.scalar(text("SELECT count(*) FROM stale_unit_days"))
    assert left == 0
    assert cells == Counter((row.unit_id, row.local_day) for row in sent)
    verification = await verify(world.database)
    assert (verification.differences, verification.ignored) == ([], 0)


def made(world: World, tablets: dict[str, UUID], number: int) -> Submission:
    unit = UNITS[number % len(UNITS)]
    return submission(
        world,
        unit_id=world.units[unit],
        device_id=tablets[unit],
        local_day=FIRST + timedelta(days=number * 7 % 13),
        answers=bytes(number // step % 6 for step in (1, 6, 36, 216, 1296)),
    )
