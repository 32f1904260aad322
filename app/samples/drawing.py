"""The draw, all inside PostgreSQL: the frame counted, the visits put in order, the first of each stratum
taken.

A visit's place in the order is SHA-256 of the seed, its unit and its dossier. Whoever has the seed and the
frame finds the same visits again; whoever has not could as well throw dice. It is a simple random sample
without replacement in each stratum, since the numbers are the same to everybody and depend on nothing that
is asked.
"""

# ruff: noqa: S608  statements are made of names of our own, never of what somebody sent

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from hashlib import sha256
from math import isqrt
from typing import NamedTuple

import orjson
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.sample import Stratify
from app.models.unit import Procedure, Unit

WITHOUT = 0
"""The key of visits that have no procedure."""


class Where(NamedTuple):
    """The frame: visits of units and days, registered until an instant, told apart by a key."""

    unit_ids: Sequence[int]
    first: date
    last: date
    until: datetime
    stratify: Stratify

    def parameters(self) -> dict[str, object]:
        """By the names the statements use."""
        return {"units": list(self.unit_ids), "first": self.first, "last": self.last, "until": self.until}


class Drawn(NamedTuple):
    """A visit that was drawn; the first three fields are what the digest covers."""

    stratum: int
    unit_id: int
    dossier_code: str
    served_on: date
    procedure_id: int | None


class Part(NamedTuple):
    """A stratum to draw from: the keys that make it up, its visits, and how many of them to draw."""

    number: int
    keys: Sequence[int]
    visits: int
    size: int


_FRAME = """
    FROM visits v WHERE v.unit_id = ANY(CAST(:units AS integer[])) AND v.served_on BETWEEN :first AND :last
        AND v.created_at <= :until
"""
_DRAW = f"""
    SELECT stratum, unit_id, dossier_code, served_on, procedure_id FROM (
        SELECT marked.*, parts.stratum, parts.size, row_number() OVER (
            PARTITION BY parts.stratum ORDER BY marked.mark, marked.unit_id, marked.dossier_code) AS place
        FROM (
            SELECT v.unit_id, v.dossier_code, v.served_on, v.procedure_id, {{key}} AS key,
                sha256(convert_to(:seed || ':' || v.unit_id || ':' || v.dossier_code, 'UTF8')) AS mark
            {_FRAME} OFFSET 0) marked
        JOIN unnest(CAST(:keys AS integer[]), CAST(:strata AS integer[]), CAST(:sizes AS integer[]),
            CAST(:bounds AS bytea[])) AS parts(key, stratum, size, bound)
            ON parts.key = marked.key AND marked.mark < parts.bound) ranked
    WHERE place <= size ORDER BY stratum, place
"""
_NO_BOUND = b"\xff" * 33
"""Above every SHA-256."""
KEYS: Mapping[Stratify, str] = {
    "none": "0",
    "unit": "v.unit_id",
    "procedure": "coalesce(v.procedure_id, 0)",
    "field": "coalesce(v.procedure_id, 0)",
}


async def now(session: AsyncSession) -> datetime:
    """The database's clock, by which visits are registered; everything from here on sees one snapshot."""
    connection = await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    moment: datetime = (await connection.execute(text("SELECT now()"))).scalar_one()
    return moment


async def count(session: AsyncSession, where: Where) -> dict[int, int]:
    """Visits of the frame by key, in order of the keys."""
    statement = text(f"SELECT {KEYS[where.stratify]} AS key, count(*) {_FRAME} GROUP BY key ORDER BY key")
    return {row[0]: row[1] for row in await session.execute(statement, where.parameters())}


async def forgotten(session: AsyncSession, where: Where) -> int:
    """Visits of the frame whose dossier codes retention has taken out: they cannot be drawn again."""
    statement = text(f"SELECT count(*) {_FRAME} AND v.dossier_code LIKE ' %'")
    return await session.scalar(statement, where.parameters()) or 0


async def names(session: AsyncSession, stratify: Stratify, keys: Sequence[int]) -> dict[int, str | None]:
    """What the keys are called: a unit's or a procedure's code, or a procedure's field; None without one."""
    if stratify == "none":
        return dict.fromkeys(keys)
    if stratify == "unit":
        rows = await session.execute(select(Unit.id, Unit.code).where(Unit.id.in_(keys)))
    else:
        column = Procedure.field if stratify == "field" else Procedure.code
        rows = await session.execute(select(Procedure.id, column).where(Procedure.id.in_(keys)))
    known: dict[int, str | None] = {row[0]: row[1] for row in rows}
    return {key: known.get(key) for key in keys}


async def draw(session: AsyncSession, where: Where, parts: Sequence[Part], seed: str) -> list[Drawn]:
    """The visits to draw, by stratum and place.

    Only those whose hash lies under a bound are sorted: one that leaves somewhat more than are needed, by six
    standard deviations and some. Should it leave too few after all, everything is sorted; the outcome is the
    same.
    """
    statement = text(_DRAW.format(key=KEYS[where.stratify]))
    given = {**where.parameters(), "seed": seed}
    wanted = sum(part.size for part in parts)
    rows = (await session.execute(statement, {**given, **_parts(parts, tight=True)})).all()
    if len(rows) < wanted:
        rows = (await session.execute(statement, {**given, **_parts(parts, tight=False)})).all()
    return [Drawn(*row) for row in rows]


def digest(drawn: Sequence[Drawn]) -> str:
    """SHA-256 of the drawn visits as sorted JSON lines, 64 hex digits."""
    return sha256(b"\n".join(orjson.dumps(one[:3]) for one in sorted(one[:3] for one in drawn))).hexdigest()


def bound(part: Part) -> bytes:
    """A hash under which, very likely, lie as many of a stratum's visits as are to be drawn."""
    enough = part.size + 6 * isqrt(part.size) + 20
    return (2**64 * enough // part.visits).to_bytes(8) if enough < part.visits else _NO_BOUND


def _parts(parts: Sequence[Part], *, tight: bool) -> dict[str, list[int] | list[bytes]]:
    flat = [(key, part) for part in parts for key in part.keys]
    return {
        "keys": [key for key, _ in flat],
        "strata": [part.number for _, part in flat],
        "sizes": [part.size for _, part in flat],
        "bounds": [bound(part) if tight else _NO_BOUND for _, part in flat],
    }
