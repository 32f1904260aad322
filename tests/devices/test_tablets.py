"""What a tablet is told and tells: screens, the unit's contact, its store, and whether it has gone silent."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from app.auth.subjects import Grant, Subject
from app.core.clock import utc_now
from app.core.database import Database
from app.devices import queries, service
from tests.support.visits import ZONE, statements
from tests.support.world import World

URL = "/api/v1/devices"
CONFIG = "/api/v1/device/config"
HEARTBEAT = "/api/v1/device/heartbeat"
UNITS = "/api/v1/units"
ALWAYS = {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
HOUSE = Subject("user", uuid4(), "admin", (Grant(frozenset(), None),))
SCREENS = ["language", "questions", "about", "comment"]


async def tablet(
    http: httpx.AsyncClient, world: World, unit: str = "09001", name: str = "Quầy 1"
) -> tuple[str, dict[str, str]]:
    """The id of a paired device and its header."""
    made = await http.post(URL, json={"unit_code": unit, "name": name}, headers=world.admin)
    paired = await http.post(f"{URL}/pair", json={"pairing_code": made.json()["pairing_code"]})
    return made.json()["id"], {"Authorization": f"Bearer {paired.json()['device_token']}"}


async def beat(http: httpx.AsyncClient, headers: dict[str, str], **more: object) -> dict[str, Any]:
    sent = {"sent_at": utc_now().isoformat(), "queue_length": 0, "app_version": "1", **more}
    answer = await http.post(HEARTBEAT, json=sent, headers=headers)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def change_unit(http: httpx.AsyncClient, world: World, code: str, **sent: object) -> None:
    assert (await http.patch(f"{UNITS}/{code}", json=sent, headers=world.admin)).status_code == 200


async def silent(http: httpx.AsyncClient, headers: dict[str, str], minutes: int, **more: str) -> list[str]:
    answer = await http.get(URL, params={"silent_minutes": minutes, **more}, headers=headers)
    assert answer.status_code == 200, answer.text
    return [item["name"] for item in answer.json()["items"]]


async def last_heard(database: Database, **ago: timedelta) -> None:
    """Move back when tablets were heard, by their names."""
    async with database.transaction() as session:
        for name, earlier in ago.items():
            await session.execute(
                text(
                    "UPDATE devices SET paired_at = paired_at - cast(:ago AS interval),"
                    " last_seen_at = last_seen_at - cast(:ago AS interval) WHERE name = :name"
                ),
                {"ago": earlier, "name": name},
            )


async def test_a_citizen_is_led_through_all_screens_unless_told_otherwise(
    http: httpx.AsyncClient, world: World
) -> None:
    device, headers = await tablet(http, world)
    first = await http.get(CONFIG, headers=headers)
    assert first.json()["screens"] == SCREENS
    sent = {"screens": ["questions", "comment", "questions"]}
    changed = await http.patch(f"{URL}/{device}", json=sent, headers=world.admin)
    assert changed.json()["screens"] == ["questions", "comment"]
    told = await beat(http, headers)
    assert told["config_etag"] != first.headers["etag"]
    assert (await http.get(CONFIG, headers=headers)).json()["screens"] == ["questions", "comment"]


async def test_a_survey_without_questions_is_refused_with_its_reason(
    http: httpx.AsyncClient, world: World
) -> None:
    device, _ = await tablet(http, world)
    answer = await http.patch(f"{URL}/{device}", json={"screens": ["comment"]}, headers=world.admin)
    assert [(f["pointer"], f["code"]) for f in answer.json()["errors"]] == [("/screens", "questions_needed")]


async def test_a_tablet_learns_how_to_reach_its_unit_and_of_every_change_above(
    http: httpx.AsyncClient, world: World
) -> None:
    _, headers = await tablet(http, world)
    first = await http.get(CONFIG, headers=headers)
    assert first.json()["contact"] is None
    await change_unit(http, world, "24", contact={"phone": "1022"})
    told = await beat(http, headers)
    second = await http.get(CONFIG, headers={**headers, "If-None-Match": first.headers["etag"]})
    assert told["config_etag"] == second.headers["etag"] != first.headers["etag"]
    assert second.json()["contact"] == {"phone": "1022", "email": None, "url": None, "address": None}


async def test_opening_hours_are_no_matter_of_the_configuration(
    http: httpx.AsyncClient, world: World
) -> None:
    _, headers = await tablet(http, world)
    before = (await beat(http, headers))["config_etag"]
    await change_unit(http, world, "24", opening_hours=ALWAYS)
    assert (await beat(http, headers))["config_etag"] == before


async def test_how_a_tablets_store_is_is_seen_by_staff(http: httpx.AsyncClient, world: World) -> None:
    device, headers = await tablet(http, world)

    async def seen() -> tuple[object, ...]:
        shown = (await http.get(f"{URL}/{device}", headers=world.admin)).json()
        return shown["set_aside"], shown["storage"], shown["last_problem"]

    assert await seen() == (None, None, None)
    await beat(http, headers, set_aside=2, storage="full", last_problem="invalid_request")
    assert await seen() == (2, "full", "invalid_request")
    await beat(http, headers)  # a page of the release before says nothing of it
    assert await seen() == (0, None, None)


async def test_a_list_says_which_tablets_have_gone_silent_while_their_unit_was_open(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    await change_unit(http, world, "24", opening_hours=ALWAYS)
    await change_unit(http, world, "09002", opening_hours={})
    await http.post(URL, json={"unit_code": "09001", "name": "never"}, headers=world.admin)
    for name, unit in (
        ("chatty", "09001"),
        ("quiet", "09001"),
        ("revoked", "09001"),
        ("closed", "09002"),
        ("other", "SNV"),
    ):
        device, headers = await tablet(http, world, unit, name)
        await beat(http, headers)
        if name == "revoked":
            await http.post(f"{URL}/{device}/revoke", headers=world.admin)
    await tablet(http, world, "SNV", "paired")  # never heard of since then
    hour = timedelta(hours=1)
    await last_heard(database, quiet=hour, revoked=hour, closed=hour, other=hour, paired=hour)
    assert await silent(http, world.admin, 30) == ["other", "paired", "quiet"]
    assert await silent(http, world.admin, 90) == []
    assert await silent(http, world.admin, 30, unit="09001") == ["quiet"]
    assert await silent(http, await world.client("SNV", "devices:manage"), 30) == ["other", "paired"]
    assert await silent(http, await world.client("27", "devices:manage"), 30) == []


async def test_pages_of_silent_tablets_hold_each_once(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    await change_unit(http, world, "24", opening_hours=ALWAYS)
    for name in "abcde":
        await tablet(http, world, "09001" if name < "c" else "SNV", name)
    await last_heard(database, **dict.fromkeys("abcd", timedelta(days=2)))
    params: dict[str, str] = {"silent_minutes": "60", "limit": "2"}
    seen: list[str] = []
    while True:
        body = (await http.get(URL, params=params, headers=world.admin)).json()
        seen += [item["name"] for item in body["items"]]
        if body["next"] is None:
            break
        params["cursor"] = body["next"]
    assert seen == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("heard", "is_silent"),
    [
        ("2026-11-23T07:40:00+07:00", False),  # Monday, ten minutes ago
        ("2026-11-20T16:55:00+07:00", False),  # Friday, five minutes before the desk closed
        ("2026-11-20T16:50:00+07:00", True),  # ten minutes on Friday and twenty on Monday
        ("2026-11-20T09:00:00+07:00", True),
    ],
)
async def test_nights_and_weekends_make_nobody_silent(
    http: httpx.AsyncClient, world: World, database: Database, heard: str, is_silent: bool
) -> None:
    device, _ = await tablet(http, world)
    async with database.transaction() as session:
        await session.execute(
            text("UPDATE devices SET last_seen_at = :heard"), {"heard": datetime.fromisoformat(heard)}
        )
    monday = datetime.fromisoformat("2026-11-23T07:50:00+07:00")
    async with database.read() as session:
        since = await service.silent_since(session, HOUSE, None, 30, monday, ZONE)
        found = await queries.listed(session, HOUSE, None, since, None, 10)
    assert [row[0].id for row in found] == ([UUID(device)] if is_silent else [])


async def test_asking_who_is_silent_takes_as_many_statements_for_one_unit_as_for_all(
    http: httpx.AsyncClient, world: World, app: FastAPI
) -> None:
    counted = []
    with statements(app.state.database) as sent:
        for unit in ("09001", "09002", "SNV"):
            await change_unit(http, world, unit, opening_hours={"mon": [["07:30", f"1{len(unit)}:00"]]})
            await tablet(http, world, unit, unit)
            before = len(sent)
            await silent(http, world.admin, 30)
            counted.append(len(sent) - before)
    assert len(set(counted)) == 1


@pytest.mark.parametrize("minutes", ["0", "-1", "525601", "x", "1.5", "9" * 30])
async def test_a_silence_that_makes_no_sense_is_a_fault(
    http: httpx.AsyncClient, world: World, minutes: str
) -> None:
    answer = await http.get(URL, params={"silent_minutes": minutes}, headers=world.admin)
    assert answer.status_code == 422
