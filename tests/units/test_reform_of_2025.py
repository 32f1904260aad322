"""The reform of 1 July 2025 in one province. The result is real: the 99 units of Bắc Ninh. What was before is
invented and says so in its names: two provinces become one, districts end, 500 communes become 99.
"""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import insert

import app.demo
from app.core.database import Database
from app.models.unit import Unit
from app.rollups.jobs import refresh
from app.units.forest import search_text
from tests.support.rows import Said, insert_responses
from tests.support.world import World

DATA = Path(app.demo.__file__).parent / "data" / "units-vietnam.csv"
DAY = date(2025, 7, 1)
BEFORE, AFTER = date(2025, 5, 20), date(2025, 8, 15)
OLD_UNITS, DISTRICTS = 500, 20
URL = "/api/v1/units/reorganisations/import"


def new_units() -> list[dict[str, str]]:
    with DATA.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["parent_code"] == "24"]


def old_of() -> dict[str, list[str]]:
    """New code -> the codes of its predecessors: its own, as in the real reform, and invented ones."""
    new = [row["code"] for row in new_units()]
    old: dict[str, list[str]] = {code: [code] for code in new}
    for number in range(OLD_UNITS - len(new)):
        old[new[number % len(new)]].append(f"cũ-{number:03}")
    return old


async def build_old(database: Database) -> dict[str, int]:
    """Two provinces of old, their districts, 500 communes beneath these; ids by code."""
    ids: dict[str, int] = {}

    async def add(rows: Sequence[tuple[str, str, str, str | None]]) -> None:
        values = [
            {
                "code": code,
                "name": name,
                "kind": kind,
                "parent_id": ids.get(parent or ""),
                "search_text": search_text(code, name),
                "valid_from": date(2000, 1, 1),
            }
            for code, name, kind, parent in rows
        ]
        async with database.transaction() as session:
            found = await session.execute(insert(Unit).returning(Unit.code, Unit.id), values)
            ids.update({row[0]: row[1] for row in found})

    await add([("24", "Bắc Giang (cũ)", "province", None), ("27", "Bắc Ninh (cũ)", "province", None)])
    districts = [f"H{number:02}" for number in range(DISTRICTS)]
    await add(
        [
            (code, f"Huyện {code} (giả định)", "district", "24" if at < 10 else "27")
            for at, code in enumerate(districts)
        ]
    )
    names = {row["code"]: row["name"] for row in new_units()}
    communes = [
        (code, f"Một phần {names[new]} (cũ, giả định)", "commune", districts[(at + place) % DISTRICTS])
        for at, (new, olds) in enumerate(old_of().items())
        for place, code in enumerate(olds)
    ]
    assert len(communes) == OLD_UNITS
    await add(communes)
    return ids


def decree() -> bytes:
    """The file: two provinces, 500 communes, 20 districts."""
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(["kind", "from", "to_code", "to_name", "to_kind", "to_parent"])
    rows.writerow(["merge", "24", "24", "Bắc Ninh", "", ""])
    rows.writerow(["merge", "27", "24", "", "", ""])
    old = old_of()
    for unit in new_units():
        for at, code in enumerate(old[unit["code"]]):
            named = [unit["name"], unit["kind"], "24"] if at == 0 else ["", "", ""]
            rows.writerow(["merge", code, unit["code"], *named])
    for number in range(DISTRICTS):
        rows.writerow(["close", f"H{number:02}", "", "", "", ""])
    return out.getvalue().encode()


async def send(http: httpx.AsyncClient, headers: dict[str, str], query: str = "") -> httpx.Response:
    form = {"effective_on": str(DAY), "decision": "Nghị quyết 1658 và 202 (thử)"}
    return await http.post(URL + query, files={"file": ("x.csv", decree())}, data=form, headers=headers)


async def responses(
    http: httpx.AsyncClient, world: World, unit: str, first: date, last: date, **query: Any
) -> int:
    answer = await http.get(
        f"/api/v1/indices/{unit}", params={"from": str(first), "to": str(last), **query}, headers=world.admin
    )
    assert answer.status_code == 200, answer.text
    return sum(result["responses"] for result in answer.json()["results"])


async def test_a_province_is_reorganised_by_one_file_and_its_figures_stay_true(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    async with database.transaction() as session:  # the small world's province makes room
        for code in ("09001", "09002", "SNV", "09101", "24", "27"):
            await session.delete(await session.get_one(Unit, world.units[code]))
            await session.flush()
    ids = await build_old(database)
    old = old_of()
    said = [
        Said(ids[code], BEFORE, world.questionnaires["quick-5"], (5, 4, 3, 2, 1))
        for at, code in enumerate(sorted(code for olds in old.values() for code in olds))
        for _ in range(1 + at % 3)
    ]
    before = Counter(one.unit_id for one in said)
    await insert_responses(database, said)
    while await refresh(database):
        pass

    tried = await send(http, world.admin, "?dry_run=true")
    assert tried.status_code == 200, tried.text
    assert tried.json()["errors"] == []
    done = await send(http, world.admin)
    assert done.status_code == 200, done.text
    outcome = done.json()["reorganisation"]["outcome"]
    assert (len(outcome["opened"]), len(outcome["closed"])) == (0, OLD_UNITS - 99 + 1 + DISTRICTS)
    assert len(outcome["changed"]) == 100
    assert len(outcome["figures"]) == 100

    query: dict[str, Any] = {"on": str(DAY), "parent": "24", "limit": 200}
    listed = (await http.get("/api/v1/units", params=query, headers=world.admin)).json()["items"]
    assert {(one["code"], one["name"], one["kind"]) for one in listed} == {
        (one["code"], one["name"], one["kind"]) for one in new_units()
    }

    fresh = [Said(ids[code], AFTER, world.questionnaires["quick-5"], (5, 5, 5, 5, 5)) for code in old]
    await insert_responses(database, fresh)
    while await refresh(database):
        pass
    for new, olds in list(old.items())[:5]:
        mine, all_of_them = before[ids[new]], sum(before[ids[code]] for code in olds)
        assert await responses(http, world, new, BEFORE, AFTER, boundaries="as_was") == mine + 1
        assert await responses(http, world, new, BEFORE, AFTER, boundaries="as_now") == all_of_them + 1
        assert await responses(http, world, new, BEFORE, AFTER) == all_of_them + 1
        assert await responses(http, world, new, AFTER, AFTER) == 1
        assert await responses(http, world, new, BEFORE, DAY, boundaries="as_now", scope="own") == all_of_them
        assert await responses(http, world, olds[-1], BEFORE, AFTER) == before[ids[olds[-1]]]
    whole = len(said) + 99
    in_27 = {f"H{number:02}" for number in range(10, 20)}
    districts = [f"H{number:02}" for number in range(DISTRICTS)]
    lay_in_27 = sum(
        before[ids[code]]
        for at, olds in enumerate(old.values())
        for place, code in enumerate(olds)
        if districts[(at + place) % DISTRICTS] in in_27
    )
    assert await responses(http, world, "24", BEFORE, AFTER, boundaries="as_now") == whole
    assert await responses(http, world, "24", BEFORE, AFTER) == whole
    assert await responses(http, world, "24", BEFORE, AFTER, boundaries="as_was") == whole - lay_in_27
    assert await responses(http, world, "27", BEFORE, AFTER, boundaries="as_was") == lay_in_27
    assert (await send(http, world.admin)).json()["code"] == "reorganisation_exists"
