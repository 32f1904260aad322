"""Orders: made by the job runner, kept for some days, handed to whoever ordered them and nobody else."""

import asyncio
import base64
import hashlib
import io
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy import func, select, update

from app.core.clock import utc_now
from app.core.database import Database, plain_url
from app.exports import jobs, writers
from app.exports.jobs import Maker, purge_exports, run_exports
from app.models.export import Export, ExportPart
from app.models.record import AuditLine
from app.models.subject import UserRole
from tests.support.planted import ADDRESS, OCTOBER, ORDER, ORDERS, OURS, RESPONSES, Planted, plant
from tests.support.waiting import until
from tests.support.world import World


async def place(http: httpx.AsyncClient, auth: dict[str, str], **order: Any) -> str:
    answer = await http.post(ORDERS, json={**ORDER, **order}, headers=auth)
    assert answer.status_code == 202, answer.text
    placed = answer.json()
    assert (placed["state"], placed["rows"], placed["file"]) == ("queued", 0, None)
    found: str = placed["id"]
    return found


async def read(http: httpx.AsyncClient, auth: dict[str, str], export: str) -> dict[str, Any]:
    answer = await http.get(f"{ORDERS}/{export}", headers=auth)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def fetch(http: httpx.AsyncClient, auth: dict[str, str], export: str) -> httpx.Response:
    return await http.get(f"{ORDERS}/{export}/file", headers=auth)


async def parts(database: Database) -> int:
    async with database.read() as session:
        return await session.scalar(select(func.count()).select_from(ExportPart)) or 0


@asynccontextmanager
async def held(database: Database, table: str) -> AsyncIterator[None]:
    """Nobody reads the table meanwhile: whoever makes an export stands still."""
    connection = await asyncpg.connect(plain_url(database.url))
    try:
        async with connection.transaction():
            await connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            yield
    finally:
        await connection.close()


async def test_an_order_becomes_the_file_that_a_stream_would_be(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    await plant(world, OURS)
    export = await place(http, world.admin, comments=True, format="jsonl")
    waiting = await fetch(http, world.admin, export)
    assert (waiting.status_code, waiting.json()["code"]) == (409, "export_not_ready")
    maker = Maker(database)
    assert await maker.work()
    assert not await maker.work(), "one order, one file"
    told = await read(http, world.admin, export)
    file = await fetch(http, world.admin, export)
    taken = await http.get(
        ADDRESS, params={**OCTOBER, "comments": "true", "format": "jsonl"}, headers=world.admin
    )
    assert file.content == taken.content
    assert (told["state"], told["rows"], told["rows_total"]) == ("done", len(OURS), len(OURS))
    assert told["size"] == len(file.content) == int(file.headers["content-length"])
    digest = hashlib.sha256(file.content)
    assert told["sha256"] == digest.hexdigest()
    assert file.headers["repr-digest"] == f"sha-256=:{base64.b64encode(digest.digest()).decode()}:"
    assert (file.headers["x-export-rows"], file.headers["x-export-id"]) == (str(len(OURS)), export)
    assert told["query"] == {**ORDER, "comments": True, "format": "jsonl", "unit": None} | {
        "channel": None,
        "verdict": None,
    }
    assert (told["file"], told["finished_at"] >= told["created_at"]) == (f"{ORDERS}/{export}/file", True)


async def test_a_workbook_can_be_ordered_and_lies_there_in_parts(
    http: httpx.AsyncClient, world: World, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writers, "PIECE", 100)
    monkeypatch.setattr(jobs, "PART", 1_000)
    await plant(world, OURS)
    export = await place(http, world.admin, format="xlsx")
    await Maker(database).work()
    file = await fetch(http, world.admin, export)
    assert (
        'filename="sipas-responses-quick-5-1-2026-10-01-2026-10-31.xlsx"'
        in file.headers["content-disposition"]
    )
    book = CalamineWorkbook.from_filelike(io.BytesIO(file.content))
    assert len(book.get_sheet_by_name("Responses").to_python()) == 1 + len(OURS)


async def test_somebody_elses_export_does_not_exist(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    owner, other = await world.client("24", *RESPONSES), await world.client("24", *RESPONSES)
    export = await place(http, owner)
    await Maker(database).work()
    for auth in (other, world.admin):
        for answer in (await fetch(http, auth, export), await http.get(f"{ORDERS}/{export}", headers=auth)):
            assert (answer.status_code, answer.json()["code"]) == (404, "export_unknown")
        assert (await http.get(ORDERS, headers=auth)).json()["items"] == []
    assert (await fetch(http, owner, export)).status_code == 200


async def test_whoever_reaches_it_no_longer_takes_it_no_longer(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    lan = await world.person("lan", ("analyst", "24"), ("analyst", "27"))
    export, whole = await place(http, lan, unit="09001"), await place(http, lan)
    maker = Maker(database)
    assert await maker.work()
    assert await maker.work()
    assert [(await fetch(http, lan, each)).status_code for each in (export, whole)] == [200, 200]
    async with database.transaction() as session:
        await session.execute(
            update(UserRole).where(UserRole.unit_id == world.units["27"]).values(unit_id=world.units["SNV"])
        )
    await asyncio.sleep(2.1)  # what is known of a subject is remembered for two seconds
    assert [(await fetch(http, lan, each)).status_code for each in (export, whole)] == [200, 404]


async def test_an_order_whose_owner_has_lost_the_right_is_not_made(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    lan = await world.person("lan", ("analyst", "24"), ("viewer", "24"))
    export = await place(http, lan)
    async with database.transaction() as session:
        await session.execute(update(UserRole).where(UserRole.role == "analyst").values(role="case_officer"))
    assert await Maker(database).work()
    async with database.read() as session:
        row = (await session.scalars(select(Export).where(Export.id == export))).one()
    assert (row.state, row.failure, await parts(database)) == ("failed", "out_of_reach", 0)


async def test_a_file_past_its_days_is_gone_and_its_record_stays(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    await plant(world, OURS)
    old, young = await place(http, world.admin), await place(http, world.admin)
    maker = Maker(database)
    await maker.work()
    await maker.work()
    async with database.transaction() as session:
        await session.execute(update(Export).where(Export.id == old).values(expires_at=utc_now()))
    for purged in (False, True):
        answer = await fetch(http, world.admin, old)
        assert (answer.status_code, answer.json()["code"]) == (410, "export_expired")
        told = await read(http, world.admin, old)
        assert (told["state"], told["file"], told["rows"]) == ("expired", None, len(OURS))
        assert await parts(database) == 2 - purged
        assert await purge_exports(database) == 1 - purged
    assert (await fetch(http, world.admin, young)).status_code == 200
    async with database.transaction() as session:
        year = utc_now() - timedelta(days=366)
        await session.execute(update(Export).where(Export.id == old).values(created_at=year))
    await purge_exports(database)
    assert (await http.get(f"{ORDERS}/{old}", headers=world.admin)).status_code == 404


async def test_a_stream_that_nobody_ended_is_ended_by_the_purge(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    taken = await http.get(ADDRESS, params=OCTOBER, headers=world.admin)
    export = taken.headers["x-export-id"]
    assert (await fetch(http, world.admin, export)).status_code == 410, "a stream keeps no file"
    async with database.transaction() as session:
        long_ago = utc_now() - timedelta(minutes=21)
        await session.execute(update(Export).values(state="running", created_at=long_ago))
    await purge_exports(database)
    told = await read(http, world.admin, export)
    assert (told["state"], told["failure"], told["streamed"]) == ("failed", "broken_off", True)


async def test_one_account_orders_so_many_at_a_time(http: httpx.AsyncClient, world: World) -> None:
    for _ in range(10):
        await place(http, world.admin)
    answer = await http.post(ORDERS, json=ORDER, headers=world.admin)
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_exports")
    await place(http, await world.client("24", *RESPONSES))


async def test_the_list_goes_on_page_by_page(http: httpx.AsyncClient, world: World) -> None:
    made = [await place(http, world.admin) for _ in range(3)]
    first = (await http.get(ORDERS, params={"limit": "2"}, headers=world.admin)).json()
    second = (await http.get(ORDERS, params={"cursor": first["next"]}, headers=world.admin)).json()
    assert [item["id"] for item in [*first["items"], *second["items"]]] == made[::-1]
    assert second["next"] is None


async def test_what_a_killed_runner_left_is_begun_anew(
    http: httpx.AsyncClient, world: World, database: Database, tmp_path: Path
) -> None:
    """kill -9 in the middle of an export: its lock ends with it, and the next runner makes the file."""
    await plant(world, OURS)
    export = await place(http, world.admin, format="jsonl")
    async with held(database, "responses"):
        environment = {**os.environ, "SIPAS_DATABASE_URL": database.url, "SIPAS_DATA_DIR": str(tmp_path)}
        runner = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "app.cli", "worker", env=environment
        )
        try:
            await until(lambda: read(http, world.admin, export), lambda told: told["state"] == "running")
            assert not await Maker(database).work(), "another runner leaves it alone"
        finally:
            runner.kill()
            await runner.wait()
    async with database.transaction() as session:  # and a part that was written before the end
        session.add(ExportPart(export_id=export, place=7, content=b"torn"))
    assert (await read(http, world.admin, export))["state"] == "running"
    maker = Maker(database)
    assert await until(maker.work, bool)
    told = await read(http, world.admin, export)
    assert (told["state"], told["rows"]) == ("done", len(OURS))
    file = await fetch(http, world.admin, export)
    assert len([json.loads(line) for line in file.text.split("\n")[:-1]]) == len(OURS)
    assert hashlib.sha256(file.content).hexdigest() == told["sha256"]
    assert await parts(database) == 1


async def test_a_runner_that_is_stopped_gives_its_order_back(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    export, stop = await place(http, world.admin), asyncio.Event()
    async with held(database, "responses"):
        running = asyncio.create_task(run_exports(database, stop, 0.05))
        await until(lambda: read(http, world.admin, export), lambda told: told["state"] == "running")
        stop.set()
        await asyncio.wait_for(running, 5)
    async with database.read() as session:
        row = (await session.scalars(select(Export))).one()
    assert (row.state, row.attempts) == ("queued", 0)
    assert await until(Maker(database).work, bool)
    assert (await fetch(http, world.admin, export)).status_code == 200


async def test_an_order_that_fails_three_times_is_given_up(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    await plant(world, [Planted("09001", answers=(5,))])  # too short for its questionnaire: get_byte refuses
    export, stop = await place(http, world.admin), asyncio.Event()
    running = asyncio.create_task(run_exports(database, stop, 0.01))
    told = await until(lambda: read(http, world.admin, export), lambda told: told["state"] == "failed")
    stop.set()
    await running
    assert told["failure"] == "gave_up"
    answer = await fetch(http, world.admin, export)
    assert (answer.status_code, answer.json()["code"]) == (409, "export_not_ready")


async def test_taking_a_file_is_on_record(http: httpx.AsyncClient, world: World, database: Database) -> None:
    export = await place(http, world.admin)
    await Maker(database).work()
    await fetch(http, world.admin, export)
    async with database.read() as session:
        lines = (await session.scalars(select(AuditLine).order_by(AuditLine.id))).all()
    assert [(line.action, line.target) for line in lines] == [
        ("export.order", f"export:{export}"),
        ("export.download", f"export:{export}"),
    ]
