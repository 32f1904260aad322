"""Mappings: which criteria of a version ask the same as those of an earlier one, to be read as one.

Published once and never changed: figures that were read across must not change their meaning afterwards.
"""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, StrictInt
from sqlalchemy.ext.asyncio import AsyncSession

from app import audit
from app.auth.subjects import Subject
from app.core.faults import Fault, pointer
from app.core.figure_problems import MappingExists
from app.core.problems import InvalidRequest, QuestionnaireNotPublished, QuestionnaireUnknown
from app.core.schema import Code, In, Out
from app.models.questionnaire import Questionnaire, QuestionnaireMapping
from app.questionnaires import queries

EXAMPLE = {"earlier_version": 1, "criteria": {"A1": "A1", "D2": "D1"}}


class MappingIn(In):
    """Criteria of the version in the address -> the same ones of an earlier version."""

    earlier_version: Annotated[StrictInt, Field(ge=1, le=9999)]
    criteria: Annotated[dict[Code, Code], Field(min_length=1, max_length=60)]


class MappingOut(Out):
    """A published mapping."""

    earlier_version: int
    criteria: dict[str, str]


class MappingsOut(Out):
    """All mappings of a version, the newest of the earlier versions first."""

    items: list[MappingOut]


async def publish(
    session: AsyncSession, subject: Subject, code: str, version: int, sent: MappingIn
) -> MappingOut:
    """Publish a mapping between two published versions; MappingExists when there is one."""
    if sent.earlier_version >= version:
        raise InvalidRequest(faults=[Fault("/earlier_version", "too_large", {"limit": version - 1})])
    row, earlier = [await _published(session, code, one) for one in (version, sent.earlier_version)]
    if faults := check(sent.criteria, _codes(row), _codes(earlier)):
        raise InvalidRequest(faults=faults)
    if await queries.find_mapping(session, row.id, earlier.id) is not None:
        raise MappingExists
    session.add(
        QuestionnaireMapping(questionnaire_id=row.id, earlier_id=earlier.id, criteria=dict(sent.criteria))
    )
    audit.record(
        session,
        subject.actor,
        "questionnaire.map",
        f"questionnaire:{code}/{version}",
        [],
        earlier_version=earlier.version,
        criteria=dict(sent.criteria),
    )
    await session.flush()
    return MappingOut(earlier_version=earlier.version, criteria=sent.criteria)


def check(criteria: Mapping[str, str], codes: set[str], earlier: set[str]) -> list[Fault]:
    """Every code must be known, and no earlier criterion stand there twice."""
    faults, seen = [], set[str]()
    for code, same in criteria.items():
        where = pointer("criteria", code)
        if code not in codes or same not in earlier:
            faults.append(Fault(where, "unknown_criterion"))
        elif same in seen:
            faults.append(Fault(where, "duplicate_code"))
        seen.add(same)
    return faults


async def listed(session: AsyncSession, code: str, version: int) -> MappingsOut:
    """The mappings of a published version."""
    row = await queries.find(session, code, version)
    if row is None or row.status == "draft":
        raise QuestionnaireUnknown(questionnaire=f"{code}/{version}")
    found = await queries.mappings_of(session, row.id)
    return MappingsOut(
        items=[
            MappingOut(earlier_version=earlier.version, criteria=mapping.criteria)
            for mapping, earlier in found
        ]
    )


async def _published(session: AsyncSession, code: str, version: int) -> Questionnaire:
    row = await queries.find(session, code, version)
    if row is None:
        raise QuestionnaireUnknown(questionnaire=f"{code}/{version}")
    if row.status == "draft":
        raise QuestionnaireNotPublished
    return row


def _codes(row: Questionnaire) -> set[str]:
    return {criterion["code"] for criterion in row.definition["criteria"]}
