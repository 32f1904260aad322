"""Shorthand of tests about the record: read it, seal it, check it, meddle with it as its triggers forbid."""

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from sqlalchemy import text

from app.core.database import Database
from app.records.jobs import Verification, seal, verify

URL = "/api/v1/audit"
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")


async def read(http: httpx.AsyncClient, headers: dict[str, str], **query: object) -> list[dict[str, Any]]:
    """The first page of lines, which must be given, the oldest first."""
    answer = await http.get(URL, params={key: str(value) for key, value in query.items()}, headers=headers)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items[::-1]


def said(lines: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(line["action"], line["target"]) for line in lines]


async def seal_all(database: Database) -> int:
    """Seal whatever waits; how many lines."""
    total = 0
    while count := await seal(database, ZONE):
        total += count
    return total


async def meddle(database: Database, *statements: str) -> None:
    """What somebody could do who owns the database."""
    async with database.transaction() as session:
        for statement in (
            "ALTER TABLE audit_lines DISABLE TRIGGER USER",
            *statements,
            "ALTER TABLE audit_lines ENABLE TRIGGER USER",
        ):
            await session.execute(text(statement))


async def broken(database: Database) -> list[tuple[str, int]]:
    """What a check finds: the kind, and the number of the line where it shows."""
    found: Verification = await verify(database)
    return [(one.kind, one.number) for one in found.breaks]
