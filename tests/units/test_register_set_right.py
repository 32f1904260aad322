"""A deployment that imported the register as it was shipped before 30 November 2026 is told, and mended.

`tests/data` has what was wrong in it: 123 codes, of which nine named another commune, and spellings.
"""

import csv
import io
from datetime import timedelta
from pathlib import Path

import httpx
from sqlalchemy import select, text

import app.demo
from app.core.database import Database
from app.models.unit import Unit
from app.rollups.jobs import refresh
from tests.support.rows import Said, insert_responses
from tests.support.visits import today
from tests.support.world import World

SHIPPED = Path(app.demo.__file__).parent / "data" / "units-vietnam.csv"
WRONG = Path(__file__).parent.parent / "data" / "register-of-before-2026-11-30.csv"
KIM_LIEN, VAN_MIEU = "Phường Kim Liên", "Phường Văn Miếu - Quốc Tử Giám"
DAY = today() - timedelta(days=3)


def register_of_before() -> bytes:
    with WRONG.open(encoding="utf-8", newline="") as file:
        wrong = {row["code"]: row for row in csv.DictReader(file)}
    out = io.StringIO()
    with SHIPPED.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    table = csv.DictWriter(out, rows[0])
    table.writeheader()
    for row in rows:
        was = wrong.get(row["code"])
        table.writerow(
            row if was is None else {**row, "code": was["code_before"], "name": was["name_before"]}
        )
    return out.getvalue().encode()


async def reorganise(http: httpx.AsyncClient, world: World) -> httpx.Response:
    return await http.post(
        "/api/v1/units/reorganisations/import",
        files={"file": ("units-vietnam.csv", SHIPPED.read_bytes())},
        data={"effective_on": str(today()), "decision": "Đính chính mã đơn vị"},
        headers={**world.admin, "Accept-Language": "en"},
    )


async def send(http: httpx.AsyncClient, world: World, data: bytes) -> httpx.Response:
    files = {"file": ("units.csv", data)}
    headers = {**world.admin, "Accept-Language": "en"}
    return await http.post("/api/v1/units/import", files=files, headers=headers)


async def responses(http: httpx.AsyncClient, world: World, unit: str) -> int:
    query = {"from": str(DAY), "to": str(today())}
    answer = await http.get(f"/api/v1/indices/{unit}", params=query, headers=world.admin)
    assert answer.status_code == 200, answer.text
    return sum(one["responses"] for one in answer.json()["results"])


async def test_the_register_set_right_moves_codes_and_nothing_else(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    async with database.transaction() as session:  # the small world makes room
        for code in ("09001", "09002", "SNV", "09101", "24", "27"):
            await session.delete(await session.get_one(Unit, world.units[code]))
            await session.flush()
    assert (await send(http, world, register_of_before())).json()["created"] == 3355
    async with database.read() as session:
        rows = await session.execute(
            select(Unit.name, Unit.id, Unit.code).where(Unit.name.in_((KIM_LIEN, VAN_MIEU)))
        )
        before = {name: (unit, code) for name, unit, code in rows}
    assert {name: code for name, (_, code) in before.items()} == {KIM_LIEN: "00226", VAN_MIEU: "00196"}
    form = world.questionnaires["quick-5"]
    for many, name in ((2, KIM_LIEN), (3, VAN_MIEU)):
        said = [Said(before[name][0], DAY, form, (5, 4, 3, 2, 1)) for _ in range(many)]
        await insert_responses(database, said)
    while await refresh(database):
        pass

    refused = await send(http, world, SHIPPED.read_bytes())
    assert refused.status_code == 422, refused.text
    (fault,) = refused.json()["errors"]
    assert fault["code"] == "codes_moved"
    assert "units whose codes differ: 123." in fault["detail"]
    assert "if it is an older list" in fault["detail"]

    done = await reorganise(http, world)
    assert done.status_code == 200, done.text[:2000]
    assert (done.json()["notes"], done.json()["errors"]) == ([], [])
    changed = done.json()["reorganisation"]["outcome"]["changed"]
    assert sum(one["was"]["code"] != one["becomes"]["code"] for one in changed) == 123
    assert (await responses(http, world, "00229"), await responses(http, world, "00226")) == (2, 3)
    with SHIPPED.open(encoding="utf-8", newline="") as file:
        right = {row["code"]: (row["name"], row["parent_code"] or None) for row in csv.DictReader(file)}
    async with database.read() as session:
        found = await session.execute(
            text("SELECT u.code, u.name, p.code FROM units u LEFT JOIN units p ON p.id = u.parent_id")
        )
        assert {row[0]: (row[1], row[2]) for row in found} == right
        same = await session.scalar(select(Unit.id).where(Unit.name == KIM_LIEN))
    assert same == before[KIM_LIEN][0]

    again = await reorganise(http, world)
    assert (again.status_code, again.json()["code"]) == (409, "reorganisation_exists")
    assert (await send(http, world, SHIPPED.read_bytes())).json()["unchanged"] == 3355
