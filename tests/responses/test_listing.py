"""The list for staff, page by page: complete, in order, and as cheap for a large reach as for a small one."""

import json
from itertools import pairwise
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, event, text

from tests.support.world import World

URL = "/api/v1/responses"
PERIOD = {"from": "2026-01-01", "to": "2026-12-31"}
# every 97th is held back; ids and digests are as good as random, and say nothing of the order of arrival
MANY = """
INSERT INTO responses (unit_id, id, questionnaire_id, local_day, channel, verdict, verdict_reason, answers,
    submitted_at, received_at, content_digest)
SELECT u.id, gen_random_uuid(), q.id, date '2026-01-01' + n % :days,
    CASE WHEN n % 3 = 0 THEN 'link' ELSE 'kiosk' END,
    CASE WHEN n % 97 = 0 THEN 'quarantined' ELSE 'counted' END, CASE WHEN n % 97 = 0 THEN 'late' END,
    '\\x0504050300', now(), now(), decode(md5(u.id || '/' || n), 'hex')
FROM units u, generate_series(1, :each) n, questionnaires q WHERE q.code = 'quick-5' AND u.code = ANY(:codes)
"""


async def fill(world: World, codes: list[str], each: int, days: int) -> None:
    async with world.database.transaction() as session:
        await session.execute(text(MANY), {"codes": codes, "each": each, "days": days})


async def pages(http: httpx.AsyncClient, headers: dict[str, str], **query: Any) -> list[dict[str, Any]]:
    """Every item of every page, each page full but the last."""
    items: list[dict[str, Any]] = []
    asked = {**PERIOD, "limit": 50, **query}
    while True:
        answer = await http.get(URL, params=asked, headers=headers)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        items += page["items"]
        if page["next"] is None:
            return items
        assert len(page["items"]) == asked["limit"]
        asked["cursor"] = page["next"]


async def test_pages_hold_everything_once_unit_by_unit_and_day_by_day(
    http: httpx.AsyncClient, world: World
) -> None:
    codes = ["09001", "09002", "09101"]
    await fill(world, codes, 40, 7)
    whole = await pages(http, world.admin, limit=200)
    assert len(whole) == 120
    assert {item["unit"] for item in whole} == set(codes)
    keys = [(world.units[item["unit"]], item["local_day"], item["ref"]) for item in whole]
    assert all(one < other for one, other in pairwise(keys))
    for limit in (3, 119, 120):
        assert await pages(http, world.admin, limit=limit) == whole


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({"unit": "09001"}, lambda item: item["unit"] == "09001"),
        ({"channel": "link"}, lambda item: item["channel"] == "link"),
        ({"verdict": "quarantined"}, lambda item: item["verdict"] == "quarantined"),
        ({"verdict": "counted"}, lambda item: item["verdict"] == "counted"),
        ({"verdict": "void"}, lambda item: item["verdict"] == "void"),
        ({"from": "2026-01-03", "to": "2026-01-04"}, lambda item: item["local_day"][-2:] in {"03", "04"}),
    ],
)
async def test_what_is_asked_for_is_all_that_is_listed(
    http: httpx.AsyncClient, world: World, query: dict[str, str], wanted: Any
) -> None:
    await fill(world, ["09001", "09101"], 100, 7)
    whole = await pages(http, world.admin)
    assert await pages(http, world.admin, **query, limit=9) == [item for item in whole if wanted(item)]


async def test_a_page_reads_little_more_than_it_shows(http: httpx.AsyncClient, world: World) -> None:
    codes = [f"09{number:03}" for number in range(500, 700)]
    async with world.database.transaction() as session:
        await session.execute(
            text(
                "INSERT INTO units (code, name, kind, parent_id, search_text)"
                " SELECT code, code, 'commune', :top, code FROM unnest(CAST(:codes AS text[])) code"
            ),
            {"top": world.units["24"], "codes": codes},
        )
    await fill(world, codes, 120, 12)
    async with world.database.transaction() as session:
        await session.execute(text("ANALYZE units, responses"))
    reader = await world.client("24", "responses:read")
    first = (await http.get(URL, params=PERIOD, headers=reader)).json()["next"]
    for query in ({}, {"cursor": first}, {"unit": "24"}, {"channel": "link"}, {"verdict": "quarantined"}):
        assert await read(world, http, reader, {**PERIOD, **query}) < 400, query


async def read(world: World, http: httpx.AsyncClient, headers: dict[str, str], query: dict[str, str]) -> int:
    """How many of the responses PostgreSQL looks at for a page, as it says itself."""
    said: list[tuple[str, Any]] = []

    def hear(_c: Any, _k: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "responses" in statement:
            said.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", hear)
    answer = await http.get(URL, params=query, headers=headers)
    event.remove(Engine, "before_cursor_execute", hear)
    assert len(answer.json()["items"]) == 50
    [(statement, parameters)] = said
    async with world.database.engine.connect() as connection:
        plan = await connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters)
        told = plan.scalar_one()
    tree = json.loads(told) if isinstance(told, str) else told
    return round(sum(rows_of(tree[0]["Plan"])))


def rows_of(node: dict[str, Any]) -> list[float]:
    """Rows looked at in each scan of the responses."""
    own: list[float] = []
    if node.get("Relation Name") == "responses":
        looked = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
        own = [looked * node["Actual Loops"]]
    return own + [rows for inner in node.get("Plans", ()) for rows in rows_of(inner)]
