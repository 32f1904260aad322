"""Responses over HTTP: the ladder of answers, the batch, the list and the verdict."""

import asyncio
import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from app.core.clock import utc_now
from app.core.paging import cursor
from app.visits.links import LinkCodes
from tests.support import said
from tests.support.visits import day
from tests.support.world import World

URL = "/api/v1/responses"
# In local days, and one to come: midnight may pass meanwhile.
PERIOD = {"from": day(60), "to": day(-1)}
PERIOD = {"from": day(60), "to": day()}


@pytest.fixture
async def tablet(world: World) -> dict[str, str]:
    return (await said.device(world))[1]


async def link(app: FastAPI, world: World, **changes: Any) -> str:
    links: LinkCodes = app.state.links
    return links.mint(*await said.visit(world, **changes))


async def test_a_repeated_response_hears_the_same_body_again(
    http: httpx.AsyncClient, tablet: dict[str, str]
) -> None:
    sent = said.body(comment="Tốt")
    first = await http.post(URL, json=sent, headers=tablet)
    again = await http.post(URL, json=sent, headers=tablet)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert set(first.json()) == {"id", "status", "received_at"}


async def test_a_link_answers_once(http: httpx.AsyncClient, app: FastAPI, world: World) -> None:
    code = await link(app, world)
    sent = said.body(link=code.lower())
    assert (await http.post(URL, json=sent)).status_code == 201
    assert (await http.post(URL, json=sent)).status_code == 200
    used = await http.post(URL, json=said.body(link=code))
    assert (used.status_code, used.json()["code"]) == (410, "link_used")


async def test_fifty_at_once_over_http(
    http: httpx.AsyncClient, app: FastAPI, world: World, tablet: dict[str, str]
) -> None:
    code = await link(app, world)
    sent = said.body()
    racing = await asyncio.gather(*(http.post(URL, json=said.body(link=code)) for _ in range(50)))
    same = await asyncio.gather(*(http.post(URL, json=sent, headers=tablet) for _ in range(50)))
    assert sorted(answer.status_code for answer in racing) == [201] + [410] * 49
    assert sorted(answer.status_code for answer in same) == [200] * 49 + [201]


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"link": "0000000000"}, 404, "link_unknown"),
        ({"link": "\x00" * 20}, 404, "link_unknown"),
        ({}, 401, "unauthorized"),
        ({"id": "seven"}, 422, "invalid_request"),
        ({"submitted_at": "2026-11-20T09:00:00"}, 422, "invalid_request"),
        ({"submitted_at": 1_700_000_000}, 422, "invalid_request"),
        ({"surprise": 1}, 422, "invalid_request"),
        ({"comment": "x" * 2001}, 422, "invalid_request"),
        ({"comment": "a\x00b"}, 422, "invalid_request"),
        ({"answers": []}, 422, "invalid_request"),
    ],
)
async def test_what_cannot_be_taken_is_told_why(
    http: httpx.AsyncClient, world: World, changes: dict[str, Any], status: int, code: str
) -> None:
    answer = await http.post(URL, json=said.body(**changes))
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    "instant",
    [
        "1763600000",
        "-62135596800",
        "+1763600000",
        "1763600000.5",
        "1763600000000",
        " 1763600000",
        "１７６３６０００００",
        1_763_600_000,
        1763600000.5,
        "2026-11-20",
        "2026-11-20T09:14:02",
        "2026-11-20T24:14:02Z",
        "2026-11-20T09:14:02+7",
        "20261120T091402Z",
        "20/11/2026 09:14:02+07:00",
        "",
        None,
    ],
)
@pytest.mark.parametrize("name", ["submitted_at", "sent_at"])
async def test_an_instant_is_a_day_and_a_time_with_an_offset(
    http: httpx.AsyncClient, tablet: dict[str, str], name: str, instant: object
) -> None:
    answer = await http.post(URL, json=said.body(**{name: instant}), headers=tablet)
    assert answer.status_code == 422
    assert [(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]] == [
        (f"/{name}", "invalid_instant")
    ]


@pytest.mark.parametrize("form", ["{}T{}Z", "{}t{}z", "{} {}+00:00", "{}T{}.123456+00:00", "{}T{}.5-00:00"])
async def test_an_instant_may_be_written_in_every_way_of_the_standard(
    http: httpx.AsyncClient, tablet: dict[str, str], form: str
) -> None:
    now = utc_now()
    instant = form.format(now.date(), now.time().replace(microsecond=0))
    sent = said.body(submitted_at=instant, sent_at=instant)
    assert (await http.post(URL, json=sent, headers=tablet)).status_code == 201


async def test_every_fault_is_named_at_once_in_the_callers_language(
    http: httpx.AsyncClient, tablet: dict[str, str]
) -> None:
    sent = said.body(answers={"A1": 6, "X1": 3}, respondent={"gender": "?"})
    vi = await http.post(URL, json=sent, headers=tablet)
    en = await http.post(URL, json=sent, headers={**tablet, "Accept-Language": "fr, en;q=0.5"})
    pointers = [fault["pointer"] for fault in vi.json()["errors"]]
    assert {"/answers/A1", "/answers/X1", "/answers/B1", "/respondent/gender"} <= set(pointers)
    assert vi.json()["title"] == "Yêu cầu chưa hợp lệ"
    assert en.json()["title"] == "The request is not valid"


async def test_an_unknown_or_draft_questionnaire_is_a_fault(
    http: httpx.AsyncClient, world: World, tablet: dict[str, str]
) -> None:
    for ref in ({"code": "quick-5", "version": 2}, {"code": "nothing", "version": 1}):
        answer = await http.post(URL, json=said.body(questionnaire=ref), headers=tablet)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/questionnaire"


async def test_a_link_with_another_questionnaire_is_a_fault_and_stays_open(
    http: httpx.AsyncClient, app: FastAPI, world: World
) -> None:
    code = await link(app, world, questionnaire_id=world.questionnaires["service-16"])
    answer = await http.post(URL, json=said.body(link=code))
    assert answer.json()["errors"][0]["code"] == "questionnaire_differs"
    assert (await http.get(f"/api/v1/links/{code}")).status_code == 200


async def test_a_token_that_is_no_device_token_is_refused(
    http: httpx.AsyncClient, world: World, tablet: dict[str, str]
) -> None:
    wrong = tablet["Authorization"][:-1] + "x"
    for header in (world.admin["Authorization"], wrong, "Bearer sdt_", "Basic eDp5", "Bearer \xff"):
        answer = await http.post(URL, json=said.body(), headers={b"Authorization": header.encode("latin-1")})
        assert answer.status_code == 401, header


async def test_a_batch_judges_each_item_on_its_own(
    http: httpx.AsyncClient, app: FastAPI, world: World, tablet: dict[str, str]
) -> None:
    good, late = said.body(), said.body(submitted_at=(utc_now() - timedelta(days=40)).isoformat())
    by_link = said.body(link=await link(app, world))
    items = [good, "no object", late, good, {**good, "comment": "khác"}, by_link, {"id": 5}, None]
    answer = await http.post(f"{URL}/batch", json={"responses": items}, headers=tablet)
    assert answer.status_code == 200
    shown = answer.json()["items"]
    states = [item["status"] for item in shown]
    assert states == [
        "accepted", "rejected", "accepted", "replayed", "rejected", "accepted", "rejected", "rejected"
    ]  # fmt: skip
    assert shown[4]["problem"]["code"] == "response_conflict"
    assert shown[0]["id"] == good["id"]
    assert [item["id"] for item in shown[6:]] == [None, None]


@pytest.mark.parametrize(
    "broken",
    [
        r'{"id": "\ud800"}',
        r'{"id": "0198c2f0\udfff"}',
        r'{"\ud800": 1}',
        r'{"id": {"\ud800": "\udfff"}}',
        r'"\ud800"',
        '{"id": ' + "9" * 40 + "}",
        '{"id": NaN, "answers": Infinity}',
    ],
)
async def test_an_item_nobody_can_read_hides_nothing_of_its_neighbours(
    http: httpx.AsyncClient, tablet: dict[str, str], broken: str
) -> None:
    good = json.dumps(said.body())
    content = f'{{"responses": [{good}, {broken}]}}'.encode()
    for status in ("accepted", "replayed"):
        answer = await http.post(
            f"{URL}/batch", content=content, headers={**tablet, "Content-Type": "application/json"}
        )
        assert answer.status_code == 200
        first, second = answer.json()["items"]
        assert first["status"] == status
        assert (second["id"], second["status"]) == (None, "rejected")
        assert second["problem"]["errors"]


@pytest.mark.parametrize("count", [0, 501])
async def test_a_batch_holds_1_to_500(http: httpx.AsyncClient, tablet: dict[str, str], count: int) -> None:
    answer = await http.post(f"{URL}/batch", json={"responses": [said.body()] * count}, headers=tablet)
    assert answer.status_code == 422


async def test_staff_read_what_was_said_but_nothing_that_leads_back(
    http: httpx.AsyncClient, app: FastAPI, world: World, tablet: dict[str, str]
) -> None:
    await http.post(URL, json=said.body(comment="Rất tốt", respondent={"gender": "female"}), headers=tablet)
    code = await link(app, world, procedure_id=world.procedures["1.001193"], counter="Quầy 2")
    await http.post(URL, json=said.body(link=code))
    neighbour = (await said.device(world, "09101"))[1]
    await http.post(URL, json=said.body(), headers=neighbour)
    reader = await world.client("24", "responses:read")
    answer = await http.get(URL, params=PERIOD, headers=reader)
    items = answer.json()["items"]
    assert {item["unit"] for item in items} == {"09001"}
    assert {item["procedure"] for item in items} == {None, "1.001193"}
    allowed = {
        "ref",
        "unit",
        "local_day",
        "questionnaire",
        "channel",
        "verdict",
        "verdict_reason",
        "procedure",
    }
    allowed |= {"answers", "comment", "respondent", "language", "complete"}
    assert all(set(item) == allowed for item in items)
    assert "Quầy 2" not in answer.text
    elsewhere = await http.get(URL, params={**PERIOD, "unit": "09101"}, headers=reader)
    assert elsewhere.status_code == 404


async def test_pages_show_each_response_once(
    http: httpx.AsyncClient, world: World, tablet: dict[str, str]
) -> None:
    for hour in range(23):
        moment = (utc_now() - timedelta(hours=9 * hour)).isoformat()
        await http.post(URL, json=said.body(submitted_at=moment), headers=tablet)
    seen: list[str] = []
    query: dict[str, Any] = {**PERIOD, "limit": 5}
    while True:
        page = (await http.get(URL, params=query, headers=world.admin)).json()
        seen += [item["ref"] for item in page["items"]]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert len(seen) == len(set(seen)) == 23


REF = "0" * 32


@pytest.mark.parametrize(
    "cursor",
    [
        *("x", "W10", "bnVsbA", "WyJhIiwxLCJiIiwyXQ", "é", "=" * 50),
        cursor(1, "2026-02-30", REF),
        cursor(1, "2026-01-01", REF[1:]),
        cursor(1, "2026-01-01", REF[1:] + "０"),
        cursor(0, "2026-01-01", REF),
        cursor(2**31, "2026-01-01", REF),
        cursor("2026-01-01", 1, REF),  # as it was while the list was ordered by day
    ],
)
async def test_a_made_up_cursor_is_a_fault(http: httpx.AsyncClient, world: World, cursor: str) -> None:
    answer = await http.get(URL, params={**PERIOD, "cursor": cursor}, headers=world.admin)
    assert answer.status_code == 422


async def test_a_verdict_moves_a_response_and_is_on_record(
    http: httpx.AsyncClient, world: World, tablet: dict[str, str]
) -> None:
    late = said.body(submitted_at=(utc_now() - timedelta(days=40)).isoformat())
    await http.post(URL, json=late, headers=tablet)
    query = {**PERIOD, "verdict": "quarantined"}
    (item,) = (await http.get(URL, params=query, headers=world.admin)).json()["items"]
    assert item["verdict_reason"] == "late"
    verdict = {"unit_code": "09001", "verdict": "counted", "reason": "Thiết bị hỏng, đã kiểm tra"}
    url = f"{URL}/{item['ref']}/verdict"
    async with world.database.transaction() as session:
        await session.execute(text("DELETE FROM stale_unit_days"))
    neighbour = await world.client("27", "responses:review")
    assert (await http.post(url, json=verdict, headers=neighbour)).status_code == 404
    reader = await world.client("24", "responses:read")
    assert (await http.post(url, json=verdict, headers=reader)).status_code == 403
    assert (await http.post(url, json=verdict, headers=world.admin)).status_code == 204
    assert (await http.post(url, json=verdict, headers=world.admin)).status_code == 204
    async with world.database.read() as session:
        assert (await session.scalars(text("SELECT verdict FROM responses"))).all() == ["counted"]
        assert await session.scalar(text("SELECT count(*) FROM stale_unit_days")) == 1
        actions = await session.scalars(text("SELECT action FROM audit_lines"))
        assert actions.all() == ["response.verdict"]
    unknown = await http.post(f"{URL}/{uuid4().hex}/verdict", json=verdict, headers=world.admin)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "response_unknown")


async def test_nothing_stored_ties_a_response_to_its_visit(
    http: httpx.AsyncClient, app: FastAPI, world: World
) -> None:
    """No column of the response holds a key, a code or an instant of the visit, nor the other way round."""
    code = await link(app, world)
    await http.post(URL, json=said.body(link=code))
    async with world.database.read() as session:
        visit = (await session.execute(text("SELECT * FROM visits"))).mappings().one()
        response = (await session.execute(text("SELECT * FROM responses"))).mappings().one()
    shared = {"unit_id", "questionnaire_id", "procedure_id", "counter"}
    assert set(visit) & set(response) == shared | {"id"}
    values = {str(value) for name, value in response.items() if name not in shared and value is not None}
    own = {str(value) for name, value in visit.items() if name not in {*shared, "served_on", "answer_state"}}
    assert not values & own
    assert code not in str(dict(response))
