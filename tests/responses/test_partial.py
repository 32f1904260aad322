"""Responses of people who left in the middle: each answered question counts, the others do not."""

from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app.core.clock import local_day, utc_now
from app.core.settings import Settings
from app.rollups.jobs import refresh
from app.visits.links import LinkCodes
from tests.support import said
from tests.support.world import World

URL = "/api/v1/responses"
CRITERIA = ("A1", "B1", "C1", "D1", "E1")
REQUIRED = {"A1", "B1", "C1", "D1"}


@pytest.fixture
async def tablet(world: World) -> dict[str, str]:
    return (await said.device(world))[1]


async def result(http: httpx.AsyncClient, world: World, settings: Settings) -> dict[str, Any]:
    """Today's figures of the unit, counted."""
    while await refresh(world.database):
        pass
    today = local_day(utc_now(), settings.zone).isoformat()
    index = await http.get("/api/v1/indices/09001", params={"from": today, "to": today}, headers=world.admin)
    (shown,) = index.json()["results"]
    found: dict[str, Any] = shown
    return found


async def test_a_partial_response_counts_its_answered_questions_and_not_the_others(
    http: httpx.AsyncClient, world: World, settings: Settings, tablet: dict[str, str]
) -> None:
    whole = said.body(answers={"A1": 5, "B1": 5, "C1": 5, "D1": 5, "E1": 5})
    part = said.body(answers={"A1": 1, "B1": 4}, complete=False)
    for sent in (whole, part):
        assert (await http.post(URL, json=sent, headers=tablet)).status_code == 201
    shown = await result(http, world, settings)
    assert (shown["responses"], shown["held_back"]) == (2, 0)
    assert (shown["overall"]["answers"], shown["overall"]["satisfied"]) == (7, 6)
    assert [
        (one["answers"], one["satisfied"], one["percent"], one["criteria"][0]["skipped"])
        for one in shown["components"]
    ] == [(2, 1, 50.0, 0), (2, 2, 100.0, 0), (1, 1, 100.0, 1), (1, 1, 100.0, 1), (1, 1, 100.0, 1)]


async def test_a_partial_response_spends_its_link_and_may_be_sent_again(
    http: httpx.AsyncClient, app: FastAPI, world: World
) -> None:
    links: LinkCodes = app.state.links
    code = links.mint(*await said.visit(world))
    part = said.body(link=code, answers={"C1": 2}, complete=False)
    first, again = [await http.post(URL, json=part) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    used = await http.post(URL, json=said.body(link=code))
    assert (used.status_code, used.json()["code"]) == (410, "link_used")


async def test_the_same_id_as_a_whole_is_other_content(
    http: httpx.AsyncClient, tablet: dict[str, str]
) -> None:
    part = said.body(complete=False)
    assert (await http.post(URL, json=part, headers=tablet)).status_code == 201
    conflict = await http.post(URL, json={**part, "complete": True}, headers=tablet)
    assert (conflict.status_code, conflict.json()["code"]) == (409, "response_conflict")


async def test_saying_that_it_is_complete_is_saying_nothing(
    http: httpx.AsyncClient, tablet: dict[str, str]
) -> None:
    sent = said.body()
    assert (await http.post(URL, json=sent, headers=tablet)).status_code == 201
    assert (await http.post(URL, json={**sent, "complete": True}, headers=tablet)).status_code == 200


async def test_a_batch_takes_parts_and_wholes(
    http: httpx.AsyncClient, world: World, tablet: dict[str, str]
) -> None:
    part = said.body(answers={"A1": 3}, complete=False)
    items = [said.body(), part, said.body(answers={"A1": 3}), said.body(answers={}, complete=False)]
    answer = await http.post(f"{URL}/batch", json={"responses": items}, headers=tablet)
    assert [item["status"] for item in answer.json()["items"]] == [
        "accepted", "accepted", "rejected", "rejected"
    ]  # fmt: skip
    async with world.database.read() as session:
        stored = await session.execute(text("SELECT id, complete FROM responses"))
        assert {str(key): complete for key, complete in stored} == {items[0]["id"]: True, part["id"]: False}


async def test_staff_see_which_responses_are_parts(
    http: httpx.AsyncClient, world: World, settings: Settings, tablet: dict[str, str]
) -> None:
    await http.post(URL, json=said.body(answers={"A1": 3}, complete=False), headers=tablet)
    await http.post(URL, json=said.body(), headers=tablet)
    today = local_day(utc_now(), settings.zone).isoformat()
    listed = await http.get(URL, params={"from": today, "to": today}, headers=world.admin)
    shown = {item["complete"]: item["answers"] for item in listed.json()["items"]}
    assert shown == {True: said.ANSWERS, False: {**dict.fromkeys(CRITERIA), "A1": 3}}


@pytest.mark.parametrize("value", [None, 0, 1, "false", "no", [], {}])
async def test_complete_is_true_or_false(
    http: httpx.AsyncClient, tablet: dict[str, str], value: object
) -> None:
    answer = await http.post(URL, json=said.body(complete=value), headers=tablet)
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/complete"]


@settings(max_examples=25)
@given(
    sent=st.lists(
        st.tuples(
            st.dictionaries(st.sampled_from(CRITERIA), st.none() | st.integers(1, 5)),
            st.booleans(),
            st.sampled_from(["kiosk", "link"]),
        ),
        max_size=8,
    )
)
async def test_every_answer_given_counts_once_whether_its_response_was_finished_or_not(
    http: httpx.AsyncClient,
    app: FastAPI,
    world: World,
    tablet: dict[str, str],
    sent: list[tuple[dict[str, int | None], bool, str]],
) -> None:
    async with world.database.transaction() as session:
        await session.execute(text("DELETE FROM responses"))
    links: LinkCodes = app.state.links
    good = [
        answers
        for answers, complete, _ in sent
        if any(answers.values()) and (not complete or answers.keys() >= REQUIRED)
    ]
    taken = 0
    for answers, complete, channel in sent:
        body = said.body(id=str(uuid4()), answers=answers, complete=complete)
        if channel == "link":
            body["link"] = links.mint(*await said.visit(world))
        answer = await http.post(URL, json=body, headers={} if channel == "link" else tablet)
        assert answer.status_code in {201, 422}
        taken += answer.status_code == 201
    assert taken == len(good)
    async with world.database.read() as session:
        rows = await session.execute(text("SELECT criterion, answer FROM response_answers"))
        stored = sorted((criterion, answer) for criterion, answer in rows if answer is not None)
    expected = sorted(
        (code, value) for answers in good for code, value in answers.items() if value is not None
    )
    assert stored == expected
