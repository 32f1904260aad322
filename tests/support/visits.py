"""Shorthand of tests about visits: a call, its items, and counting what reaches the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from sqlalchemy import event

from app.core.clock import local_day, utc_now
from app.core.database import Database

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")


def today() -> date:
    """The deployment's day."""
    return local_day(utc_now(), ZONE)


def day(ago: int = 0) -> str:
    """A local day some days ago, as it is sent."""
    return str(today() - timedelta(days=ago))


def visit(dossier: object = "H-1", unit: object = "09001", **more: object) -> dict[str, object]:
    """A good visit of today, unless told otherwise."""
    return {"dossier_code": dossier, "unit_code": unit, "served_on": day(), **more}


async def register(
    http: httpx.AsyncClient, auth: dict[str, str], *visits: object, language: str = "en"
) -> list[dict[str, Any]]:
    """Send the visits in one call that must succeed; the items answered."""
    headers = {**auth, "Accept-Language": language}
    answer = await http.post("/api/v1/visits", json={"visits": visits}, headers=headers)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def faults(item: dict[str, Any]) -> list[tuple[str, str]]:
    """(pointer, code) of a rejected item's faults."""
    assert item["status"] == "rejected"
    return [(fault["pointer"], fault["code"]) for fault in item["problem"]["errors"]]


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """Every statement the database is sent meanwhile, but for looking up who asks: that is remembered."""
    sent: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        if "FROM users" not in statement and "FROM clients" not in statement:
            sent.append(statement)

    engines = database.engine.sync_engine, database.lone_engine.sync_engine
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note)
