"""What is read of samples: within reach, and of links and answers never the one beside the other."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from sqlalchemy import ColumnElement, Row, Select, exists, func, insert, literal, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.reach import subtree, within_reach
from app.auth.subjects import Subject
from app.models.sample import Sample, SampleLink, SampleResponse, SampleStratum
from app.models.unit import Procedure, Unit
from app.models.visit import OPEN
from app.samples.drawing import Drawn

SampleRow = Row[Sample, str]
"""A sample with its unit's code."""


class ListedLink(NamedTuple):
    """A link to send: of which dossier, and never whether it was answered."""

    unit_id: int
    id: int
    unit_code: str
    dossier_code: str
    served_on: date
    procedure_code: str | None


def _with_unit() -> Select[Sample, str]:
    return select(Sample, Unit.code).join(Unit, Unit.id == Sample.unit_id)


async def find(session: AsyncSession, subject: Subject, sample_id: int) -> SampleRow | None:
    """A sample of a unit within the subject's reach."""
    query = _with_unit().where(Sample.id == sample_id, within_reach(Sample.unit_id, subject))
    return (await session.execute(query)).one_or_none()


async def listed(
    session: AsyncSession, subject: Subject, unit_id: int | None, after: int | None, limit: int
) -> Sequence[SampleRow]:
    """Samples within reach, the newest first; one more than the limit."""
    query = _with_unit().where(within_reach(Sample.unit_id, subject)).order_by(Sample.id.desc())
    if unit_id is not None:
        query = query.where(Sample.unit_id.in_(subtree(unit_id)))
    if after is not None:
        query = query.where(Sample.id < after)
    return (await session.execute(query.limit(limit + 1))).all()


async def strata_of(session: AsyncSession, sample_id: int) -> Sequence[SampleStratum]:
    """The strata of a sample in order."""
    query = select(SampleStratum).where(SampleStratum.sample_id == sample_id).order_by(SampleStratum.number)
    return (await session.scalars(query)).all()


async def answered(session: AsyncSession, sample_id: int) -> dict[int, int]:
    """How many links of each stratum were answered; strata without any are missing."""
    query = (
        select(SampleLink.stratum, func.count())
        .where(SampleLink.sample_id == sample_id, SampleLink.answer_state != OPEN)
        .group_by(SampleLink.stratum)
    )
    return {row[0]: row[1] for row in await session.execute(query)}


async def add_links(session: AsyncSession, sample_id: int, drawn: Sequence[Drawn]) -> None:
    """A link for each drawn visit."""
    await session.execute(insert(SampleLink), [{"sample_id": sample_id, **one._asdict()} for one in drawn])


async def drawn(session: AsyncSession, sample_id: int) -> list[Drawn]:
    """What was drawn."""
    query = select(
        SampleLink.stratum,
        SampleLink.unit_id,
        SampleLink.dossier_code,
        SampleLink.served_on,
        SampleLink.procedure_id,
    )
    return [Drawn(*row) for row in await session.execute(query.where(SampleLink.sample_id == sample_id))]


async def links_reached(session: AsyncSession, subject: Subject, sample_id: int) -> Sample | None:
    """The sample, if it is within reach or holds links of units that are."""
    some = exists().where(SampleLink.sample_id == Sample.id, within_reach(SampleLink.unit_id, subject))
    reached: ColumnElement[bool] = or_(within_reach(Sample.unit_id, subject), some)
    return await session.scalar(select(Sample).where(Sample.id == sample_id, reached))


async def links(
    session: AsyncSession,
    subject: Subject,
    sample_id: int,
    after: Sequence[str | int] | None,
    limit: int | None,
) -> list[ListedLink]:
    """The links of units within reach by unit and dossier; one more than the limit."""
    query = (
        select(
            SampleLink.unit_id,
            SampleLink.id,
            Unit.code,
            SampleLink.dossier_code,
            SampleLink.served_on,
            Procedure.code,
        )
        .join(Unit, Unit.id == SampleLink.unit_id)
        .outerjoin(Procedure, Procedure.id == SampleLink.procedure_id)
        .where(SampleLink.sample_id == sample_id, within_reach(SampleLink.unit_id, subject))
        .order_by(Unit.code, SampleLink.dossier_code)
    )
    if after is not None:
        unit, dossier = after
        query = query.where(
            tuple_(Unit.code, SampleLink.dossier_code) > tuple_(literal(unit), literal(dossier))
        )
    if limit is not None:
        query = query.limit(limit + 1)
    return [ListedLink(*row) for row in await session.execute(query)]


async def said(session: AsyncSession, sample_id: int) -> list[tuple[int, str, bytes, int]]:
    """(stratum, verdict, answers, how many said just that)."""
    keys = SampleResponse.stratum, SampleResponse.verdict, SampleResponse.answers
    query = select(*keys, func.count()).where(SampleResponse.sample_id == sample_id).group_by(*keys)
    return [(row[0], row[1], row[2], row[3]) for row in await session.execute(query)]
