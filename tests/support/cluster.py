"""A database laid out over a Citus cluster, where the server of the tests has Citus."""

import os
import subprocess
import sys
from pathlib import Path

import asyncpg

from app.core.database import plain_url
from app.models.distribution import PLACES

HOME = Path(__file__).parents[2]
# whoever may not read a setting of the server's finds no row
_OFFERED = """SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')
    OR EXISTS (SELECT FROM pg_available_extensions WHERE name = 'citus')
        AND EXISTS (SELECT FROM pg_settings
            WHERE name = 'shared_preload_libraries' AND setting ~ '\\mcitus\\M')"""
# `wipe` rests triggers, those of small tables that lie on every node too
_PREPARE = """CREATE EXTENSION IF NOT EXISTS citus;
    DO $$ BEGIN
        EXECUTE format('ALTER DATABASE %I SET citus.enable_unsafe_triggers = on', current_database());
    END $$"""


async def offered(url: str) -> bool:
    """Whether this server has Citus, ready to be used in this database."""
    connection = await asyncpg.connect(plain_url(url))
    try:
        return bool(await connection.fetchval(_OFFERED))
    finally:
        await connection.close()


async def lay_out(url: str) -> None:
    """Lay a migrated database out, by the command that everybody uses; RuntimeError if a table lies wrong."""
    connection = await asyncpg.connect(plain_url(url))
    try:
        await connection.execute(_PREPARE)
        environment = {**os.environ, "SIPAS_DATABASE_URL": plain_url(url)}
        command = [sys.executable, "-m", "app", "distribute", "--force"]
        subprocess.run(command, cwd=HOME, env=environment, check=True)  # noqa: ASYNC221
        rows = await connection.fetch("SELECT table_name::text, citus_table_type::text FROM citus_tables")
    finally:
        await connection.close()
    found = {name: kind for name, kind in rows if kind in {"reference", "distributed"}}
    if wrong := [name for name, place in PLACES.items() if found.get(name, "local") != place]:
        raise RuntimeError(f"Citus has these tables somewhere else: {', '.join(wrong)}")
