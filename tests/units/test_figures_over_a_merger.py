"""Every figure before, across and after a change of the tree, against a plain count of who belonged where.

What people said differs from unit to unit and from day to day, so that a unit too many, too few or of the
wrong days shows in the percentage, in its interval, in the components and in the response rate.
"""

from collections.abc import Callable
from datetime import date, timedelta
from fractions import Fraction
from random import Random
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from app.core.database import Database
from app.models.unit import Unit
from app.rollups.jobs import refresh
from tests.support.book import agree, half_up
from tests.support.rows import FORMS, Said, insert_responses, insert_visits
from tests.support.visits import today
from tests.support.world import World
from tests.units.test_reorganise_loops import made, move

DAY = today() - timedelta(days=10)
FIRST, EVE, LAST = DAY - timedelta(days=40), DAY - timedelta(days=1), DAY + timedelta(days=5)
BEFORE, AFTER = (FIRST, DAY - timedelta(days=20), EVE), (DAY, LAST)
PERIODS = {"before": (FIRST, EVE), "across": (FIRST, LAST), "after": (DAY, LAST), "one day": (DAY, DAY)}
OLD, NEW = ("09001", "09002"), "09900"
MERGED = {"kind": "merge", "from": list(OLD), "to": [{"code": NEW, "name": "Phường Mới"}]}
SATISFIED = {"09001": 0.9, "09002": 0.3, "SNV": 0.6, "09101": 0.75, NEW: 0.5}
Belongs = Callable[[str, date], bool]
ALL_OF_24 = {*OLD, NEW, "SNV", "09101"}
AS_NOW: dict[str, Belongs] = {
    "24": lambda unit, _: unit in ALL_OF_24,
    "27": lambda unit, _: False,
    NEW: lambda unit, _: unit in {*OLD, NEW},
    "09001": lambda unit, _: unit == "09001",
    "09101": lambda unit, _: unit == "09101",
}
AS_WAS: dict[str, Belongs] = {
    "24": lambda unit, day: unit in ALL_OF_24 and (unit != "09101" or day >= DAY),
    "27": lambda unit, day: unit == "09101" and day < DAY,
    NEW: lambda unit, _: unit == NEW,
    "09001": lambda unit, _: unit == "09001",
    "09101": lambda unit, _: unit == "09101",
}


class Told:
    """What was said and who came, by unit and day."""

    def __init__(self, world: World) -> None:
        self.world, self.random = world, Random(20250701)
        self.said: list[tuple[str, Said]] = []
        self.came: list[tuple[str, date, int, int]] = []

    async def live(self, code: str, days: tuple[date, ...]) -> None:
        form = self.world.questionnaires["quick-5"]
        for day in days:
            spoke = self.random.randint(2, 9)
            answers = [tuple(self._answer(code) for _ in range(5)) for _ in range(spoke)]
            said = [Said(self.world.units[code], day, form, one) for one in answers]
            await insert_responses(self.world.database, said)
            self.said += [(code, one) for one in said]
            visits = spoke + self.random.randint(1, 30)
            await insert_visits(
                self.world.database, self.world.units[code], day, form, visits, answered=spoke
            )
            self.came.append((code, day, visits, spoke))

    def _answer(self, code: str) -> int:
        if self.random.random() < 0.1:
            return 0
        satisfied = self.random.random() < SATISFIED[code]
        return self.random.choice((4, 5) if satisfied else (1, 2, 3))


def check(shown: dict[str, Any], told: Told, belongs: Belongs, first: date, last: date) -> None:
    said = [one for code, one in told.said if first <= one.local_day <= last and belongs(code, one.local_day)]
    came = [
        (many, answered)
        for code, day, many, answered in told.came
        if first <= day <= last and belongs(code, day)
    ]
    visits, answered = (sum(one[at] for one in came) for at in (0, 1))
    assert (shown["visits"], shown["visits_answered"]) == (visits, answered)
    assert shown["response_rate"] == half_up(Fraction(answered, visits) if visits else None)
    if not said:
        assert shown["results"] == []
        return
    (result,) = shown["results"]
    agree(result, said, FORMS["quick-5"], "pooled")


@pytest.mark.parametrize("in_time", [True, False], ids=["decided in time", "decided late"])
async def test_every_figure_is_that_of_the_units_and_days_it_is_made_of(
    http: httpx.AsyncClient, world: World, database: Database, in_time: bool
) -> None:
    """Whether all of it was counted before the tree changed or some of it after."""
    told = Told(world)
    for code in (*OLD, "SNV", "09101"):
        await told.live(code, BEFORE)
    if not in_time:
        await told.live("SNV", AFTER)
        await told.live("09101", AFTER)
        while await refresh(database):
            pass
    await made(http, world, MERGED, move("09101", "24"), on=DAY)
    async with database.read() as session:
        world.units[NEW] = (await session.scalars(select(Unit.id).where(Unit.code == NEW))).one()
    await told.live(NEW, AFTER)
    if in_time:
        await told.live("SNV", AFTER)
        await told.live("09101", AFTER)
    while await refresh(database):
        pass
    for boundaries, tops in (("as_now", AS_NOW), (None, AS_NOW), ("as_was", AS_WAS)):
        for top, belongs in tops.items():
            for first, last in PERIODS.values():
                query = {"from": str(first), "to": str(last)}
                query |= {"boundaries": boundaries} if boundaries else {}
                answer = await http.get(f"/api/v1/indices/{top}", params=query, headers=world.admin)
                assert answer.status_code == 200, answer.text
                check(answer.json(), told, belongs, first, last)
