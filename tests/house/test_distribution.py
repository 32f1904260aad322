"""What can be proved of a Citus cluster without one: keys, foreign keys, and every statement there is."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from app.cli import app as cli
from app.core.database import Database
from app.core.settings import Settings
from app.exports.jobs import run_exports
from app.jobs.running import call
from app.main import create_app
from app.models import distribution
from app.models.distribution import EVERY_UNIT, KEY, PLACES, statements, tables
from app.models.everything import metadata
from app.rollups import jobs as rollups
from app.worker import TIMETABLE
from tests.house.test_reach import MARK, asks, send
from tests.support import routed, said, walk
from tests.support.branches import plant
from tests.support.recorded import recorded
from tests.support.visits import register, today, visit
from tests.support.world import World

LARGE = tables("distributed")


async def rows(database: Database, statement: str, **given: object) -> list[tuple[str, ...]]:
    async with database.read() as session:
        return [tuple(row) for row in await session.execute(text(statement), given)]


def test_every_table_has_its_place() -> None:
    assert PLACES.keys() == metadata.tables.keys()


async def test_each_unique_key_of_a_large_table_contains_the_unit(database: Database) -> None:
    keys = await rows(
        database,
        """SELECT i.indrelid::regclass::text, i.indexrelid::regclass::text, array_agg(a.attname::text)
        FROM pg_index i CROSS JOIN unnest(i.indkey::int[]) key
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = key
        WHERE i.indisunique AND i.indrelid::regclass::text = ANY(:large) GROUP BY i.indrelid, i.indexrelid""",
        large=LARGE,
    )
    assert {table for table, *_ in keys} == set(LARGE) - {"stale_unit_days"}
    assert [key for key in keys if KEY not in key[2]] == []


async def test_foreign_keys_lead_where_a_cluster_can_follow(database: Database) -> None:
    keys = await rows(
        database,
        """SELECT c.conname::text, c.conrelid::regclass::text, c.confrelid::regclass::text,
            ARRAY(SELECT a.attname::text FROM unnest(c.conkey) k JOIN pg_attribute a
                ON a.attrelid = c.conrelid AND a.attnum = k),
            ARRAY(SELECT a.attname::text FROM unnest(c.confkey) k JOIN pg_attribute a
                ON a.attrelid = c.confrelid AND a.attnum = k)
        FROM pg_constraint c WHERE c.contype = 'f' AND c.conrelid::regclass::text = ANY(:ours)""",
        ours=list(PLACES),
    )
    allowed = {"distributed": {"reference"}, "reference": {"reference"}, "local": {"local", "reference"}}
    crossing = []
    for name, of, to, columns, others in keys:
        beside = PLACES[of] == PLACES[to] == "distributed" and KEY in columns and KEY in others
        if not beside and PLACES[to] not in allowed[PLACES[of]]:
            crossing.append(name)
    assert len(keys) > 30
    assert crossing == []


async def test_large_tables_have_no_triggers_and_no_small_numbers(database: Database) -> None:
    triggers = """SELECT tgname::text FROM pg_trigger WHERE NOT tgisinternal
        AND tgrelid::regclass::text = ANY(:large)"""
    assert await rows(database, triggers, large=LARGE) == []
    # each node numbers in a range of its own, which only a bigint has room for
    numbered = """SELECT attrelid::regclass::text, attname::text, atttypid::regtype::text
        FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE attrelid::regclass::text = ANY(:large)
        AND (attidentity <> '' OR pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval%')"""
    assert await rows(database, numbered, large=LARGE) == [("visits", "id", "bigint")]


@pytest.fixture
async def spoken(settings: Settings, database: Database) -> AsyncIterator[set[str]]:
    """Every statement of each route, each job and each command about figures."""
    with recorded() as sent:
        mine = Database(database.url)
        app, stop = create_app(settings), asyncio.Event()
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="https://x") as http,
        ):
            world = await World.build(mine, app)
            branch = await plant(http, app, world, MARK)
            await _beyond_the_walk(http, world)
            for name, way in asks():
                await send(http, name, way, branch, world.admin)
            exports = asyncio.create_task(run_exports(mine, stop, interval=0.05))
            while await rollups.refresh(mine):
                pass
            for job in TIMETABLE:
                await call(mine, settings, job)
            await rollups.rebuild(mine)
            await rollups.verify(mine)
            stop.set()
            await exports
        await mine.close()
        yield sent


async def _beyond_the_walk(http: httpx.AsyncClient, world: World) -> None:
    """What the routes of other people's things do not reach: links, and figures asked in every way."""
    links = [item["link"]["code"] for item in await register(http, world.admin, visit(), visit("H-2"))]
    for code in links:
        await http.get(f"/s/{code}")
        await http.get(f"/api/v1/links/{code}")
    answer = said.body(link=links[0])
    for status, sent in ((201, answer), (200, answer), (410, said.body(link=links[0]))):
        assert (await http.post("/api/v1/responses", json=sent)).status_code == status
    _, tablet = await said.device(world)
    batch = {"responses": [said.body(), said.body()]}
    assert (await http.post("/api/v1/responses/batch", json=batch, headers=tablet)).status_code == 200
    period = {"from": "2024-01-15", "to": str(today())}
    for more in (
        {},
        {"scope": "own"},
        {"channel": "link"},
        {"boundaries": "as_was"},
        {"weighting": "visits"},
    ):
        await http.get("/api/v1/indices/24", params={**period, **more}, headers=world.admin)
    form = {**period, **walk.FORM}
    for path in ("exports/responses", "exports/indices"):
        for shape in ("csv", "jsonl", "xlsx"):
            await http.get(f"/api/v1/{path}", params={**form, "format": shape}, headers=world.admin)


async def test_every_statement_names_its_units_or_says_that_it_means_all(spoken: set[str]) -> None:
    judged = {statement: routed.tables(statement) for statement in spoken}
    met = {name for named in judged.values() for name in named}
    assert set(LARGE) <= met
    assert "INSERT INTO responses" in "".join(spoken)
    at_fault = {
        statement: found
        for statement, named in judged.items()
        if named & set(LARGE) and EVERY_UNIT not in statement and (found := routed.faults(statement))
    }
    assert at_fault == {}
    # and none carries the mark that need not
    marked = [statement for statement in spoken if EVERY_UNIT in statement]
    assert len(marked) >= 10
    assert [statement for statement in marked if not routed.faults(statement)] == []


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("SELECT count(*) FROM responses", "responses of every unit"),
        ("SELECT * FROM responses r JOIN visits v ON v.unit_id = 1", "responses of every unit"),
        ("SELECT * FROM units WHERE EXISTS (SELECT FROM visits WHERE id = 1)", "visits of every unit"),
        ("WITH gone AS (DELETE FROM unit_day WHERE local_day < now()) SELECT 1", "unit_day of every unit"),
        ("UPDATE visits SET unit_id = 2 WHERE unit_id = 1", "visits: a row would move to another shard"),
        ("INSERT INTO visits (id) VALUES (1)", "visits: a row without its unit"),
        (
            "INSERT INTO visits (unit_id, id) VALUES (1, 1) ON CONFLICT (id) DO NOTHING",
            "visits: a conflict beyond a unit",
        ),
        (
            "SELECT * FROM visits v JOIN users u ON u.unit_id = v.unit_id",
            "['visits'] beside what lies on the coordinator alone: ['users']",
        ),
    ],
)
def test_the_judge_sees_what_a_router_could_not_do(statement: str, fault: str) -> None:
    assert routed.faults(statement) == {fault}


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT count(*) FROM responses WHERE unit_id = $1",
        "SELECT count(*) FROM responses r WHERE r.unit_id = ANY($1::int[])",
        "SELECT * FROM units u CROSS JOIN LATERAL (SELECT FROM unit_day WHERE unit_id = u.id OFFSET 0) d",
        "SELECT * FROM visits WHERE (unit_id, id) IN (SELECT 1, 2)",
        "SELECT * FROM unit_day JOIN visit_day USING (unit_id, local_day)",
        "SELECT * FROM channel_day WHERE false",
        "SELECT count(*) FROM users",
    ],
)
def test_the_judge_lets_pass_what_it_can_route(statement: str) -> None:
    assert routed.faults(statement) == set()


def test_small_tables_are_laid_out_before_large_ones_and_nothing_twice() -> None:
    wanted = statements({})
    assert len(wanted) == len(tables("reference")) + len(LARGE)
    first_large = next(place for place, one in enumerate(wanted) if "distributed" in one)
    assert all("create_reference_table" in one for one in wanted[:first_large])
    assert wanted[first_large] == f"SELECT create_distributed_table('{distribution.FIRST}', 'unit_id')"
    assert all("colocate_with := 'visits'" in one for one in wanted[first_large + 1 :])
    order = [table.name for table in metadata.sorted_tables if PLACES[table.name] == "reference"]
    assert [tuple(one.split("'"))[1] for one in wanted[:first_large]].index("devices") > order.index("units")
    there = {name: PLACES[name] for name in (*tables("reference"), "visits")}
    assert statements(there) == wanted[first_large + 1 :]
    assert statements(dict.fromkeys(PLACES, "any")) == []


@pytest.fixture
def shell(migrated_url: str, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("SIPAS_DATABASE_URL", migrated_url)
    return CliRunner()


def test_without_the_extension_nothing_is_done_and_it_is_said(shell: CliRunner) -> None:
    shown = shell.invoke(cli, ["distribute", "--dry-run"])
    assert shown.exit_code == 0, shown.output
    assert shown.output.splitlines() == [f"{statement};" for statement in statements({})]
    refused = shell.invoke(cli, ["distribute", "--force"])
    assert refused.exit_code == 1
    assert "has no Citus" in refused.output


def test_it_refuses_to_lay_out_what_would_not_work_afterwards(shell: CliRunner) -> None:
    refused = shell.invoke(cli, ["distribute"])
    assert refused.exit_code == 1
    said = " ".join(refused.output.split())
    assert "on a cluster this release does not work" in said
    assert "nothing was changed" in said
