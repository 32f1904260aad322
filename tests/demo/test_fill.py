"""The demonstration in a real database: what the index says is what was told; real data is left alone."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select

from app.core.clock import local_day, utc_now
from app.core.database import Database
from app.core.settings import Settings
from app.demo.days import Answer, unit_day
from app.demo.fill import Filled, Refused, fill
from app.demo.opinions import form
from app.demo.province import PROVINCE, Story, province
from app.models.device import Device
from app.models.record import DeploymentFact
from app.models.response import Response
from app.models.unit import Unit
from app.models.visit import Visit
from app.procedures import service as procedures
from app.questionnaires.catalogue import load_shipped


@pytest.fixture
def story(settings: Settings) -> Story:
    """Three communes, six bodies of the province, ten days."""
    last = local_day(utc_now(), settings.zone) - timedelta(days=1)
    return Story(last - timedelta(days=9), last, visits_a_day=5, communes=3)


def quiet(done: int, total: int) -> None:
    assert 0 <= done <= total


@dataclass
class Expected:
    """What the story holds, counted in plain Python."""

    visits: int = 0
    answered: int = 0
    responses: Counter[str] = field(default_factory=Counter)
    held_back: Counter[str] = field(default_factory=Counter)
    answers: Counter[tuple[str, str]] = field(default_factory=Counter)
    satisfied: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def all_responses(self) -> int:
        return self.responses.total() + self.held_back.total()


def held_back(answer: Answer) -> bool:
    correction = answer.received_at - datetime.fromisoformat(str(answer.body["sent_at"]))
    submitted = datetime.fromisoformat(str(answer.body["submitted_at"])) + correction
    return not -timedelta(minutes=5) <= answer.received_at - submitted <= timedelta(days=30)


def expected(story: Story, settings: Settings, only: str | None = None) -> Expected:
    """Of the whole province, or of one unit."""
    forms = {definition.code: form(definition) for definition in load_shipped()}
    counted = Expected()
    for place in province(story).places:
        if only not in (None, place.code):
            continue
        for number in range((story.last - story.first).days + 1):
            made = unit_day(place, story.first + timedelta(days=number), story, forms, settings.zone)
            counted.visits += len(made.visits)
            counted.answered += sum(answer.dossier is not None for answer in made.answers)
            for answer in made.answers:
                code = place.questionnaire if answer.dossier else "quick-5"
                if held_back(answer):
                    counted.held_back[code] += 1
                    continue
                counted.responses[code] += 1
                given = answer.body["answers"]
                assert isinstance(given, dict)
                for criterion, value in given.items():
                    counted.answers[code, criterion] += value is not None
                    counted.satisfied[code, criterion] += value in (4, 5)
    return counted


async def index(http: httpx.AsyncClient, filled: Filled, unit: str, story: Story) -> dict[str, object]:
    """The index, read with the credentials the demonstration gave."""
    credentials = (str(filled.viewer.client_id), filled.viewer.client_secret)
    token = await http.post("/api/v1/auth/token", data={"grant_type": "client_credentials"}, auth=credentials)
    answer = await http.get(
        f"/api/v1/indices/{unit}",
        params={"from": str(story.first), "to": str(story.last)},
        headers={"Authorization": f"Bearer {token.json()['access_token']}"},
    )
    assert answer.status_code == 200, answer.text
    shown: dict[str, object] = answer.json()
    return shown


def assert_equal(shown: dict[str, object], wanted: Expected) -> None:
    """The index shows exactly what was told."""
    assert (shown["pending"], shown["visits"], shown["visits_answered"]) == (
        0,
        wanted.visits,
        wanted.answered,
    )
    results = shown["results"]
    assert isinstance(results, list)
    assert {result["questionnaire"]["code"]: result["responses"] for result in results} == wanted.responses
    for result in results:
        code = result["questionnaire"]["code"]
        assert result["held_back"] == wanted.held_back[code]
        criteria = [criterion for component in result["components"] for criterion in component["criteria"]]
        for criterion in criteria:
            key = code, criterion["code"]
            assert criterion["answers"] == wanted.answers[key]
            liked = criterion["distribution"]["4"] + criterion["distribution"]["5"]
            assert liked == wanted.satisfied[key]
        overall = result["overall"]
        assert overall["answers"] == sum(wanted.answers[code, one["code"]] for one in criteria)
        assert overall["satisfied"] == sum(wanted.satisfied[code, one["code"]] for one in criteria)


async def test_the_index_says_exactly_what_was_told(
    database: Database, settings: Settings, story: Story, http: httpx.AsyncClient
) -> None:
    filled = await fill(database, settings, quiet, story)
    wanted = expected(story, settings)
    assert (filled.visits, filled.responses) == (wanted.visits, wanted.all_responses)
    assert_equal(await index(http, filled, PROVINCE, story), wanted)
    commune = province(story).places[0].code
    assert_equal(await index(http, filled, commune, story), expected(story, settings, only=commune))

    link = await http.get(f"/api/v1/links/{filled.open_link}")
    assert (link.status_code, link.json()["questionnaire"]["code"]) == (200, "quick-5")
    picture = await http.get(f"/q/{filled.open_link}.svg")
    assert picture.headers["content-type"].startswith("image/svg+xml")
    signed_in = await http.post(
        "/api/v1/auth/token",
        data={
            "grant_type": "password",
            "username": filled.viewer.username,
            "password": filled.viewer.password,
        },
    )
    assert signed_in.status_code == 200
    async with database.read() as session:
        assert await session.scalar(select(func.count()).where(Visit.answer_state == 1)) == 0
        assert await session.scalar(select(func.count()).where(Device.paired_at.is_(None))) == 0


async def test_a_second_run_is_refused(database: Database, settings: Settings, story: Story) -> None:
    story = replace(story, first=story.last)
    await fill(database, settings, quiet, story)
    with pytest.raises(Refused, match="already here"):
        await fill(database, settings, quiet, story)


async def test_an_interrupted_run_is_told_again_without_doubling_anything(
    database: Database, settings: Settings, story: Story, http: httpx.AsyncClient
) -> None:
    def interrupt(done: int, total: int) -> None:
        if done == 4:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        await fill(database, settings, interrupt, story)
    async with database.read() as session:
        fact = await session.get_one(DeploymentFact, "demo")
        assert fact.value["complete"] is False

    another = replace(
        story, first=story.last, seed=99
    )  # what was begun is finished, whatever is asked for now
    filled = await fill(database, settings, quiet, another)
    wanted = expected(story, settings)
    assert_equal(await index(http, filled, PROVINCE, story), wanted)
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(Response)) == wanted.all_responses
        assert await session.scalar(select(func.count()).select_from(Visit)) == wanted.visits


async def test_a_database_with_one_unit_is_left_alone(
    database: Database, settings: Settings, story: Story
) -> None:
    async with database.transaction() as session:
        session.add(Unit(code="99", name="Tỉnh thật", kind="province", search_text="tinh that"))
    with pytest.raises(Refused, match="real data"):
        await fill(database, settings, quiet, story)
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(Unit)) == 1
        assert await session.get(DeploymentFact, "demo") is None


async def test_a_database_with_procedures_only_is_left_alone(
    database: Database, settings: Settings, story: Story
) -> None:
    table = "code,name,field,level\n1.000001,Thủ tục thật,Hộ tịch,commune\n".encode()
    async with database.transaction() as session:
        await procedures.import_procedures(session, None, table, "x.csv", dry_run=False)
    with pytest.raises(Refused, match="procedures"):
        await fill(database, settings, quiet, story)


async def test_only_one_runs_at_a_time(database: Database, settings: Settings, story: Story) -> None:
    begun = asyncio.Event()

    def progress(done: int, total: int) -> None:
        begun.set()

    first = asyncio.create_task(fill(database, settings, progress, replace(story, first=story.last)))
    await begun.wait()
    with pytest.raises(Refused, match="another"):
        await fill(database, settings, quiet, story)
    await first


async def test_the_command_says_why_and_exits_1(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with database.transaction() as session:
        session.add(Unit(code="99", name="Tỉnh thật", kind="province", search_text="tinh that"))
    monkeypatch.setenv("SIPAS_DATABASE_URL", settings.database_url or "")
    command = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app.cli", "demo", stdout=PIPE, stderr=PIPE, cwd=Path(__file__).parents[2]
    )
    said, complained = await command.communicate()
    assert (command.returncode, said) == (1, b"")
    assert "this database holds real data (units)" in complained.decode()
