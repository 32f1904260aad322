"""Visits over HTTP: partner systems register them, citizens' pages read a link. Printing: `printing.py`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from app.auth.deps import Needs
from app.auth.subjects import Subject
from app.core.clock import utc_now
from app.core.deps import AppSettings, ReadSession, UserLanguage, WriteSession, anyone
from app.core.openapi import ProblemBody, problems
from app.core.parameters import StrictRoute
from app.core.problems import (
    BadRequest,
    BodyTooLarge,
    InvalidRequest,
    LinkExpired,
    LinkUnknown,
    LinkUsed,
    MissingScope,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnsupportedMediaType,
)
from app.core.texts import Language
from app.questionnaires.deps import Questionnaires
from app.visits import printing, service
from app.visits.deps import LinkIds, Printer
from app.visits.schemas import LinkedVisitOut, LinkPrinter, Named, VisitOut, VisitsIn, VisitsOut
from app.visits.service import Outcome

router = APIRouter(tags=["Visits and links"], route_class=StrictRoute)
router.include_router(printing.router)


def _shown(outcome: Outcome, printer: LinkPrinter, language: Language) -> VisitOut:
    if outcome.visit is not None:
        link = printer.link(*outcome.visit)
        return VisitOut(dossier_code=outcome.dossier_code, status=outcome.status, link=link)
    problem = None if outcome.problem is None else ProblemBody.model_validate(outcome.problem.body(language))
    return VisitOut(dossier_code=outcome.dossier_code, status=outcome.status, problem=problem)


@router.post(
    "/api/v1/visits",
    response_model_exclude_unset=True,
    responses=problems(
        InvalidRequest,
        Unauthorized,
        MissingScope,
        BadRequest,
        BodyTooLarge,
        UnsupportedMediaType,
        TooManyRequests,
        Unavailable,
    ),
    summary="Register visits and get their links",
)
async def register_visits(
    sent: VisitsIn,
    subject: Annotated[Subject, Needs("visits:write")],
    session: WriteSession,
    settings: AppSettings,
    printer: Printer,
    language: UserLanguage,
) -> VisitsOut:
    """1 to 1,000 visits, each judged by itself and answered in its place.

    `created`; `existing`: the unit has this dossier already, here is the same link (so a call is safe to
    repeat); or `rejected` with the problem, whose pointers start at `/visits`. The call as a whole fails
    only if it holds no such list.
    """
    outcomes = await service.register(
        session, subject, sent.visits, settings.zone, settings.link_days, utc_now()
    )
    return VisitsOut(items=[_shown(outcome, printer, language) for outcome in outcomes])


@router.get(
    "/api/v1/links/{code}",  # noqa: FAST003  LinkIds reads it
    dependencies=[Depends(anyone)],
    responses=problems(InvalidRequest, LinkUnknown, LinkUsed, LinkExpired, TooManyRequests, Unavailable),
    summary="What a link is for",
)
async def read_link(
    ids: LinkIds,
    session: ReadSession,
    questionnaires: Questionnaires,
    settings: AppSettings,
    response: Response,
) -> LinkedVisitOut:
    """The visit a citizen is asked about, and the questionnaire to answer."""
    visit = await service.follow(session, *ids, utc_now())
    questionnaire = await questionnaires.by_id(visit.questionnaire_id)
    response.headers["Cache-Control"] = "no-store"
    return LinkedVisitOut(
        unit=Named(code=visit.unit_code, name=visit.unit_name),
        procedure=None
        if visit.procedure_code is None or visit.procedure_name is None
        else Named(code=visit.procedure_code, name=visit.procedure_name),
        served_on=visit.served_on,
        expires_at=visit.expires_at.astimezone(settings.zone),
        questionnaire=questionnaire.definition,
    )
