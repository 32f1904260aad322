"""`/api/v1/procedures`: add one, read one, list, import a table."""

from typing import Annotated

from fastapi import APIRouter, File, Path, Query, Response, UploadFile

from app.auth.deps import Needs
from app.auth.subjects import Subject
from app.core.deadline import UNHURRIED
from app.core.deps import Paging, ReadSession, UserLanguage, WriteSession
from app.core.imports import ImportReport, import_responses, report, status_of
from app.core.openapi import problems
from app.core.paging import Page, page
from app.core.parameters import StrictRoute
from app.core.problems import (
    BadRequest,
    BodyTooLarge,
    InvalidRequest,
    MissingScope,
    ProcedureExists,
    ProcedureUnknown,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnsupportedMediaType,
    WholeReachNeeded,
)
from app.core.schema import Code, Line
from app.procedures import queries, service
from app.procedures.schemas import NewProcedure, ProcedureOut

router = APIRouter(prefix="/api/v1/procedures", tags=["Procedures"], route_class=StrictRoute)

Reader = Annotated[Subject, Needs("units:read")]
Manager = Annotated[Subject, Needs("units:manage")]
GUARDED = (Unauthorized, MissingScope, TooManyRequests, Unavailable)


@router.post(
    "",
    status_code=201,
    responses=problems(
        *GUARDED,
        WholeReachNeeded,
        BadRequest,
        InvalidRequest,
        ProcedureExists,
        BodyTooLarge,
        UnsupportedMediaType,
    ),
    summary="Add a procedure",
)
async def create_procedure(new: NewProcedure, subject: Manager, session: WriteSession) -> ProcedureOut:
    """Only who reaches every unit may: the list is the whole nation's."""
    return ProcedureOut.model_validate(await service.create_procedure(session, subject, new))


@router.post(
    "/import",
    responses=import_responses(*GUARDED, WholeReachNeeded),
    dependencies=UNHURRIED,
    summary="Import procedures",
)
async def import_procedures(
    file: Annotated[UploadFile, File(description="CSV or XLSX with the columns code, name, field, level.")],
    subject: Manager,
    session: WriteSession,
    language: UserLanguage,
    response: Response,
    dry_run: Annotated[bool, Query(description="Only say what would happen.")] = False,
) -> ImportReport:
    """Adds and changes procedures by code. With any fault nothing is written and the answer is 422.

    A dry run answers 200 with the same body.
    """
    data = await file.read()
    result = await service.import_procedures(session, subject, data, file.filename or "", dry_run)
    response.status_code = status_of(result, dry_run)
    return report(result, language)


@router.get("", responses=problems(*GUARDED, InvalidRequest), summary="List procedures")
async def list_procedures(
    _: Reader,
    session: ReadSession,
    paging: Paging,
    q: Annotated[
        Line | None, Query(description="Part of name or code; diacritics and case do not matter.")
    ] = None,
) -> Page[ProcedureOut]:
    """All procedures, by code."""
    after = paging.after(str)
    rows = await queries.listing(
        session, q=q, after=None if after is None else str(after[0]), limit=paging.limit
    )
    return page(rows, paging, ProcedureOut.model_validate, lambda row: (row.code,))


@router.get(
    "/{code}", responses=problems(*GUARDED, InvalidRequest, ProcedureUnknown), summary="Read a procedure"
)
async def read_procedure(code: Annotated[Code, Path()], _: Reader, session: ReadSession) -> ProcedureOut:
    """One procedure."""
    procedure = await queries.one(session, code)
    if procedure is None:
        raise ProcedureUnknown(procedure=code)
    return ProcedureOut.model_validate(procedure)
