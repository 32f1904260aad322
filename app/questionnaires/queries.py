"""What the house asks of the table of questionnaires."""

from collections.abc import Collection, Sequence

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.questionnaire import Questionnaire, QuestionnaireMapping


async def find(session: AsyncSession, code: str, version: int, *, lock: bool = False) -> Questionnaire | None:
    """One version in whatever status; locked when it is about to change."""
    query = select(Questionnaire).where(Questionnaire.code == code, Questionnaire.version == version)
    return await session.scalar(query.with_for_update() if lock else query)


async def listed(
    session: AsyncSession, after: Sequence[str | int] | None, limit: int, *, drafts: bool
) -> Sequence[Questionnaire]:
    """Versions behind (code, version), in that order; without drafts unless they are asked for."""
    key = tuple_(Questionnaire.code, Questionnaire.version)
    query = select(Questionnaire).order_by(Questionnaire.code, Questionnaire.version).limit(limit)
    if not drafts:
        query = query.where(Questionnaire.status != "draft")
    if after is not None:
        query = query.where(key > tuple_(*after))
    return (await session.scalars(query)).all()


async def by_ids(session: AsyncSession, ids: Collection[int]) -> Sequence[Questionnaire]:
    """The published and retired versions among these ids."""
    query = select(Questionnaire).where(Questionnaire.id.in_(ids), Questionnaire.status != "draft")
    return (await session.scalars(query)).all()


async def newest_published(session: AsyncSession, code: str) -> Questionnaire | None:
    """The highest published version that is not retired."""
    query = select(Questionnaire).where(Questionnaire.code == code, Questionnaire.status == "published")
    return await session.scalar(query.order_by(Questionnaire.version.desc()).limit(1))


async def find_mapping(
    session: AsyncSession, questionnaire_id: int, earlier_id: int
) -> QuestionnaireMapping | None:
    """The mapping between two versions."""
    return await session.get(QuestionnaireMapping, (questionnaire_id, earlier_id))


async def mappings_of(
    session: AsyncSession, questionnaire_id: int
) -> list[tuple[QuestionnaireMapping, Questionnaire]]:
    """The mappings of a version, each with the earlier version, the newest of these first."""
    query = (
        select(QuestionnaireMapping, Questionnaire)
        .join(Questionnaire, Questionnaire.id == QuestionnaireMapping.earlier_id)
        .where(QuestionnaireMapping.questionnaire_id == questionnaire_id)
        .order_by(Questionnaire.version.desc())
    )
    return [(mapping, earlier) for mapping, earlier in await session.execute(query)]
