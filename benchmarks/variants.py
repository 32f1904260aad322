"""The same application with another end: what stands behind validation is exchanged, nothing else.

`python -m benchmarks.variants NAME --port P --workers N` serves one of them with the options of `sipas
serve`. Routes, dependencies, validation, middlewares and answers are the application's own in all three.

- `batched`: the application as it is.
- `validated`: intake answers at once; no database is asked to store anything.
- `orm`: what one writes first: a session a request that adds the response and its mark and commits.
"""

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
import uvicorn
from fastapi import FastAPI
from sqlalchemy import insert

from app.core.database import Database
from app.core.settings import load_settings
from app.main import create_app
from app.models.response import Response
from app.models.rollup import stale_unit_days
from app.responses.intake import Intake, Stored
from app.responses.submission import Submission

NAMES = ("validated", "batched", "orm")


class _NoWriter(Intake):
    """Has no batch writer that could have ended."""

    @property
    def alive(self) -> bool:
        return True


class Validated(_NoWriter):
    """Says yes without storing anything."""

    async def submit(self, submission: Submission) -> Stored:
        return Stored(submission.received_at, replayed=False)


class SessionPerRequest(_NoWriter):
    """Stores each response by itself."""

    def __init__(self, database: Database) -> None:
        super().__init__(database.url, queue_size=1)
        self._database = database

    async def submit(self, submission: Submission) -> Stored:
        row = submission._asdict()
        del row["visit_id"], row["moved_at"]
        if row["respondent"] is not None:
            row["respondent"] = orjson.loads(row["respondent"])
        async with self._database.write() as session, session.begin():
            session.add(Response(**row, procedure_id=None, counter=None))
            await session.execute(
                insert(stale_unit_days).values(unit_id=row["unit_id"], local_day=row["local_day"])
            )
        return Stored(submission.received_at, replayed=False)


def _with_intake(name: str) -> FastAPI:
    settings = load_settings()
    app = create_app(settings)
    start = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(started: FastAPI) -> AsyncIterator[None]:
        async with start(started):
            database: Database = started.state.database
            if name == "validated":
                started.state.intake = Validated(database.url, queue_size=1)
            elif name == "orm":
                started.state.intake = SessionPerRequest(database)
            yield

    app.router.lifespan_context = lifespan
    return app


def validated() -> FastAPI:
    return _with_intake("validated")


def batched() -> FastAPI:
    return _with_intake("batched")


def orm() -> FastAPI:
    return _with_intake("orm")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    uvicorn.run(
        f"benchmarks.variants:{options.name}",
        factory=True,
        port=options.port,
        workers=options.workers,
        access_log=False,
        log_level="warning",
        server_header=False,
        loop="uvloop",
        http="httptools",
    )


if __name__ == "__main__":
    main()
