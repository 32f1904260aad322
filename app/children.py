"""What the processes of `sipas serve` do, each in itself.

The supervisor imports this file to name them. It needs nothing of the application, and so what they do is
imported where they do it: mostly it is there already, from before the fork.
"""

import asyncio
import logging
import multiprocessing
import os
import signal
import threading
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, NamedTuple

from app.core.logs import configure_logs
from app.core.nursery import born
from app.core.settings import load_settings

if TYPE_CHECKING:
    from fastapi import FastAPI

PREPARATION_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0)
"""Seconds between the tries to prepare a database that died while it was prepared."""

log = logging.getLogger(__name__)


class Prepared(NamedTuple):
    """How the database is."""

    fault: str | None = None
    """Why it cannot be reached."""
    first: tuple[str, str | None] | None = None
    """The first administrator, if one was made: the name, and the password when we made it up."""


def end_with_parent() -> None:
    """Stop this process as SIGTERM would when its parent is gone."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="end with parent", daemon=True).start()


def web_process() -> "FastAPI":
    """What Uvicorn calls in each web process."""
    from app.main import app_from_environment  # noqa: PLC0415  the supervisor does without it

    end_with_parent()
    return app_from_environment()


def job_process() -> None:
    """The job runner as a process of its own; settings come from the environment."""
    born()
    from app.worker import run_jobs  # noqa: PLC0415  the supervisor does without it

    end_with_parent()
    settings = load_settings()
    configure_logs(settings.log_level)
    asyncio.run(run_jobs(settings))


def preparation(told: Connection) -> None:
    """Bring the database to this release's schema, with everything else it needs, and tell the parent."""
    born()
    from app import bootstrap  # noqa: PLC0415  the supervisor does without it
    from app.core import tracing  # noqa: PLC0415  the supervisor does without it
    from app.core.database import Database  # noqa: PLC0415  the supervisor does without it
    from app.core.embedded import EmbeddedPostgres  # noqa: PLC0415  the supervisor does without it
    from app.jobs.failures import describe, is_away  # noqa: PLC0415  the supervisor does without it

    end_with_parent()
    settings = load_settings()
    configure_logs(settings.log_level)
    if lacking := tracing.lacking():
        log.warning(lacking)

    async def prepare() -> bootstrap.FirstAdministrator | None:
        database = Database(settings.direct_url, told=False)
        try:
            return await bootstrap.prepare(database, settings)
        finally:
            await database.close()

    async def prepare_patiently() -> bootstrap.FirstAdministrator | None:
        """Try again when the database dies meanwhile: every step may be repeated."""
        was_there = settings.database_url == EmbeddedPostgres(settings.data_dir).url
        for pause in PREPARATION_PAUSES:
            try:
                return await prepare()
            except Exception as error:
                if not is_away(error) or (isinstance(error, OSError) and not was_there):
                    raise  # where nobody has ever answered, the address is wrong: that is said at once
                log.warning("the database went away: another try", extra={"cause": describe(error)})
            was_there = True
            await asyncio.sleep(pause)
        return await prepare()

    with suppress(KeyboardInterrupt):  # the parent has heard it, too
        try:
            first = asyncio.run(prepare_patiently())
        except Exception as error:
            if not is_away(error):
                raise
            told.send(Prepared(fault=str(getattr(error, "orig", None) or error)))
        else:
            told.send(Prepared(first=(first.username, first.password) if first else None))
