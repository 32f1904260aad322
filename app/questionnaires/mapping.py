"""`/api/v1/questionnaires/{code}/{version}/mappings`: reading figures across versions."""

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Path, Request, Response

from app.auth.deps import Needs
from app.auth.subjects import Subject
from app.core.deps import ReadSession, WriteSession, anyone
from app.core.figure_problems import MappingExists
from app.core.http import respond
from app.core.openapi import NOT_MODIFIED, problems
from app.core.parameters import StrictRoute
from app.core.problems import (
    BadRequest,
    BodyTooLarge,
    InvalidRequest,
    MissingScope,
    QuestionnaireNotPublished,
    QuestionnaireUnknown,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnsupportedMediaType,
)
from app.core.schema import Code
from app.questionnaires import mappings
from app.questionnaires.mappings import EXAMPLE, MappingIn, MappingOut, MappingsOut

router = APIRouter(route_class=StrictRoute)

BOTH = (
    InvalidRequest,
    Unauthorized,
    TooManyRequests,
    Unavailable,
    QuestionnaireUnknown,
)
CodePath = Annotated[Code, Path(description="Code of the questionnaire.", examples=["quick-5"])]
VersionPath = Annotated[int, Path(ge=1, le=9999, examples=[2])]


@router.get(
    "/{code}/{version}/mappings",
    dependencies=[Depends(anyone)],
    response_model=MappingsOut,
    responses={**NOT_MODIFIED, **problems(*BOTH)},
    summary="Which criteria are those of earlier versions",
)
async def list_mappings(
    request: Request, code: CodePath, version: VersionPath, session: ReadSession
) -> Response:
    """Public, as what citizens are asked is."""
    return respond(request, await mappings.listed(session, code, version))


@router.post(
    "/{code}/{version}/mappings",
    status_code=201,
    responses=problems(
        *BOTH,
        MissingScope,
        BadRequest,
        BodyTooLarge,
        UnsupportedMediaType,
        QuestionnaireNotPublished,
        MappingExists,
    ),
    summary="Publish which criteria are those of an earlier version",
)
async def publish_mapping(
    code: CodePath,
    version: VersionPath,
    sent: Annotated[MappingIn, Body(examples=[EXAMPLE])],
    subject: Annotated[Subject, Needs("questionnaires:manage")],
    session: WriteSession,
) -> MappingOut:
    """For good: series may then be read across the two versions, for exactly these criteria."""
    return await mappings.publish(session, subject, code, version, sent)
