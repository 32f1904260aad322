"""Answers to a sample: through the same doors, into tables of their own, and the figure they give."""

from collections import Counter
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from uuid import UUID

import httpx
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app.core.clock import utc_now
from app.core.database import Database
from app.models.everything import metadata
from app.rollups.jobs import refresh
from app.samples.jobs import settle_sample_links
from app.visits.links import LinkCodes
from tests.support import said
from tests.support.sampling import Came, answer, close, come, crowd, draw, forget, links, read, stored
from tests.support.visits import day
from tests.support.world import World

ANSWERS = st.lists(st.integers(0, 5), min_size=5, max_size=5).filter(any)


def half_up(value: Fraction, places: str = "0.01") -> float:
    exact = Decimal(value.numerator) / Decimal(value.denominator)
    return float(exact.quantize(Decimal(places), ROUND_HALF_UP))


@settings(max_examples=6)
@given(st.data())
async def test_the_result_is_every_answer_at_the_weight_of_its_stratum(
    http: httpx.AsyncClient, world: World, data: st.DataObject
) -> None:
    await forget(world)
    frame = {unit: data.draw(st.integers(12, 30), unit) for unit in ("09001", "09002")}
    for unit, number in frame.items():
        await come(world, [Came(unit, f"{unit}-{at}") for at in range(number)])
    sample = await draw(http, world, stratify="unit", size=sum(frame.values()) * 2 // 3)
    heard: list[tuple[str, list[int]]] = []
    for link in await links(http, world, sample["id"]):
        if data.draw(st.booleans(), "answers"):
            answers = data.draw(ANSWERS, "answer")
            await answer(http, link, answers)
            heard.append((link["unit_code"], answers))
    told = await close(http, world, sample["id"])
    people = Counter(unit for unit, _ in heard)
    hide = {unit for unit in frame if people[unit] < 5}
    hide = set(frame) if hide else hide  # of two, both: the total tells the other
    assert {one["members"][0]: one["answered"] for one in told["strata"]} == {
        unit: None if unit in hide else people[unit] for unit in frame
    }
    assert told["answered"] == (len(heard) if len(heard) >= 5 else None)
    result = await read(http, world, f"{sample['id']}/result")
    assert result["responses"] == told["answered"]
    assert [one["number"] for one in result["strata"]] == [1, 2]
    for one in result["strata"]:
        assert one["design_weight"] == half_up(Fraction(one["visits"], one["drawn"]), "0.000001")
        unit = one["members"][0]
        if unit in hide:
            assert one["responses"] is one["weight"] is one["percent"] is None
        else:
            assert one["responses"] == people[unit]
            assert one["weight"] == half_up(Fraction(frame[unit], people[unit]), "0.000001")
    if len(heard) < 5 or any(people[unit] < 2 for unit in frame):
        assert result["reason"] == ("too_few" if len(heard) < 5 else "thin_strata")
        assert (result["overall"], result["components"]) == (None, None)
        return
    assert result["reason"] is None
    figures = [(result["overall"], range(5))]
    figures += [(one, range(at, at + 1)) for at, one in enumerate(result["components"])]
    for figure, places in figures:
        x = y = Fraction(0)
        spoke = 0
        for unit, answers in heard:
            weight = Fraction(frame[unit], people[unit])
            valid = [answers[at] for at in places if answers[at]]
            spoke += bool(valid)
            x += weight * len(valid)
            y += weight * sum(one >= 4 for one in valid)
        if spoke < 5:
            assert figure["percent"] is figure["low"] is figure["responses"] is None
        else:
            assert (figure["percent"], figure["responses"]) == (half_up(100 * y / x), spoke)
            assert figure["low"] <= figure["percent"] <= figure["high"]


async def test_an_answer_to_a_sample_is_in_no_running_figure_and_in_no_list_of_responses(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    await crowd(world)
    period = {"from": day(30), "to": day()}

    async def running() -> object:
        while await refresh(database):
            pass
        index = (await http.get("/api/v1/indices/24", params=period, headers=world.admin)).json()
        listed = (await http.get("/api/v1/responses", params=period, headers=world.admin)).json()
        return {name: value for name, value in index.items() if name != "as_of"}, listed

    before = await running()
    sample = await draw(http, world)
    for link in (await links(http, world, sample["id"]))[:6]:
        await answer(http, link, (5, 5, 1, 1, 0))
    assert await running() == before
    assert await stored(world, "responses") == []
    assert {one["answer_state"] for one in await stored(world, "visits")} == {0}
    assert len(await stored(world, "sample_responses")) == 6
    await close(http, world, sample["id"])
    result = await read(http, world, f"{sample['id']}/result")
    assert (result["overall"]["percent"], result["instrument"]) == (50.0, "sample")


async def test_a_visit_whose_link_was_answered_can_be_drawn_and_asked(
    http: httpx.AsyncClient, world: World
) -> None:
    await crowd(world, 10)
    async with world.database.transaction() as session:
        await session.execute(text("UPDATE visits SET answer_state = 1"))
    sample = await draw(http, world)
    for link in await links(http, world, sample["id"]):
        await answer(http, link, (5, 5, 5, 5, 5))
    assert (await close(http, world, sample["id"]))["answered"] == 10


async def test_nothing_is_told_before_the_end(http: httpx.AsyncClient, world: World) -> None:
    await crowd(world)
    sample = (await draw(http, world, answer_until=day()))["id"]
    found = await links(http, world, sample)
    for link in found[:9]:
        await answer(http, link, (5, 4, 3, 2, 1))
    told = await read(http, world, f"{sample}/result")
    assert told["reason"] == "still_open"
    assert told["overall"] is told["components"] is told["responses"] is told["response_rate"] is None
    assert [one["percent"] for one in told["strata"]] == [None]
    assert (await close(http, world, sample))["answered"] == 9
    again = await close(http, world, sample)
    assert [one["action"] for one in await stored(world, "audit_lines")].count("sample.close") == 1
    late = await http.post("/api/v1/responses", json=said.body(link=found[9]["link"]["code"]))
    assert (late.status_code, late.json()["code"]) == (410, "link_expired")
    assert again["expires_at"] == (await read(http, world, str(sample)))["expires_at"]
    assert (await read(http, world, f"{sample}/result"))["overall"]["percent"] == 40.0


async def test_an_answer_counts_whatever_day_its_clock_shows(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    """Who answered in time is in the sample: its estimate knows no days."""
    await crowd(world)
    sample = (await draw(http, world))["id"]
    found = await links(http, world, sample)
    now = utc_now()
    for at, link in enumerate(found[:8]):
        there = now + (timedelta(days=-40), timedelta(hours=2), timedelta(0))[at % 3]
        sent = said.body(
            link=link["link"]["code"],
            answers={"A1": 5 if at < 4 else 1},
            submitted_at=there.isoformat(),
            sent_at=now.isoformat(),
            complete=False,
        )
        assert (await http.post("/api/v1/responses", json=sent)).status_code == 201
    rows = await stored(world, "sample_responses")
    assert [(one["verdict"], one["verdict_reason"]) for one in rows] == [("counted", None)] * 8
    async with database.transaction() as session:  # as answers were stored that came before
        await session.execute(
            text(
                "UPDATE sample_responses SET verdict = 'quarantined', verdict_reason = 'late'"
                " WHERE id = (SELECT id FROM sample_responses WHERE get_byte(answers, 0) = 1 LIMIT 1)"
            )
        )
    assert (await close(http, world, sample))["answered"] == 8
    result = await read(http, world, f"{sample}/result")
    assert (result["responses"], result["held_back"], result["overall"]["percent"]) == (8, 0, 50.0)


async def test_a_tablet_may_send_answers_to_a_sample_in_a_batch(
    app: FastAPI, http: httpx.AsyncClient, world: World
) -> None:
    await crowd(world)
    _, tablet = await said.device(world)
    one, other, *_ = await links(http, world, (await draw(http, world))["id"])
    first = said.body(link=one["link"]["code"])
    items = [
        first,
        first,
        said.body(),
        said.body(link=one["link"]["code"]),
        said.body(link=other["link"]["code"]),
        {**first, "answers": {**said.ANSWERS, "A1": 1}},
    ]
    heard = await http.post("/api/v1/responses/batch", json={"responses": items}, headers=tablet)
    assert heard.status_code == 200, heard.text
    told = [(one["status"], (one.get("problem") or {}).get("code")) for one in heard.json()["items"]]
    assert told == [
        ("accepted", None),
        ("replayed", None),
        ("accepted", None),
        ("rejected", "link_used"),
        ("accepted", None),
        ("rejected", "response_conflict"),
    ]
    assert len(await stored(world, "sample_responses")) == 2
    assert len(await stored(world, "responses")) == 1
    links_of: LinkCodes = app.state.links
    items = [said.body(link=links_of.mint(world.units["09001"], 10**6))]
    heard = await http.post("/api/v1/responses/batch", json={"responses": items}, headers=tablet)
    assert heard.json()["items"][0]["problem"]["code"] == "link_unknown"


async def test_the_ladder_of_repetitions_holds_for_samples(http: httpx.AsyncClient, world: World) -> None:
    await crowd(world)
    one, other, *_ = await links(http, world, (await draw(http, world))["id"])
    body = said.body(link=one["link"]["code"])

    async def send(**change: object) -> tuple[int, str]:
        heard = await http.post("/api/v1/responses", json={**body, **change})
        return heard.status_code, heard.json().get("code") or heard.json()["status"]

    form = {"code": "service-16", "version": 1}
    parts = zip("ABCDE", (3, 4, 3, 3, 3), strict=True)
    criteria = {f"{part}{at}": 5 for part, number in parts for at in range(1, number + 1)}
    assert await send(questionnaire=form, answers=criteria) == (422, "invalid_request")
    assert await send() == (201, "accepted")
    assert await send() == (200, "accepted")
    assert await send(answers={**said.ANSWERS, "A1": 1}) == (409, "response_conflict")
    assert await send(id=str(UUID(int=7))) == (410, "link_used")
    assert await send(link=other["link"]["code"]) == (
        200,
        "accepted",
    )  # as with visits: the id says it is here
    assert len(await stored(world, "sample_responses")) == 1


async def test_the_page_behind_a_samples_link_asks_and_thanks(http: httpx.AsyncClient, world: World) -> None:
    await crowd(world)
    link = (await links(http, world, (await draw(http, world))["id"]))[0]["link"]
    shown = (await http.get(f"/api/v1/links/{link['code']}")).json()
    assert (shown["questionnaire"]["code"], shown["expires_at"]) == ("quick-5", link["expires_at"])
    page = await http.get(f"/s/{link['code']}")
    assert (page.status_code, "Phường A" in page.text or "Xã B" in page.text) == (200, True)
    now = said.body()["sent_at"]
    form = {"id": str(UUID(int=9)), "opened_at": now, **{f"a.{code}": "4" for code in said.ANSWERS}}
    sent = await http.post(f"/s/{link['code']}", data=form)
    assert sent.status_code == 303
    assert (await http.get(f"/s/{link['code']}/thanks")).status_code == 200
    assert (await http.get(f"/s/{link['code']}")).status_code == 410
    assert (await http.get(f"/q/{link['code']}.svg")).status_code == 200
    assert len(await stored(world, "sample_responses")) == 1


async def test_the_sweep_leaves_no_tie_between_a_link_and_its_answer(
    http: httpx.AsyncClient, world: World
) -> None:
    await crowd(world)
    found = await links(http, world, (await draw(http, world))["id"])
    for link in found[:7]:
        await answer(http, link, (1, 2, 3, 4, 5))
    before = {one["id"]: one for one in await stored(world, "sample_links")}
    assert await settle_sample_links(world.database) == 7
    assert await settle_sample_links(world.database) == 0
    after = {one["id"]: one for one in await stored(world, "sample_links")}
    assert {key: {**one, "answer_state": 0} for key, one in after.items()} == {
        key: {**one, "answer_state": 0} for key, one in before.items()
    }
    assert Counter(one["answer_state"] for one in after.values()) == {2: 7, 0: 3}
    async with world.database.read() as session:
        numbers = await session.scalars(
            text("SELECT DISTINCT xmin::text FROM sample_links WHERE answer_state = 2")
        )
        assert len(numbers.all()) == 1
        held = await session.scalars(text("SELECT xmin::text FROM sample_responses"))
        assert len(set(held.all())) == 7
    await answer(http, found[7], (1, 2, 3, 4, 5))
    assert await settle_sample_links(world.database) == 1
    async with world.database.read() as session:  # whoever comes later does not stand alone
        kept = await session.execute(
            text(
                "SELECT stratum, count(DISTINCT xmin::text) FROM sample_links"
                " WHERE answer_state = 2 GROUP BY stratum"
            )
        )
        assert {versions for _, versions in kept} == {1}


def test_an_answer_holds_its_stratum_and_nothing_of_its_link() -> None:
    columns = set(metadata.tables["sample_responses"].columns.keys())
    assert not columns & {"unit_id", "dossier_code", "served_on", "procedure_id", "counter", "link_id"}
    assert {"sample_id", "stratum"} <= columns
