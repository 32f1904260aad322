import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from app.core.clock import utc_now
from app.core.database import Database
from app.devices.codes import MAX_FAILURES, MAX_TRIES
from app.questionnaires.schemas import EXAMPLE
from tests.support.world import World

URL = "/api/v1/devices"
PAIR = f"{URL}/pair"
CONFIG = "/api/v1/device/config"
HEARTBEAT = "/api/v1/device/heartbeat"
TABLET = {"unit_code": "09001", "name": "Quầy 1"}

SetUp = Callable[..., Awaitable[dict[str, Any]]]
PairUp = Callable[..., Awaitable[dict[str, str]]]


@pytest.fixture
def set_up(http: httpx.AsyncClient, world: World) -> SetUp:
    """Makes a device; gives its id and pairing code."""

    async def make(**changes: object) -> dict[str, Any]:
        answer = await http.post(URL, json={**TABLET, **changes}, headers=world.admin)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    return make


@pytest.fixture
def pair_up(http: httpx.AsyncClient, set_up: SetUp) -> PairUp:
    """Makes and pairs a device; gives its Authorization header and, as `id`, its id."""

    async def make(**changes: object) -> dict[str, str]:
        device = await set_up(**changes)
        answer = await http.post(PAIR, json={"pairing_code": device["pairing_code"]})
        assert answer.status_code == 200, answer.text
        return {"Authorization": f"Bearer {answer.json()['device_token']}", "id": device["id"]}

    return make


def beat(**changes: object) -> dict[str, object]:
    return {"sent_at": utc_now().isoformat(), "queue_length": 3, "app_version": "1.4.0", **changes}


def wrong(code: str) -> str:
    """The same handle with another secret."""
    return code[:4] + f"{(int(code[4:]) + 1) % 10**6:06}"


async def run(database: Database, statement: str, **values: object) -> None:
    async with database.transaction() as session:
        await session.execute(text(statement), values)


async def test_a_tablet_from_its_set_up_to_its_first_heartbeat(
    http: httpx.AsyncClient, world: World, set_up: SetUp
) -> None:
    device = await set_up(name="Quầy 3")
    assert set(device) == {"id", "pairing_code", "pairing_expires_at", "pin"}
    lifetime = datetime.fromisoformat(device["pairing_expires_at"]) - utc_now()
    assert timedelta(minutes=9) < lifetime <= timedelta(minutes=10)

    sent = {"pairing_code": device["pairing_code"], "device": {"model": "Tab A9", "Màn hình": "1200x2000"}}
    paired = await http.post(PAIR, json=sent)
    assert paired.status_code == 200
    assert paired.json()["device_id"] == device["id"]
    token = {"Authorization": f"Bearer {paired.json()['device_token']}"}

    config = await http.get(CONFIG, headers=token)
    assert config.status_code == 200
    shown = config.json()
    assert shown["unit"] == {"code": "09001", "name": "Phường A"}
    assert (shown["name"], shown["languages"], shown["idle_seconds"]) == ("Quầy 3", ["vi", "en"], 30)
    assert shown["questionnaire"] == (await http.get("/api/v1/questionnaires/quick-5/1")).json()

    answer = await http.post(HEARTBEAT, json=beat(battery=87.5), headers=token)
    assert answer.status_code == 200
    assert answer.json()["config_etag"] == config.headers["etag"]
    assert answer.json()["revoked"] is False
    assert abs(datetime.fromisoformat(answer.json()["server_time"]) - utc_now()) < timedelta(minutes=1)

    seen = (await http.get(f"{URL}/{device['id']}", headers=world.admin)).json()
    assert (seen["state"], seen["queue_length"], seen["app_version"], seen["battery"]) == (
        "paired",
        3,
        "1.4.0",
        87.5,
    )
    assert seen["device"] == {"model": "Tab A9", "Màn hình": "1200x2000"}
    assert seen["last_seen_at"] is not None


async def test_a_code_works_once(http: httpx.AsyncClient, set_up: SetUp) -> None:
    sent = {"pairing_code": (await set_up())["pairing_code"]}
    answers = await asyncio.gather(*(http.post(PAIR, json=sent) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 404, 404, 404, 404]


async def test_spaces_and_hyphens_in_a_code_do_not_matter(http: httpx.AsyncClient, set_up: SetUp) -> None:
    code = (await set_up())["pairing_code"]
    answer = await http.post(PAIR, json={"pairing_code": f" {code[:4]} {code[4:7]}-{code[7:]} "})
    assert answer.status_code == 200


async def test_unknown_used_expired_and_malformed_codes_sound_alike(
    http: httpx.AsyncClient, set_up: SetUp, database: Database
) -> None:
    used, expired, waiting = await set_up(), await set_up(), await set_up()
    assert (await http.post(PAIR, json={"pairing_code": used["pairing_code"]})).status_code == 200
    await run(
        database,
        "UPDATE devices SET pairing_expires_at = now() - interval '1 second' WHERE id = :id",
        id=expired["id"],
    )
    free_handle = next(
        f"{handle:04}" for handle in range(4) if f"{handle:04}" not in {
            device["pairing_code"][:4] for device in (used, expired, waiting)
        }
    )  # fmt: skip
    codes = [
        used["pairing_code"],
        expired["pairing_code"],
        wrong(waiting["pairing_code"]),
        f"{free_handle}000000",
        "12345",
        "không phải mã",
    ]
    heard = []
    for code in codes:
        answer = await http.post(PAIR, json={"pairing_code": code})
        body = answer.json()
        del body["request_id"]
        heard.append((answer.status_code, body))
    assert heard[0][0] == 404
    assert heard[0][1]["code"] == "pairing_code_invalid"
    assert all(one == heard[0] for one in heard)


async def test_a_few_wrong_tries_kill_a_code(http: httpx.AsyncClient, set_up: SetUp) -> None:
    code, neighbour = (await set_up())["pairing_code"], (await set_up())["pairing_code"]
    for _ in range(MAX_TRIES):
        assert (await http.post(PAIR, json={"pairing_code": wrong(code)})).status_code == 404
    assert (await http.post(PAIR, json={"pairing_code": code})).status_code == 404
    assert (await http.post(PAIR, json={"pairing_code": neighbour})).status_code == 200


async def test_a_slip_of_the_finger_is_forgiven(http: httpx.AsyncClient, set_up: SetUp) -> None:
    code = (await set_up())["pairing_code"]
    for _ in range(MAX_TRIES - 1):
        await http.post(PAIR, json={"pairing_code": wrong(code)})
    assert (await http.post(PAIR, json={"pairing_code": code})).status_code == 200


async def guess_over_handles(http: httpx.AsyncClient, *codes: str) -> str:
    """As many wrong codes as are taken in a minute, at handles of none of these; one more such guess."""
    taken = {code[:4] for code in codes}
    guesses = [f"{handle:04}123456" for handle in range(MAX_FAILURES + 9) if f"{handle:04}" not in taken]
    for guess in guesses[:MAX_FAILURES]:
        assert (await http.post(PAIR, json={"pairing_code": guess})).status_code == 404
    return guesses[MAX_FAILURES]


async def test_guessing_over_all_handles_is_slowed_and_tells_nothing(
    http: httpx.AsyncClient, set_up: SetUp, database: Database
) -> None:
    code = (await set_up())["pairing_code"]
    heard = []
    for guess in (await guess_over_handles(http, code), wrong(code)):
        slowed = await http.post(PAIR, json={"pairing_code": guess})
        body = slowed.json()
        del body["request_id"]
        heard.append((slowed.status_code, slowed.headers["retry-after"], body))
    assert heard[0] == heard[1], "whether a code waits under a handle is not told"
    assert (heard[0][0], heard[0][1], heard[0][2]["code"]) == (429, "60", "too_many_requests")
    await run(database, "UPDATE pairing_failures SET failed_at = failed_at - interval '1 minute'")
    assert (await http.post(PAIR, json={"pairing_code": wrong(code)})).status_code == 404


async def test_strangers_who_guess_keep_no_tablet_from_being_paired(
    http: httpx.AsyncClient, set_up: SetUp
) -> None:
    code = (await set_up())["pairing_code"]
    await guess_over_handles(http, code)
    assert (await http.post(PAIR, json={"pairing_code": code})).status_code == 200


async def test_a_code_has_its_few_tries_however_many_guess(http: httpx.AsyncClient, set_up: SetUp) -> None:
    code, neighbour = (await set_up())["pairing_code"], (await set_up())["pairing_code"]
    await guess_over_handles(http, code, neighbour)
    for tries, guessed in ((MAX_TRIES, code), (MAX_TRIES - 1, neighbour)):
        for _ in range(tries):
            assert (await http.post(PAIR, json={"pairing_code": wrong(guessed)})).status_code == 429
    assert (await http.post(PAIR, json={"pairing_code": code})).status_code == 429, "it is dead"
    assert (await http.post(PAIR, json={"pairing_code": neighbour})).status_code == 200


async def test_failures_nobody_counts_any_more_are_dropped(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    for _ in range(3):
        await http.post(PAIR, json={"pairing_code": "0000000000"})
        await run(database, "UPDATE pairing_failures SET failed_at = failed_at - interval '1 minute'")
    async with database.read() as session:
        assert await session.scalar(text("SELECT count(*) FROM pairing_failures")) == 1


async def test_a_new_code_makes_the_one_before_worthless(
    http: httpx.AsyncClient, world: World, set_up: SetUp
) -> None:
    device = await set_up()
    renewed = await http.post(f"{URL}/{device['id']}/pairing-code", headers=world.admin)
    assert (renewed.status_code, renewed.json()["id"]) == (201, device["id"])
    assert (await http.post(PAIR, json={"pairing_code": device["pairing_code"]})).status_code == 404
    assert (await http.post(PAIR, json={"pairing_code": renewed.json()["pairing_code"]})).status_code == 200


async def test_the_old_token_ends_when_the_new_pairing_succeeds(
    http: httpx.AsyncClient, world: World, pair_up: PairUp
) -> None:
    old = await pair_up()
    renewed = await http.post(f"{URL}/{old['id']}/pairing-code", headers=world.admin)
    assert (await http.get(CONFIG, headers=old)).status_code == 200
    paired = await http.post(PAIR, json={"pairing_code": renewed.json()["pairing_code"]})
    new = {"Authorization": f"Bearer {paired.json()['device_token']}"}
    assert (await http.get(CONFIG, headers=new)).status_code == 200
    refused = await http.get(CONFIG, headers=old)
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")


async def test_handles_of_expired_codes_are_free_again(set_up: SetUp, database: Database) -> None:
    first = await set_up()
    await run(database, "UPDATE devices SET pairing_expires_at = now() - interval '1 second'")
    await set_up()
    async with database.read() as session:
        handle = text("SELECT pairing_handle FROM devices WHERE id = :id")
        assert await session.scalar(handle, {"id": first["id"]}) is None


async def test_codes_made_at_once_have_handles_of_their_own(set_up: SetUp) -> None:
    made = await asyncio.gather(*(set_up(name=f"Quầy {number}") for number in range(8)))
    assert len({device["pairing_code"][:4] for device in made}) == 8


async def test_when_every_handle_is_taken_one_has_to_wait(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    await run(
        database,
        "INSERT INTO devices (unit_id, name, questionnaire_code, pairing_handle, pairing_expires_at)"
        " SELECT :unit, 'x', 'quick-5', to_char(n, 'FM0000'), now() + interval '5 minutes'"
        " FROM generate_series(0, 9999) AS n",
        unit=world.units["09001"],
    )
    answer = await http.post(URL, json=TABLET, headers=world.admin)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")


async def test_no_secret_is_stored_or_put_on_record(
    http: httpx.AsyncClient, world: World, set_up: SetUp, database: Database
) -> None:
    device = await set_up()
    async with database.read() as session:
        before = str((await session.execute(text("SELECT * FROM devices"))).all())
    paired = await http.post(PAIR, json={"pairing_code": device["pairing_code"]})
    async with database.read() as session:
        after = str((await session.execute(text("SELECT * FROM devices"))).all())
        lines = str((await session.execute(text("SELECT * FROM audit_lines"))).all())
    assert device["pairing_code"][4:] not in before
    assert paired.json()["device_token"].split("_", 2)[2] not in after + lines
    assert device["pairing_code"] not in lines


async def test_every_deed_is_on_record(
    http: httpx.AsyncClient, world: World, set_up: SetUp, database: Database
) -> None:
    device = await set_up()
    one = f"{URL}/{device['id']}"
    await http.patch(one, json={"name": "Quầy 9"}, headers=world.admin)
    await http.patch(one, json={}, headers=world.admin)
    code = (await http.post(f"{one}/pairing-code", headers=world.admin)).json()["pairing_code"]
    await http.post(PAIR, json={"pairing_code": code})
    for _ in range(2):
        await http.post(f"{one}/revoke", headers=world.admin)
    async with database.read() as session:
        lines = (await session.execute(text("SELECT * FROM audit_lines ORDER BY id"))).all()
    assert [line.action for line in lines] == [
        "device.create",
        "device.change",
        "device.pairing_code",
        "device.pair",
        "device.revoke",
    ]
    assert {line.target for line in lines} == {f"device:{device['id']}"}
    assert lines[1].details == {"before": {"name": TABLET["name"]}, "after": {"name": "Quầy 9"}}


async def test_a_revoked_tablet_is_told_so_and_gets_nothing_more(
    http: httpx.AsyncClient, world: World, pair_up: PairUp
) -> None:
    tablet = await pair_up()
    assert (await http.get(CONFIG, headers=tablet)).status_code == 200
    first = await http.post(f"{URL}/{tablet['id']}/revoke", headers=world.admin)
    assert (first.status_code, first.json()["state"]) == (200, "revoked")
    refused = await http.get(CONFIG, headers=tablet)
    assert (refused.status_code, refused.json()["code"]) == (403, "device_revoked")
    told = await http.post(HEARTBEAT, json=beat(), headers=tablet)
    assert (told.status_code, told.json()["revoked"], told.json()["config_etag"]) == (200, True, None)
    again = await http.post(f"{URL}/{tablet['id']}/revoke", headers=world.admin)
    assert again.json()["revoked_at"] == first.json()["revoked_at"]


async def test_a_revoked_device_is_not_paired_again(
    http: httpx.AsyncClient, world: World, set_up: SetUp
) -> None:
    device = await set_up()
    await http.post(f"{URL}/{device['id']}/revoke", headers=world.admin)
    assert (await http.post(PAIR, json={"pairing_code": device["pairing_code"]})).status_code == 404
    answer = await http.post(f"{URL}/{device['id']}/pairing-code", headers=world.admin)
    assert (answer.status_code, answer.json()["code"]) == (403, "device_revoked")


async def test_a_configuration_is_fetched_again_only_when_it_changed(
    http: httpx.AsyncClient, world: World, pair_up: PairUp
) -> None:
    tablet = await pair_up()
    etag = (await http.get(CONFIG, headers=tablet)).headers["etag"]
    held = {**tablet, "If-None-Match": etag}
    assert (await http.get(CONFIG, headers=held)).status_code == 304
    await http.post(HEARTBEAT, json=beat(), headers=tablet)
    assert (await http.get(CONFIG, headers=held)).status_code == 304

    change = {"name": "Quầy 7", "languages": ["en"], "idle_seconds": 60, "questionnaire": "service-16"}
    changed = await http.patch(f"{URL}/{tablet['id']}", json=change, headers=world.admin)
    assert changed.status_code == 200
    assert {name: changed.json()[name] for name in change} == change

    told = await http.post(HEARTBEAT, json=beat(), headers=tablet)
    fresh = await http.get(CONFIG, headers=held)
    assert fresh.status_code == 200
    assert fresh.headers["etag"] == told.json()["config_etag"] != etag
    shown = fresh.json()
    assert (shown["name"], shown["languages"], shown["idle_seconds"]) == ("Quầy 7", ["en"], 60)
    assert shown["questionnaire"]["code"] == "service-16"


async def test_a_new_version_reaches_the_tablet_and_a_retired_one_is_no_longer_handed_out(
    http: httpx.AsyncClient, world: World, pair_up: PairUp
) -> None:
    async def publish(version: int) -> None:
        body = {**EXAMPLE, "version": version}
        await http.post("/api/v1/questionnaires", json=body, headers=world.admin)
        await http.post(f"/api/v1/questionnaires/quick-2/{version}/publish", headers=world.admin)

    await publish(1)
    tablet = await pair_up(questionnaire="quick-2")
    assert (await http.get(CONFIG, headers=tablet)).json()["questionnaire"]["version"] == 1
    await publish(2)
    assert (await http.get(CONFIG, headers=tablet)).json()["questionnaire"]["version"] == 2
    await http.post("/api/v1/questionnaires/quick-2/2/retire", headers=world.admin)
    assert (await http.get(CONFIG, headers=tablet)).json()["questionnaire"]["version"] == 1
    await http.post("/api/v1/questionnaires/quick-2/1/retire", headers=world.admin)
    refused = await http.get(CONFIG, headers=tablet)
    assert (refused.status_code, refused.json()["code"]) == (404, "questionnaire_unknown")
    told = await http.post(HEARTBEAT, json=beat(), headers=tablet)
    assert (told.status_code, told.json()["config_etag"]) == (200, None)


@pytest.mark.parametrize(
    ("sent_at", "low", "high"),
    [
        (lambda now: now - timedelta(hours=2), 7_200_000, 7_260_000),
        (lambda now: now + timedelta(hours=2), -7_200_000, -7_140_000),
        # the 28th is in every year, the 29th of February is not
        (lambda now: now.replace(year=1, day=28), 2**31 - 1, 2**31 - 1),
        (lambda now: now.replace(year=9999, day=28), -(2**31) + 1, -(2**31) + 1),
    ],
)
async def test_how_far_a_clock_is_off_is_kept(
    http: httpx.AsyncClient,
    world: World,
    pair_up: PairUp,
    sent_at: Callable[[datetime], datetime],
    low: int,
    high: int,
) -> None:
    tablet = await pair_up()
    answer = await http.post(HEARTBEAT, json=beat(sent_at=sent_at(utc_now()).isoformat()), headers=tablet)
    assert answer.status_code == 200
    seen = (await http.get(f"{URL}/{tablet['id']}", headers=world.admin)).json()
    assert low <= seen["clock_skew_ms"] <= high


@pytest.mark.parametrize(
    "change",
    [
        {"queue_length": -1},
        {"queue_length": 2**40},
        {"queue_length": "many"},
        {"app_version": "x" * 51},
        {"app_version": "a\0b"},
        {"battery": 101},
        {"battery": False},
        {"queue_length": True},
        {"battery": -1},
        {"sent_at": "2026-11-20T09:14:41"},
        {"sent_at": 1},
        {"sent_at": "yesterday"},
        {"set_aside": -1},
        {"set_aside": None},
        {"set_aside": True},
        {"storage": "empty"},
        {"storage": 1},
        {"last_problem": ""},
        {"last_problem": "a\0b"},
        {"last_problem": "x" * 65},
        {"surprise": 1},
    ],
)
async def test_a_heartbeat_that_makes_no_sense_is_refused(
    http: httpx.AsyncClient, pair_up: PairUp, change: dict[str, object]
) -> None:
    answer = await http.post(HEARTBEAT, json=beat(**change), headers=await pair_up())
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"/{next(iter(change))}"


@pytest.mark.parametrize("authorization", [None, "Bearer x", "Bearer sdt_x_y", "Basic eDp5", "Bearer"])
async def test_without_a_device_token_a_tablet_gets_nothing(
    http: httpx.AsyncClient, world: World, authorization: str | None
) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    assert (await http.get(CONFIG, headers=headers)).status_code == 401
    assert (await http.post(HEARTBEAT, json=beat(), headers=headers)).status_code == 401


async def test_staff_are_no_tablets_and_tablets_are_no_staff(
    http: httpx.AsyncClient, world: World, pair_up: PairUp
) -> None:
    assert (await http.get(CONFIG, headers=world.admin)).status_code == 401
    assert (await http.get(URL, headers=await pair_up())).status_code == 401


async def test_a_neighbours_manager_does_not_find_the_device(
    http: httpx.AsyncClient, world: World, set_up: SetUp
) -> None:
    one = f"{URL}/{(await set_up())['id']}"
    neighbour = await world.client("27", "devices:manage")
    for answer in (
        await http.get(one, headers=neighbour),
        await http.patch(one, json={"name": "Mine"}, headers=neighbour),
        await http.post(f"{one}/revoke", headers=neighbour),
        await http.post(f"{one}/pairing-code", headers=neighbour),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "device_unknown")
    created = await http.post(URL, json=TABLET, headers=neighbour)
    assert (created.status_code, created.json()["code"]) == (404, "unit_unknown")
    assert (await http.get(one, headers=world.admin)).json()["name"] == "Quầy 1"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", ""),
        ("GET", ""),
        ("GET", "/{id}"),
        ("PATCH", "/{id}"),
        ("POST", "/{id}/revoke"),
        ("POST", "/{id}/pairing-code"),
    ],
)
async def test_managing_needs_the_scope(
    http: httpx.AsyncClient, world: World, set_up: SetUp, method: str, path: str
) -> None:
    address = URL + path.format(id=(await set_up())["id"])
    assert (await http.request(method, address, json=TABLET)).status_code == 401
    stranger = await world.client("24", "units:manage", "visits:write")
    answer = await http.request(method, address, json=TABLET, headers=stranger)
    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")


async def listed(http: httpx.AsyncClient, headers: dict[str, str], **params: object) -> list[str]:
    answer = await http.get(URL, params={key: str(value) for key, value in params.items()}, headers=headers)
    assert answer.status_code == 200, answer.text
    return [item["name"] for item in answer.json()["items"]]


async def test_a_list_shows_the_devices_within_reach_by_name(
    http: httpx.AsyncClient, world: World, set_up: SetUp
) -> None:
    await set_up(unit_code="09002", name="b")
    await set_up(unit_code="09001", name="a")
    await set_up(unit_code="09101", name="c")
    assert await listed(http, world.admin) == ["a", "b", "c"]
    assert await listed(http, await world.client("24", "devices:manage")) == ["a", "b"]
    assert await listed(http, await world.client("09002", "devices:manage")) == ["b"]
    assert await listed(http, world.admin, unit="24") == ["a", "b"]
    assert await listed(http, world.admin, unit="09001") == ["a"]
    outside = await http.get(
        URL, params={"unit": "09101"}, headers=await world.client("24", "devices:manage")
    )
    assert (outside.status_code, outside.json()["code"]) == (404, "unit_unknown")


async def test_devices_of_the_same_name_are_all_on_some_page(
    http: httpx.AsyncClient, world: World, set_up: SetUp
) -> None:
    made = {(await set_up())["id"] for _ in range(5)}
    seen: list[str] = []
    params: dict[str, str] = {"limit": "2"}
    while True:
        body = (await http.get(URL, params=params, headers=world.admin)).json()
        seen += [item["id"] for item in body["items"]]
        if body["next"] is None:
            break
        params["cursor"] = body["next"]
    assert set(seen) == made
    assert len(seen) == 5


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/unit_code"),
        ({"unit_code": "09001"}, "/name"),
        ({**TABLET, "name": ""}, "/name"),
        ({**TABLET, "name": "a\0b"}, "/name"),
        ({**TABLET, "name": "x" * 301}, "/name"),
        ({**TABLET, "questionnaire": 5}, "/questionnaire"),
        ({**TABLET, "unit_code": "\x00"}, "/unit_code"),
        ({**TABLET, "colour": "red"}, "/colour"),
        ({**TABLET, "pin": "123"}, "/pin"),
        ({**TABLET, "pin": "1" * 13}, "/pin"),
        ({**TABLET, "pin": 204816}, "/pin"),
        ({**TABLET, "pin": "12a4"}, "/pin"),
        ({**TABLET, "pin": "１２３４"}, "/pin"),
        ({**TABLET, "pin": "1234\n5"}, "/pin"),
    ],
)
async def test_a_device_that_makes_no_sense_is_refused(
    http: httpx.AsyncClient, world: World, body: dict[str, object], pointer: str
) -> None:
    answer = await http.post(URL, json=body, headers=world.admin)
    assert answer.status_code == 422
    assert pointer in {fault["pointer"] for fault in answer.json()["errors"]}


@pytest.mark.parametrize("questionnaire", ["nothing", "quick-2", "phiếu", "x" * 64])
async def test_a_tablet_shows_a_published_questionnaire(
    http: httpx.AsyncClient, world: World, set_up: SetUp, questionnaire: str
) -> None:
    await http.post("/api/v1/questionnaires", json=EXAMPLE, headers=world.admin)  # quick-2 is a draft
    one = f"{URL}/{(await set_up())['id']}"
    for answer in (
        await http.post(URL, json={**TABLET, "questionnaire": questionnaire}, headers=world.admin),
        await http.patch(one, json={"questionnaire": questionnaire}, headers=world.admin),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "questionnaire_unknown")


@pytest.mark.parametrize(
    "change",
    [
        {"languages": []},
        {"languages": ["fr"]},
        {"languages": "vi"},
        {"idle_seconds": 0},
        {"idle_seconds": 2**40},
        {"idle_seconds": 1.5},
        {"idle_seconds": "60"},
        {"name": " "},
        {"unit_code": " "},
        {"unit": "09002"},
        {"screens": []},
        {"screens": ["language", "about"]},
        {"screens": ["questions", "adverts"]},
        {"screens": ["questions"] * 5},
        {"screens": "questions"},
        {"pin": ""},
        {"pin": "12 34"},
    ],
)
async def test_a_change_that_makes_no_sense_is_refused(
    http: httpx.AsyncClient, world: World, set_up: SetUp, change: dict[str, object]
) -> None:
    answer = await http.patch(f"{URL}/{(await set_up())['id']}", json=change, headers=world.admin)
    assert answer.status_code == 422


async def test_what_a_change_leaves_out_stays(http: httpx.AsyncClient, world: World, set_up: SetUp) -> None:
    one = f"{URL}/{(await set_up())['id']}"
    before = (await http.get(one, headers=world.admin)).json()
    for change in ({}, {"name": None, "languages": None}):
        assert (await http.patch(one, json=change, headers=world.admin)).json() == before


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"pairing_code": 1234567890},
        {"pairing_code": "1" * 41},
        {"pairing_code": "12345\x0067890"},
        {"pairing_code": "1234567890", "device": {"model": 5}},
        {"pairing_code": "1234567890", "device": {"model": "a\0b"}},
        {"pairing_code": "1234567890", "device": {"a\0b": "x"}},
        {"pairing_code": "1234567890", "device": {"\ud800": "x"}},
        {"pairing_code": "1234567890", "device": {str(number): "x" for number in range(21)}},
        {"pairing_code": "1234567890", "device": "tablet"},
    ],
)
async def test_a_pairing_that_makes_no_sense_is_refused(
    http: httpx.AsyncClient, world: World, body: dict[str, object]
) -> None:
    answer = await http.post(PAIR, content=json.dumps(body), headers={"Content-Type": "application/json"})
    assert answer.status_code == 422


@pytest.mark.parametrize("device_id", ["x", "00000000-0000-0000-0000-00000000000g", "a%00b"])
async def test_nothing_is_at_an_impossible_id(http: httpx.AsyncClient, world: World, device_id: str) -> None:
    for answer in (
        await http.get(f"{URL}/{device_id}", headers=world.admin),
        await http.post(f"{URL}/{device_id}/revoke", headers=world.admin),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_the_address_for_pairing_is_no_device(http: httpx.AsyncClient, world: World) -> None:
    for method in ("GET", "PATCH"):
        assert (await http.request(method, PAIR, json={}, headers=world.admin)).status_code == 405


async def test_a_device_that_is_not_there_is_unknown(http: httpx.AsyncClient, world: World) -> None:
    answer = await http.get(f"{URL}/{uuid4()}", headers=world.admin)
    assert (answer.status_code, answer.json()["code"]) == (404, "device_unknown")


@pytest.mark.parametrize("cursor", ["x", "WyJhIl0", "WyJhIiwieCJd", "WyJhIiwxXQ"])
async def test_a_cursor_of_ones_own_making_is_a_fault(
    http: httpx.AsyncClient, world: World, cursor: str
) -> None:
    answer = await http.get(URL, params={"cursor": cursor}, headers=world.admin)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "invalid_cursor")
