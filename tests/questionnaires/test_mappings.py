"""Mappings between versions: published once, exact, and for everybody to read."""

from typing import Any

import httpx
import pytest
from sqlalchemy import text

from tests.support.world import World

ADDRESS = "/api/v1/questionnaires/quick-5/2/mappings"
MAPPING: dict[str, Any] = {"earlier_version": 1, "criteria": {"A1": "A1", "B1": "C1"}}


@pytest.fixture(autouse=True)
async def versions(world: World) -> None:
    """Version 2 is published, version 3 a draft."""
    async with world.database.transaction() as session:
        for version, status in ((2, "published"), (3, "draft")):
            await session.execute(
                text(
                    "INSERT INTO questionnaires (code, version, status, definition, digest)"
                    " SELECT code, :version, :status, definition, digest FROM questionnaires"
                    " WHERE code = 'quick-5' AND version = 1"
                ),
                {"version": version, "status": status},
            )


async def post(http: httpx.AsyncClient, world: World, body: object, address: str = ADDRESS) -> httpx.Response:
    return await http.post(address, json=body, headers=world.admin)


async def test_a_mapping_is_published_once_and_anyone_may_read_it(
    world: World, http: httpx.AsyncClient
) -> None:
    assert (await http.get(ADDRESS)).json() == {"items": []}
    made = await post(http, world, MAPPING)
    assert (made.status_code, made.json()) == (201, MAPPING)
    again = await post(http, world, {**MAPPING, "criteria": {"A1": "B1"}})
    assert (again.status_code, again.json()["code"]) == (409, "mapping_exists")
    listed = await http.get(ADDRESS)
    assert listed.json() == {"items": [MAPPING]}
    assert (await http.get(ADDRESS, headers={"If-None-Match": listed.headers["etag"]})).status_code == 304
    async with world.database.read() as session:
        lines = await session.scalars(
            text("SELECT target FROM audit_lines WHERE action = 'questionnaire.map'")
        )
        assert list(lines) == ["questionnaire:quick-5/2"]


@pytest.mark.parametrize(
    ("change", "faults"),
    [
        ({"earlier_version": 2}, [("/earlier_version", "too_large")]),
        ({"criteria": {}}, [("/criteria", "too_short")]),
        ({"criteria": {"Z9": "A1"}}, [("/criteria/Z9", "unknown_criterion")]),
        ({"criteria": {"A1": "Z9"}}, [("/criteria/A1", "unknown_criterion")]),
        ({"criteria": {"A1": "A1", "B1": "A1"}}, [("/criteria/B1", "duplicate_code")]),
    ],
)
async def test_a_mapping_that_is_not_exact_is_refused(
    world: World, http: httpx.AsyncClient, change: dict[str, Any], faults: list[tuple[str, str]]
) -> None:
    answer = await post(http, world, {**MAPPING, **change})
    assert answer.status_code == 422
    assert [(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]] == faults


async def test_only_published_versions_are_mapped(world: World, http: httpx.AsyncClient) -> None:
    draft, unknown = ADDRESS.replace("/2/", "/3/"), ADDRESS.replace("/2/", "/9/")
    answers = [await post(http, world, MAPPING, address) for address in (draft, unknown)]
    assert [answer.json()["code"] for answer in answers] == [
        "questionnaire_not_published",
        "questionnaire_unknown",
    ]
    assert [(await http.get(address)).status_code for address in (draft, unknown)] == [404, 404]


async def test_mapping_wants_the_right_to_manage_questionnaires(
    world: World, http: httpx.AsyncClient
) -> None:
    reader = await world.client(None, "indices:read")
    assert (await http.post(ADDRESS, json=MAPPING, headers=reader)).status_code == 403
