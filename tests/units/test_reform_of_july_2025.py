"""The reform of 1 July 2025 as it was: the official conversion table, as it stands, on the tree of before.

Both tables are those of the Statistics Office, kept compressed in `tests/data`. What people said is invented;
what the figures must be is counted here from the table itself.
"""

import csv
import io
import lzma
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import httpx
from sqlalchemy import select

from app.core.database import Database
from app.models.unit import Unit
from app.rollups.jobs import refresh
from tests.support.book import agree
from tests.support.rows import FORMS, Said, insert_responses
from tests.support.world import World
from tests.units.test_register_set_right import SHIPPED

DATA = Path(__file__).parent.parent / "data"
DAY, BEFORE, AFTER = date(2025, 7, 1), date(2025, 6, 2), date(2025, 8, 15)
PERIODS = {"before": (BEFORE, date(2025, 6, 30)), "across": (BEFORE, AFTER), "after": (DAY, AFTER)}
DECISION = "Nghị quyết 202/2025/QH15"
SHOWN = ("01", "24", "79", "91")
"""Provinces that are looked at: kept, merged, and those of which the table is incomplete."""
Row = dict[str, str]


def rows_of(name: str) -> list[Row]:
    return list(csv.DictReader(io.StringIO(packed(name).decode("utf-8-sig"))))


def packed(name: str) -> bytes:
    return lzma.decompress((DATA / f"{name}.csv.xz").read_bytes())


async def upload(http: httpx.AsyncClient, world: World, table: bytes, query: str = "") -> dict[str, Any]:
    form = {"effective_on": str(DAY), "decision": DECISION}
    answer = await http.post(
        f"/api/v1/units/reorganisations/import{query}",
        files={"file": ("reform.csv", table)},
        data=form,
        headers={**world.admin, "Accept-Language": "en"},
        timeout=600,
    )
    assert answer.status_code == 200, answer.text[:2000]
    body: dict[str, Any] = answer.json()
    return body


class Told:
    """What people said, by code and by whether the unit was one of before."""

    def __init__(self, world: World) -> None:
        self.world, self.random = world, Random(20250701)
        self.by_code: defaultdict[str, list[Said]] = defaultdict(list)

    async def say(self, codes: Iterable[str], day: date) -> None:
        async with self.world.database.read() as session:
            ids = {row[0]: row[1] for row in await session.execute(select(Unit.code, Unit.id))}
        form, said = self.world.questionnaires["quick-5"], []
        for code in codes:
            for _ in range(self.random.randint(1, 4)):
                answers = tuple(self.random.randint(1, 5) for _ in range(5))
                one = Said(ids[code], day, form, answers)
                self.by_code[code].append(one)
                said.append(one)
        await insert_responses(self.world.database, said)


async def check(http: httpx.AsyncClient, world: World, unit: str, boundaries: str, said: list[Said]) -> None:
    for name, (first, last) in PERIODS.items():
        query = {"from": str(first), "to": str(last), "boundaries": boundaries}
        answer = await http.get(f"/api/v1/indices/{unit}", params=query, headers=world.admin)
        assert answer.status_code == 200, answer.text
        expected = [one for one in said if first <= one.local_day <= last]
        results = answer.json()["results"]
        if not expected:
            assert results == [], (unit, boundaries, name)
            continue
        (result,) = results
        agree(result, expected, FORMS["quick-5"], "pooled")


async def test_the_official_table_as_it_stands_makes_the_units_of_today(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    async with database.transaction() as session:  # the small world makes room
        for code in ("09001", "09002", "SNV", "09101", "24", "27"):
            await session.delete(await session.get_one(Unit, world.units[code]))
            await session.flush()
    imported = await http.post(
        "/api/v1/units/import",
        files={"file": ("x.csv", packed("units-before-2025-07"))},
        headers=world.admin,
        timeout=600,
    )
    assert imported.status_code == 200, imported.text[:2000]
    assert imported.json()["created"] == 63 + 696 + 10_051

    table = rows_of("reform-2025-07")
    rows: defaultdict[str, list[Row]] = defaultdict(list)
    for row in table:
        rows[row["old_code"]].append(row)
    province_of = {one["code"]: one["province_code"] for one in rows_of("units-before-2025-07")}
    clear = {  # rows whose code and name agree with the register of before
        code
        for code, name in ((one["code"], one["name"]) for one in rows_of("units-before-2025-07"))
        if code and rows[code] and all(row["old_name"] == name for row in rows[code])
    }
    goes_to = {code: {row["new_province_code"] for row in rows[code]} for code in clear}
    spoke = {code for code in clear if goes_to[code] & set(SHOWN)}
    told = Told(world)
    await told.say(sorted(spoke), BEFORE)
    past = {code: list(said) for code, said in told.by_code.items()}
    told.by_code.clear()

    done = await upload(http, world, packed("reform-2025-07"))
    outcome = done["reorganisation"]["outcome"]
    assert (len(outcome["opened"]), len(outcome["closed"])) == (11, 7448)
    kinds = Counter(one["code"] for one in done["notes"])
    assert kinds == {
        "spelt_otherwise": 211,
        "without_row": 18,
        "named_otherwise": 12,
        "predecessor_unknown": 4,
        "goes_on_unsaid": 1,
    }
    lacking = [one["detail"] for one in done["notes"] if one["code"] == "without_row"]
    assert "No row says what became of 07693 (Xã Tân An): it stays as it is, beneath 24." in lacking

    new = {row["new_code"]: row["new_province_code"] for row in table}
    async with database.read() as session:
        query = select(Unit.code).where(Unit.valid_to.is_(None), Unit.kind == "commune")
        standing = set(await session.scalars(query))
        districts = select(Unit.code).where(Unit.valid_to.is_(None), Unit.kind == "district")
        provinces = select(Unit.code, Unit.name).where(Unit.valid_to.is_(None), Unit.kind == "province")
        assert list(await session.scalars(districts)) == []
        names = {row[0]: row[1] for row in await session.execute(provinces)}
    assert standing.issuperset(new)
    assert len(standing - new.keys()) == 18
    assert len(names) == 34
    assert (names["24"], names["15"], names["91"], names["52"]) == (
        "Bắc Ninh",
        "Lào Cai",
        "An Giang",
        "Gia Lai",
    )

    register = await http.post(
        "/api/v1/units/import?dry_run=true",
        files={"file": ("x.csv", SHIPPED.read_bytes())},
        headers={**world.admin, "Accept-Language": "en"},
        timeout=600,
    )
    assert (register.status_code, register.json()["errors"]) == (200, [])
    again = await http.post(
        "/api/v1/units/reorganisations/import",
        files={"file": ("reform.csv", packed("reform-2025-07"))},
        data={"effective_on": str(DAY), "decision": DECISION},
        headers=world.admin,
        timeout=600,
    )
    assert (again.status_code, again.json()["code"]) == (409, "reorganisation_exists")

    await told.say(sorted(code for code, province in new.items() if province in SHOWN), AFTER)
    while await refresh(database):
        pass
    fresh = told.by_code

    whole: defaultdict[str, list[str]] = defaultdict(list)
    for code in spoke:
        if len(rows[code]) == 1 and "một phần" not in rows[code][0]["how"].lower():
            whole[rows[code][0]["new_code"]].append(code)
    unclear = {row["new_code"] for row in table if row["old_code"] not in clear}
    candidates = sorted(code for code, one in new.items() if one in SHOWN and code not in unclear)
    kept = [row["new_code"] for row in table if row["how"] == "Giữ nguyên" and row["new_code"] in candidates]
    split = [code for code in candidates if len(rows[code]) > 1]
    looked_at = {*Random(1).sample(candidates, 6), *kept[:2], *split[:5]}
    for unit in sorted(looked_at):
        own = past.get(unit, [])
        await check(http, world, unit, "as_was", own + fresh[unit])
        taken = [one for code in whole[unit] for one in past[code]]
        await check(http, world, unit, "as_now", taken + fresh[unit])
    for province in SHOWN:
        mine = [one for code in new if new[code] == province for one in fresh[code]]
        before = [one for code, said in past.items() if province_of[code] == province for one in said]
        await check(http, world, province, "as_was", before + mine)
        came = [one for code, said in past.items() if goes_to[code] == {province} for one in said]
        await check(http, world, province, "as_now", came + mine)
