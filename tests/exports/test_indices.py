"""A table of indices, held against a count of the raw responses in plain Python."""

import csv
import io
import random
from collections import defaultdict
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import httpx
import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy import update

from app.core.database import Database
from app.exports.columns import INDICES
from app.models.unit import Unit
from tests.support.book import book, bounds
from tests.support.branches import count
from tests.support.rows import FORMS, Said, insert_responses, insert_visits
from tests.support.world import UNITS, World

ADDRESS = "/api/v1/exports/indices"
FIRST, LAST = date(2026, 8, 20), date(2026, 11, 9)
COMPONENTS = ("access", "procedures", "officials", "results", "complaints")
BANDS = ((90, "excellent"), (80, "good"), (70, "fair"), (50, "average"), (0, "weak"))
SHOWN = ("24", "09001", "09002", "SNV")
PARENTS = {code: parent for code, _, _, parent in UNITS}


def share(part: int, whole: int) -> str:
    """Two decimals, half up, from the exact ratio."""
    if not whole:
        return ""
    exact = Fraction(100 * part, whole)
    return str(
        (Decimal(exact.numerator) / exact.denominator).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
    )


def beneath(unit: str) -> set[str]:
    return {unit} | {below for child, parent in PARENTS.items() if parent == unit for below in beneath(child)}


def chance_responses(world: World, chance: random.Random, form: str) -> list[Said]:
    width = FORMS[form].width
    return [
        Said(
            world.units[chance.choice(["24", "09001", "09001", "09002", "27", "09101"])],
            FIRST + timedelta(days=chance.randint(-9, (LAST - FIRST).days + 9)),
            world.questionnaires[form],
            tuple(chance.choice((0, 1, 2, 3, 4, 5, 5)) for _ in range(width)),
            verdict=chance.choice(["counted"] * 5 + ["quarantined", "void"]),
        )
        for _ in range(150)
    ]


async def take(http: httpx.AsyncClient, auth: dict[str, str], form: str, **query: str) -> httpx.Response:
    period = {"from": str(FIRST), "to": str(LAST), "questionnaire": form, "version": "1"}
    answer = await http.get(ADDRESS, params={**period, **query}, headers=auth)
    assert answer.status_code == 200, answer.text
    return answer


@pytest.mark.parametrize("formula", ["pooled", "mean_of_criteria"])
@pytest.mark.parametrize("form", FORMS)
async def test_every_number_is_that_of_a_count_by_hand(
    http: httpx.AsyncClient, world: World, database: Database, form: str, formula: str
) -> None:
    chance = random.Random(form)
    said = chance_responses(world, chance, form)
    other = next(name for name in FORMS if name != form)
    await insert_responses(database, [*said, *chance_responses(world, chance, other)])
    visits: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for unit, day, made, answered in (("09001", FIRST, 7, 3), ("09002", LAST, 5, 0), ("24", LAST, 2, 2)):
        await insert_visits(database, world.units[unit], day, world.questionnaires[form], made, answered)
        visits[unit] = [made, answered]
    outside = FIRST - timedelta(days=1)
    await insert_visits(database, world.units["09001"], outside, world.questionnaires[form], 50, 50)
    await count(database)

    answer = await take(http, world.admin, form, unit="24", formula=formula)
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [(row["unit"], row["component"]) for row in rows] == [
        (unit, component) for unit in sorted(SHOWN) for component in ("overall", *COMPONENTS)
    ]
    parts = {"overall": range(FORMS[form].width), **dict(zip(COMPONENTS, FORMS[form].parts(), strict=True))}
    for row in rows:
        units = {world.units[code] for code in beneath(row["unit"])}
        here = [one for one in said if one.unit_id in units and FIRST <= one.local_day <= LAST]
        counted = [one for one in here if one.verdict == "counted"]
        given = [[one.answers[at] for at in parts[row["component"]] if one.answers[at]] for one in counted]
        answers = [each for one in given for each in one]
        satisfied = sum(each >= 4 for each in answers)
        found = book(here, parts[row["component"]], formula)
        made, answered = (sum(visits[code][at] for code in beneath(row["unit"])) for at in (0, 1))
        expected = {
            "parent": PARENTS[row["unit"]] or "",
            "from": str(FIRST),
            "to": str(LAST),
            "questionnaire": form,
            "percent": "" if found.ratio is None else share(found.ratio.numerator, found.ratio.denominator),
            "formula": formula,
            "band": next((name for edge, name in BANDS if (found.ratio or 0) >= Fraction(edge, 100)), "")
            if found.ratio is not None
            else "",
            "answers": str(len(answers)),
            "satisfied": str(satisfied),
            "n": str(sum(bool(one) for one in given)),
            "responses": str(len(counted)),
            "held_back": str(sum(one.verdict == "quarantined" for one in here)),
            "visits": str(made),
            "visits_answered": str(answered),
            "response_rate": share(answered, made),
        }
        assert {name: row[name] for name in expected} == expected, row
        bounds({name: float(row[name]) if row[name] else None for name in ("low", "high")}, found)


async def test_intervals_bands_and_titles_are_those_of_the_index(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    await insert_responses(database, chance_responses(world, random.Random(3), "service-16"))
    await count(database)
    for formula in ("pooled", "mean_of_criteria"):
        answer = await take(http, world.admin, "service-16", unit="24", formula=formula, language="en")
        rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
        index = await http.get(
            "/api/v1/indices/24",
            params={"from": str(FIRST), "to": str(LAST), "formula": formula},
            headers={**world.admin, "Accept-Language": "en"},
        )
        result = index.json()["results"][0]
        figures = {"overall": result["overall"], **{each["code"]: each for each in result["components"]}}
        ours = {row["component"]: row for row in rows if row["unit"] == "24"}
        assert ours.keys() == figures.keys()
        for component, figure in figures.items():
            row = ours[component]
            assert [float(row[name]) for name in ("percent", "low", "high")] == [
                figure[name] for name in ("percent", "low", "high")
            ]
            assert (row["band"], row["formula"]) == (figure["band"], formula)
            assert row["title"] == figure.get("title", "The whole questionnaire")


async def test_all_three_formats_say_the_same_and_names_cannot_be_formulas(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    async with database.transaction() as session:
        name = {"name": '=HYPERLINK("x") Phường Đống Đa 😀'}
        await session.execute(update(Unit).where(Unit.code == "09001").values(**name))
    await insert_responses(database, chance_responses(world, random.Random(5), "quick-5"))
    await count(database)
    names = [column.name for column in INDICES]
    answer = await take(http, world.admin, "quick-5", unit="24", format="csv")
    header, *lines = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert header == names
    objects = (await take(http, world.admin, "quick-5", unit="24", format="jsonl")).text.splitlines()
    book = await take(http, world.admin, "quick-5", unit="24", format="xlsx")
    sheet = CalamineWorkbook.from_filelike(io.BytesIO(book.content)).get_sheet_by_name("Indices").to_python()
    assert sheet[0] == names
    found = [httpx.Response(200, content=line).json() for line in objects]
    assert [list(each) for each in found] == [names] * len(lines)

    def plain(value: object, column: str) -> str:
        if value is None or value == "":
            return ""
        if column in {"percent", "low", "high", "response_rate"}:
            return f"{float(str(value)):.2f}"
        return str(value).removesuffix(".0")

    for line, told, cells in zip(lines, found, sheet[1:], strict=True):
        assert [plain(each, name) for each, name in zip(cells, names, strict=True)] == line
        unmasked = {
            **told,
            "unit_name": "'" + told["unit_name"] if told["unit"] == "09001" else told["unit_name"],
        }
        assert [plain(unmasked[name], name) for name in names] == line
    assert {line[1] for line in lines if line[0] == "09001"} == {'\'=HYPERLINK("x") Phường Đống Đa 😀'}


async def test_a_neighbours_units_are_not_in_the_table(http: httpx.AsyncClient, world: World) -> None:
    auth = await world.client("24", "exports:create", "indices:read")
    answer = await take(http, auth, "quick-5")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert {row["unit"] for row in rows} == set(SHOWN)
    assert {(row["percent"], row["low"], row["band"], row["responses"]) for row in rows} == {
        ("", "", "", "0")
    }
