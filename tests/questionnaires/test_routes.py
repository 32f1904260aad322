import copy
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app.core.database import Database
from app.core.database_errors import problem_of
from app.questionnaires.published import PublishedQuestionnaires
from app.questionnaires.schemas import EXAMPLE
from tests.support.world import World

URL = "/api/v1/questionnaires"
ONE = f"{URL}/quick-2/1"


def changed(**changes: object) -> dict[str, Any]:
    return {**copy.deepcopy(EXAMPLE), **changes}


async def draft(http: httpx.AsyncClient, world: World, **changes: object) -> httpx.Response:
    return await http.post(URL, json=changed(**changes), headers=world.admin)


async def publish(http: httpx.AsyncClient, world: World, **changes: object) -> None:
    assert (await draft(http, world, **changes)).status_code == 201
    version = changes.get("version", 1)
    assert (await http.post(f"{URL}/quick-2/{version}/publish", headers=world.admin)).status_code == 200


def names(answer: httpx.Response) -> list[tuple[str, int, str]]:
    return [(item["code"], item["version"], item["status"]) for item in answer.json()["items"]]


SHIPPED = [("quick-5", 1, "published"), ("service-16", 1, "published"), ("service-22", 1, "published")]


async def test_anyone_reads_the_shipped_questionnaires(http: httpx.AsyncClient) -> None:
    answer = await http.get(URL)
    assert answer.status_code == 200
    assert names(answer) == SHIPPED
    assert answer.json()["next"] is None


async def test_a_list_goes_on_page_by_page(http: httpx.AsyncClient) -> None:
    first = await http.get(URL, params={"limit": 2})
    assert names(first) == SHIPPED[:2]
    second = await http.get(URL, params={"limit": 2, "cursor": first.json()["next"]})
    assert names(second) == SHIPPED[2:]
    assert second.json()["next"] is None


async def test_anyone_reads_a_whole_published_version(http: httpx.AsyncClient) -> None:
    answer = await http.get(f"{URL}/quick-5/1")
    assert answer.status_code == 200
    whole = answer.json()
    assert set(whole) == {
        "code", "version", "title", "formula", "components", "criteria", "respondent_fields", "status"
    }  # fmt: skip
    assert [criterion["code"] for criterion in whole["criteria"]] == ["A1", "B1", "C1", "D1", "E1"]
    assert set(whole["criteria"][0]) == {"code", "component", "text", "required"}
    assert set(whole["title"]) == {"vi", "en"}


@pytest.mark.parametrize("address", [URL, f"{URL}/quick-5/1"])
async def test_who_holds_it_already_hears_304(http: httpx.AsyncClient, address: str) -> None:
    first = await http.get(address)
    again = await http.get(address, headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""
    assert again.headers["etag"] == first.headers["etag"]


async def test_a_draft_exists_for_managers_only(http: httpx.AsyncClient, world: World) -> None:
    created = await draft(http, world)
    assert created.status_code == 201
    assert created.json() == {**EXAMPLE, "status": "draft"}
    stranger = await world.client("24", "units:read")
    for headers in ({}, stranger):
        hidden = await http.get(ONE, headers=headers)
        assert (hidden.status_code, hidden.json()["code"]) == (404, "questionnaire_unknown")
        assert names(await http.get(URL, headers=headers)) == SHIPPED
    assert (await http.get(ONE, headers=world.admin)).json()["status"] == "draft"
    assert names(await http.get(URL, headers=world.admin))[0] == ("quick-2", 1, "draft")


async def test_a_token_that_is_sent_must_be_good(http: httpx.AsyncClient) -> None:
    answer = await http.get(URL, headers={"Authorization": "Bearer nonsense"})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


@pytest.mark.parametrize(
    ("method", "address"),
    [("POST", URL), ("PUT", ONE), ("POST", f"{ONE}/publish"), ("POST", f"{ONE}/retire")],
)
async def test_managing_needs_the_scope(
    http: httpx.AsyncClient, world: World, method: str, address: str
) -> None:
    stranger = await world.client(None, "units:manage")
    assert (await http.request(method, address, json=EXAMPLE)).status_code == 401
    answer = await http.request(method, address, json=EXAMPLE, headers=stranger)
    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")


async def test_a_draft_is_changed_then_published_then_retired(
    http: httpx.AsyncClient, world: World, app: FastAPI
) -> None:
    kept: PublishedQuestionnaires = app.state.questionnaires
    await draft(http, world)
    answer = await http.put(ONE, json=changed(formula="mean_of_criteria"), headers=world.admin)
    assert answer.json() == {**EXAMPLE, "formula": "mean_of_criteria", "status": "draft"}
    assert await kept.get("quick-2", 1) is None
    assert await kept.latest("quick-2") is None

    published = await http.post(f"{ONE}/publish", headers=world.admin)
    assert published.json()["status"] == "published"
    assert (await http.get(ONE)).json() == published.json()
    found = await kept.get("quick-2", 1)  # at once in this process
    assert found is not None
    assert found.definition.formula == "mean_of_criteria"
    assert await kept.latest("quick-2") is found

    retired = await http.post(f"{ONE}/retire", headers=world.admin)
    assert retired.json()["status"] == "retired"
    assert (await http.get(ONE)).json()["status"] == "retired"
    assert await kept.get("quick-2", 1) is found
    assert await kept.latest("quick-2") is None


async def test_publishing_and_retiring_may_be_repeated(http: httpx.AsyncClient, world: World) -> None:
    await publish(http, world)
    again = await http.post(f"{ONE}/publish", headers=world.admin)
    assert (again.status_code, again.json()["status"]) == (200, "published")
    for _ in range(2):
        answer = await http.post(f"{ONE}/retire", headers=world.admin)
        assert (answer.status_code, answer.json()["status"]) == (200, "retired")


async def test_the_status_is_part_of_the_etag(http: httpx.AsyncClient, world: World) -> None:
    await publish(http, world)
    before = (await http.get(ONE)).headers["etag"]
    await http.post(f"{ONE}/retire", headers=world.admin)
    assert (await http.get(ONE, headers={"If-None-Match": before})).status_code == 200


async def test_a_version_is_taken_once(http: httpx.AsyncClient, world: World) -> None:
    await draft(http, world)
    for body in (EXAMPLE, changed(formula="mean_of_criteria"), changed(code="quick-5")):
        answer = await http.post(URL, json=body, headers=world.admin)
        assert (answer.status_code, answer.json()["code"]) == (409, "questionnaire_exists")
    assert (await draft(http, world, version=2)).status_code == 201


async def test_what_was_published_does_not_change(http: httpx.AsyncClient, world: World) -> None:
    await publish(http, world)
    answer = await http.put(ONE, json=changed(formula="mean_of_criteria"), headers=world.admin)
    assert (answer.status_code, answer.json()["code"]) == (409, "questionnaire_frozen")
    assert (await http.get(ONE)).json()["formula"] == "pooled"


async def test_a_retired_version_is_not_published_again(http: httpx.AsyncClient, world: World) -> None:
    await publish(http, world)
    await http.post(f"{ONE}/retire", headers=world.admin)
    answer = await http.post(f"{ONE}/publish", headers=world.admin)
    assert (answer.status_code, answer.json()["code"]) == (409, "questionnaire_retired")


async def test_a_draft_is_not_retired(http: httpx.AsyncClient, world: World) -> None:
    await draft(http, world)
    answer = await http.post(f"{ONE}/retire", headers=world.admin)
    assert (answer.status_code, answer.json()["code"]) == (409, "questionnaire_not_published")


@pytest.mark.parametrize("deed", ["publish", "retire"])
async def test_what_is_not_there_is_neither_published_nor_retired(
    http: httpx.AsyncClient, world: World, deed: str
) -> None:
    answer = await http.post(f"{URL}/nothing/1/{deed}", headers=world.admin)
    assert (answer.status_code, answer.json()["code"]) == (404, "questionnaire_unknown")


async def test_only_what_is_there_can_be_changed(http: httpx.AsyncClient, world: World) -> None:
    answer = await http.put(ONE, json=EXAMPLE, headers=world.admin)
    assert (answer.status_code, answer.json()["code"]) == (404, "questionnaire_unknown")


async def test_a_draft_keeps_its_name(http: httpx.AsyncClient, world: World) -> None:
    await draft(http, world)
    answer = await http.put(ONE, json=changed(code="other", version=2), headers=world.admin)
    assert answer.status_code == 422
    assert {(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]} == {
        ("/code", "not_allowed"),
        ("/version", "not_allowed"),
    }


async def test_every_fault_of_a_draft_is_heard_at_once(http: httpx.AsyncClient, world: World) -> None:
    body = changed(code="Not A Code", criteria=[])
    answer = await http.post(URL, json=body, headers=world.admin)
    assert answer.status_code == 422
    pointers = {fault["pointer"] for fault in answer.json()["errors"]}
    assert {"/code", "/criteria", "/components/0", "/components/1"} <= pointers


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b'{"code": "\\u0000"}',
        b'{"\\ud800": 1}',
        b'{"version": 99999999999999999999}',
        b'{"version": NaN}',
        b"\xff\xfe",
    ],
)
async def test_a_broken_body_is_refused(http: httpx.AsyncClient, world: World, body: bytes) -> None:
    headers = {**world.admin, "Content-Type": "application/json"}
    answer = await http.post(URL, content=body, headers=headers)
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_nul_inside_a_text_is_a_fault(http: httpx.AsyncClient, world: World) -> None:
    answer = await draft(http, world, title={"vi": "a\0b", "en": "ab"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/title/vi"


@pytest.mark.parametrize("address", ["quick-5/0", "quick-5/10000", "quick-5/x", "a%00b/1", f"{'a' * 65}/1"])
async def test_an_impossible_address_is_a_fault(http: httpx.AsyncClient, address: str) -> None:
    assert (await http.get(f"{URL}/{address}")).status_code == 422


@pytest.mark.parametrize("cursor", ["x", "WyJhIl0", "WzEsMV0", "bnVsbA"])
async def test_a_cursor_of_ones_own_making_is_a_fault(http: httpx.AsyncClient, cursor: str) -> None:
    answer = await http.get(URL, params={"cursor": cursor})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "invalid_cursor")


async def test_every_deed_is_on_record(http: httpx.AsyncClient, world: World, database: Database) -> None:
    await draft(http, world)
    await http.put(ONE, json=EXAMPLE, headers=world.admin)
    for deed in ("publish", "publish", "retire", "retire"):
        await http.post(f"{ONE}/{deed}", headers=world.admin)
    async with database.read() as session:
        lines = (
            await session.execute(text("SELECT actor, action, target FROM audit_lines ORDER BY id"))
        ).all()
    assert [line.action for line in lines] == [
        "questionnaire.create",
        "questionnaire.change",
        "questionnaire.publish",
        "questionnaire.retire",
    ]
    assert {line.target for line in lines} == {"questionnaire:quick-2/1"}
    assert all(line.actor.startswith("user:") for line in lines)


@pytest.mark.parametrize(
    "statement",
    [
        'UPDATE questionnaires SET definition = definition || \'{"formula": "mean_of_criteria"}\'',
        "UPDATE questionnaires SET digest = 'x'",
        "UPDATE questionnaires SET version = 7",
        "UPDATE questionnaires SET code = 'x'",
        "UPDATE questionnaires SET status = 'draft'",
        "UPDATE questionnaires SET published_at = now()",
        "DELETE FROM questionnaires",
    ],
)
async def test_the_database_itself_keeps_what_was_published(database: Database, statement: str) -> None:
    with pytest.raises(IntegrityError) as refused:
        async with database.transaction() as session:
            await session.execute(text(f"{statement} WHERE code = 'service-22'"))
    problem = problem_of(refused.value)
    assert problem is not None
    assert problem.code == "questionnaire_frozen"


async def test_the_database_lets_drafts_go(http: httpx.AsyncClient, world: World, database: Database) -> None:
    await draft(http, world)
    async with database.transaction() as session:
        await session.execute(text("UPDATE questionnaires SET digest = 'x' WHERE code = 'quick-2'"))
        await session.execute(text("DELETE FROM questionnaires WHERE code = 'quick-2'"))
    assert (await http.get(ONE, headers=world.admin)).status_code == 404


async def test_the_database_never_revives_what_was_retired(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    await publish(http, world)
    await http.post(f"{ONE}/retire", headers=world.admin)
    with pytest.raises(IntegrityError):
        async with database.transaction() as session:
            await session.execute(
                text("UPDATE questionnaires SET status = 'published' WHERE code = 'quick-2'")
            )
