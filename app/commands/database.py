"""The database that a command works on, at this release's schema."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from app import bootstrap
from app.core.database import Database
from app.core.errors import Problem
from app.core.messages import FAULTS
from app.core.settings import Settings
from app.jobs.failures import is_away
from app.keeping.contents import PLAIN
from app.shell import fail, read_settings, with_database

T = TypeVar("T")


def on_database(work: Callable[[Database, Settings], Awaitable[T]]) -> T:
    """Run a command's work on a database at the newest migration; problems become clear lines."""

    async def run(settings: Settings) -> T:
        database = Database(settings.direct_url, settings=PLAIN)
        try:
            await bootstrap.migrate(database)
            await bootstrap.load_questionnaires(database)
            return await work(database, settings)
        finally:
            await database.close()

    with with_database(read_settings()) as settings:
        try:
            return asyncio.run(run(settings))
        except Problem as problem:
            faults = [
                f"  {fault.pointer}: {FAULTS[fault.code].render('en', fault.params)}"
                for fault in problem.faults
            ]
            fail(problem.detail.render("en", problem.params), *faults)
        except Exception as error:
            if not is_away(error):
                raise
            fail(f"the database cannot be reached: {getattr(error, 'orig', None) or error}")
