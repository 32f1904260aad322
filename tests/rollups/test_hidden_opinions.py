"""Two worlds that differ in hidden opinions alone look alike to staff: bytes, order, ETag and length."""

from datetime import date

import httpx
import pytest
from sqlalchemy import text

from tests.support.branches import count
from tests.support.rows import Said, insert_responses
from tests.support.world import World

DAY = date(2026, 11, 20)
ANSWERS = "questionnaire=quick-5&from=2026-11-01&to=2026-11-30"
HIDDEN = 4
"""Responses of each of two communes, fewer than may be shown, all through links and for one procedure."""
ADDRESSES = (
    f"/api/v1/rankings?kind=commune&parent=24&{ANSWERS}",
    f"/api/v1/rankings?kind=commune&sort=complaints&{ANSWERS}",
    f"/api/v1/rankings?kind=commune&compare_from=2026-10-01&compare_to=2026-10-31&{ANSWERS}",
    f"/api/v1/indices/09001/procedures?{ANSWERS}",
    f"/api/v1/indices/09001/channels?{ANSWERS}",
    f"/api/v1/indices/09001/fields?{ANSWERS}",
    f"/api/v1/indices/09001/counters?{ANSWERS}",
    f"/api/v1/indices/09001/series?grain=day&channel=link&{ANSWERS}",
    f"/api/v1/indices/09001/drivers?{ANSWERS}",
    "/api/v1/indices/09001?channel=link&from=2026-11-01&to=2026-11-30",
)


async def live(world: World, opinions: dict[str, int]) -> None:
    """The world from its beginning, in which each hidden commune is of one opinion."""
    async with world.database.transaction() as session:
        for table in ("responses", "channel_day", "channel_month", "unit_day", "unit_month"):
            await session.execute(text(f"DELETE FROM {table}"))  # noqa: S608
        for table in ("procedure_day", "procedure_month", "stale_unit_days"):
            await session.execute(text(f"DELETE FROM {table}"))  # noqa: S608
    form, procedure = world.questionnaires["quick-5"], world.procedures["1.001193"]
    said = [Said(world.units["09101"], DAY, form, (5, 4, 3, 5, 0)) for _ in range(9)]
    said += [
        Said(world.units[unit], DAY, form, (opinion,) * 5, channel="link", procedure_id=procedure)
        for unit, opinion in opinions.items()
        for _ in range(HIDDEN)
    ]
    await insert_responses(world.database, said)
    await count(world.database)


@pytest.mark.parametrize("address", ADDRESSES)
async def test_what_is_hidden_leaves_no_trace(http: httpx.AsyncClient, world: World, address: str) -> None:
    seen = []
    for opinions in ({"09001": 5, "09002": 1}, {"09001": 1, "09002": 5}):
        await live(world, opinions)
        answer = await http.get(address, headers=world.admin)
        assert answer.status_code == 200, answer.text
        told = {name: value for name, value in answer.json().items() if name != "as_of"}
        assert '"suppressed":true' in answer.text
        seen.append((list(told.items()), answer.headers["etag"], len(answer.content)))
    assert seen[0] == seen[1]
