"""`/api/v1/periods`: open, close, read, revise and publish periods; the public feed stands in `feed`."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.deps import Needs
from app.auth.subjects import Subject
from app.core.account_problems import FreshProofRequired
from app.core.database import Database
from app.core.deadline import UNHURRIED
from app.core.deps import AppSettings, Paging, ReadSession, WriteSession, get_database
from app.core.http import respond
from app.core.openapi import NOT_MODIFIED, problems
from app.core.paging import Page, page
from app.core.parameters import StrictRoute
from app.core.period_problems import (
    AlreadyPublished,
    NothingRevised,
    NothingToPublish,
    PeriodExists,
    PeriodNotOver,
    PeriodPending,
    PeriodState,
    PeriodUnknown,
    PersonNeeded,
    RevisionSuperseded,
    RevisionUnknown,
    SecondPersonNeeded,
    TreeDiffers,
)
from app.core.problems import (
    BadRequest,
    BodyTooLarge,
    Conflict,
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
from app.periods import documents, feed, publishing, queries, service
from app.periods.apart import Apart
from app.periods.commitment import commitment_of
from app.periods.schemas import (
    NewPeriod,
    NewRevision,
    PeriodOut,
    PeriodWithRevisions,
    Publication,
    RevisionOut,
    SnapshotOut,
)
from app.questionnaires.deps import Questionnaires

router = APIRouter(route_class=StrictRoute)
staff = APIRouter(prefix="/api/v1/periods", tags=["Periods"], route_class=StrictRoute)

Reader = Annotated[Subject, Needs("indices:read")]
Publisher = Annotated[Subject, Needs("periods:publish")]
ProvenPublisher = Annotated[Subject, Needs("periods:publish", proven=True)]
PeriodId = Annotated[int, Path(ge=1, le=2**31 - 1, examples=[1])]
GUARDED = (Unauthorized, MissingScope, TooManyRequests, Unavailable)
BODY = (BadRequest, InvalidRequest, BodyTooLarge, UnsupportedMediaType)


async def get_rules(settings: AppSettings) -> service.Rules:
    """What this deployment has set about periods."""
    return service.Rules(settings.zone, settings.period_grace_days, settings.min_n, settings.public_licence)


async def get_apart(request: Request) -> Apart:
    """Where this process has long computations done."""
    apart: Apart = request.app.state.apart
    return apart


Rules = Annotated[service.Rules, Depends(get_rules)]


async def _show(session: AsyncSession, subject: Subject, period_id: int) -> PeriodWithRevisions:
    found = await service.find(session, subject, period_id)
    snapshots = await queries.snapshots(session, period_id)
    return PeriodWithRevisions.with_snapshots(found, snapshots, await documents.reissues(session, period_id))


@staff.post(
    "",
    status_code=201,
    responses=problems(*GUARDED, *BODY, UnitUnknown, QuestionnaireUnknown, PeriodExists),
    summary="Open a period",
)
async def open_period(
    new: NewPeriod, subject: Publisher, session: WriteSession, questionnaires: Questionnaires
) -> PeriodWithRevisions:
    """Days of a unit and everything beneath it, by one questionnaire version."""
    period = await service.open_period(session, questionnaires, subject, new)
    return await _show(session, subject, period.id)


@staff.get("", responses=problems(*GUARDED, InvalidRequest), summary="List periods")
async def list_periods(
    subject: Reader,
    session: ReadSession,
    paging: Paging,
    unit: Annotated[Code | None, Query(description="Only of this unit.", examples=["24"])] = None,
) -> Page[PeriodOut]:
    """Periods of the units you reach, the latest first."""
    rows = await queries.periods(session, subject, unit, feed.after(paging), paging.limit)
    return page(rows, paging, PeriodOut.of, lambda row: (str(row[0].last_day), row[0].id))


@staff.get(
    "/{period_id}",
    responses=problems(*GUARDED, InvalidRequest, PeriodUnknown),
    summary="Read a period",
)
async def get_period(period_id: PeriodId, subject: Reader, session: ReadSession) -> PeriodWithRevisions:
    """Its state and its snapshots, without their figures."""
    return await _show(session, subject, period_id)


@staff.get(
    "/{period_id}/snapshot",
    response_model=SnapshotOut,
    responses={
        **NOT_MODIFIED,
        **problems(*GUARDED, InvalidRequest, PeriodUnknown, RevisionUnknown),
    },
    summary="Read a snapshot",
)
async def get_snapshot(
    request: Request,
    period_id: PeriodId,
    subject: Reader,
    session: ReadSession,
    revision: Annotated[int | None, Query(ge=1, le=9999, description="Default: the latest.")] = None,
) -> Response:
    """Every figure of every unit, nothing suppressed, exactly as it was stored."""
    await service.find(session, subject, period_id)
    snapshots = {one.revision: one for one in await queries.snapshots(session, period_id)}
    found = snapshots.get(revision if revision is not None else max(snapshots, default=0))
    if found is None:
        raise RevisionUnknown
    reissue = (await documents.reissues(session, period_id)).get(found.id)
    salt = found.salt if reissue is None else reissue.salt
    head = {
        "revision": found.revision,
        "sha256": found.digest,
        "salt": None if salt is None else salt.hex(),
        "commitment": None if salt is None else commitment_of(found.body, salt),
    }
    return respond(request, orjson.dumps(head)[:-1] + f',"figures":{found.body}}}'.encode())


@staff.post(
    "/{period_id}/close",
    dependencies=UNHURRIED,
    responses=problems(
        *GUARDED,
        FreshProofRequired,
        InvalidRequest,
        PersonNeeded,
        PeriodUnknown,
        PeriodNotOver,
        PeriodPending,
        PeriodState,
    ),
    summary="Close a period",
)
async def close_period(
    period_id: PeriodId,
    subject: ProvenPublisher,
    session: WriteSession,
    questionnaires: Questionnaires,
    rules: Rules,
) -> PeriodWithRevisions:
    """Waits for tablets that were offline until the days of grace are over, then takes the snapshot.

    When they are over already, the snapshot is taken at once.
    """
    await service.close(session, questionnaires, subject, period_id, rules)
    return await _show(session, subject, period_id)


@staff.post(
    "/{period_id}/revisions",
    status_code=201,
    dependencies=UNHURRIED,
    responses=problems(
        *GUARDED, *BODY, PersonNeeded, PeriodUnknown, PeriodPending, PeriodState, NothingRevised
    ),
    summary="Revise a closed period",
)
async def revise_period(
    period_id: PeriodId,
    new: NewRevision,
    subject: Publisher,
    session: WriteSession,
    questionnaires: Questionnaires,
) -> RevisionOut:
    """A new snapshot with what arrived since, and a reason. The older ones stay as they are, readable."""
    return RevisionOut.of(await service.revise(session, questionnaires, subject, period_id, new.reason))


@staff.post(
    "/{period_id}/publish",
    dependencies=UNHURRIED,
    responses=problems(
        *GUARDED,
        FreshProofRequired,
        *BODY,
        Conflict,
        PersonNeeded,
        SecondPersonNeeded,
        PeriodUnknown,
        RevisionUnknown,
        RevisionSuperseded,
        PeriodState,
        AlreadyPublished,
        NothingToPublish,
        TreeDiffers,
    ),
    summary="Publish a snapshot",
)
async def publish_period(
    period_id: PeriodId,
    sent: Publication,
    subject: ProvenPublisher,
    database: Annotated[Database, Depends(get_database)],
    session: WriteSession,
    apart: Annotated[Apart, Depends(get_apart)],
    questionnaires: Questionnaires,
    rules: Rules,
) -> RevisionOut:
    """Done by somebody else than whoever closed the period or made the revision; cannot be taken back."""
    return RevisionOut.of(
        await publishing.publish(
            database, session, apart, questionnaires, subject, period_id, sent.revision, rules
        )
    )


router.include_router(staff)
router.include_router(feed.router)
