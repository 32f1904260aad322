"""A clock that is years ahead takes nothing out in its first night, and nothing is held back for good."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, insert, select
from typer.testing import CliRunner

from app.cli import app as cli
from app.core.clock import day_bounds, utc_now
from app.core.database import Database
from app.core.settings import Settings
from app.jobs import running
from app.models.job import JobState
from app.models.visit import Visit
from app.retention import clock as of_retention
from app.retention import jobs
from app.retention.clock import LONGEST_GAP, NOTICE, Nights, judge
from app.worker import TIMETABLE
from tests.support.visits import ZONE, today
from tests.support.world import World

NIGHT = datetime(2026, 11, 24, 19, 40, tzinfo=UTC)
DAY = timedelta(days=1)
YEARS = 5 * 365 * DAY
AHEAD = NIGHT + YEARS
MOMENT = timedelta(seconds=1)
NAME = "retention.anonymise_visits"


@pytest.mark.parametrize(
    ("known", "now"),
    [
        (Nights(), NIGHT),
        (Nights(NIGHT), NIGHT + DAY),
        (Nights(NIGHT), NIGHT + LONGEST_GAP),
        (Nights(AHEAD), NIGHT),
        (Nights(NIGHT, AHEAD), NIGHT + DAY),
        (Nights(NIGHT, AHEAD), AHEAD + NOTICE),
        (Nights(NIGHT, AHEAD), AHEAD + DAY),
    ],
    ids=[
        "the first night of a deployment",
        "the next night",
        "a long holiday",
        "a clock that was ahead is put right",
        "a clock that was held back is put right",
        "there was time to notice it",
        "the night after",
    ],
)
def test_a_night_goes_on(known: Nights, now: datetime) -> None:
    assert judge(known, now) == Nights(now)


@pytest.mark.parametrize(
    ("known", "now", "held"),
    [
        (Nights(NIGHT), AHEAD, AHEAD),
        (Nights(NIGHT), NIGHT + LONGEST_GAP + MOMENT, NIGHT + LONGEST_GAP + MOMENT),
        (Nights(NIGHT, AHEAD), AHEAD + timedelta(minutes=6), AHEAD),
        (Nights(NIGHT, AHEAD), AHEAD + NOTICE - MOMENT, AHEAD),
        (Nights(NIGHT, AHEAD), AHEAD + YEARS, AHEAD + YEARS),
        (Nights(NIGHT, AHEAD + YEARS), AHEAD, AHEAD),
    ],
    ids=[
        "years ahead",
        "a moment too far",
        "its next try",
        "not noticed yet",
        "it jumps again",
        "it is put back, and not far enough",
    ],
)
def test_a_night_is_held_back(known: Nights, now: datetime, held: datetime) -> None:
    assert judge(known, now) == Nights(NIGHT, held)


async def visit(world: World) -> None:
    async with world.database.transaction() as session:
        await session.execute(
            insert(Visit).values(
                unit_id=world.units["09001"],
                dossier_code="H-2026-1",
                served_on=today(),
                questionnaire_id=world.questionnaires["quick-5"],
                expires_at=day_bounds(today(), ZONE)[1],
                answer_state=0,
            )
        )


async def known_codes(database: Database) -> int:
    async with database.read() as session:
        query = select(func.count()).where(Visit.dossier_code.not_like(" %"))
        return await session.scalar(query) or 0


class Clock:
    """What this machine's clock says, to the jobs and to those who run them."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now = utc_now()
        patch.setattr(jobs, "utc_now", lambda: self.now)
        patch.setattr(running, "utc_now", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


async def night(database: Database, settings: Settings) -> JobState:
    """The job as the runner runs it, with all its tries."""
    (job,) = (each for each in TIMETABLE if each.name == NAME)
    places = asyncio.Semaphore()
    await running.run_due(database, settings, job, asyncio.Event(), places, (0.0, 0.0, 0.0))
    async with database.read() as session:
        return await session.get_one(JobState, NAME)


async def test_a_clock_that_jumps_is_seen_before_anything_is_lost(
    world: World, database: Database, settings: Settings, clock: Clock
) -> None:
    await visit(world)
    await night(database, settings)  # enters the job
    clock.now += DAY
    state = await night(database, settings)
    assert (state.set_aside, state.failures) == (False, 0)
    right = clock.now
    clock.now += YEARS
    state = await night(database, settings)
    assert (state.set_aside, await known_codes(database)) == (True, 1)
    assert state.last_error is not None
    assert state.last_error.startswith(f"held back: it last went on at {right:%Y-%m-%d}")
    clock.now = right + DAY
    state = await night(database, settings)
    assert (state.set_aside, await known_codes(database)) == (False, 1), "the clock was put right"


async def test_after_a_long_absence_it_goes_on_by_itself_the_night_after(
    world: World, database: Database, settings: Settings, clock: Clock
) -> None:
    await visit(world)
    await night(database, settings)
    clock.now += DAY
    await night(database, settings)
    clock.now += YEARS
    state = await night(database, settings)
    assert (state.set_aside, await known_codes(database)) == (True, 1)
    clock.now += DAY
    state = await night(database, settings)
    assert (state.set_aside, await known_codes(database)) == (False, 0)


def test_who_knows_that_the_clock_is_right_need_not_wait(
    migrated_url: str, monkeypatch: pytest.MonkeyPatch, database: Database
) -> None:
    monkeypatch.setenv("SIPAS_DATABASE_URL", migrated_url)
    long_ago = utc_now() - YEARS

    async def last_went_on() -> None:
        here = Database(migrated_url, told=False)
        async with here.transaction() as session:
            await of_retention.write_nights(session, "retention.visits", Nights(long_ago))
        await here.close()

    asyncio.run(last_went_on())
    command = CliRunner()
    refused = command.invoke(cli, ["jobs", "run", NAME])
    assert refused.exit_code == 1
    assert "held back" in refused.output
    assert "--clock-is-right" in refused.output
    assert "retention.visits: held back" in command.invoke(cli, ["retention"]).output
    trusted = command.invoke(cli, ["retention", "--clock-is-right"])
    assert (trusted.exit_code, "held back" in trusted.output) == (0, False)
    assert command.invoke(cli, ["jobs", "run", NAME]).exit_code == 0
