"""From a citizen's visit to the unit's percentage, from outside: a real server, real HTTP, real data.

The figures are computed here a second time, by plain Python, from what was sent.
"""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from importlib.resources import files
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx
import pytest

from tests.support.server import Server
from tests.support.waiting import PATIENCE

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
CODES = ("A1", "B1", "C1", "D1", "E1")
PROVINCE, COMMUNE, OTHER_COMMUNE = "24", "09187", "09190"


@dataclass
class Sent:
    """One response we sent and believe to be counted."""

    unit: str
    day: date
    answers: dict[str, int | None]


@dataclass
class Story:
    """Who we are and what we have sent."""

    http: httpx.Client
    admin: dict[str, str]
    partner: dict[str, str] = field(default_factory=dict)
    tablet: dict[str, str] = field(default_factory=dict)
    counted: list[Sent] = field(default_factory=list)
    visits: list[tuple[str, date]] = field(default_factory=list)
    answered: int = 0
    held_back: int = 0
    dice: random.Random = field(default_factory=lambda: random.Random(20261121))

    def answers(self) -> dict[str, int | None]:
        weights = (1, 2, 5, 40, 52)
        said: dict[str, int | None] = {code: self.dice.choices((1, 2, 3, 4, 5), weights)[0] for code in CODES}
        if self.dice.random() < 0.6:
            said["E1"] = None
        return said

    def response(self, moment: datetime, **changes: Any) -> dict[str, Any]:
        now = datetime.now(UTC)
        body: dict[str, Any] = {
            "id": str(uuid4()),
            "questionnaire": {"code": "quick-5", "version": 1},
            "answers": self.answers(),
            "language": "vi",
            "submitted_at": moment.isoformat(),
            "sent_at": now.isoformat(),
        }
        return {**body, **changes}


@pytest.fixture(scope="module")
def story(server: Server) -> Iterator[Story]:
    with httpx.Client(base_url=server.url, timeout=60) as http:
        username, password = server.admin
        form = {"grant_type": "password", "username": username, "password": password}
        token = http.post("/api/v1/auth/token", data=form).raise_for_status().json()["access_token"]
        yield Story(http, {"Authorization": f"Bearer {token}"})


def today() -> date:
    return datetime.now(ZONE).date()


def half_up(satisfied: int, answers: int) -> float | None:
    if answers == 0:
        return None
    exact = Decimal(100 * satisfied) / Decimal(answers)
    return float(exact.quantize(Decimal("0.01"), ROUND_HALF_UP))


def settled(story: Story, unit: str, **query: Any) -> dict[str, Any]:
    """The index once nothing is pending any more."""
    deadline = time.monotonic() + PATIENCE
    while True:
        answer = story.http.get(
            f"/api/v1/indices/{unit}", params=query, headers=story.admin
        ).raise_for_status()
        index: dict[str, Any] = answer.json()
        if index["pending"] == 0:
            return index
        assert time.monotonic() < deadline, "the roll-up does not catch up"
        time.sleep(0.1)


def check(index: dict[str, Any], counted: list[Sent]) -> None:
    """Every figure of an index against a count of what was sent."""
    (result,) = index["results"]
    assert result["questionnaire"] == {"code": "quick-5", "version": 1}
    assert result["responses"] == len(counted)
    valid = [value for sent in counted for value in sent.answers.values() if value is not None]
    satisfied = sum(value >= 4 for value in valid)
    overall = result["overall"]
    assert (overall["answers"], overall["satisfied"]) == (len(valid), satisfied)
    assert overall["percent"] == half_up(satisfied, len(valid))
    assert overall["low"] <= overall["percent"] <= overall["high"]
    for component, code in zip(result["components"], CODES, strict=True):
        values = [sent.answers[code] for sent in counted]
        given = [value for value in values if value is not None]
        (criterion,) = component["criteria"]
        assert criterion["code"] == code
        assert criterion["skipped"] == len(values) - len(given)
        assert criterion["distribution"] == {str(k): given.count(k) for k in range(1, 6)}
        assert component["percent"] == half_up(sum(value >= 4 for value in given), len(given))


def test_the_administrator_imports_the_whole_country(story: Story) -> None:
    content = files("app.demo").joinpath("data/units-vietnam.csv").read_bytes()
    for dry_run in (True, False):
        answer = story.http.post(
            "/api/v1/units/import",
            params={"dry_run": dry_run},
            files={"file": ("units.csv", content, "text/csv")},
            headers=story.admin,
        ).raise_for_status()
        assert answer.json() == {
            "created": 3355,
            "updated": 0,
            "unchanged": 0,
            "errors": [],
            "changes": [],
        }
    found = story.http.get("/api/v1/units", params={"q": "bac ninh", "kind": "province"}, headers=story.admin)
    assert [unit["name"] for unit in found.json()["items"]] == ["Bắc Ninh"]
    procedures = files("app.demo").joinpath("data/procedures-sample.csv").read_bytes()
    story.http.post(
        "/api/v1/procedures/import",
        files={"file": ("procedures.csv", procedures, "text/csv")},
        headers=story.admin,
    ).raise_for_status()


def test_a_partner_system_registers_visits_and_gets_links(story: Story) -> None:
    client = story.http.post(
        "/api/v1/clients",
        json={"name": "Hệ thống một cửa", "unit_code": PROVINCE, "scopes": ["visits:write"]},
        headers=story.admin,
    ).raise_for_status()
    form = {"grant_type": "client_credentials"}
    credentials = client.json()["client_id"], client.json()["client_secret"]
    token = story.http.post("/api/v1/auth/token", data=form, auth=credentials).raise_for_status().json()
    story.partner = {"Authorization": f"Bearer {token['access_token']}"}
    visits = [
        {
            "dossier_code": f"H05.{number:05}",
            "unit_code": COMMUNE if number % 3 else OTHER_COMMUNE,
            "served_on": (today() - timedelta(days=number % 5)).isoformat(),
            "procedure_code": "1.001193",
            "counter": f"Quầy {number % 4}",
        }
        for number in range(300)
    ]
    answer = story.http.post(
        "/api/v1/visits", json={"visits": visits}, headers=story.partner
    ).raise_for_status()
    items = answer.json()["items"]
    assert [item["dossier_code"] for item in items] == [visit["dossier_code"] for visit in visits]
    assert {item["status"] for item in items} == {"created"}
    again = story.http.post("/api/v1/visits", json={"visits": visits[:10]}, headers=story.partner).json()[
        "items"
    ]
    assert [item["status"] for item in again] == ["existing"] * 10
    assert [item["link"]["code"] for item in again] == [item["link"]["code"] for item in items[:10]]
    story.visits = [(visit["unit_code"], date.fromisoformat(visit["served_on"])) for visit in visits]
    for visit, item in zip(visits[:120], items[:120], strict=True):
        code = item["link"]["code"]
        seen = story.http.get(f"/api/v1/links/{code}").raise_for_status().json()
        assert seen["unit"]["code"] == visit["unit_code"]
        assert seen["questionnaire"]["code"] == "quick-5"
        sent = story.response(datetime.now(UTC), link=code)
        assert story.http.post("/api/v1/responses", json=sent).status_code == 201
        assert story.http.post("/api/v1/responses", json=sent).status_code == 200  # the answer got lost
        other = {**sent, "id": str(uuid4())}
        used = story.http.post("/api/v1/responses", json=other)
        assert (used.status_code, used.json()["code"]) == (410, "link_used")
        day = date.fromisoformat(str(visit["served_on"]))
        story.counted.append(Sent(str(visit["unit_code"]), day, sent["answers"]))
        story.answered += 1


def test_a_tablet_is_paired_and_answers_one_by_one(story: Story) -> None:
    device = story.http.post(
        "/api/v1/devices", json={"unit_code": COMMUNE, "name": "Quầy 1"}, headers=story.admin
    ).raise_for_status()
    pairing = {"pairing_code": device.json()["pairing_code"]}
    token = story.http.post("/api/v1/devices/pair", json=pairing).raise_for_status().json()["device_token"]
    assert story.http.post("/api/v1/devices/pair", json=pairing).status_code == 404
    story.tablet = {"Authorization": f"Bearer {token}"}
    config = story.http.get("/api/v1/device/config", headers=story.tablet).raise_for_status()
    assert config.json()["unit"]["code"] == COMMUNE
    unchanged = {**story.tablet, "If-None-Match": config.headers["etag"]}
    assert story.http.get("/api/v1/device/config", headers=unchanged).status_code == 304
    for _ in range(40):
        moment = datetime.now(UTC)
        sent = story.response(moment)
        first = story.http.post("/api/v1/responses", json=sent, headers=story.tablet)
        again = story.http.post("/api/v1/responses", json=sent, headers=story.tablet)
        assert (first.status_code, again.status_code) == (201, 200)
        assert first.json() == again.json()
        conflicting = {**sent, "answers": {**sent["answers"], "A1": 1 + sent["answers"]["A1"] % 5}}
        conflict = story.http.post("/api/v1/responses", json=conflicting, headers=story.tablet)
        assert (conflict.status_code, conflict.json()["code"]) == (409, "response_conflict")
        story.counted.append(Sent(COMMUNE, moment.astimezone(ZONE).date(), sent["answers"]))


def test_the_tablet_sends_what_it_kept_while_offline(story: Story) -> None:
    batch, fresh = [], []
    for number in range(200):
        moment = datetime.now(UTC) - timedelta(minutes=37 * number)
        sent = story.response(moment)
        batch.append(sent)
        fresh.append(Sent(COMMUNE, moment.astimezone(ZONE).date(), sent["answers"]))
    too_old = [story.response(datetime.now(UTC) - timedelta(days=31, hours=1)) for _ in range(3)]
    ahead = [story.response(datetime.now(UTC) + timedelta(minutes=6)) for _ in range(2)]
    broken = [{"id": "no uuid"}, {**story.response(datetime.now(UTC)), "answers": {"A1": 7}}]
    sent_items = [*batch, *too_old, *ahead, *broken]
    for expected in ("accepted", "replayed"):
        answer = story.http.post(
            "/api/v1/responses/batch", json={"responses": sent_items}, headers=story.tablet
        ).raise_for_status()
        states = [item["status"] for item in answer.json()["items"]]
        assert states == [expected] * 205 + ["rejected"] * 2
    story.counted += fresh
    story.held_back += 5


def test_a_clock_that_is_wrong_by_a_year_harms_nothing(story: Story) -> None:
    wrong = timedelta(days=365)
    moment = datetime.now(UTC) - timedelta(hours=1)
    sent = story.response(moment - wrong, sent_at=(datetime.now(UTC) - wrong).isoformat())
    assert story.http.post("/api/v1/responses", json=sent, headers=story.tablet).status_code == 201
    story.counted.append(Sent(COMMUNE, moment.astimezone(ZONE).date(), sent["answers"]))


def test_the_figures_are_those_of_plain_python(story: Story) -> None:
    whole = {
        "from": (today() - timedelta(days=60)).isoformat(),
        "to": (today() + timedelta(days=1)).isoformat(),
    }
    index = settled(story, PROVINCE, **whole)
    check(index, story.counted)
    assert (index["visits"], index["visits_answered"]) == (len(story.visits), story.answered)
    assert index["response_rate"] == half_up(story.answered, len(story.visits))
    assert index["results"][0]["held_back"] == story.held_back
    for commune in (COMMUNE, OTHER_COMMUNE):
        here = settled(story, commune, **whole)
        check(here, [sent for sent in story.counted if sent.unit == commune])
        assert here["visits"] == sum(unit == commune for unit, _ in story.visits)
    day = today() - timedelta(days=2)
    one_day = settled(story, COMMUNE, **{"from": day.isoformat(), "to": day.isoformat()})
    check(one_day, [sent for sent in story.counted if (sent.unit, sent.day) == (COMMUNE, day)])
    own = settled(story, PROVINCE, scope="own", **whole)
    assert (own["results"], own["visits"]) == ([], 0)


def test_a_revoked_tablet_hears_of_it_and_counts_no_more(story: Story) -> None:
    config = story.http.get("/api/v1/device/config", headers=story.tablet).json()
    story.http.post(f"/api/v1/devices/{config['device_id']}/revoke", headers=story.admin).raise_for_status()
    sent = story.response(datetime.now(UTC))
    refused = story.http.post("/api/v1/responses", json=sent, headers=story.tablet)
    assert (refused.status_code, refused.json()["code"]) == (403, "device_revoked")
