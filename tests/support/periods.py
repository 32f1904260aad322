"""Periods through their door: opened, closed and published by two people."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import httpx

from app.periods.public_schemas import PublicPeriod
from tests.support.branches import count
from tests.support.rows import Said, insert_responses
from tests.support.world import World

PERIODS, PUBLIC = "/api/v1/periods", "/api/v1/public/periods"
FIRST, LAST = date(2026, 7, 1), date(2026, 9, 30)
GOOD, BAD = (5, 4, 5, 4, 5), (5, 2, 1, 4, 0)


def quarter(**more: object) -> dict[str, object]:
    days = {"from": str(FIRST), "to": str(LAST)}
    return {"unit": "24", **days, "questionnaire": "quick-5", "version": 1, "name": "Quý III", **more}


def say(world: World, unit: str, *answers: tuple[int, ...], on: date = FIRST, **more: Any) -> list[Said]:
    form = world.questionnaires["quick-5"]
    return [Said(world.units[unit], on, form, one, **more) for one in answers]


async def fill(world: World, **counts: int) -> list[Said]:
    """So many good responses of each unit, one bad one among them; counted."""
    said = [one for unit, n in counts.items() for one in say(world, unit.strip("_"), BAD, *[GOOD] * (n - 1))]
    await insert_responses(world.database, said)
    await count(world.database)
    return said


async def post(http: httpx.AsyncClient, by: dict[str, str], address: str, body: object = None) -> Any:
    answer = await http.post(f"{PERIODS}{address}", json=body, headers=by)
    assert answer.status_code < 300, answer.text
    return answer.json()


async def refused(
    http: httpx.AsyncClient, by: dict[str, str], address: str, body: object = None
) -> tuple[int, str]:
    answer = await http.post(f"{PERIODS}{address}", json=body, headers=by)
    return answer.status_code, answer.json()["code"]


async def closed(http: httpx.AsyncClient, by: dict[str, str], **more: object) -> int:
    """A period that was opened and closed."""
    made = await post(http, by, "", quarter(**more))
    assert (await post(http, by, f"/{made['id']}/close"))["state"] == "closed"
    number: int = made["id"]
    return number


async def published(http: httpx.AsyncClient, two: Sequence[dict[str, str]], **more: object) -> int:
    number = await closed(http, two[0], **more)
    await post(http, two[1], f"/{number}/publish", {"revision": 1})
    return number


async def snapshot(http: httpx.AsyncClient, by: dict[str, str], number: int, **query: int) -> dict[str, Any]:
    answer = await http.get(f"{PERIODS}/{number}/snapshot", params=query, headers=by)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def public(http: httpx.AsyncClient, number: int, **query: int) -> dict[str, Any]:
    answer = await http.get(f"{PUBLIC}/{number}", params=query)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    PublicPeriod.model_validate(body)
    return body


def by_code(body: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {unit["code"]: unit for unit in body["units"]}
