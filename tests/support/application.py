"""The application under test, put together once for each kind of settings.

Putting it together and preparing its ninety routes takes longer than most tests. What it remembers between
requests is made by its lifespan, anew for each test, so that no test meets another's traces. Only open
connections outlast it: fresh ones, and statements compiled anew, cost more than what most tests do.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from pydantic import SecretStr

from app.core.database import Database
from app.core.settings import Settings
from app.main import create_app, opened

NOWHERE = Settings(
    database_url="postgresql://nobody@127.0.0.1:1/nothing", secret_key=SecretStr("0123456789abcdef" * 4)
)
"""For whoever only reads the routes or the OpenAPI: on a database that is never spoken to."""

_made: list[FastAPI] = []
_kept: dict[str, Database] = {}


def application(settings: Settings) -> FastAPI:
    """The application for these settings, not yet started."""
    for app in _made:
        if app.state.settings == settings:
            return app
    _made.append(create_app(settings, lent))
    return _made[-1]


@asynccontextmanager
async def keeping(url: str) -> AsyncIterator[None]:
    """Have every start on this database use the same connections, for the length of a block."""
    _kept[url] = Database(url)
    yield
    await _kept.pop(url).close()


@asynccontextmanager
async def lent(url: str, direct_url: str | None) -> AsyncIterator[Database]:
    """The kept connections, where this is the database they lead to."""
    if url not in _kept or direct_url is not None:
        async with opened(url, direct_url) as database:
            yield database
        return
    reader = _kept[url].reader
    yield _kept[url]
    _kept[url].reader = reader  # a replica's, perhaps
    await tidied(_kept[url])


async def tidied(database: Database) -> None:
    """Begin with new pools, should somebody have taken a connection and not given it back."""
    engines = database.engine, database.lone_engine, database.probes
    if any(engine.pool.checkedout() for engine in engines):  # type: ignore[attr-defined]  # a queue's
        await database.close()
