"""Decisions about exports: who may have what, and whether what was made may still be taken.

Every scope that an export needs must reach all of its units: when it is ordered, when it is made, and each
time its file is taken. What lies within all of those reaches is written down as the units at its top.
"""

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit import record
from app.auth.reach import find_unit
from app.auth.scopes import Scope
from app.auth.subjects import Subject
from app.core.clock import MAX_PERIOD_YEARS, is_too_long
from app.core.export_problems import ExportExpired, ExportNotReady, ExportUnknown, TooManyExports
from app.core.faults import Fault
from app.core.problems import InvalidRequest, MissingScope, QuestionnaireUnknown
from app.exports import queries
from app.exports.produce import AnyOrder, Tops
from app.exports.schemas import ORDERS, ExportOut, ResponsesOrder
from app.models.export import Export
from app.questionnaires.published import Published, PublishedQuestionnaires

MOST_WAITING = 10


class Granted(NamedTuple):
    """An order that its sender may have: of these units, of this questionnaire version."""

    order: AnyOrder
    tops: Tops
    published: Published


def scopes_of(order: AnyOrder) -> tuple[Scope, ...]:
    """What one must be allowed to do. Comments may name people: only reviewers take them along."""
    if not isinstance(order, ResponsesOrder):
        return "exports:create", "indices:read"
    if order.comments:
        return "exports:create", "responses:read", "responses:review"
    return "exports:create", "responses:read"


async def grant(
    session: AsyncSession, questionnaires: PublishedQuestionnaires, subject: Subject, order: AnyOrder
) -> Granted:
    """MissingScope, UnitUnknown, QuestionnaireUnknown, or InvalidRequest for a period that is none."""
    if order.format != "csv":
        order.style.refuse_without_csv()
    if order.first > order.last:
        raise InvalidRequest(faults=[Fault("/from", "period_reversed")])
    if is_too_long(order.first, order.last):
        raise InvalidRequest(faults=[Fault("/to", "period_too_long", {"years": MAX_PERIOD_YEARS})])
    tops = await _tops(session, subject, scopes_of(order), order.unit)
    published = await questionnaires.get(order.questionnaire, order.version)
    if published is None:
        raise QuestionnaireUnknown(questionnaire=f"{order.questionnaire} {order.version}")
    return Granted(order, tops, published)


async def _tops(session: AsyncSession, subject: Subject, scopes: tuple[Scope, ...], unit: str | None) -> Tops:
    narrowed = []
    for scope in scopes:
        if scope not in subject.scopes:
            raise MissingScope(scope=scope)
        narrowed.append(subject.narrowed(scope))
    if unit is not None:
        found = [await find_unit(session, each, unit) for each in narrowed]
        return [found[0].id]
    limits = [each.unit_ids for each in narrowed if each.unit_ids is not None]
    if not limits:
        return None
    common = frozenset().union(*limits)
    for each in narrowed:
        common &= await queries.inside(session, common, each)
    return sorted(common)


async def place(
    session: AsyncSession, subject: Subject, granted: Granted, export_id: UUID, now: datetime, days: int
) -> Export:
    """Put an order in the queue; the job runner takes it from there."""
    if await queries.waiting(session, subject.actor) >= MOST_WAITING:
        raise TooManyExports(limit=MOST_WAITING)
    export = enter(session, subject.actor, granted, export_id, now, days)
    record(
        session, subject.actor, "export.order", f"export:{export_id}", granted.tops or (), query=export.query
    )
    return export


def enter(
    session: AsyncSession,
    actor: str,
    granted: Granted,
    export_id: UUID,
    now: datetime,
    days: int,
    *,
    streamed: bool = False,
) -> Export:
    """The row of a new export."""
    export = Export(
        id=export_id,
        actor=actor,
        state="running" if streamed else "queued",
        streamed=streamed,
        query=granted.order.model_dump(mode="json", by_alias=True),
        tops=granted.tops,
        rows_done=0,
        created_at=now,
        expires_at=now + timedelta(days=0 if streamed else days),
    )
    session.add(export)
    return export


async def find(session: AsyncSession, subject: Subject, export_id: UUID) -> Export:
    """One's own export, while one may still have all that is in it; ExportUnknown otherwise."""
    export = await queries.own(session, subject.actor, export_id)
    if export is None or not await may_have(session, subject, export):
        raise ExportUnknown
    return export


async def find_file(session: AsyncSession, subject: Subject, export_id: UUID, now: datetime) -> Export:
    """The same, with its file; ExportNotReady, or ExportExpired when it is no longer kept."""
    export = await find(session, subject, export_id)
    if export.streamed or (export.state == "done" and export.expires_at <= now):
        raise ExportExpired
    if export.state != "done":
        raise ExportNotReady
    return export


async def may_have(session: AsyncSession, subject: Subject, export: Export) -> bool:
    """Whether the subject's reach with every scope needed covers what the export holds."""
    for scope in scopes_of(ORDERS.validate_python(export.query)):
        if scope not in subject.scopes:
            return False
        narrowed = subject.narrowed(scope)
        if narrowed.unit_ids is None:
            continue
        if export.tops is None or set(export.tops) - await queries.inside(session, export.tops, narrowed):
            return False
    return True


def show(export: Export, now: datetime) -> ExportOut:
    """An export as its owner sees it."""
    done = export.state == "done"
    kept = done and not export.streamed and export.expires_at > now
    return ExportOut.model_validate(
        {
            "id": export.id,
            "state": "expired" if done and not export.streamed and not kept else export.state,
            "streamed": export.streamed,
            "query": export.query,
            "rows": export.rows_done,
            "rows_total": export.rows_total,
            "size": export.size,
            "sha256": export.sha256.hex() if export.sha256 is not None else None,
            "failure": export.failure,
            "created_at": export.created_at,
            "finished_at": export.finished_at,
            "expires_at": export.expires_at,
            "file": f"/api/v1/exports/{export.id}/file" if kept else None,
        }
    )
