"""`/api/v1/exports`: take responses and figures along at once, or order them and take the file later."""

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from app.auth.deps import Needs
from app.auth.subjects import Subject
from app.core.answers import is_head
from app.core.clock import utc_now
from app.core.deps import AppSettings, AskedStyle, Paging, ReadSession, WriteSession
from app.core.export_problems import (
    ExportExpired,
    ExportNotReady,
    ExportTooLarge,
    ExportUnknown,
    TooManyExports,
)
from app.core.faults import Fault
from app.core.openapi import problems
from app.core.paging import Page, page
from app.core.parameters import StrictRoute
from app.core.problems import (
    BadRequest,
    BodyTooLarge,
    InvalidRequest,
    MissingScope,
    QuestionnaireUnknown,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnitUnknown,
    UnsupportedMediaType,
)
from app.core.schema import Code
from app.exports import queries, service
from app.exports.columns import code_book
from app.exports.deps import Streamed, TheStreams
from app.exports.produce import AnyOrder
from app.exports.schemas import (
    MEDIA,
    ORDERS,
    AskedIndices,
    AskedResponses,
    CodeBook,
    ExportOut,
    IndicesOrder,
    Order,
    ResponsesOrder,
)
from app.exports.service import Granted
from app.exports.stream import Streams
from app.exports.writers import code_lines
from app.models.export import Export
from app.questionnaires.deps import Questionnaires

router = APIRouter(prefix="/api/v1/exports", tags=["Exports"], route_class=StrictRoute)

Exporter = Annotated[Subject, Needs("exports:create")]
GUARDED = (Unauthorized, MissingScope, TooManyRequests, Unavailable)
ASKED = (*GUARDED, InvalidRequest, UnitUnknown, QuestionnaireUnknown)
FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file",
        "content": {kind.partition(";")[0]: {"schema": {"type": "string"}} for kind in MEDIA.values()},
    }
}


@router.get(
    "/responses",
    response_class=Response,
    responses={**FILE, **problems(*ASKED, ExportTooLarge)},
    summary="Take responses along",
)
async def take_responses(
    request: Request,
    asked: Annotated[AskedResponses, Query()],
    subject: Exporter,
    session: ReadSession,
    questionnaires: Questionnaires,
    streams: TheStreams,
) -> Response:
    """Needs `responses:read` as well, and `responses:review` with comments. What they hold: docs/exports.md.

    The header `X-Export-Id` names the record of it, where number of rows and checksum stand at the end.
    """
    given = asked.model_dump(by_alias=True, mode="json")
    order = ResponsesOrder.model_validate({"what": "responses", **given})
    granted = await service.grant(session, questionnaires, subject, order)
    return _taken(request, streams, subject, granted)


@router.get(
    "/indices",
    response_class=Response,
    responses={**FILE, **problems(*ASKED)},
    summary="Take figures along",
)
async def take_indices(
    request: Request,
    asked: Annotated[AskedIndices, Query()],
    subject: Exporter,
    session: ReadSession,
    questionnaires: Questionnaires,
    streams: TheStreams,
) -> Response:
    """Needs `indices:read` as well. For each unit the whole questionnaire and each component, in rows."""
    given = asked.model_dump(by_alias=True, mode="json")
    order = IndicesOrder.model_validate({"what": "indices", **given})
    granted = await service.grant(session, questionnaires, subject, order)
    return _taken(request, streams, subject, granted)


@router.get(
    "/codebook",
    response_model=CodeBook,
    responses={
        200: {"content": {"text/csv": {"schema": {"type": "string"}}}},
        **problems(*GUARDED, InvalidRequest, QuestionnaireUnknown),
    },
    summary="What columns and codes mean",
)
async def read_code_book(
    subject: Exporter,
    questionnaires: Questionnaires,
    questionnaire: Annotated[Code, Query(examples=["quick-5"])],
    version: Annotated[int, Query(ge=1, le=9999, examples=[1])],
    style: AskedStyle,
    format: Annotated[Literal["json", "csv"], Query(description="How it is written.")] = "json",  # noqa: A002  its name in the address
) -> CodeBook | Response:
    """Every column of the responses of a questionnaire version, with the values that may stand in it."""
    if format != "csv":
        style.refuse_without_csv()
    published = await questionnaires.get(questionnaire, version)
    if published is None:
        raise QuestionnaireUnknown(questionnaire=f"{questionnaire} {version}")
    codes = list(code_book(published.definition))
    if format == "csv":
        name = f"sipas-codebook-{questionnaire}-{version}.csv"
        return Response(code_lines(codes, style), headers=_attached(name), media_type=MEDIA["csv"])
    items = [code._asdict() for code in codes]
    return CodeBook.model_validate({"questionnaire": questionnaire, "version": version, "items": items})


@router.post(
    "",
    status_code=202,
    responses=problems(*ASKED, BadRequest, BodyTooLarge, UnsupportedMediaType, TooManyExports),
    summary="Order an export",
)
async def order_export(
    order: Order,
    subject: Exporter,
    session: WriteSession,
    questionnaires: Questionnaires,
    settings: AppSettings,
) -> ExportOut:
    """Made in the background, however large. Its file is kept for some days (`SIPAS_EXPORT_DAYS`)."""
    granted = await service.grant(session, questionnaires, subject, order)
    now = utc_now()
    placed = await service.place(session, subject, granted, uuid4(), now, settings.export_days)
    return service.show(placed, now)


@router.get("", responses=problems(*GUARDED, InvalidRequest), summary="List my exports")
async def list_exports(subject: Exporter, session: ReadSession, paging: Paging) -> Page[ExportOut]:
    """Your own, the newest first."""
    now = utc_now()
    key = paging.after(str, str)
    rows = await queries.listed(session, subject.actor, _before(key), paging.limit)
    return page(
        rows,
        paging,
        lambda row: service.show(row, now),
        lambda row: (row.created_at.isoformat(), str(row.id)),
    )


@router.get(
    "/{export_id}", responses=problems(*GUARDED, InvalidRequest, ExportUnknown), summary="Read an export"
)
async def read_export(export_id: UUID, subject: Exporter, session: ReadSession) -> ExportOut:
    """How far it is; once it is done, the number of rows, the size and the SHA-256 of its file."""
    return service.show(await service.find(session, subject, export_id), utc_now())


@router.get(
    "/{export_id}/file",
    response_class=Response,
    responses={
        **FILE,
        **problems(*GUARDED, InvalidRequest, ExportUnknown, ExportNotReady, ExportExpired),
    },
    summary="Take the file of an export",
)
async def take_file(
    request: Request, export_id: UUID, subject: Exporter, session: ReadSession, streams: TheStreams
) -> Response:
    """Whoever ordered it may take it, as often as they like, while their reach covers it and it is kept."""
    export = await service.find_file(session, subject, export_id, utc_now())
    order = ORDERS.validate_python(export.query)
    headers = {**_headers(order, export_id), **_checked(export)}
    if is_head(request.scope):
        return StreamingResponse(iter(()), headers=headers, media_type=MEDIA[order.format])
    return Streamed(streams.kept(export), MEDIA[order.format], headers)


def _taken(request: Request, streams: Streams, subject: Subject, granted: Granted) -> Response:
    export_id = uuid4()
    if is_head(request.scope):  # nothing is taken along, so nothing is recorded
        headers = _headers(granted.order, export_id)
        return StreamingResponse(iter(()), headers=headers, media_type=MEDIA[granted.order.format])
    pieces = streams.take(subject.actor, granted, export_id, utc_now())
    return Streamed(pieces, MEDIA[granted.order.format], _headers(granted.order, export_id))


def _headers(order: AnyOrder, export_id: UUID) -> dict[str, str]:
    form, period = f"{order.questionnaire}-{order.version}", f"{order.first}-{order.last}"
    name = f"sipas-{order.what}-{form}-{period}.{order.format}"
    return {
        **_attached(name),
        "X-Export-Id": str(export_id),
        "Link": f'</api/v1/exports/{export_id}>; rel="describedby"',
    }


def _attached(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}


def _checked(export: Export) -> Mapping[str, str]:
    """RFC 9530's checksum, and the number of rows."""
    digest = base64.b64encode(export.sha256 or b"").decode()
    return {
        "Content-Length": str(export.size),
        "Repr-Digest": f"sha-256=:{digest}:",
        "X-Export-Rows": str(export.rows_done),
    }


def _before(key: list[str | int] | None) -> tuple[datetime, UUID] | None:
    if key is None:
        return None
    try:
        created_at = datetime.fromisoformat(str(key[0]))
        if created_at.tzinfo is None:
            raise ValueError("a moment without its zone")
        return created_at, UUID(str(key[1]))
    except ValueError as error:
        raise InvalidRequest(faults=[Fault("/cursor", "invalid_cursor")]) from error
