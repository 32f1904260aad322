import io
import json
import logging
import time
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.core.database import Database
from app.core.logs import ALIKE_A_MINUTE, JsonFormatter, ThinningHandler
from app.core.tracebacks import safe_traceback

SAID = "Nguyễn Thị Bí Mật 0912345678"


class Small(BaseModel):
    number: int


def wrong_number() -> None:
    int(SAID)


def wrong_key() -> None:
    raise KeyError(SAID)


def wrong_body() -> None:
    Small.model_validate({"number": SAID})


def wrong_bytes() -> None:
    SAID.encode().decode("ascii")


def wrong_inside() -> None:
    try:
        wrong_number()
    except ValueError as error:
        raise RuntimeError(SAID) from error


def wrong_together() -> None:
    raise ExceptionGroup(SAID, [ValueError(SAID), KeyError(SAID)])


def traceback_of(does: Callable[[], object]) -> str:
    with pytest.raises(Exception) as caught:  # noqa: PT011  whichever it is
        does()
    return safe_traceback(caught.value)


@pytest.mark.parametrize(
    ("does", "kinds"),
    [
        (wrong_number, ["ValueError"]),
        (wrong_key, ["KeyError"]),
        (wrong_body, ["ValidationError"]),
        (wrong_bytes, ["UnicodeDecodeError"]),
        (wrong_inside, ["ValueError", "RuntimeError"]),
        (wrong_together, ["ExceptionGroup", "ValueError", "KeyError"]),
    ],
)
def test_a_traceback_says_where_and_what_kind_but_not_what_was_sent(
    does: Callable[[], object], kinds: list[str]
) -> None:
    shown = traceback_of(does)
    assert f"in {does.__name__}" in shown
    for kind in kinds:
        assert kind in shown
    assert SAID not in shown


def test_a_mistake_of_our_own_keeps_its_words() -> None:
    assert "has no attribute 'nothing'" in traceback_of(lambda: getattr(object(), "nothing"))  # noqa: B009


@pytest.mark.parametrize(
    ("statement", "shown"),
    [
        (
            "INSERT INTO units (code, name, kind, search_text) VALUES (:said, 'x', :said, 'x')",
            "constraint_name=",
        ),
        ("SELECT CAST(:said AS text)::int", "sqlstate=22P02"),
        ("SELECT CAST(:said AS int)", "DataError"),
        ("SELECT :said FROM nowhere", 'relation "nowhere" does not exist'),
    ],
)
async def test_an_error_of_the_database_names_the_rule_and_not_the_row(
    database: Database, statement: str, shown: str
) -> None:
    with pytest.raises(SQLAlchemyError) as caught:
        async with database.transaction() as session:
            await session.execute(text(statement), {"said": SAID})
    told = safe_traceback(caught.value)
    assert shown in told
    assert SAID not in told


def record(
    message: str, level: int = logging.WARNING, name: str = "app.test", **more: Any
) -> logging.LogRecord:
    return logging.makeLogRecord({"name": name, "levelno": level, "levelname": "X", "msg": message, **more})


@pytest.fixture
def handler() -> ThinningHandler:
    handler = ThinningHandler()
    handler.setStream(io.StringIO())
    handler.setFormatter(JsonFormatter())
    return handler


def printed(handler: ThinningHandler) -> list[dict[str, Any]]:
    return [json.loads(line) for line in handler.stream.getvalue().splitlines()]


def test_a_flood_of_one_warning_is_thinned_and_counted(
    handler: ThinningHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(ALIKE_A_MINUTE + 30):
        handler.emit(record("the database is away"))
    handler.emit(record("something else"))
    messages = [line["message"] for line in printed(handler)]
    assert messages == ["the database is away"] * ALIKE_A_MINUTE + ["something else"]
    later = time.monotonic() + 61
    monkeypatch.setattr(time, "monotonic", lambda: later)
    handler.emit(record("the database is away"))
    summary, again = printed(handler)[-2:]
    assert (summary["like"], summary["left_out"]) == ("the database is away", 30)
    assert again["message"] == "the database is away"


def test_what_is_not_a_warning_is_never_thinned(handler: ThinningHandler) -> None:
    for _ in range(ALIKE_A_MINUTE + 30):
        handler.emit(record("request", logging.INFO))
    assert len(printed(handler)) == ALIKE_A_MINUTE + 30


def test_at_the_end_it_is_said_what_was_left_out(handler: ThinningHandler) -> None:
    for _ in range(ALIKE_A_MINUTE + 1):
        handler.emit(record("the database is away"))
    handler.close()
    assert printed(handler)[-1]["left_out"] == 1


def test_a_lost_task_is_logged_without_the_words_of_its_error() -> None:
    error = asyncpg.DataError(SAID)
    lost = record(
        f"Task exception was never retrieved\nfuture: <Task exception={error!r}>",
        name="asyncio",
        exc_info=(type(error), error, None),
    )
    assert SAID not in JsonFormatter().format(lost)
