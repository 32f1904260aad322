"""`/api/v1/units`: add one, read one, change one, list, import a table."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, File, Path, Query, Response, UploadFile
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.deps import Needs
from app.auth.reach import find_unit, unit_unknown
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
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnitExists,
    UnitUnknown,
    UnsupportedMediaType,
)
from app.core.schema import Code, Day, Line
from app.models.unit import UnitKind
from app.units import history, queries, reorganising, service
from app.units.outline import UnitHistory
from app.units.schemas import NewUnit, UnitChange, UnitOut

router = APIRouter(prefix="/api/v1/units", tags=["Units"], route_class=StrictRoute)
router.include_router(reorganising.router)  # before `/{code}`, which would take its address for a code

Reader = Annotated[Subject, Needs("units:read")]
Manager = Annotated[Subject, Needs("units:manage")]
GUARDED = (Unauthorized, MissingScope, TooManyRequests, Unavailable)


@router.post(
    "",
    status_code=201,
    responses=problems(
        *GUARDED, BadRequest, InvalidRequest, UnitUnknown, UnitExists, BodyTooLarge, UnsupportedMediaType
    ),
    summary="Add a unit",
)
async def create_unit(new: NewUnit, subject: Manager, session: WriteSession) -> UnitOut:
    """Below a unit within your reach; who reaches every unit may also add one at the top."""
    unit = await service.create_unit(session, subject, new)
    return await _show(session, queries.Found(unit, unit.code, unit.name, unit.kind, new.parent_code))


@router.post("/import", responses=import_responses(*GUARDED), dependencies=UNHURRIED, summary="Import units")
async def import_units(
    file: Annotated[
        UploadFile,
        File(description="CSV or XLSX: code, name, kind, parent_code, valid_from; or the national list."),
    ],
    subject: Manager,
    session: WriteSession,
    language: UserLanguage,
    response: Response,
    dry_run: Annotated[bool, Query(description="Only say what would happen.")] = False,
) -> ImportReport:
    """Adds and changes units by code; rows in any order. With any fault nothing is written: 422.

    An empty parent or day leaves what a known unit has. A dry run answers 200 with the same body.
    """
    data = await file.read()
    result = await service.import_units(session, subject, data, file.filename or "", dry_run)
    response.status_code = status_of(result, dry_run)
    return report(result, language)


@router.get("", responses=problems(*GUARDED, InvalidRequest, UnitUnknown), summary="List units")
async def list_units(
    subject: Reader,
    session: ReadSession,
    paging: Paging,
    parent: Annotated[Code | None, Query(description="Only the direct children of this unit.")] = None,
    kind: Annotated[UnitKind | None, Query(description="Only units of this kind.")] = None,
    q: Annotated[
        Line | None, Query(description="Part of name or code; diacritics and case do not matter.")
    ] = None,
    on: Annotated[
        Day | None, Query(description="The tree of this day: who was valid, as it was called then.")
    ] = None,
) -> Page[UnitOut]:
    """Units within your reach, by code."""
    after = paging.after(str)
    rows = await queries.listing(
        session,
        subject,
        parent_id=None if parent is None else await _parent(session, subject, parent, on),
        kind=kind,
        q=q,
        on=on,
        after=None if after is None else str(after[0]),
        limit=paging.limit,
    )
    in_force = await queries.in_force(session, [row.unit.id for row in rows])
    return page(rows, paging, lambda row: UnitOut.of(row, in_force[row.unit.id]), lambda row: (row.code,))


@router.get("/{code}", responses=problems(*GUARDED, InvalidRequest, UnitUnknown), summary="Read a unit")
async def read_unit(code: Annotated[Code, Path()], subject: Reader, session: ReadSession) -> UnitOut:
    """One unit within your reach."""
    found = await queries.one(session, subject, code)
    if found is None:
        raise await unit_unknown(session, subject, code, "/code")
    return await _show(session, found)


@router.get(
    "/{code}/history",
    responses=problems(*GUARDED, InvalidRequest, UnitUnknown),
    summary="Read a unit's history",
)
async def read_history(code: Annotated[Code, Path()], subject: Reader, session: ReadSession) -> UnitHistory:
    """Its names, codes and places in the tree with their days, whom it took over from and who from it."""
    unit = await find_unit(session, subject, code, "/code")
    return UnitHistory.model_validate(
        {
            "versions": await history.versions(session, subject, unit),
            "predecessors": await history.predecessors(session, subject, unit.id),
            "successors": await history.successors(session, subject, unit.id),
        }
    )


@router.patch(
    "/{code}",
    responses=problems(*GUARDED, BadRequest, InvalidRequest, UnitUnknown, BodyTooLarge, UnsupportedMediaType),
    summary="Change a unit's contact, opening hours and second factor",
)
async def change_unit(
    code: Annotated[Code, Path()], sent: UnitChange, subject: Manager, session: WriteSession
) -> UnitOut:
    """How citizens reach a unit within your reach, and when it is open; units beneath inherit both.

    `require_totp` makes every member of staff there and beneath set up a second factor before anything else.
    Name and place in the tree are changed by an import.
    """
    await service.change_unit(session, subject, code, sent)
    found = await queries.one(session, subject, code)
    if found is None:
        raise UnitUnknown(unit=code)
    return await _show(session, found)


async def _parent(session: AsyncSession, subject: Subject, code: str, on: date | None) -> int:
    """Of a day, by the code of that day, or whatever code it has or had."""
    known = None if on is None else await queries.called(session, subject, code, on)
    return (await find_unit(session, subject, code, "/parent")).id if known is None else known


async def _show(session: AsyncSession, found: queries.Found) -> UnitOut:
    unit_id = found.unit.id
    return UnitOut.of(found, (await queries.in_force(session, [unit_id]))[unit_id])
