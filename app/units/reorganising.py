"""`/api/v1/units/reorganisations`: decide, try, import, list, read and take back changes of the tree."""

from typing import Annotated

from fastapi import APIRouter, File, Form, Path, Query, Response, UploadFile

from app.auth.deps import Needs
from app.auth.subjects import Subject
from app.core.clock import utc_now
from app.core.deadline import UNHURRIED
from app.core.deps import AppSettings, Paging, ReadSession, UserLanguage, WriteSession
from app.core.imports import ImportFault, import_responses
from app.core.openapi import problems
from app.core.paging import Page, page
from app.core.parameters import StrictRoute
from app.core.problems import (
    BadRequest,
    BodyTooLarge,
    InvalidRequest,
    MissingScope,
    ReorganisationExists,
    ReorganisationInUse,
    ReorganisationReverted,
    ReorganisationUnknown,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnsupportedMediaType,
)
from app.core.schema import Day, Title
from app.models.reorganisation import Reorganisation, ReorganisationState
from app.units import decisions, from_file, reorganise, taking_back
from app.units.outline import (
    ImportNote,
    Outcome,
    ReorganisationIn,
    ReorganisationOut,
    ReorganisationReport,
    ReorganisationSummary,
)
from app.units.reorganise import Asked, Done

router = APIRouter(prefix="/reorganisations", route_class=StrictRoute)

Manager = Annotated[Subject, Needs("units:manage")]
GUARDED = (Unauthorized, MissingScope, TooManyRequests, Unavailable)
BODY = (BadRequest, BodyTooLarge, UnsupportedMediaType)
DryRun = Annotated[bool, Query(description="Only say what would happen: 200.")]
Id = Annotated[int, Path(ge=1, le=2**31 - 1, examples=[1])]


def _shown(row: Reorganisation) -> ReorganisationOut:
    return ReorganisationOut(
        id=row.id,
        decision=row.decision,
        effective_on=row.effective_on,
        state=row.state,
        created_at=row.created_at,
        in_force_at=row.in_force_at,
        reverted_at=row.reverted_at,
        outcome=Outcome.model_validate(row.outcome),
    )


def _show(done: Done, decision: str, effective_on: Day) -> ReorganisationOut:
    """What was written, or what would be."""
    if done.reorganisation is not None:
        return _shown(done.reorganisation)
    return ReorganisationOut(
        id=None,
        decision=decision,
        effective_on=effective_on,
        state="planned",
        created_at=None,
        in_force_at=None,
        reverted_at=None,
        outcome=done.outcome,
    )


@router.post(
    "",
    status_code=201,
    responses=problems(*GUARDED, *BODY, InvalidRequest, ReorganisationExists),
    dependencies=UNHURRIED,
    summary="Reorganise units",
)
async def reorganise_units(
    sent: ReorganisationIn,
    subject: Manager,
    session: WriteSession,
    settings: AppSettings,
    response: Response,
    dry_run: DryRun = False,
) -> ReorganisationOut:
    """Merge, split, rename, move, close and create units on one day, by one decision: all of it or nothing.

    Every unit named must lie within your reach. A day to come is kept until it comes; a day gone by is fine
    as long as nothing was decided for the same units for that day or later. The same decision with the same
    changes is refused the second time (409), so sending it again is safe.
    """
    asked = Asked(sent.decision, sent.effective_on, [one.change() for one in sent.changes])
    done = await reorganise.reorganise(session, subject, asked, settings.zone, utc_now(), dry_run=dry_run)
    response.status_code = 200 if dry_run else 201
    return _show(done, sent.decision, sent.effective_on)


@router.post(
    "/import",
    responses={
        **import_responses(*GUARDED, ReorganisationExists),
        422: {
            **import_responses(*GUARDED)[422],
            "model": ReorganisationReport,
        },
    },
    dependencies=UNHURRIED,
    summary="Reorganise units from a file",
)
async def import_reorganisation(
    file: Annotated[
        UploadFile,
        File(description="CSV or XLSX: kind, from, to_code, to_name, to_kind, to_parent; or see above."),
    ],
    effective_on: Annotated[Day, Form(examples=["2025-07-01"])],
    decision: Annotated[Title, Form(examples=["Nghị quyết số 1658/NQ-UBTVQH15"])],
    subject: Manager,
    session: WriteSession,
    settings: AppSettings,
    language: UserLanguage,
    response: Response,
    dry_run: DryRun = False,
) -> ReorganisationReport:
    """A row for each predecessor of a merger (rows with the same `to_code` belong together), for each part
    of a split (rows with the same `from`), and for each unit to rename, move, recode, close or create.

    Or the official conversion table of a reform as it stands: `new_code`, `new_name`, `new_province_code`,
    `old_code`, `old_name`, `how`, and the districts and provinces of before. Or a register of units that was
    set right: `code`, `name`, `kind`, `parent_code`, `valid_from`; units of the same name beneath the same
    unit take the code and spelling it gives. `notes` say where a table is incomplete, and what came of it.

    With any fault nothing is written: 422 with all of them. A dry run answers 200 with the same body.
    """
    read = await from_file.reorganise_from_file(
        session,
        subject,
        await file.read(),
        file.filename or "",
        decision,
        effective_on,
        settings.zone,
        utc_now(),
        dry_run=dry_run,
    )
    errors = [ImportFault.of(one, language) for one in read.faults]
    response.status_code = 422 if errors and not dry_run else 200
    notes = [ImportNote(row=one.row, code=one.code, detail=one.detail(language)) for one in read.notes]
    shown = None if read.done is None else _show(read.done, decision, effective_on)
    return ReorganisationReport(reorganisation=shown, errors=errors, notes=notes)


@router.get("", responses=problems(*GUARDED, InvalidRequest), summary="List reorganisations")
async def list_reorganisations(
    subject: Manager,
    session: ReadSession,
    paging: Paging,
    state: Annotated[ReorganisationState | None, Query(description="Only those in this state.")] = None,
) -> Page[ReorganisationSummary]:
    """Those of which every unit lies within your reach, the newest first."""
    after = paging.after(int)
    last = None if after is None else int(after[0])
    rows = await decisions.listed(session, subject, state, last, paging.limit)
    return page(rows, paging, _summary, lambda row: (row.id,))


@router.get(
    "/{reorganisation_id}",
    responses=problems(*GUARDED, InvalidRequest, ReorganisationUnknown),
    summary="Read a reorganisation",
)
async def read_reorganisation(
    reorganisation_id: Id, subject: Manager, session: ReadSession
) -> ReorganisationOut:
    """What was decided and what it did, as it was seen when it was decided."""
    return _shown(await taking_back.get(session, subject, reorganisation_id))


@router.post(
    "/{reorganisation_id}/revert",
    responses=problems(
        *GUARDED, InvalidRequest, ReorganisationUnknown, ReorganisationReverted, ReorganisationInUse
    ),
    dependencies=UNHURRIED,
    summary="Take a reorganisation back",
)
async def revert_reorganisation(
    reorganisation_id: Id, subject: Manager, session: WriteSession
) -> ReorganisationOut:
    """Everything is as it was before, names, places, tablets and accounts; the units it opened are gone.

    Only while nothing depends on it: nothing at a unit it opened; no visits, responses, tablets or accounts
    that came since to a unit that stood and took over; no later change of a unit it touched; and no unit
    beneath itself afterwards. What does depend on it is listed in `errors`.
    """
    return _shown(await taking_back.revert(session, subject, reorganisation_id, utc_now()))


def _summary(row: Reorganisation) -> ReorganisationSummary:
    return ReorganisationSummary.model_validate(
        {
            **{name: getattr(row, name) for name in _KEPT},
            **{name: len(row.outcome[name]) for name in ("opened", "closed", "changed")},
        }
    )


_KEPT = ("id", "decision", "effective_on", "state", "created_at", "in_force_at", "reverted_at")
