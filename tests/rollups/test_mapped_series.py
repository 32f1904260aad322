"""What a series reads across more than two versions: only what is met, and never in silence."""

from datetime import date
from typing import Any

import httpx
from sqlalchemy import text

from app.rollups.jobs import refresh
from tests.support.rows import Said, insert_responses
from tests.support.world import World

QUICK = "/api/v1/questionnaires/quick-5"
PERIOD = {"from": "2026-01-01", "to": "2026-04-30", "grain": "month", "questionnaire": "quick-5"}


async def more_versions(world: World) -> dict[int, int]:
    """Versions 1, 2 and 3 of one questionnaire, by number."""
    async with world.database.transaction() as session:
        rows = await session.execute(
            text(
                "INSERT INTO questionnaires (code, version, status, definition, digest, published_at)"
                " SELECT code, n, status, jsonb_set(definition, '{version}', to_jsonb(n)), digest,"
                " published_at"
                " FROM questionnaires, generate_series(2, 3) n WHERE code = 'quick-5' AND version = 1"
                " RETURNING version, id"
            )
        )
        made = {row.version: row.id for row in rows}
    return {1: world.questionnaires["quick-5"], **made}


async def say(world: World, form: int, day: date) -> None:
    await insert_responses(world.database, [Said(world.units["09001"], day, form, (5, 1, 5, 1, 5))])
    while await refresh(world.database):
        pass


async def connect(http: httpx.AsyncClient, world: World, earlier: int, *codes: str) -> None:
    body = {"earlier_version": earlier, "criteria": {code: code for code in codes}}
    answer = await http.post(f"{QUICK}/3/mappings", json=body, headers=world.admin)
    assert answer.status_code == 201, answer.text


async def ask(http: httpx.AsyncClient, world: World) -> Any:
    query = {**PERIOD, "version": "3", "across": "true"}
    answer = await http.get("/api/v1/indices/24/series", params=query, headers=world.admin)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_mapping_to_a_version_nobody_answered_takes_no_criterion_away(
    world: World, http: httpx.AsyncClient
) -> None:
    forms = await more_versions(world)
    await say(world, forms[2], date(2026, 1, 10))
    await say(world, forms[3], date(2026, 2, 10))
    await connect(http, world, 2, "A1", "D1")
    await connect(http, world, 1, "A1")
    body = await ask(http, world)
    assert (body["across"], body["breaks"]) == ([2, 3], [])
    assert [one["code"] for one in body["points"][0]["criteria"]] == ["A1", "D1"]


async def test_versions_without_a_common_criterion_are_not_read_as_one(
    world: World, http: httpx.AsyncClient
) -> None:
    forms = await more_versions(world)
    for version, form in forms.items():
        await say(world, form, date(2026, version, 10))
    await connect(http, world, 2, "A1")
    await connect(http, world, 1, "D1")
    body = await ask(http, world)
    assert (body["across"], body["points"][0]["criteria"]) == ([3], [])
    assert [one["on"] for one in body["breaks"]] == ["2026-02-10", "2026-03-10"]
