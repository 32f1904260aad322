"""Drafts, publication, retirement, and the questionnaires that come with the product.

A draft may change as often as one likes; publishing freezes it for good, because responses are stored as
bytes in the order of its criteria. The database refuses a change of a published version too (a trigger), so
that no later mistake in this file can rewrite what people were asked.
"""

import logging
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app import audit
from app.auth.subjects import Subject
from app.core.clock import utc_now
from app.core.faults import Fault
from app.core.locks import Lock, hold
from app.core.problems import (
    InvalidRequest,
    QuestionnaireFrozen,
    QuestionnaireNotPublished,
    QuestionnaireRetired,
    QuestionnaireUnknown,
)
from app.models.questionnaire import Questionnaire
from app.questionnaires import catalogue, queries
from app.questionnaires.definition import Definition, check, digest

log = logging.getLogger(__name__)


class ShippedQuestionnaireDiffers(Exception):
    """A published version is not the one this release ships under the same code and number."""

    def __init__(self, definition: Definition) -> None:
        super().__init__(
            f"{definition.code} version {definition.version} is published here with other content than "
            "this release ships it. Published versions never change: one of the two needs a new number."
        )


def _name(code: str, version: int) -> str:
    return f"{code}/{version}"


async def load_shipped(session: AsyncSession) -> None:
    """Publish every shipped version that is missing; never touches one that is there.

    May run in two processes at once: the second waits and finds the work done. Raises
    ShippedQuestionnaireDiffers where a published version has other content than ours.
    """
    await hold(session, Lock.SHIPPED_QUESTIONNAIRES)
    now = utc_now()
    for definition in catalogue.load_shipped():
        there = await queries.find(session, definition.code, definition.version)
        if there is None:
            session.add(_row(definition, published_at=now))
            target = f"questionnaire:{_name(definition.code, definition.version)}"
            audit.record(
                session, audit.SYSTEM, "questionnaire.publish", target, [], digest=digest(definition)
            )
        elif there.status == "draft":
            # somebody's draft took the number first: theirs to decide about, and no reason not to start
            log.warning("a draft stands in the way of a shipped questionnaire", extra={"target": there.code})
        elif there.digest != digest(definition):
            raise ShippedQuestionnaireDiffers(definition)


async def create_draft(session: AsyncSession, subject: Subject, definition: Definition) -> Questionnaire:
    """A new draft; every fault at once, `questionnaire_exists` when the version is taken."""
    _refuse_faults(definition)
    row = _row(definition)
    session.add(row)
    await session.flush()
    _record(session, subject, "questionnaire.create", row)
    return row


async def replace_draft(
    session: AsyncSession, subject: Subject, code: str, version: int, definition: Definition
) -> Questionnaire:
    """Change a draft; its code and version are its name and stay. Published: `questionnaire_frozen`."""
    named = (("/code", definition.code, code), ("/version", definition.version, version))
    wrong = [Fault(where, "not_allowed", {"allowed": name}) for where, sent, name in named if sent != name]
    _refuse_faults(definition, wrong)
    row = await _locked(session, code, version)
    if row.status != "draft":
        raise QuestionnaireFrozen
    before = {"digest": row.digest}
    row.definition = definition.model_dump(mode="json")
    row.digest = digest(definition)
    changes = audit.changed(before, {"digest": row.digest}) or {}
    _record(session, subject, "questionnaire.change", row, **changes)
    return row


async def publish(session: AsyncSession, subject: Subject, code: str, version: int) -> Questionnaire:
    """Freeze a draft and open it for answers; publishing again changes nothing."""
    row = await _locked(session, code, version)
    if row.status == "retired":
        raise QuestionnaireRetired
    if row.status == "draft":
        row.status = "published"
        row.published_at = utc_now()
        changes = audit.changed({"status": "draft"}, {"status": row.status}) or {}
        _record(session, subject, "questionnaire.publish", row, **changes)
    return row


async def retire(session: AsyncSession, subject: Subject, code: str, version: int) -> Questionnaire:
    """No new visits or tablets with this version; what was handed out may still be answered."""
    row = await _locked(session, code, version)
    if row.status == "draft":
        raise QuestionnaireNotPublished
    if row.status == "published":
        row.status = "retired"
        row.retired_at = utc_now()
        changes = audit.changed({"status": "published"}, {"status": row.status}) or {}
        _record(session, subject, "questionnaire.retire", row, **changes)
    return row


async def get(session: AsyncSession, code: str, version: int, *, drafts: bool) -> Questionnaire:
    """One version; a draft does not exist for those who may not see it."""
    row = await queries.find(session, code, version)
    if row is None or (row.status == "draft" and not drafts):
        raise QuestionnaireUnknown(questionnaire=_name(code, version))
    return row


async def _locked(session: AsyncSession, code: str, version: int) -> Questionnaire:
    row = await queries.find(session, code, version, lock=True)
    if row is None:
        raise QuestionnaireUnknown(questionnaire=_name(code, version))
    return row


def _row(definition: Definition, published_at: datetime | None = None) -> Questionnaire:
    return Questionnaire(
        code=definition.code,
        version=definition.version,
        status="published" if published_at else "draft",
        definition=definition.model_dump(mode="json"),
        digest=digest(definition),
        published_at=published_at,
    )


def _refuse_faults(definition: Definition, found: list[Fault] | None = None) -> None:
    if faults := [*(found or ()), *check(definition)]:
        raise InvalidRequest(faults=faults)


def _record(
    session: AsyncSession, subject: Subject, action: str, row: Questionnaire, **changes: object
) -> None:
    # of the whole nation, so of no unit; what was asked stands in the version, of which the digest is proof
    target = f"questionnaire:{_name(row.code, row.version)}"
    audit.record(session, subject.actor, action, target, [], digest=row.digest, **changes)
