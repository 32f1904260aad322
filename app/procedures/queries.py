"""Procedures in the database: one, a list, and what an import reads and writes."""

from collections.abc import Mapping, Sequence

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.searching import matches
from app.core.text import fold
from app.models.unit import Procedure
from app.procedures.plan import Wanted


def search_text(code: str, name: str) -> str:
    """What `q` is matched against."""
    return fold(f"{name} {code}")


async def one(session: AsyncSession, code: str) -> Procedure | None:
    """The procedure of this code."""
    return await session.scalar(select(Procedure).where(Procedure.code == code))


async def listing(
    session: AsyncSession, *, q: str | None, after: str | None, limit: int
) -> Sequence[Procedure]:
    """Procedures by code: `limit` and one more, behind the code `after`."""
    query = select(Procedure).order_by(Procedure.code).limit(limit + 1)
    if q is not None:
        query = query.where(matches(Procedure.search_text, q))
    if after is not None:
        query = query.where(Procedure.code > after)
    return (await session.scalars(query)).all()


async def all_standing(session: AsyncSession) -> tuple[dict[str, Wanted], dict[str, int]]:
    """Every procedure as an import compares it, and the ids, by code."""
    rows = await session.execute(
        select(Procedure.id, Procedure.code, Procedure.name, Procedure.field, Procedure.level)
    )
    standing: dict[str, Wanted] = {}
    ids: dict[str, int] = {}
    for identity, *values in rows:
        procedure = Wanted(*values)
        standing[procedure.code] = procedure
        ids[procedure.code] = identity
    return standing, ids


async def write(
    session: AsyncSession, created: Sequence[Wanted], updated: Sequence[Wanted], ids: Mapping[str, int]
) -> None:
    """Write an import: two statements with many rows."""
    if created:
        await session.execute(insert(Procedure), [_values(procedure) for procedure in created])
    if updated:
        await session.execute(
            update(Procedure), [_values(procedure) | {"id": ids[procedure.code]} for procedure in updated]
        )


def _values(procedure: Wanted) -> dict[str, object]:
    return procedure._asdict() | {"search_text": search_text(procedure.code, procedure.name)}
