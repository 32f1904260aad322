"""A backup taken while people answer: restored elsewhere, it is the service as it was at that instant."""

import asyncio
from functools import partial
from pathlib import Path

import asyncpg
import httpx
from fastapi import FastAPI
from sqlalchemy import text

from app.core.backups import manifest_path, newest_backup, read_manifest
from app.core.database import Database, plain_url
from app.core.settings import Settings
from app.keeping import backup, proof, restore
from app.rollups import jobs as rollups
from app.users import service as users
from tests.support import said
from tests.support.application import application
from tests.support.visits import day, register, today, visit
from tests.support.waiting import until
from tests.support.world import World

PASSWORD = "mat-khau-rat-dai"
INDEX = "/api/v1/indices/24"


async def answered(http: httpx.AsyncClient, link: str) -> httpx.Response:
    return await http.post("/api/v1/responses", json=said.body(link=link))


async def index(http: httpx.AsyncClient, auth: dict[str, str]) -> httpx.Response:
    return await http.get(INDEX, params={"from": day(), "to": day()}, headers=auth)


async def rows(database: Database) -> list[object]:
    """Every cell and the answers of every response."""
    async with database.read() as session:
        return [
            (await session.execute(text(f"SELECT * FROM {table} ORDER BY 1, 2, 3"))).all()  # noqa: S608
            for table in ("unit_day", "unit_month", "channel_day", "visit_day", "users", "audit_lines")
        ]


async def test_a_backup_taken_while_people_answer_goes_on_elsewhere_as_it_was(
    world: World, http: httpx.AsyncClient, settings: Settings, spare: str, tmp_path: Path
) -> None:
    async with world.database.transaction() as session:
        await users.create_administrator(session, "system", "lan.nguyen", PASSWORD)
    items = await register(http, world.admin, *(visit(f"H-{n}") for n in range(3)))
    first, second, third = (item["link"]["code"] for item in items)
    assert (await answered(http, first)).status_code == 201
    await rollups.refresh(world.database)
    before, figures = await rows(world.database), (await index(http, world.admin)).json()
    assert figures["results"][0]["overall"]["responses"] == 1
    _, tablet = await said.device(world, "09101")
    seen: list[int] = []

    async def go_on_answering(taken: asyncio.Event) -> int:
        """At the neighbour's, all the time that the backup takes."""
        count = 0
        while not taken.is_set():
            answer = await http.post("/api/v1/responses", json=said.body(), headers=tablet)
            assert answer.status_code == 201
            count += 1
            seen.append(count)
        return count

    taken = asyncio.Event()
    answering = asyncio.create_task(go_on_answering(taken))
    while len(seen) < 3:
        await asyncio.sleep(0.01)
    path, manifest = await backup.take(settings, tmp_path / "kept", lambda _: None)
    taken.set()
    written = await answering
    (late,) = await register(http, world.admin, visit("H-late"))
    assert 3 + 1 <= manifest.rows["responses"] <= written + 1
    assert newest_backup(path.parent) is None  # nobody has restored it yet

    manifest = await asyncio.to_thread(proof.prove, settings, path, manifest, lambda _: None)
    assert manifest.proof is not None
    assert manifest.proof.faults == []
    assert newest_backup(path.parent) == manifest.taken_at
    assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o600}
    assert sorted(file.name for file in path.parent.iterdir()) == [path.name, manifest_path(path).name]
    assert settings.secret.encode() not in path.read_bytes() + manifest_path(path).read_bytes()

    elsewhere = settings.model_copy(update={"database_url": spare})
    target = await restore.look(elsewhere)
    assert target.empty
    assert await restore.restore(elsewhere, path, manifest, target, lambda _: None) is None
    await goes_on(application(elsewhere), world, before, figures, second, first, late["link"]["code"])
    assert (await answered(http, third)).status_code == 201  # and where it came from, too


async def goes_on(
    app: FastAPI, world: World, before: list[object], figures: object, link: str, spent: str, late: str
) -> None:
    """Cells, people and record are as they were; signing in works, an open link opens, a spent one not.

    A link printed after the backup is unknown, and never becomes that of another visit.
    """
    async with app.router.lifespan_context(app):
        restored: Database = app.state.database
        *cells, people, record = await rows(restored)
        assert [*cells, people] == before[:-1]
        last = before[-1]
        assert isinstance(record, list)
        assert isinstance(last, list)
        assert record[: len(last)] == last
        assert record[-1].action == "database.restore"
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="https://sipas.example.vn") as http:
            shown = (await index(http, world.admin)).json()
            assert shown["results"] == figures["results"]  # type: ignore[index]  # JSON
            form = {"grant_type": "password", "username": "lan.nguyen", "password": PASSWORD}
            assert (await http.post("/api/v1/auth/token", data=form)).status_code == 200
            assert (await answered(http, link)).status_code == 201
            assert (await answered(http, spent)).status_code == 410
            (new,) = await register(http, world.admin, visit("H-new"))
            assert new["link"]["code"] != late
            assert (await answered(http, late)).status_code == 404
        await rollups.refresh(restored)
        assert (await rollups.verify(restored)).differences == []


async def test_a_backup_of_wrong_figures_is_kept_but_never_counts(
    world: World, http: httpx.AsyncClient, settings: Settings, tmp_path: Path
) -> None:
    _, tablet = await said.device(world)
    assert (await http.post("/api/v1/responses", json=said.body(), headers=tablet)).status_code == 201
    await rollups.refresh(world.database)
    async with world.database.transaction() as session:
        changed = await session.execute(text("UPDATE unit_day SET responses = 7"))
        assert changed.rowcount == 1  # type: ignore[attr-defined]  # of a cursor
        await session.execute(
            text("INSERT INTO units (code, name, kind, search_text) VALUES ('Z','Z','centre','z')")
        )
    path, manifest = await backup.take(settings, tmp_path / "alone.dump", lambda _: None)
    fewer = manifest.model_copy(update={"rows": {**manifest.rows, "units": manifest.rows["units"] - 1}})
    proven = await asyncio.to_thread(proof.prove, settings, path, fewer, lambda _: None)
    assert proven.proof is not None
    rows_differ, figures_differ = proven.proof.faults
    assert rows_differ == "units: 7 rows, 6 were dumped"
    assert str(today()) in figures_differ
    assert read_manifest(path) == proven
    assert not proven.verified


async def waits_for_a_lock(database: Database) -> bool:
    async with database.read() as session:
        asked = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        return bool(await session.scalar(text(asked)))


async def test_time_outs_that_the_database_has_for_others_end_no_backup(
    world: World, settings: Settings, tmp_path: Path
) -> None:
    """As `sipas doctor` advises where a pooler passes none on. Counting takes longer, and so does dumping."""
    straight = await asyncpg.connect(plain_url(world.database.url))
    name = await straight.fetchval("SELECT quote_ident(current_database())")
    hasty = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    try:
        for setting in hasty:
            await straight.execute(f"ALTER DATABASE {name} SET {setting} = '20ms'")
        await straight.execute(
            "BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0; LOCK TABLE procedures"
        )
        taking = asyncio.create_task(backup.take(settings, tmp_path / "kept", lambda _: None))
        await until(partial(waits_for_a_lock, world.database), bool)
        await asyncio.sleep(0.2)  # ten times what others may take
        await straight.execute("ROLLBACK")
        _, manifest = await taking
    finally:
        for setting in hasty:
            await straight.execute(f"ALTER DATABASE {name} RESET {setting}")
        await straight.close()
    assert manifest.rows["procedures"] == len(world.procedures)
