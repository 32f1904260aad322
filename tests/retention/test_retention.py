"""What is old leads to nobody any more, and says the same as before."""

import asyncio
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import insert, select, text, update
from typer.testing import CliRunner

from app.cli import app as cli
from app.core.clock import day_bounds, months_before, utc_now
from app.core.database import Database
from app.core.settings import Settings, SettingsError, load_settings
from app.models.record import AuditLine
from app.models.response import Response
from app.models.sample import Sample, SampleLink, SampleResponse
from app.models.visit import Visit
from app.periods.recount import verify as verify_periods
from app.retention import jobs, queries
from app.retention.jobs import (
    anonymise_responses,
    anonymise_visits,
    tidy_queue,
    trust_clock,
    what_is_due,
)
from app.rollups.jobs import rebuild, verify
from tests.support import said
from tests.support.branches import count
from tests.support.rows import Said, insert_responses
from tests.support.sampling import Came, answer, close, come, draw, links, read
from tests.support.visits import ZONE, today
from tests.support.world import World

KEPT = 24


def limit() -> date:
    """The first day that is kept."""
    return months_before(today(), KEPT)


def old() -> tuple[date, ...]:
    """Days beyond it, the newest first."""
    return tuple(limit() - timedelta(days=ago) for ago in (1, 2, 40, 400))


def young() -> tuple[date, ...]:
    """Days that are kept."""
    return limit(), limit() + timedelta(days=1), today()


async def speak(world: World, days: Sequence[date], unit: str = "09001") -> list[UUID]:
    """A response each day that says something in words and of the speaker."""
    form, procedure = world.questionnaires["quick-5"], world.procedures["1.001193"]
    heard = [
        Said(world.units[unit], day, form, (5, 4, at % 6, 2, 5), channel, procedure_id=procedure)
        for at, day in enumerate(days)
        for channel in ("link", "kiosk")
    ]
    await insert_responses(world.database, heard)
    ids = [one.id for one in heard]
    async with world.database.transaction() as session:
        await session.execute(update(Response).where(Response.id.in_(ids)).values(comment="Bà Lan, quầy 3"))
    return ids


async def visit(world: World, days: Sequence[date], unit: str = "09001") -> None:
    rows = [
        {
            "unit_id": world.units[unit],
            "dossier_code": f"H-{unit}-{day}-{at}",
            "served_on": day,
            "procedure_id": world.procedures["1.001193"],
            "questionnaire_id": world.questionnaires["quick-5"],
            "expires_at": day_bounds(day, ZONE)[1],
            "answer_state": at % 3,
        }
        for day in days
        for at in range(4)
    ]
    async with world.database.transaction() as session:
        await session.execute(insert(Visit), rows)


async def told(world: World) -> dict[date, set[tuple[str | None, object]]]:
    async with world.database.read() as session:
        rows = await session.execute(
            text("SELECT local_day, comment, respondent::text AS told FROM responses ORDER BY local_day")
        )
        found: dict[date, set[tuple[str | None, object]]] = {}
        for day, comment, respondent in rows:
            found.setdefault(day, set()).add((comment, respondent))
    return found


async def dossiers(world: World) -> dict[date, list[str]]:
    async with world.database.read() as session:
        rows = await session.execute(select(Visit.served_on, Visit.dossier_code).order_by(Visit.id))
        found: dict[date, list[str]] = {}
        for day, code in rows:
            found.setdefault(day, []).append(code)
    return found


async def lines(database: Database, action: str) -> list[dict[str, Any]]:
    async with database.read() as session:
        query = select(AuditLine.details).where(AuditLine.action == action).order_by(AuditLine.id)
        return list((await session.scalars(query)).all())


async def thin(database: Database, settings: Settings) -> tuple[dict[str, Any], dict[str, Any]]:
    return await anonymise_responses(database, settings), await anonymise_visits(database, settings)


async def figures(http: httpx.AsyncClient, world: World, more: Sequence[str] = ()) -> dict[str, bytes]:
    """Every kind of figure there is over all these days, as bytes."""
    days = f"from={old()[-1]}&to={today()}&questionnaire=quick-5&version=1"
    where = [
        *(f"/api/v1/indices/{unit}?{days}&weighting=visits" for unit in ("24", "09001", "09101")),
        f"/api/v1/indices/24/series?{days}&grain=month",
        *(f"/api/v1/indices/24/{by}?{days}" for by in ("channels", "procedures", "fields")),
        f"/api/v1/indices/09001/counters?from={old()[2]}&to={old()[0]}&questionnaire=quick-5&version=1",
        f"/api/v1/rankings?kind=commune&{days}",
        *more,
    ]
    found = {}
    for address in where:
        heard = await http.get(address, headers=world.admin)
        assert heard.status_code == 200, (address, heard.text)
        found[address] = re.sub(rb'"as_of":"[^"]*"', b"", heard.content)
    return found


async def test_no_figure_changes_by_a_byte(
    http: httpx.AsyncClient, world: World, database: Database, settings: Settings
) -> None:
    for unit in ("09001", "09002", "09101"):
        await speak(world, (*old(), *young()), unit)
        await visit(world, (*old(), *young()), unit)
    await come(world, [Came("09001", f"D-{at}", ago=(today() - limit()).days + 5) for at in range(12)])
    sample = await draw(
        http, world, size=8, **{"from": str(limit() - timedelta(days=10)), "to": str(limit())}
    )
    for link in await links(http, world, sample["id"]):
        await answer(http, link, (5, 4, 3, 2, 1))
    await close(http, world, sample["id"])
    await count(database)
    await rebuild(database)
    opened = await http.post(
        "/api/v1/periods",
        headers=world.admin,
        json={
            "unit": "24",
            "from": str(limit() - timedelta(days=60)),
            "to": str(limit() - timedelta(days=1)),
            "questionnaire": "quick-5",
            "version": 1,
            "name": "Trước",
        },
    )
    period = opened.json()["id"]
    closing = await http.post(f"/api/v1/periods/{period}/close", headers=world.admin)
    assert closing.json()["state"] == "closed", closing.text
    more = [
        f"/api/v1/samples/{sample['id']}/result",
        f"/api/v1/samples/{sample['id']}/verify",
        f"/api/v1/periods/{period}/snapshot",
    ]
    before = await figures(http, world, more)
    responses, visits = await thin(database, settings)
    assert responses["responses"] == 3 * len(old()) * 2
    assert visits["visits"] == 3 * len(old()) * 4 - 2 * 2 * 4, "what a sample was drawn from stays for now"
    assert visits["kept_for_samples"] == 3 * 2 * 4 + 12 - 2 * 4
    assert await figures(http, world, more) == before
    await rebuild(database)
    assert (await verify(database)).differences == []
    assert await figures(http, world, more) == before
    assert all(one.sound for one in await verify_periods(database, None))
    assert (await read(http, world, f"{sample['id']}/verify"))["matches"]


async def test_nothing_younger_than_the_limit_is_touched_and_nothing_older_is_left(
    world: World, database: Database, settings: Settings
) -> None:
    await speak(world, (*old(), *young()))
    await visit(world, (*old(), *young()))
    words, codes = await told(world), await dossiers(world)
    due = await what_is_due(database, settings)
    assert (await told(world), await dossiers(world)) == (words, codes), "asking changes nothing"
    responses, visits = await thin(database, settings)
    assert (due["responses"]["due"], due["visits"]["due"]) == (responses["responses"], visits["visits"])
    assert responses["before"] == str(limit())
    after, codes_after = await told(world), await dossiers(world)
    assert {day: after[day] for day in old()} == {day: {(None, None)} for day in old()}
    assert {day: after[day] for day in young()} == {day: words[day] for day in young()}
    assert {day: codes_after[day] for day in young()} == {day: codes[day] for day in young()}
    left = [code for day in old() for code in codes_after[day]]
    assert len(set(left)) == len(left) == 4 * len(old())
    assert all(code.startswith(" ") and code[1:].isdigit() for code in left)


async def test_the_second_run_finds_nothing_and_writes_no_line(
    world: World, database: Database, settings: Settings
) -> None:
    await speak(world, old())
    await visit(world, old())
    await thin(database, settings)
    expected = {"before": str(limit()), "responses": 2 * len(old()), "sample_responses": 0}
    assert await lines(database, "retention.responses") == [expected]
    expected = {"before": str(limit()), "visits": 4 * len(old()), "sample_links": 0}
    assert await lines(database, "retention.visits") == [expected]
    responses, visits = await thin(database, settings)
    assert (responses["responses"], visits["visits"]) == (0, 0)
    assert len(await lines(database, "retention.responses")) == 1
    assert all(one["due"] == 0 for one in (await what_is_due(database, settings)).values())


async def test_a_sample_keeps_the_codes_it_was_drawn_from_for_a_year_after_its_last_answer(
    http: httpx.AsyncClient,
    world: World,
    database: Database,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else a sample a year over all visits would keep every code for good."""
    ago = (today() - limit()).days + 3
    await come(world, [Came("09001", f"D-{at}", ago=ago) for at in range(12)])
    await come(world, [Came("09101", f"E-{at}", ago=ago) for at in range(3)])
    period = {"from": str(limit() - timedelta(days=9)), "to": str(limit() - timedelta(days=1))}
    sample = await draw(http, world, size=8, unit_code="09001", **period)
    for link in await links(http, world, sample["id"]):
        await answer(http, link, (5, 4, 3, 2, 1))
    await close(http, world, sample["id"])
    result = await read(http, world, f"{sample['id']}/result")
    year_later = day_bounds(months_before(today(), -jobs.CHECKED_MONTHS), ZONE)[1]
    for now, gone, kept in ((utc_now(), (3, 0), 12), (year_later, (12, 8), 0)):
        # what was due a year ago is due still, for all that is known
        monkeypatch.setattr(jobs, "utc_now", lambda now=now: now)
        await trust_clock(database)
        due = await what_is_due(database, settings)
        assert (due["visits"]["due"], due["visits"]["kept_for_samples"]) == (gone[0], kept)
        if kept:
            url = {"SIPAS_DATABASE_URL": settings.database_url}
            shown = await asyncio.to_thread(CliRunner().invoke, cli, ["retention"], env=url)
            told = f"visits: {gone[0]} from before {limit()}; {kept} keep their codes for a sample"
            assert told in shown.output
        report = await anonymise_visits(database, settings)
        assert (report["visits"], report["sample_links"], report["kept_for_samples"]) == (*gone, kept)
        assert await read(http, world, f"{sample['id']}/result") == result
        checked = await read(http, world, f"{sample['id']}/verify")
        assert (checked["matches"], checked["codes_gone"]) == (bool(kept), 12 - kept)
        assert checked["visits"] == checked["visits_recorded"]
    codes = [code for of_day in (await dossiers(world)).values() for code in of_day]
    async with database.read() as session:
        codes += (await session.scalars(select(SampleLink.dossier_code))).all()
    assert len(codes) == 12 + 3 + 8
    assert all(code.startswith(" ") for code in codes)


async def test_what_a_sample_has_held_goes_in_the_night_after_its_year(
    http: httpx.AsyncClient,
    world: World,
    database: Database,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In the middle of a month as well, when the days before were gone through the night before."""
    await come(world, [Came("09001", f"D-{at}") for at in range(12)])
    sample = await draw(http, world, size=8)
    middle = datetime(today().year + 4, 5, 17, tzinfo=ZONE)
    over = months_before(middle.date(), jobs.CHECKED_MONTHS)
    async with database.transaction() as session:
        await session.execute(
            update(Sample).where(Sample.id == sample["id"]).values(expires_at=day_bounds(over, ZONE)[0])
        )
    for now, gone, kept in (
        (middle - timedelta(minutes=1), (0, 0), 12),
        (middle, (12, 8), 0),
        (middle + timedelta(days=1), (0, 0), 0),
    ):
        monkeypatch.setattr(jobs, "utc_now", lambda now=now: now.astimezone(UTC))
        due = await what_is_due(database, settings)
        report = await anonymise_visits(database, settings)
        found = report["visits"], report["sample_links"]
        assert (*found, report["kept_for_samples"]) == (*gone, kept)
        assert (due["visits"]["due"], due["sample_links"]["due"]) == found, "what is shown as due goes"


async def test_a_run_that_was_cut_off_goes_on_and_its_line_tells_all(
    world: World, database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for unit in ("09001", "09002"):
        await speak(world, old(), unit)
    thinned = queries.thin

    async def cut_off(session: Any, kind: Any, place: int, span: Any) -> int:
        if place == world.units["09002"]:
            raise ConnectionResetError
        return await thinned(session, kind, place, span)

    monkeypatch.setattr(queries, "thin", cut_off)
    with pytest.raises(ConnectionResetError):
        await anonymise_responses(database, settings)
    assert await lines(database, "retention.responses") == []
    monkeypatch.setattr(queries, "thin", thinned)
    await anonymise_responses(database, settings)
    assert [one["responses"] for one in await lines(database, "retention.responses")] == [4 * len(old())]


async def test_a_batch_is_small_and_all_batches_together_are_everything(
    world: World, database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "PAUSE_SECONDS", 0)
    await speak(world, [old()[0]] * 600)
    batches = []
    thinned = queries.thin

    async def noted(*arguments: Any) -> int:
        batches.append(await thinned(*arguments))
        return batches[-1]

    monkeypatch.setattr(queries, "thin", noted)
    report = await anonymise_responses(database, settings)
    assert report["responses"] == 1200
    assert [done for done in batches if done] == [1000, 200]


async def test_what_arrives_late_is_found_on_the_first_night_of_a_month(
    world: World, database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await anonymise_responses(database, settings)
    await speak(world, old()[-1:])
    assert (await anonymise_responses(database, settings))["responses"] == 0, "the day was gone through"
    ahead = day_bounds(months_before(today(), -1), ZONE)[0]
    monkeypatch.setattr(jobs, "utc_now", lambda: ahead)
    assert (await anonymise_responses(database, settings))["responses"] == 2


async def test_each_night_takes_the_day_that_has_come_of_age(
    world: World, database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The day ends at midnight in the deployment's zone, not at midnight UTC."""
    day = date(2024, 2, 29)
    await speak(world, [day])
    midnight = day_bounds(date(2026, 3, 1), ZONE)[0]  # 29 February is older than 24 months from 1 March on
    for now, gone in ((midnight - timedelta(minutes=1), 0), (midnight, 2)):
        monkeypatch.setattr(jobs, "utc_now", lambda now=now: now)
        assert (await anonymise_responses(database, settings))["responses"] == gone


async def test_answers_to_samples_are_anonymised_too(
    http: httpx.AsyncClient, world: World, database: Database, settings: Settings
) -> None:
    await come(world, [Came("09001", f"D-{at}") for at in range(12)])
    sample = await draw(http, world, size=8)
    for link in await links(http, world, sample["id"]):
        await answer(http, link, (5, 4, 3, 2, 1))
    start = day_bounds(limit(), ZONE)[0]

    async def age(moment: datetime) -> None:
        async with database.transaction() as session:
            await session.execute(update(SampleResponse).values(comment="Bà Lan", received_at=moment))

    await age(start)
    assert (await anonymise_responses(database, settings))["sample_responses"] == 0
    await age(start - timedelta(microseconds=1))
    async with database.transaction() as session:
        await session.execute(text("DELETE FROM deployment_facts"))
    assert (await anonymise_responses(database, settings))["sample_responses"] == 8
    async with database.read() as session:
        assert set((await session.scalars(select(SampleResponse.comment))).all()) == {None}


async def test_a_repeated_sending_is_recognised_after_its_words_are_gone(
    http: httpx.AsyncClient, world: World, database: Database, settings: Settings
) -> None:
    _, tablet = await said.device(world)
    body = said.body(comment="Bà Lan, quầy 3")
    assert (await http.post("/api/v1/responses", json=body, headers=tablet)).status_code == 201
    async with database.transaction() as session:
        await session.execute(update(Response).values(local_day=old()[0]))
    assert (await anonymise_responses(database, settings))["responses"] == 1
    again = await http.post("/api/v1/responses", json=body, headers=tablet)
    assert again.status_code in (200, 201), again.text
    other = await http.post("/api/v1/responses", json={**body, "comment": "Khác"}, headers=tablet)
    assert other.status_code == 409
    assert set().union(*(await told(world)).values()) == {(None, None)}


async def test_nothing_is_taken_out_where_everything_is_kept(
    world: World, database: Database, settings: Settings
) -> None:
    await speak(world, old())
    await visit(world, old())
    keeping = settings.model_copy(update={"comment_months": 0, "visit_months": 0})
    assert await thin(database, keeping) == ({}, {})
    assert await what_is_due(database, keeping) == {}
    assert (None, None) not in set().union(*(await told(world)).values())


@pytest.mark.parametrize("months", [-1, 1, 12])
def test_a_visit_is_known_for_as_long_as_it_may_be_registered(
    months: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIPAS_VISIT_MONTHS", str(months))
    with pytest.raises(SettingsError, match="SIPAS_VISIT_MONTHS"):
        load_settings()


async def test_old_lines_of_the_queue_are_forgotten(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(
            text(
                "INSERT INTO pgqueuer_schedules (expression, entrypoint, next_run, updated) VALUES"
                " ('1 * * * *', 'tests.gone', now(), now() - interval '31 days'),"
                " ('1 * * * *', 'tests.here', now(), now())"
            )
        )
    assert (await tidy_queue(database))["pgqueuer_schedules"] == 1
    async with database.transaction() as session:
        gone = await session.execute(
            text("DELETE FROM pgqueuer_schedules WHERE entrypoint LIKE 'tests.%' RETURNING entrypoint")
        )
        assert [row[0] for row in gone] == ["tests.here"]
