"""A service beside a restore hears 503 and no 500 while the database changes its name, and then goes on."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from app.bootstrap import load_questionnaires, migrate
from app.core.database import Database
from app.core.settings import Settings
from app.keeping.restore import named
from app.main import create_app
from tests.conftest import SECRET
from tests.keeping.test_restore import execute


@pytest.fixture
async def beside(spare: str) -> AsyncIterator[FastAPI]:
    """A started application on a database of the spare server."""
    await execute(spare, "CREATE DATABASE live")
    url = named(spare, "live")
    database = Database(url)
    await migrate(database)
    await load_questionnaires(database)
    await database.close()
    app = create_app(Settings(database_url=url, secret_key=SecretStr(SECRET)))
    async with app.router.lifespan_context(app):
        yield app
    await execute(spare, "DROP DATABASE live WITH (FORCE)")


async def test_requests_hear_503_while_the_database_changes_its_name(spare: str, beside: FastAPI) -> None:
    link = beside.state.links.mint(1, 1)

    async def statuses() -> set[int]:
        """What a stranger, a citizen with a link and one who signs in hear."""
        form = {"grant_type": "password", "username": "nobody", "password": "wrong"}
        transport = httpx.ASGITransport(beside, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://sipas.test") as http:
            heard = [
                await http.get("/api/v1/public/periods"),
                await http.get(f"/api/v1/links/{link}"),
                await http.post("/api/v1/auth/token", data=form),
                await http.get("/readyz"),
            ]
        return {answer.status_code for answer in heard}

    postgres = named(spare, "postgres")
    assert not await statuses() & {500, 503}
    await execute(
        postgres,
        "ALTER DATABASE live ALLOW_CONNECTIONS false",
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = 'live'",
    )
    assert await statuses() == {503}
    await execute(postgres, "ALTER DATABASE live RENAME TO moved")
    assert await statuses() == {503}
    await execute(
        postgres, "ALTER DATABASE moved RENAME TO live", "ALTER DATABASE live ALLOW_CONNECTIONS true"
    )
    assert not await statuses() & {500, 503}
