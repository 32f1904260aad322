"""The record as somebody may read it: a page of lines, and all of them as a table."""

import json
from collections.abc import AsyncIterator, Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.subjects import Subject
from app.core.csvs import BOM, CsvStyle
from app.core.database import Database
from app.models.record import AuditLine
from app.records import queries
from app.records.queries import Wanted
from app.records.redaction import cut, named_units
from app.records.schemas import LineOut, SealOut

COLUMNS = (
    "id",
    "at",
    "actor",
    "actor_name",
    "action",
    "target",
    "units",
    "address",
    "request_id",
    "details",
    "day",
    "number",
    "previous",
    "hash",
)
CHUNK = 1000


async def read(
    session: AsyncSession, subject: Subject, wanted: Wanted, before: int | None, limit: int
) -> list[LineOut]:
    """Lines within the reach, the newest first, without what lies beyond it."""
    rows = await queries.listed(session, subject, wanted, before, limit)
    codes = await queries.codes(session, subject, {unit for row in rows for unit in row.unit_ids})
    names = await queries.names(session, subject, {row.actor for row in rows})
    details = [row.details for row in rows]
    if subject.unit_ids is not None:
        named = {code for one in details for code in named_units(one)}
        reached = await queries.reached(session, subject, named) if named else set()
        details = [cut(one, reached) for one in details]
    return [
        LineOut(
            id=row.id,
            at=row.at,
            actor=row.actor,
            actor_name=names.get(row.actor),
            action=row.action,
            target=row.target,
            units=sorted(codes[unit] for unit in row.unit_ids if unit in codes),
            address=row.address,
            request_id=row.request_id,
            details=shown,
            seal=_seal(row),
        )
        for row, shown in zip(rows, details, strict=True)
    ]


async def table(
    database: Database, subject: Subject, wanted: Wanted, first: Sequence[LineOut], style: CsvStyle
) -> AsyncIterator[bytes]:
    """All of them as CSV, a chunk at a time, behind the `first` one, which is read already.

    Each chunk is a query of its own: a caller who reads slowly keeps no transaction open, and no more than
    one chunk is ever in memory.
    """
    yield BOM + style.lines([COLUMNS])
    lines = first
    while lines:
        yield style.lines([_cells(line) for line in lines])
        if len(lines) < CHUNK:
            return
        async with database.read() as session:
            lines = await read(session, subject, wanted, lines[-1].id, CHUNK)


def _cells(line: LineOut) -> list[str]:
    details = json.dumps(line.details, ensure_ascii=False, sort_keys=True)
    texts = line.actor_name, line.action, line.target, " ".join(line.units), line.address, line.request_id
    seal = line.seal
    return [
        str(line.id),
        line.at.isoformat(),
        line.actor,
        *(text or "" for text in (*texts, details)),
        *((str(seal.day), str(seal.number), seal.previous, seal.hash) if seal else ("", "", "", "")),
    ]


def _seal(row: AuditLine) -> SealOut | None:
    if row.day is None or row.number is None or row.previous is None or row.seal is None:
        return None
    return SealOut(day=row.day, number=row.number, previous=row.previous.hex(), hash=row.seal.hex())
