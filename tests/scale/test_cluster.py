"""That a suite which is run against Citus is run on tables that Citus has laid out.

Citus itself is not here: an extension of its name notes what it is told. PostgreSQL finds it where the test
has put it, from version 18 on.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from app.bootstrap import load_questionnaires, migrate
from app.core.database import Database, plain_url
from app.models.distribution import FIRST, KEY, PLACES
from app.rollups.worklist import on_cluster
from tests.conftest import own_database
from tests.support import cluster

NOTES = """
CREATE TABLE pg_dist_partition (logicalrelid regclass PRIMARY KEY, kind text, key text, beside text);
CREATE VIEW citus_tables AS
    SELECT logicalrelid AS table_name, kind AS citus_table_type FROM pg_dist_partition;
CREATE FUNCTION create_reference_table(name text) RETURNS void LANGUAGE sql
    AS $$ INSERT INTO pg_dist_partition VALUES (name::regclass, 'reference') $$;
CREATE FUNCTION create_distributed_table(name text, key text, colocate_with text DEFAULT '')
    RETURNS void LANGUAGE sql
    AS $$ INSERT INTO pg_dist_partition VALUES (name::regclass, 'distributed', key, colocate_with) $$;
"""


async def ask(url: str, statement: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(plain_url(url))
    try:
        return await connection.fetch(statement)
    finally:
        await connection.close()


@pytest.fixture
def offering(postgres_url: str) -> Iterator[str]:
    """A migrated database whose server has an extension called citus on its shelf."""
    if int(asyncio.run(ask(postgres_url, "SHOW server_version_num"))[0][0]) < 180000:
        pytest.skip("this PostgreSQL looks for extensions in one place only")
    if asyncio.run(cluster.offered(postgres_url)):
        pytest.skip("this server has Citus itself")
    shelf = Path(tempfile.mkdtemp(prefix="sipas-shelf-"))
    shelf.chmod(0o755)
    (shelf / "extension").mkdir()
    (shelf / "extension" / "citus.control").write_text("default_version = '1'\nrelocatable = false\n")
    (shelf / "extension" / "citus--1.sql").write_text(NOTES)

    async def prepare(url: str) -> None:
        database = Database(url)
        await migrate(database)
        await load_questionnaires(database)
        await database.close()
        name = plain_url(url).split("?", maxsplit=1)[0].rpartition("/")[2]
        await ask(url, f"ALTER DATABASE \"{name}\" SET extension_control_path = '$system:{shelf}'")

    with own_database(postgres_url, "cluster") as url:
        asyncio.run(prepare(url))
        yield url
    shutil.rmtree(shelf)


async def counts_again(url: str) -> bool:
    database = Database(url)
    try:
        async with database.engine.connect() as connection:
            return await on_cluster(connection)
    finally:
        await database.close()


def test_where_citus_is_at_hand_the_suite_lays_its_tables_out_and_looks_that_they_are(offering: str) -> None:
    assert not asyncio.run(cluster.offered(offering)), "on the shelf, but the server has not loaded it"
    assert not asyncio.run(counts_again(offering))
    asyncio.run(ask(offering, "CREATE EXTENSION citus"))
    assert asyncio.run(cluster.offered(offering))
    asyncio.run(cluster.lay_out(offering))
    rows = asyncio.run(ask(offering, "SELECT logicalrelid::text, kind, key, beside FROM pg_dist_partition"))
    laid = {name: tuple(how) for name, *how in rows}
    for table, place in PLACES.items():
        beside = "" if table == FIRST else FIRST
        assert (
            laid.get(table)
            == {
                "distributed": ("distributed", KEY, beside),
                "reference": ("reference", None, None),
                "local": None,
            }[place]
        )
    assert asyncio.run(counts_again(offering)), "and the roll-up counts as on a cluster"
    with pytest.raises(RuntimeError, match=r"somewhere else: units$"):
        asyncio.run(cluster.lay_out(without_units(offering)))


def without_units(url: str) -> str:
    """The same, where a table has slipped away and does not let itself be laid out again."""
    forgetful = """CREATE OR REPLACE FUNCTION create_reference_table(name text) RETURNS void LANGUAGE sql
        AS $$ SELECT $$"""
    asyncio.run(ask(url, "DELETE FROM pg_dist_partition WHERE logicalrelid = 'units'::regclass"))
    asyncio.run(ask(url, forgetful))
    return url
