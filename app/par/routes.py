"""`/api/v1/par`: score sheets of the PAR Index, ranks, last places, other people's measures."""

from typing import Annotated

from fastapi import APIRouter, File, Path, Query, Request, Response, UploadFile

from app.auth.deps import Needs
from app.auth.subjects import Subject
from app.core.deadline import UNHURRIED
from app.core.deps import AppSettings, Paging, ReadSession, UserLanguage, WriteSession
from app.core.http import respond
from app.core.imports import ImportReport, import_responses, report, status_of
from app.core.openapi import NOT_MODIFIED, problems
from app.core.par_problems import ParSheetFinal, ParSheetUnknown
from app.core.parameters import StrictRoute
from app.core.problems import (
    BadRequest,
    BodyTooLarge,
    InvalidRequest,
    MissingScope,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnitUnknown,
    UnsupportedMediaType,
)
from app.core.schema import Code
from app.models.unit import UnitKind
from app.par import external, service, standings
from app.par.figures import Beside, FiguresIn, InstrumentOut
from app.par.instruments import Code as InstrumentCode
from app.par.lists import LastPlaces, Ranking
from app.par.parts import FIRST_YEAR, LAST_YEAR
from app.par.schemas import SheetIn, SheetOut, TemplateOut, Templates
from app.par.standings import Among
from app.par.templates import shipped
from app.questionnaires.deps import Questionnaires

router = APIRouter(prefix="/api/v1/par", tags=["PAR Index"], route_class=StrictRoute)

Reader = Annotated[Subject, Needs("indices:read")]
Publisher = Annotated[Subject, Needs("periods:publish")]
UnitCode = Annotated[Code, Path(description="Code of the unit.", examples=["24"])]
PathYear = Annotated[int, Path(ge=FIRST_YEAR, le=LAST_YEAR, examples=[2020])]
QueryYear = Annotated[int, Query(ge=FIRST_YEAR, le=LAST_YEAR, description="The year.", examples=[2020])]
Kind = Annotated[UnitKind, Query(description="Units of this kind are compared.")]
Parent = Annotated[Code | None, Query(description="Only units beneath this one, at any depth, as of today.")]
READING = (InvalidRequest, Unauthorized, MissingScope, TooManyRequests, Unavailable)
WRITING = (*READING, BadRequest, BodyTooLarge, UnsupportedMediaType)


@router.get(
    "/templates",
    response_model=Templates,
    responses={**NOT_MODIFIED, **problems(*READING)},
    summary="Templates of score sheets",
)
async def list_templates(request: Request, _: Reader, __: ReadSession) -> Response:
    """Domains with their maximum points, and the bands of a total, as they come with the product."""
    return respond(request, Templates(items=[TemplateOut.of(one) for one in shipped().values()]))


@router.get(
    "/sheets",
    response_model=Ranking,
    responses={**NOT_MODIFIED, **problems(*READING, UnitUnknown)},
    summary="A year's score sheets with ranks",
)
async def list_sheets(
    request: Request,
    year: QueryYear,
    kind: Kind,
    subject: Reader,
    session: ReadSession,
    paging: Paging,
    parent: Parent = None,
) -> Response:
    """Best first, by exact sums; equal sums share a rank (1, 2, 2, 4). Only final sheets are ranked.

    Ranks are among the units within your reach; `ranked` says how many. `change` is against the year before.
    """
    found = await standings.ranking(session, subject, year, Among(kind, parent), paging)
    return respond(request, found)


@router.post(
    "/sheets/import",
    responses=import_responses(*WRITING),
    dependencies=UNHURRIED,
    summary="Import a year's score sheets",
)
async def import_sheets(
    file: Annotated[
        UploadFile,
        File(
            description="CSV or XLSX, a row for each domain of a unit: unit_code, domain, and as"
            " known self_score, appraised_score, survey_score, points, max_points, published_total, title_vi,"
            " title_en."
        ),
    ],
    year: QueryYear,
    template: Annotated[Code, Query(description="A template's code, or `own`.", examples=["provinces-2020"])],
    subject: Publisher,
    session: WriteSession,
    language: UserLanguage,
    response: Response,
    final: Annotated[bool, Query(description="Mark all of them final.")] = False,
    dry_run: Annotated[bool, Query(description="Only say what would happen.")] = False,
) -> ImportReport:
    """All sheets or, with any fault, none: 422 with every fault. A dry run answers 200 with the same body.

    A sheet that is final already must stand in the file as it is, or not at all: revise it singly.
    """
    result = await service.import_sheets(
        session,
        subject,
        await file.read(),
        file.filename or "",
        year=year,
        template=template,
        final=final,
        dry_run=dry_run,
    )
    response.status_code = status_of(result, dry_run)
    return report(result, language)


@router.get(
    "/sheets/{unit_code}/{year}",
    response_model=SheetOut,
    responses={**NOT_MODIFIED, **problems(*READING, UnitUnknown, ParSheetUnknown)},
    summary="A unit's score sheet",
)
async def read_sheet(
    request: Request,
    unit_code: UnitCode,
    year: PathYear,
    subject: Reader,
    session: ReadSession,
    revision: Annotated[int | None, Query(ge=1, le=9999, description="Default: the newest.")] = None,
) -> Response:
    """Domains with their scores, the exact sums, and how far a published total is from them."""
    return respond(request, await service.read_sheet(session, subject, unit_code, year, revision))


@router.put(
    "/sheets/{unit_code}/{year}",
    responses=problems(*WRITING, UnitUnknown, ParSheetFinal),
    summary="Write a unit's score sheet",
)
async def put_sheet(
    unit_code: UnitCode, year: PathYear, sent: SheetIn, subject: Publisher, session: WriteSession
) -> SheetOut:
    """A draft may be written anew; a final sheet changes only by a revision, with a reason. Safe to repeat.

    Domains of the template that are not sent have no scores yet.
    """
    return await service.put_sheet(session, subject, unit_code, year, sent)


@router.get(
    "/reports/last-places",
    response_model=LastPlaces,
    responses={**NOT_MODIFIED, **problems(*READING, UnitUnknown)},
    summary="Who came last two years running, or stood in the bottom three for three",
)
async def read_last_places(
    request: Request,
    year: QueryYear,
    kind: Kind,
    subject: Reader,
    session: ReadSession,
    parent: Parent = None,
) -> Response:
    """By final sheets of this year and the two before. Ties count against all who share the place; a year in
    which a unit was not ranked breaks its run; whoever nobody stands above is neither last nor at the bottom.
    """
    return respond(request, await standings.last_places(session, subject, year, Among(kind, parent)))


@router.get(
    "/external/{unit_code}",
    response_model=Beside,
    responses={**NOT_MODIFIED, **problems(*READING, UnitUnknown)},
    summary="Other people's measures beside ours",
)
async def read_external(
    request: Request,
    unit_code: UnitCode,
    subject: Reader,
    session: ReadSession,
    settings: AppSettings,
    questionnaires: Questionnaires,
) -> Response:
    """Each instrument in a block of its own with what must be said with it: never one line, sum or rank."""
    found = await external.beside(session, subject, unit_code, questionnaires, settings.zone)
    return respond(request, found)


@router.put(
    "/external/{unit_code}/{instrument}",
    responses=problems(*WRITING, UnitUnknown),
    summary="Record a unit's figures by another instrument",
)
async def put_external(
    unit_code: UnitCode,
    instrument: InstrumentCode,
    sent: FiguresIn,
    subject: Publisher,
    session: WriteSession,
) -> InstrumentOut:
    """Replaces all years of this unit and instrument by those sent."""
    return await external.put_figures(session, subject, unit_code, instrument, sent)
