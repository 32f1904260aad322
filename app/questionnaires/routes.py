"""Questionnaires over HTTP: anyone may read what is published; managers draft, publish and retire."""

from typing import Annotated, Final

from fastapi import APIRouter, Body, Depends, Path, Request, Response

from app.auth.deps import MaybeSignedIn, Needs
from app.auth.subjects import Subject
from app.core.account_problems import FreshProofRequired
from app.core.deps import Paging, ReadSession, WriteSession, anyone
from app.core.http import respond
from app.core.openapi import NOT_MODIFIED, problems
from app.core.paging import Page, page
from app.core.parameters import StrictRoute
from app.core.problems import (
    BadRequest,
    BodyTooLarge,
    InvalidRequest,
    MissingScope,
    QuestionnaireExists,
    QuestionnaireFrozen,
    QuestionnaireNotPublished,
    QuestionnaireRetired,
    QuestionnaireUnknown,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnsupportedMediaType,
)
from app.core.schema import Code
from app.questionnaires import mapping, queries, service
from app.questionnaires.definition import Definition
from app.questionnaires.deps import forget_after_commit
from app.questionnaires.schemas import EXAMPLE, QuestionnaireOut

router = APIRouter(prefix="/api/v1/questionnaires", tags=["Questionnaires"], route_class=StrictRoute)

MANAGE: Final = "questionnaires:manage"
READING = (InvalidRequest, Unauthorized, TooManyRequests, Unavailable)
MANAGING = (*READING, MissingScope)
BODY = (BadRequest, BodyTooLarge, UnsupportedMediaType)

Manager = Annotated[Subject, Needs(MANAGE)]
ProvenManager = Annotated[Subject, Needs(MANAGE, proven=True)]
CodePath = Annotated[Code, Path(description="Code of the questionnaire.", examples=["quick-5"])]
VersionPath = Annotated[int, Path(ge=1, le=9999, examples=[1])]
DefinitionBody = Annotated[Definition, Body(examples=[EXAMPLE])]


def _sees_drafts(subject: Subject | None) -> bool:
    return subject is not None and MANAGE in subject.scopes


@router.get(
    "",
    dependencies=[Depends(anyone)],
    response_model=Page[QuestionnaireOut],
    responses={**NOT_MODIFIED, **problems(*READING)},
    summary="List questionnaires",
)
async def list_questionnaires(
    request: Request, subject: MaybeSignedIn, session: ReadSession, paging: Paging
) -> Response:
    """Published and retired versions by code and version; managers see their drafts as well."""
    after = paging.after(str, int)
    rows = await queries.listed(session, after, paging.limit + 1, drafts=_sees_drafts(subject))
    return respond(request, page(rows, paging, QuestionnaireOut.of, lambda row: (row.code, row.version)))


@router.get(
    "/{code}/{version}",
    dependencies=[Depends(anyone)],
    response_model=QuestionnaireOut,
    responses={**NOT_MODIFIED, **problems(*READING, QuestionnaireUnknown)},
    summary="Read a questionnaire",
)
async def get_questionnaire(
    request: Request, code: CodePath, version: VersionPath, subject: MaybeSignedIn, session: ReadSession
) -> Response:
    """One version. Published ones never change but for their status."""
    row = await service.get(session, code, version, drafts=_sees_drafts(subject))
    return respond(request, QuestionnaireOut.of(row))


@router.post(
    "",
    status_code=201,
    responses=problems(*MANAGING, *BODY, QuestionnaireExists),
    summary="Draft a questionnaire",
)
async def create_draft(sent: DefinitionBody, subject: Manager, session: WriteSession) -> QuestionnaireOut:
    """A new version as a draft; nobody can answer it before it is published."""
    return QuestionnaireOut.of(await service.create_draft(session, subject, sent))


@router.put(
    "/{code}/{version}",
    responses=problems(*MANAGING, *BODY, QuestionnaireUnknown, QuestionnaireFrozen),
    summary="Change a draft",
)
async def replace_draft(
    code: CodePath, version: VersionPath, sent: DefinitionBody, subject: Manager, session: WriteSession
) -> QuestionnaireOut:
    """Replace a draft as a whole; code and version in the body are those of the address."""
    return QuestionnaireOut.of(await service.replace_draft(session, subject, code, version, sent))


@router.post(
    "/{code}/{version}/publish",
    dependencies=[forget_after_commit],
    responses=problems(*MANAGING, FreshProofRequired, QuestionnaireUnknown, QuestionnaireRetired),
    summary="Publish a questionnaire",
)
async def publish(
    code: CodePath, version: VersionPath, subject: ProvenManager, session: WriteSession
) -> QuestionnaireOut:
    """Freezes the version for good and opens it for answers. Publishing again changes nothing."""
    return QuestionnaireOut.of(await service.publish(session, subject, code, version))


@router.post(
    "/{code}/{version}/retire",
    dependencies=[forget_after_commit],
    responses=problems(*MANAGING, QuestionnaireUnknown, QuestionnaireNotPublished),
    summary="Retire a questionnaire",
)
async def retire(
    code: CodePath, version: VersionPath, subject: Manager, session: WriteSession
) -> QuestionnaireOut:
    """No new visits or tablets use it; what was handed out may be answered. Repeating changes nothing."""
    return QuestionnaireOut.of(await service.retire(session, subject, code, version))


router.include_router(mapping.router)
