"""Samples over HTTP: drawn by who publishes figures, sent by who sends links, read by who reads figures."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from app.auth.deps import Needs
from app.auth.reach import find_unit
from app.auth.subjects import Subject
from app.core.clock import utc_now
from app.core.deadline import UNHURRIED
from app.core.deps import AppSettings, AskedStyle, Paging, ReadSession, UserLanguage, WriteSession
from app.core.openapi import problems
from app.core.paging import Page, page
from app.core.parameters import StrictRoute
from app.core.problems import (
    BadRequest,
    BodyTooLarge,
    Conflict,
    InvalidRequest,
    MissingScope,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnitUnknown,
    UnsupportedMediaType,
)
from app.core.sample_problems import SampleExists, SampleUnknown
from app.core.schema import Code
from app.questionnaires.deps import Questionnaires
from app.samples import queries, results, service
from app.samples.queries import ListedLink
from app.samples.schemas import (
    SampleIn,
    SampleLinkOut,
    SampleOut,
    SampleResult,
    SampleSummary,
    VerificationOut,
    summary,
)
from app.samples.sheet import table
from app.visits.deps import Printer

router = APIRouter(prefix="/api/v1/samples", tags=["Samples"], route_class=StrictRoute)

Drawer = Annotated[Subject, Needs("periods:publish")]
Sender = Annotated[Subject, Needs("visits:write")]
Reader = Annotated[Subject, Needs("indices:read")]
SampleId = Annotated[int, Path(ge=1, lt=2**31, description="`id` of the sample.")]
REFUSALS = (InvalidRequest, Unauthorized, MissingScope, TooManyRequests, Unavailable)


@router.post(
    "",
    status_code=201,
    responses=problems(
        *REFUSALS, BadRequest, BodyTooLarge, UnsupportedMediaType, UnitUnknown, SampleExists, Conflict
    ),
    dependencies=UNHURRIED,
    summary="Draw a sample of visits",
)
async def draw_sample(
    sent: SampleIn,
    subject: Drawer,
    session: WriteSession,
    settings: AppSettings,
    questionnaires: Questionnaires,
) -> SampleOut:
    """At random, by strata if asked, from a seed that is recorded; every drawn visit gets a link of its own.

    The frame are all visits of the unit and of everything beneath it in the period, answered or not.
    """
    sample_id = await service.draw(
        session,
        subject,
        sent,
        zone=settings.zone,
        link_days=settings.link_days,
        min_n=settings.min_n,
        now=utc_now(),
    )
    row = await service.found(session, subject, sample_id)
    published = await questionnaires.by_id(row[0].questionnaire_id)
    return await results.progress(session, row, published, settings.min_n, settings.zone)


@router.get("", responses=problems(*REFUSALS, UnitUnknown), summary="List samples")
async def list_samples(
    subject: Reader,
    session: ReadSession,
    paging: Paging,
    settings: AppSettings,
    questionnaires: Questionnaires,
    unit: Annotated[Code | None, Query(description="Of this unit and what is beneath it.")] = None,
) -> Page[SampleSummary]:
    """Samples of the units you reach, the newest first."""
    unit_id = (await find_unit(session, subject, unit)).id if unit else None
    after = paging.after(int)
    rows = await queries.listed(session, subject, unit_id, int(after[0]) if after else None, paging.limit)
    known = await questionnaires.by_ids({row[0].questionnaire_id for row in rows})
    return page(
        rows,
        paging,
        lambda row: summary(row, results.named(known[row[0].questionnaire_id]), settings.zone),
        lambda row: (row[0].id,),
    )


@router.get("/{sample_id}", responses=problems(*REFUSALS, SampleUnknown), summary="Progress of a sample")
async def read_sample(
    sample_id: SampleId,
    subject: Reader,
    session: ReadSession,
    settings: AppSettings,
    questionnaires: Questionnaires,
) -> SampleOut:
    """Visits, drawn and answered by stratum. Numbers of few people are null, and others that tell them."""
    row = await service.found(session, subject, sample_id)
    published = await questionnaires.by_id(row[0].questionnaire_id)
    return await results.progress(session, row, published, settings.min_n, settings.zone)


@router.post(
    "/{sample_id}/close", responses=problems(*REFUSALS, SampleUnknown), summary="End the time to answer"
)
async def close_sample(
    sample_id: SampleId,
    subject: Drawer,
    session: WriteSession,
    settings: AppSettings,
    questionnaires: Questionnaires,
) -> SampleOut:
    """Before the planned day: its links expire now, and its result can be read. On record."""
    row = await service.found(session, subject, sample_id)
    await service.close(session, subject, row, utc_now())
    published = await questionnaires.by_id(row[0].questionnaire_id)
    return await results.progress(session, row, published, settings.min_n, settings.zone)


@router.get("/{sample_id}/links", responses=problems(*REFUSALS, SampleUnknown), summary="Links to send")
async def list_links(
    sample_id: SampleId, subject: Sender, session: ReadSession, paging: Paging, printer: Printer
) -> Page[SampleLinkOut]:
    """The drawn visits of the units you reach, each with its link. Nobody is told which were answered."""
    sample = await queries.links_reached(session, subject, sample_id)
    if sample is None:
        raise SampleUnknown
    rows = await queries.links(session, subject, sample_id, paging.after(str, str), paging.limit)
    return page(
        rows,
        paging,
        lambda row: SampleLinkOut(
            dossier_code=row.dossier_code,
            unit_code=row.unit_code,
            served_on=row.served_on,
            procedure_code=row.procedure_code,
            link=printer.link(row.unit_id, row.id, sample.expires_at),
        ),
        lambda row: (row.unit_code, row.dossier_code),
    )


@router.get(
    "/{sample_id}/links.csv",
    response_class=Response,
    responses={
        200: {"content": {"text/csv": {"schema": {"type": "string"}}}},
        **problems(*REFUSALS, SampleUnknown),
    },
    summary="Links to send, CSV",
)
async def list_links_csv(
    sample_id: SampleId,
    subject: Sender,
    session: ReadSession,
    printer: Printer,
    settings: AppSettings,
    style: AskedStyle,
) -> Response:
    """The same as one table: dossier_code, unit_code, served_on, procedure_code, url, expires_at."""
    sample = await queries.links_reached(session, subject, sample_id)
    if sample is None:
        raise SampleUnknown
    expires_at = sample.expires_at.astimezone(settings.zone).isoformat()

    def cells(row: ListedLink) -> Sequence[str]:
        url = printer.url(row.unit_id, row.id)
        day = row.served_on.isoformat()
        return row.dossier_code, row.unit_code, day, row.procedure_code or "", url, expires_at

    rows = await queries.links(session, subject, sample_id, None, None)
    name = f'attachment; filename="sample-{sample_id}-links.csv"'
    headers = {"Content-Disposition": name, "Cache-Control": "no-store"}
    return Response(table(map(cells, rows), style), headers=headers, media_type="text/csv")


@router.get("/{sample_id}/result", responses=problems(*REFUSALS, SampleUnknown), summary="What a sample says")
async def read_result(
    sample_id: SampleId,
    subject: Reader,
    session: ReadSession,
    settings: AppSettings,
    questionnaires: Questionnaires,
    language: UserLanguage,
) -> SampleResult:
    """The percentage of all visits, estimated with the weights of the strata, and its 95 % interval.

    After the time to answer; until then `reason` is `still_open`.
    """
    row = await service.found(session, subject, sample_id)
    published = await questionnaires.by_id(row[0].questionnaire_id)
    return await results.result(session, row, published, language, settings.min_n, utc_now(), settings.zone)


@router.get(
    "/{sample_id}/verify",
    responses=problems(*REFUSALS, SampleUnknown),
    dependencies=UNHURRIED,
    summary="Draw a sample again",
)
async def verify_sample(sample_id: SampleId, subject: Reader, session: ReadSession) -> VerificationOut:
    """From its seed, frame and strata; says whether the same visits come out."""
    return await service.verify(session, await service.found(session, subject, sample_id))
