"""A questionnaire whose official formula is the mean of its criteria: every figure of it against raw answers.

Its components have one to four criteria, and many are skipped, so that mean and pooled are far apart.
"""

import csv
import io
from collections.abc import Sequence
from datetime import date, timedelta
from fractions import Fraction
from random import Random
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.core.database import Database
from app.rollups.index import Formula
from app.rollups.jobs import refresh
from tests.support import said as sending
from tests.support.book import CODES, Book, agree, agrees, book, bounds, half_up
from tests.support.rows import Form, Said, insert_responses
from tests.support.sampling import close, crowd, draw, links, read
from tests.support.world import World

FORM = Form((3, 1, 4, 2, 2))
CRITERIA = [
    f"{letter}{at}"
    for letter, many in zip("ABCDE", FORM.components, strict=True)
    for at in range(1, many + 1)
]
FIRST, LAST = date(2026, 1, 10), date(2026, 3, 20)
TURN = date(2026, 2, 15)
MIN_N = 5
MEAN: Formula = "mean_of_criteria"
COMMUNES = ("09001", "09002", "09101")
BENEATH = {"24": {"24", "09001", "09002", "SNV"}, **{code: {code} for code in (*COMMUNES, "SNV")}}
BANDS = ((90, "excellent"), (80, "good"), (70, "fair"), (50, "average"), (0, "weak"))


@pytest.fixture
async def form(world: World, http: httpx.AsyncClient) -> int:
    """Its id, drafted and published as anybody would."""
    words = {"vi": "Câu hỏi", "en": "Question"}
    body = {
        "code": "mean-12",
        "version": 1,
        "title": words,
        "formula": MEAN,
        "components": [{"code": code, "title": words} for code in CODES],
        "criteria": [
            {"code": code, "component": CODES["ABCDE".index(code[0])], "text": words, "required": False}
            for code in CRITERIA
        ],
        "respondent_fields": [],
    }
    made = await http.post("/api/v1/questionnaires", json=body, headers=world.admin)
    assert made.status_code == 201, made.text
    done = await http.post("/api/v1/questionnaires/mean-12/1/publish", headers=world.admin)
    assert done.status_code == 200, done.text
    async with world.database.read() as session:
        number = await session.scalar(text("SELECT id FROM questionnaires WHERE code = 'mean-12'"))
    assert isinstance(number, int)
    return number


def answers(chance: Random) -> tuple[int, ...]:
    """A person who skips much, and is the harder to please the further the questions go."""
    given = tuple(
        0 if chance.random() < 0.1 + 0.06 * at else chance.choice((5, 4, 4, 5, 3, 2, 1)[: 4 + at // 3])
        for at in range(FORM.width)
    )
    return given if any(given) else (4,) * FORM.width


def spoken(world: World, form: int, seed: int) -> list[Said]:
    chance = Random(seed)
    procedures = [None, *world.procedures.values()]
    return [
        Said(
            world.units[chance.choice(("24", "09001", "09001", "09002", "09002", "SNV", "09101", "09101"))],
            FIRST + timedelta(days=chance.randint(-5, (LAST - FIRST).days + 5)),
            form,
            answers(chance),
            channel=(channel := chance.choice(("kiosk", "link"))),
            verdict=chance.choice(("counted",) * 6 + ("quarantined", "void")),
            procedure_id=chance.choice(procedures) if channel == "link" else None,
        )
        for _ in range(360)
    ]


async def get(http: httpx.AsyncClient, world: World, address: str, **query: str) -> dict[str, Any]:
    asked = {"from": str(FIRST), "to": str(LAST), "questionnaire": "mean-12", **query}
    heard = await http.get(f"/api/v1/{address}", params=asked, headers=world.admin)
    assert heard.status_code == 200, heard.text
    body: dict[str, Any] = heard.json()
    return body


def of(world: World, said: Sequence[Said], unit: str, first: date = FIRST, last: date = LAST) -> list[Said]:
    units = {world.units[code] for code in BENEATH[unit]}
    return [one for one in said if one.unit_id in units and first <= one.local_day <= last]


def band(ratio: Fraction | None) -> str | None:
    return None if ratio is None else next(name for edge, name in BANDS if ratio >= Fraction(edge, 100))


@pytest.mark.parametrize("seed", range(3))
async def test_every_figure_is_the_mean_that_plain_python_computes(
    world: World, http: httpx.AsyncClient, database: Database, form: int, seed: int
) -> None:
    said = spoken(world, form, seed)
    noise = Said(world.units["09001"], TURN, world.questionnaires["quick-5"], (1,) * 5)
    await insert_responses(database, [*said, noise])
    while await refresh(database):
        pass

    for unit in ("24", *COMMUNES):
        here = of(world, said, unit)
        result = (await get(http, world, f"indices/{unit}"))["results"][0]
        assert result["formula"] == MEAN
        agree(result, here, FORM, MEAN)
        assert result["overall"]["band"] == band(book(here, range(FORM.width), MEAN).ratio)
        assert abs(result["overall"]["percent"] - (half_up(book(here, range(FORM.width)).ratio) or 0)) > 0.01
        asked = (await get(http, world, f"indices/{unit}", formula="pooled"))["results"][0]
        agree(asked, here, FORM, "pooled")

        series = await get(http, world, f"indices/{unit}/series", grain="month")
        assert (series["formula"], len(series["points"])) == (MEAN, 3)
        for point in series["points"]:
            days = date.fromisoformat(point["from"]), date.fromisoformat(point["to"])
            agree(point, of(world, said, unit, *days), FORM, MEAN)

        channels = await get(http, world, f"indices/{unit}/channels")
        assert (channels["formula"], len(channels["items"])) == (MEAN, 2)
        for item in channels["items"]:
            some = [one for one in here if one.channel == item["channel"]]
            agree(item, some, FORM, MEAN, MIN_N)
            alone = (await get(http, world, f"indices/{unit}", channel=item["channel"]))["results"][0]
            agree(alone, some, FORM, MEAN, MIN_N)

        procedures = await get(http, world, f"indices/{unit}/procedures")
        assert procedures["formula"] == "pooled"
        for item in procedures["items"]:
            number = world.procedures[item["procedure"]["code"]]
            agree(item, [one for one in here if one.procedure_id == number], FORM, "pooled", MIN_N)
        drivers = await get(http, world, f"indices/{unit}/drivers")
        assert drivers["formula"] == "pooled"
        agrees(drivers["overall"], book(here, range(FORM.width)), MIN_N)

        weighted = await get(http, world, f"indices/{unit}", weighting="visits")
        assert weighted["results"][0]["weighting"]["reason"] == "not_pooled"
        pooled = await get(http, world, f"indices/{unit}", weighting="visits", formula="pooled")
        assert pooled["results"][0]["weighting"]["reason"] == "no_visits"


@pytest.mark.parametrize("sort", ["overall", *CODES])
async def test_ranks_and_changes_are_those_of_the_mean(
    world: World, http: httpx.AsyncClient, database: Database, form: int, sort: str
) -> None:
    said = spoken(world, form, 11)
    await insert_responses(database, said)
    while await refresh(database):
        pass
    places = range(FORM.width) if sort == "overall" else FORM.parts()[CODES.index(sort)]
    before = {"compare_from": str(FIRST), "compare_to": str(TURN - timedelta(days=1))}
    query = {"kind": "commune", "from": str(TURN), "sort": sort, **before}
    body = await get(http, world, "rankings", **query)
    assert (body["formula"], body["ranked"]) == (MEAN, 3)
    now = {code: book(of(world, said, code, TURN), places, MEAN) for code in COMMUNES}
    then = {
        code: book(of(world, said, code, FIRST, TURN - timedelta(days=1)), places, MEAN) for code in COMMUNES
    }

    def rank(code: str, among: dict[str, Book]) -> int:
        return 1 + sum((one.ratio or 0) > (among[code].ratio or 0) for one in among.values())

    for item in body["items"]:
        code = item["unit"]["code"]
        assert (item["percent"], item["responses"]) == (half_up(now[code].ratio), now[code].n)
        assert (item["rank"], item["band"]) == (rank(code, now), band(now[code].ratio))
        bounds(item, now[code])
        gap = float(100 * ((now[code].ratio or 0) - (then[code].ratio or 0)))
        assert abs(item["change"]["percent_points"] - gap) < 0.0051
        assert item["change"]["ranks"] == rank(code, then) - rank(code, now)


async def test_an_export_holds_the_mean_with_its_interval_and_band(
    world: World, http: httpx.AsyncClient, database: Database, form: int
) -> None:
    said = spoken(world, form, 21)
    await insert_responses(database, said)
    while await refresh(database):
        pass
    query = {"from": str(FIRST), "to": str(LAST), "questionnaire": "mean-12", "version": "1", "unit": "24"}
    heard = await http.get("/api/v1/exports/indices", params=query, headers=world.admin)
    rows = list(csv.DictReader(io.StringIO(heard.content.decode("utf-8-sig"))))
    assert {row["unit"] for row in rows} == BENEATH["24"]
    assert len(rows) == 4 * 6
    for row in rows:
        here = of(world, said, row["unit"])
        parts = dict(zip(CODES, FORM.parts(), strict=True))
        found = book(here, parts.get(row["component"], range(FORM.width)), MEAN)
        assert (float(row["percent"]), row["formula"]) == (half_up(found.ratio), MEAN)
        assert row["band"] == band(found.ratio)
        bounds({"low": float(row["low"]), "high": float(row["high"])}, found)


async def test_a_sample_estimates_the_mean_over_its_strata(
    world: World, http: httpx.AsyncClient, form: int
) -> None:
    await crowd(world, 60)
    asked = {"code": "mean-12", "version": 1}
    sample = await draw(http, world, stratify="unit", size=40, questionnaire=asked)
    chance, heard = Random(31), list[tuple[str, tuple[int, ...]]]()
    for link in await links(http, world, sample["id"]):
        if chance.random() < 0.75 - 0.35 * (link["unit_code"] == "09002"):
            given = answers(chance)
            heard.append((link["unit_code"], given))
            body = sending.body(
                link=link["link"]["code"],
                questionnaire=asked,
                answers={code: value or None for code, value in zip(CRITERIA, given, strict=True)},
            )
            sent = await http.post("/api/v1/responses", json=body)
            assert sent.status_code == 201, sent.text
    await close(http, world, sample["id"])
    result = await read(http, world, f"{sample['id']}/result")
    assert (result["formula"], result["reason"]) == (MEAN, None)
    people = {unit: sum(one == unit for one, _ in heard) for unit in ("09001", "09002")}

    def mean(places: Sequence[int]) -> Fraction:
        shares = []
        for at in places:
            told = [(Fraction(30, people[unit]), given[at]) for unit, given in heard if given[at]]
            if told:
                satisfied = sum(weight for weight, answer in told if answer >= 4)
                shares.append(Fraction(satisfied) / sum(weight for weight, _ in told))
        return sum(shares, Fraction(0)) / len(shares)

    assert result["overall"]["percent"] == half_up(mean(range(FORM.width)))
    for one, places in zip(result["components"], FORM.parts(), strict=True):
        assert one["percent"] == half_up(mean(places))
        assert one["low"] <= one["percent"] <= one["high"]
