"""The demonstration in a real database: what the index says is what was told; real data is left alone."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import local_day, utc_now
from app.core.database import Database
from app.core.settings import Settings
from app.core.tokens import derive_key
from app.demo.days import Answer, unit_day
from app.demo.fill import Filled, Refused, fill
from app.demo.opinions import form
from app.demo.province import PROVINCE, Story, province
from app.models.device import Device
from app.models.everything import metadata
from app.models.par import ExternalFigure
from app.models.questionnaire import Questionnaire
from app.models.record import DeploymentFact
from app.models.response import Response
from app.models.subject import Client, User, UserRole
from app.models.unit import Procedure, Unit
from app.models.visit import Visit
from app.procedures import service as procedures
from app.questionnaires.catalogue import load_shipped
from app.users import service as users
from app.visits.links import LinkCodes


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


@pytest.mark.parametrize("earlier", range(7))
async def test_the_open_link_is_of_the_first_commune_on_whatever_weekday_the_story_ends(
    database: Database, settings: Settings, story: Story, earlier: int
) -> None:
    by = timedelta(days=earlier)
    filled = await fill(
        database, settings, quiet, replace(story, first=story.first - by, last=story.last - by)
    )
    named = LinkCodes(derive_key(settings.secret, "link-codes")).read(filled.open_link)
    assert named is not None
    async with database.read() as session:
        unit, state = (
            await session.execute(
                select(Unit.code, Visit.answer_state).join(Visit).where(Visit.id == named[1])
            )
        ).one()
    assert (unit, state) == (province(story).places[0].code, 0)


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


def real_unit(session: AsyncSession, top: int) -> None:
    session.add(Unit(code="24.REAL", name="Sở Y tế", kind="department", parent_id=top, search_text="so y te"))


def real_procedure(session: AsyncSession, top: int) -> None:
    session.add(
        Procedure(code="9.1", name="Thủ tục", field="Hộ tịch", level="commune", search_text="thu tuc")
    )


def real_tablet(session: AsyncSession, top: int) -> None:
    session.add(Device(unit_id=top, name="Quầy 1", questionnaire_code="quick-5", token_hash=b"real"))


def real_client(session: AsyncSession, top: int) -> None:
    session.add(Client(name="iGate", secret_hash=b"", scopes=["visits:write"], unit_id=top))


async def real_person(session: AsyncSession, top: int) -> None:
    lan = User(username="lan")
    session.add(lan)
    await session.flush()
    session.add(UserRole(user_id=lan.id, role="viewer", unit_id=top))


async def real_visit(session: AsyncSession, top: int) -> None:
    asked = await session.scalar(select(Questionnaire.id).where(Questionnaire.code == "quick-5"))
    session.add(
        Visit(
            unit_id=top,
            dossier_code="H05.24-1",
            served_on=utc_now().date(),
            questionnaire_id=asked,
            expires_at=utc_now() + timedelta(days=30),
        )
    )


async def real_response(session: AsyncSession, top: int) -> None:
    asked = await session.scalar(select(Questionnaire.id).where(Questionnaire.code == "quick-5"))
    session.add(
        Response(
            unit_id=top,
            id=uuid4(),
            questionnaire_id=asked,
            local_day=utc_now().date(),
            channel="link",
            verdict="counted",
            answers=bytes([5, 5, 5, 5, 5]),
            submitted_at=utc_now(),
            received_at=utc_now(),
            content_digest=b"r" * 16,
        )
    )


async def real_contact(session: AsyncSession, top: int) -> None:
    (await session.get_one(Unit, top)).contact = {"phone": "1900 1234"}


def real_sheet(session: AsyncSession, top: int) -> None:
    session.add(
        ExternalFigure(unit_id=top, instrument="papi", year=2026, value=Decimal("43.21"), source="PAPI")
    )


@pytest.mark.parametrize(
    ("what", "add"),
    [
        ("units", real_unit),
        ("procedures", real_procedure),
        ("devices", real_tablet),
        ("clients", real_client),
        ("people", real_person),
        ("visits", real_visit),
        ("responses", real_response),
        ("units' contacts", real_contact),
        ("figures of others", real_sheet),
    ],
)
async def test_an_interrupted_run_is_not_told_into_what_came_since(
    database: Database,
    settings: Settings,
    story: Story,
    what: str,
    add: Callable[[AsyncSession, int], Awaitable[None] | None],
) -> None:
    def interrupt(done: int, total: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        await fill(database, settings, interrupt, replace(story, first=story.last))
    async with database.transaction() as session:
        top = (await session.scalars(select(Unit.id).where(Unit.code == PROVINCE))).one()
        if (added := add(session, top)) is not None:
            await added
    before = await all_rows(database)
    with pytest.raises(Refused, match=rf"interrupted.*\({what}\)"):
        await fill(database, settings, quiet, story)
    assert await all_rows(database) == before


async def all_rows(database: Database) -> dict[str, int]:
    """A number for each table that changes with any of its rows."""
    async with database.read() as session:
        return {
            table.name: await session.scalar(
                text(f"SELECT coalesce(sum(hashtextextended(t::text, 0)), 0) FROM {table.name} t")  # noqa: S608
            )
            for table in metadata.sorted_tables
        }


async def test_an_account_and_a_client_of_everything_do_not_hinder_an_interrupted_run(
    database: Database, settings: Settings, story: Story
) -> None:
    def interrupt(done: int, total: int) -> None:
        raise InterruptedError

    story = replace(story, first=story.last)
    with pytest.raises(InterruptedError):
        await fill(database, settings, interrupt, story)
    async with database.transaction() as session:
        await users.create_first_administrator(session, "admin", "một mật khẩu đủ dài")
        await users.create_client(session, "system", "Giám sát", None, ["indices:read"])
    filled = await fill(database, settings, quiet, story)
    assert filled.visits == expected(story, settings).visits


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
