"""A change is committed before its answer leaves; what only reads cannot write."""

from collections.abc import AsyncIterator
from datetime import date

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.database import Database
from app.core.deps import ReadSession, WriteSession
from app.core.http import RequestContext, install_error_handlers
from app.models.record import AuditLine

# Checked only at commit: two equal numbers make the commit fail, and nothing before it.
UNIQUE_AT_COMMIT = (
    "CREATE TEMPORARY TABLE late (n integer UNIQUE DEFERRABLE INITIALLY DEFERRED) ON COMMIT DROP",
    "INSERT INTO late VALUES (1), (1)",
)


def add_line(session: WriteSession) -> None:
    session.add(AuditLine(actor="system", action="house.test", target="nothing", details={}))


async def lines(database: Database) -> int:
    async with database.read() as session:
        return await session.scalar(select(func.count()).select_from(AuditLine)) or 0


class Witness:
    """Counts the committed lines, over another connection, at the moment an answer begins to leave."""

    def __init__(self, app: ASGIApp, database: Database) -> None:
        self.app = app
        self.database = database
        self.seen: list[int] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.seen.append(await lines(self.database))
            await send(message)

        await self.app(scope, receive, watched)


def small_app(database: Database) -> FastAPI:
    """Four routes that add one line each and then end in four ways."""
    app = FastAPI()
    app.state.database = database
    install_error_handlers(app)
    app.add_middleware(RequestContext)

    @app.post("/good", status_code=201)
    async def good(session: WriteSession) -> str:
        add_line(session)
        return "created"

    @app.post("/refused", status_code=201)
    async def refused(session: WriteSession) -> str:
        add_line(session)
        for statement in UNIQUE_AT_COMMIT:
            await session.execute(text(statement))
        return "created"

    @app.post("/cut-off", status_code=201)
    async def cut_off(session: WriteSession) -> str:
        add_line(session)
        await session.flush()
        pid = await session.scalar(select(func.pg_backend_pid()))
        async with database.engine.connect() as other:
            await other.execute(select(func.pg_terminate_backend(pid, 5000)))
        return "created"

    @app.post("/broken", status_code=201)
    async def broken(session: WriteSession) -> str:
        add_line(session)
        await session.flush()
        raise ZeroDivisionError

    @app.post("/reading", status_code=201)
    async def reading(session: ReadSession) -> str:
        session.add(AuditLine(actor="system", action="house.test", target="nothing", details={}))
        await session.flush()
        return "created"

    return app


@pytest.fixture
def witness(database: Database) -> Witness:
    return Witness(small_app(database), database)


@pytest.fixture
async def caller(witness: Witness) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(witness)
    async with httpx.AsyncClient(transport=transport, base_url="http://house.test") as client:
        yield client


async def test_the_row_is_there_before_the_answer_leaves(caller: httpx.AsyncClient, witness: Witness) -> None:
    assert (await caller.post("/good")).status_code == 201
    assert witness.seen == [1]


async def test_a_commit_that_the_database_refuses_is_a_conflict_and_never_created(
    caller: httpx.AsyncClient, database: Database
) -> None:
    answer = await caller.post("/refused")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert await lines(database) == 0


async def test_a_connection_lost_at_the_commit_is_unavailable_and_never_created(
    caller: httpx.AsyncClient, database: Database
) -> None:
    answer = await caller.post("/cut-off")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.headers["retry-after"]
    assert await lines(database) == 0
    assert (await caller.post("/good")).status_code == 201, "the next request finds a fresh connection"


async def test_what_a_failed_route_wrote_is_gone_and_its_error_stays_inside(
    caller: httpx.AsyncClient, database: Database
) -> None:
    answer = await caller.post("/broken")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "ZeroDivision" not in answer.text
    assert await lines(database) == 0


async def test_a_reading_route_cannot_write(caller: httpx.AsyncClient, database: Database) -> None:
    answer = await caller.post("/reading")
    assert answer.status_code == 500
    assert "read-only" not in answer.text
    assert await lines(database) == 0


async def test_a_reading_session_refuses_to_write(database: Database) -> None:
    async with database.read() as session:
        with pytest.raises(DBAPIError, match="read-only transaction"):
            await session.execute(
                text("INSERT INTO stale_unit_days VALUES (1, :day)"), {"day": date(2026, 11, 20)}
            )


async def test_a_lone_statement_cannot_write(database: Database) -> None:
    async with database.alone() as connection:
        with pytest.raises(DBAPIError, match="read-only transaction"):
            await connection.execute(
                text("INSERT INTO stale_unit_days VALUES (1, :day)"), {"day": date(2026, 11, 20)}
            )


async def test_a_reading_session_sees_one_moment(database: Database) -> None:
    count = select(func.count()).select_from(AuditLine)
    async with database.read() as session:
        before = await session.scalar(count)
        async with database.transaction() as other:
            add_line(other)
        assert await session.scalar(count) == before
    assert await lines(database) == 1


async def test_every_statement_and_every_wait_has_an_end(database: Database) -> None:
    async with database.read() as session:
        for setting in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
            assert await session.scalar(select(func.current_setting(setting))) != "0", setting
