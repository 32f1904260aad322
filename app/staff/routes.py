"""`/api/v1/users`: let people in, list them, give and take roles, reset, close."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.deps import Needs, forget_user_after_commit
from app.auth.invitations import Invitation
from app.auth.reach import find_unit
from app.auth.subjects import Subject
from app.core.account_problems import (
    BeyondYourRights,
    FreshProofRequired,
    LastAdministrator,
    LastRole,
    RoleNotHeld,
    TotpRequired,
    UserClosed,
    UserUnknown,
)
from app.core.clock import local_day, utc_now
from app.core.deps import AppSettings, Paging, ReadSession, WriteSession
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
    UnitUnknown,
    UnsupportedMediaType,
    UsernameTaken,
)
from app.core.schema import Code, Line
from app.core.settings import Settings
from app.core.sign_on_problems import SignOnAccount
from app.models.subject import User
from app.staff import queries, service
from app.staff.schemas import (
    InvitationOut,
    NewPerson,
    NewPersonOut,
    PersonChange,
    PersonOut,
    ResetIn,
    RoleIn,
)

router = APIRouter(prefix="/api/v1/users", tags=["Staff"], route_class=StrictRoute)

Manager = Annotated[Subject, Needs("users:manage")]
ProvenManager = Annotated[Subject, Needs("users:manage", proven=True)]
GUARDED = (Unauthorized, MissingScope, TotpRequired, TooManyRequests, Unavailable)
BODY = (BadRequest, InvalidRequest, BodyTooLarge, UnsupportedMediaType)
ONE = (InvalidRequest, UserUnknown, UserClosed)


def _invitation(invitation: Invitation, settings: Settings) -> InvitationOut:
    # behind the hash sign, where no server and no log sees it
    url = f"{settings.public_url}/invitation#{invitation.token}"
    return InvitationOut(url=url, token=invitation.token, expires_at=invitation.expires_at)


async def _show(session: AsyncSession, subject: Subject, users: Sequence[User]) -> dict[UUID, PersonOut]:
    ids = [user.id for user in users]
    held, totp = await queries.roles(session, ids, subject), await queries.with_totp(session, ids)
    return {user.id: PersonOut.of(user, held[user.id], user.id in totp) for user in users}


async def _show_one(session: AsyncSession, subject: Subject, user: User) -> PersonOut:
    await session.flush()
    return (await _show(session, subject, [user]))[user.id]


@router.post(
    "",
    status_code=201,
    responses=problems(*GUARDED, FreshProofRequired, *BODY, UsernameTaken),
    summary="Let somebody in",
)
async def create_user(
    new: NewPerson, subject: ProvenManager, session: WriteSession, settings: AppSettings
) -> NewPersonOut:
    """With roles you hold yourself, within your reach. Hand the link over: it works once, for seven days."""
    now = utc_now()
    user_id, invitation = await service.create(session, subject, new, now, local_day(now, settings.zone))
    return NewPersonOut(id=user_id, invitation=_invitation(invitation, settings))


@router.get("", responses=problems(*GUARDED, InvalidRequest, UnitUnknown), summary="List staff")
async def list_users(
    subject: Manager,
    session: ReadSession,
    paging: Paging,
    unit: Annotated[Code | None, Query(description="Only with a role at this unit or beneath it.")] = None,
    q: Annotated[Line | None, Query(description="Part of the username or the name shown.")] = None,
) -> Page[PersonOut]:
    """People with a role within your reach, by username, with those of their roles; closed ones too."""
    after = paging.after(str)
    users = await queries.listed(
        session,
        subject,
        unit_id=None if unit is None else (await find_unit(session, subject, unit)).id,
        q=q,
        after=None if after is None else str(after[0]),
        limit=paging.limit,
    )
    shown = await _show(session, subject, users)
    return page(users, paging, lambda user: shown[user.id], lambda user: (user.username,))


@router.get("/{user_id}", responses=problems(*GUARDED, InvalidRequest, UserUnknown), summary="Read a person")
async def read_user(user_id: UUID, subject: Manager, session: ReadSession) -> PersonOut:
    """Somebody with a role within your reach."""
    user = await queries.one(session, subject, user_id)
    if user is None:
        raise UserUnknown
    return await _show_one(session, subject, user)


@router.patch(
    "/{user_id}",
    responses=problems(*GUARDED, *BODY, *ONE, BeyondYourRights),
    summary="Change somebody's name or address",
)
async def change_user(
    user_id: UUID, sent: PersonChange, subject: Manager, session: WriteSession
) -> PersonOut:
    """The username stays: it is what the record knows the person by."""
    return await _show_one(session, subject, await service.change(session, subject, user_id, sent))


@router.post(
    "/{user_id}/roles",
    dependencies=[forget_user_after_commit],
    responses=problems(*GUARDED, FreshProofRequired, *BODY, *ONE),
    summary="Give a role",
)
async def give_role(
    user_id: UUID, sent: RoleIn, subject: ProvenManager, session: WriteSession, settings: AppSettings
) -> PersonOut:
    """One whose every scope you hold at that unit. It holds within two seconds everywhere.

    One-time links of the account that are still open end: make another with `reset`.
    """
    now = utc_now()
    today = local_day(now, settings.zone)
    return await _show_one(session, subject, await service.give(session, subject, user_id, sent, now, today))


@router.delete(
    "/{user_id}/roles/{role}",
    dependencies=[forget_user_after_commit],
    responses=problems(*GUARDED, *ONE, RoleNotHeld, BeyondYourRights, LastRole, LastAdministrator),
    summary="Take a role away",
)
async def take_role(
    user_id: UUID,
    role: Annotated[str, Path(max_length=64, examples=["viewer"])],
    subject: Manager,
    session: WriteSession,
    unit: Annotated[Code | None, Query(description="Where it is held; left out: at every unit.")] = None,
) -> PersonOut:
    """Not the last one: give another first, or close the account."""
    return await _show_one(session, subject, await service.take(session, subject, user_id, role, unit))


@router.post(
    "/{user_id}/reset",
    dependencies=[forget_user_after_commit],
    responses=problems(*GUARDED, FreshProofRequired, *BODY, *ONE, BeyondYourRights, SignOnAccount),
    summary="Let somebody set another password",
)
async def reset_user(
    user_id: UUID,
    subject: ProvenManager,
    session: WriteSession,
    settings: AppSettings,
    sent: ResetIn | None = None,
) -> InvitationOut:
    """A new one-time link; the ones before end. Their password works until it is used."""
    totp = sent is not None and sent.totp
    invitation = await service.reset(session, subject, user_id, totp=totp, now=utc_now())
    return _invitation(invitation, settings)


@router.post(
    "/{user_id}/close",
    dependencies=[forget_user_after_commit],
    responses=problems(
        *GUARDED, FreshProofRequired, InvalidRequest, UserUnknown, BeyondYourRights, LastAdministrator
    ),
    summary="Close an account",
)
async def close_user(user_id: UUID, subject: ProvenManager, session: WriteSession) -> PersonOut:
    """Their sessions end with it, within two seconds everywhere. It stays in the record and in the list."""
    return await _show_one(session, subject, await service.close(session, subject, user_id, utc_now()))
