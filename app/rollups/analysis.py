"""`/api/v1/indices/{unit_code}/...`: the index over time and by channel, procedure, field and counter."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from app.auth.deps import Needs
from app.auth.subjects import Subject
from app.core.deps import AppSettings, FigureSession, InPeriod, UserLanguage
from app.core.http import respond
from app.core.openapi import NOT_MODIFIED, problems
from app.core.parameters import StrictRoute
from app.core.problems import (
    InvalidRequest,
    MissingScope,
    QuestionnaireUnknown,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnitUnknown,
)
from app.core.schema import Code
from app.questionnaires import queries
from app.questionnaires.deps import Questionnaires
from app.questionnaires.published import Published
from app.rollups import breakdown, drivers
from app.rollups.across import Earlier
from app.rollups.analysed import ChannelsOut, CountersOut, DriversOut, FieldsOut, ProceduresOut, SeriesOut
from app.rollups.breakdown import Question, Reader
from app.rollups.grains import Grain
from app.rollups.index import Formula
from app.rollups.schemas import Channel, Scope
from app.rollups.series import series
from app.rollups.shown import Json

router = APIRouter(route_class=StrictRoute)

READING = (
    InvalidRequest,
    Unauthorized,
    MissingScope,
    TooManyRequests,
    Unavailable,
    UnitUnknown,
    QuestionnaireUnknown,
)
ANSWERS = {**NOT_MODIFIED, **problems(*READING)}

UnitPath = Annotated[Code, Path(description="Code of the unit.", examples=["24"])]
InScope = Annotated[Scope, Query(description="With everything beneath the unit, or the unit alone.")]
InChannel = Annotated[Channel | None, Query(description="Only answers that came this way.")]
ByFormula = Annotated[Formula | None, Query(description="Default: the questionnaire's official one.")]


async def read_reader(
    subject: Annotated[Subject, Needs("indices:read")], language: UserLanguage, settings: AppSettings
) -> Reader:
    """Who reads, and how it is shown to them."""
    return Reader(subject, language, settings.zone, settings.min_n)


async def read_published(
    questionnaires: Questionnaires,
    questionnaire: Annotated[Code, Query(description="Code of the questionnaire.", examples=["quick-5"])],
    version: Annotated[int | None, Query(ge=1, le=9999, description="Default: the newest one.")] = None,
) -> Published:
    """The questionnaire version asked about: figures of two are never mixed."""
    return await breakdown.chosen(questionnaires, questionnaire, version)


Asking = Annotated[Reader, Depends(read_reader)]
Version = Annotated[Published, Depends(read_published)]


def answer(request: Request, body: Json) -> Response:
    """`as_of` says until when the figures are complete; it is not part of the ETag."""
    lasting = {name: value for name, value in body.items() if name != "as_of"}
    return respond(request, orjson.dumps(body), tagged=orjson.dumps(lasting), vary="Accept-Language")


@router.get("/{unit_code}/series", response_model=SeriesOut, responses=ANSWERS, summary="The index over time")
async def read_series(
    request: Request,
    unit_code: UnitPath,
    period: InPeriod,
    grain: Annotated[Grain, Query(description="Weeks are ISO weeks, from Monday.")],
    reader: Asking,
    published: Version,
    questionnaires: Questionnaires,
    session: FigureSession,
    scope: InScope = "subtree",
    channel: InChannel = None,
    formula: ByFormula = None,
    across: Annotated[
        bool,
        Query(description="Earlier versions, too, for exactly the criteria that are mapped to theirs."),
    ] = False,
) -> Response:
    """Points without a gap; the first and the last are clipped to the period, so that all add up to it.

    At most 750 points. Each is the index of its days, whatever its n: mind the interval. Of a single
    `channel`, figures under `min_n` responses are suppressed, and those that would give them away.
    """
    asked = Question(unit_code, period, scope, channel, formula)
    earlier = None
    if across:
        known = await queries.mappings_of(session, published.id)
        versions = await questionnaires.by_ids([row.id for _, row in known])
        earlier = [Earlier(versions[row.id], mapping.criteria) for mapping, row in known]
    connection = await session.connection()
    return answer(request, await series(connection, published, reader, asked, grain, earlier))


@router.get(
    "/{unit_code}/channels", response_model=ChannelsOut, responses=ANSWERS, summary="The index by channel"
)
async def read_channels(
    request: Request,
    unit_code: UnitPath,
    period: InPeriod,
    reader: Asking,
    published: Version,
    session: FigureSession,
    scope: InScope = "subtree",
    formula: ByFormula = None,
) -> Response:
    """Tablet, link and import apart: people who answer at the desk are kinder than those who do at home."""
    asked = Question(unit_code, period, scope, formula=formula)
    connection = await session.connection()
    return answer(request, await breakdown.by_group(connection, published, reader, asked, "channel"))


@router.get(
    "/{unit_code}/procedures",
    response_model=ProceduresOut,
    responses=ANSWERS,
    summary="The index by procedure",
)
async def read_procedures(
    request: Request,
    unit_code: UnitPath,
    period: InPeriod,
    reader: Asking,
    published: Version,
    session: FigureSession,
    scope: InScope = "subtree",
) -> Response:
    """Always pooled; responses that do not know their procedure (most tablets') are in no item."""
    asked = Question(unit_code, period, scope)
    connection = await session.connection()
    return answer(request, await breakdown.by_group(connection, published, reader, asked, "procedure"))


@router.get(
    "/{unit_code}/fields", response_model=FieldsOut, responses=ANSWERS, summary="The index by procedure field"
)
async def read_fields(
    request: Request,
    unit_code: UnitPath,
    period: InPeriod,
    reader: Asking,
    published: Version,
    session: FigureSession,
    scope: InScope = "subtree",
) -> Response:
    """The procedures of each field together. Always pooled."""
    asked = Question(unit_code, period, scope)
    connection = await session.connection()
    return answer(request, await breakdown.by_group(connection, published, reader, asked, "field"))


@router.get(
    "/{unit_code}/counters", response_model=CountersOut, responses=ANSWERS, summary="The index by counter"
)
async def read_counters(
    request: Request,
    unit_code: UnitPath,
    period: InPeriod,
    reader: Asking,
    published: Version,
    session: FigureSession,
) -> Response:
    """Of the unit itself, over at most 366 days. Always pooled.

    Counted from the responses when it is asked for, while the other figures are from counted cells.
    """
    asked = Question(unit_code, period)
    connection = await session.connection()
    return answer(request, await breakdown.by_counter(connection, published, reader, asked))


@router.get(
    "/{unit_code}/drivers",
    response_model=DriversOut,
    responses=ANSWERS,
    summary="What pulls the index down",
)
async def read_drivers(
    request: Request,
    unit_code: UnitPath,
    period: InPeriod,
    reader: Asking,
    published: Version,
    session: FigureSession,
    scope: InScope = "subtree",
) -> Response:
    """Components and criteria by what they contribute to the gap between the index and 100 %.

    Beside each stands how it goes together with the rest of the response, and the same of the unit above,
    where that is within your reach. Always pooled.
    """
    asked = Question(unit_code, period, scope)
    connection = await session.connection()
    return answer(request, await drivers.drivers(connection, published, reader, asked))
