"""`GET /api/v1/indices/{unit_code}`: the satisfaction index of a unit."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from app.auth.deps import Needs
from app.auth.subjects import Subject
from app.core.database import Database
from app.core.deps import AppSettings, InPeriod, LoneStatement, UserLanguage
from app.core.http import respond
from app.core.openapi import NOT_MODIFIED, problems
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
from app.questionnaires.deps import Questionnaires
from app.rollups import analysis, service
from app.rollups.index import Formula
from app.rollups.schemas import Boundaries, Channel, IndexOut, Scope
from app.rollups.service import Question

router = APIRouter(prefix="/api/v1/indices", tags=["Indices"])

Reader = Annotated[Subject, Needs("indices:read")]
READING = (InvalidRequest, Unauthorized, MissingScope, TooManyRequests, Unavailable)


async def read_question(
    unit_code: Annotated[Code, Path(description="Code of the unit.", examples=["24"])],
    period: InPeriod,
    scope: Annotated[
        Scope, Query(description="With everything beneath the unit, or the unit alone.")
    ] = "subtree",
    questionnaire: Annotated[Code | None, Query(description="Only this one.", examples=["quick-5"])] = None,
    version: Annotated[int | None, Query(ge=1, le=9999, description="Only this version.")] = None,
    channel: Annotated[Channel | None, Query(description="Only answers that came this way.")] = None,
    formula: Annotated[
        Formula | None, Query(description="Default: each questionnaire's official one.")
    ] = None,
    boundaries: Annotated[
        Boundaries | None,
        Query(
            description="Over a change of the tree: with the units of the time (`as_was`), or with today's"
            " units as the sum of their predecessors (`as_now`). Without it: today's tree, in which merged"
            " units hang beneath their successor."
        ),
    ] = None,
) -> Question:
    """What is asked about a unit."""
    return Question(unit_code, period, scope, questionnaire, version, channel, formula, boundaries)


Asked = Annotated[Question, Depends(read_question)]


@router.get(
    "/{unit_code}",  # noqa: FAST003  read_question takes it
    response_model=IndexOut,
    responses={**NOT_MODIFIED, **problems(*READING, UnitUnknown, QuestionnaireUnknown)},
    summary="Satisfaction index of a unit",
)
async def read_index(
    request: Request,
    asked: Asked,
    subject: Reader,
    connection: LoneStatement,
    questionnaires: Questionnaires,
    language: UserLanguage,
    settings: AppSettings,
) -> Response:
    """Percentages, intervals and distributions of each questionnaire version, and the response rate.

    `as_of` says until when the figures are complete; it is not part of the ETag.
    """
    if asked.boundaries is None:
        body = await service.index(connection, questionnaires, subject, asked, language, settings.zone)
    else:  # several statements that must see one moment; the lone connection is for others
        await connection.close()
        database: Database = request.app.state.database
        async with database.read() as session:
            whole = await session.connection()
            body = await service.index(whole, questionnaires, subject, asked, language, settings.zone)
    lasting = {name: value for name, value in body.items() if name != "as_of"}
    return respond(request, orjson.dumps(body), tagged=orjson.dumps(lasting), vary="Accept-Language")


router.include_router(analysis.router)
