"""`/api/v1/auth/...`: one's own account: an invitation accepted, the password, the second factor, sessions.

What judges a password makes its own short transactions (`proofs`): none is open while a password is hashed.
"""

from datetime import datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from app.auth import account, invitations, second, sessions
from app.auth.deps import (
    FromWhere,
    Myself,
    ProvenSettingUp,
    SettingUp,
    TheProofs,
    TheSeal,
    Tokens,
    forget_me_after_commit,
)
from app.core.account_problems import (
    FreshProofRequired,
    InvitationExpired,
    InvitationUnknown,
    InvitationUsed,
    PeopleOnly,
    SessionUnknown,
    TotpOn,
    TotpRequired,
)
from app.core.clock import utc_now
from app.core.deps import AppSettings, ReadSession, WriteSession, anyone
from app.core.faults import Fault
from app.core.openapi import problems
from app.core.parameters import StrictRoute
from app.core.problems import (
    BadRequest,
    BodyTooLarge,
    InvalidRequest,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnsupportedMediaType,
)
from app.core.schema import In, Out
from app.core.tokens import ACCESS_LIFETIME

router = APIRouter(prefix="/auth", route_class=StrictRoute)

SIGNED_IN = (Unauthorized, PeopleOnly, TooManyRequests, Unavailable)
AT_WORK = (*SIGNED_IN, TotpRequired)
BODY = (BadRequest, InvalidRequest, BodyTooLarge, UnsupportedMediaType)

Password = Annotated[str, Field(max_length=2000, examples=["một câu dài dễ nhớ"])]
TypedCode = Annotated[str, Field(min_length=1, max_length=64, examples=["287082"])]


class Acceptance(In):
    """The token of a one-time link, and the password from now on: 10 characters or more, not soon guessed."""

    token: Annotated[str, Field(max_length=200, examples=["3q2-7wAB…"])]
    password: Password


class Accepted(Out):
    """The name to sign in with."""

    username: str


class PasswordChange(In):
    """The password now, and the one from now on: 10 characters or more, not soon guessed."""

    current: Password
    new: Password


class Proof(In):
    """The password or a one-time code of somebody signed in, or both."""

    model_config = ConfigDict(json_schema_extra={"example": {"password": "một câu dài dễ nhớ"}})

    password: Password | None = None
    code: TypedCode | None = None

    @model_validator(mode="after")
    def _one_at_least(self) -> "Proof":
        if self.password is None and self.code is None:
            raise PydanticCustomError("missing", "a password or a code is needed")
        return self


class Proven(Out):
    """An access token of the same session that says when its holder proved who they are."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  the type's name, not a secret
    expires_in: int


class NewTotp(Out):
    """What an authenticator app needs, as text and as the content of a QR code. Not shown again."""

    secret: str
    uri: str


class TotpCode(In):
    """A code of the authenticator app."""

    code: TypedCode


class RecoveryCodes(Out):
    """Each stands in for the app once. Shown this once: we keep only their hashes."""

    recovery_codes: list[str]


class TotpRemoval(In):
    """The password, and a code of the app or a recovery code."""

    password: Password
    code: TypedCode


class SessionOut(Out):
    """A sign-in that can go on; `current` is the one that asks."""

    id: UUID
    created_at: datetime
    last_used_at: datetime
    address: str
    user_agent: str
    current: bool


class Sessions(Out):
    """One's own sessions, the last used first."""

    items: list[SessionOut]


@router.post(
    "/invitations/accept",
    dependencies=[Depends(anyone)],
    responses=problems(
        *BODY, InvitationUnknown, InvitationUsed, InvitationExpired, TooManyRequests, Unavailable
    ),
    summary="Set a password by a one-time link",
)
async def accept_invitation(sent: Acceptance, proofs: TheProofs) -> Accepted:
    """For an invitation and for a reset alike. All sessions of the account end: sign in anew."""
    user = await invitations.accept(proofs, sent.token, sent.password, utc_now())
    return Accepted(username=user.username)


@router.post(
    "/password",
    status_code=204,
    dependencies=[forget_me_after_commit],
    responses=problems(*AT_WORK, *BODY),
    summary="Change my password",
)
async def change_password(
    sent: PasswordChange, subject: Myself, proofs: TheProofs, origin: FromWhere
) -> None:
    """My other sessions end with it."""
    faults = await account.change_password(proofs, subject, sent.current, sent.new, origin, utc_now())
    if faults:
        raise InvalidRequest(faults=faults)


@router.post(
    "/proof",
    responses=problems(*SIGNED_IN, *BODY),
    summary="Prove afresh who I am",
)
async def give_proof(
    sent: Proof, subject: SettingUp, proofs: TheProofs, seal: TheSeal, tokens: Tokens, origin: FromWhere
) -> Proven:
    """With the password or a one-time code. Publishing, closing, new secrets and accounts ask for it.

    The token given counts as proof for ten minutes. A sign-in proves the same; a refreshed token does not.
    People of single sign-on without a second factor here sign in again.
    """
    now = utc_now()
    faults = await account.prove(proofs, subject, sent.password, sent.code, seal, origin, now)
    if faults:
        raise InvalidRequest(faults=faults)
    sid = None if subject.session_id is None else str(subject.session_id)
    token = tokens.issue(subject.actor, sorted(subject.scopes), now, sid)
    return Proven(access_token=token, expires_in=int(ACCESS_LIFETIME.total_seconds()))


@router.post(
    "/totp",
    status_code=201,
    responses=problems(*SIGNED_IN, FreshProofRequired, TotpOn),
    summary="Begin to set up a second factor",
)
async def begin_totp(subject: ProvenSettingUp, session: WriteSession, seal: TheSeal) -> NewTotp:
    """It counts once confirmed by a code; until then, beginning again gives another secret."""
    secret, uri = await second.prepare(session, subject.id, subject.name, seal)
    return NewTotp(secret=secret, uri=uri)


@router.post(
    "/totp/confirm",
    dependencies=[forget_me_after_commit],
    responses=problems(*SIGNED_IN, *BODY, TotpOn),
    summary="Turn the second factor on",
)
async def confirm_totp(
    sent: TotpCode, subject: SettingUp, session: WriteSession, seal: TheSeal
) -> RecoveryCodes:
    """From now on signing in asks for a code. Keep the recovery codes on paper."""
    codes = await account.confirm_totp(session, subject, sent.code, seal, utc_now())
    if codes is None:
        raise InvalidRequest(faults=[Fault("/code", "totp_wrong")])
    return RecoveryCodes(recovery_codes=codes)


@router.post(
    "/totp/remove",
    status_code=204,
    dependencies=[forget_me_after_commit],
    responses=problems(*AT_WORK, *BODY),
    summary="Take the second factor off",
)
async def remove_totp(
    sent: TotpRemoval, subject: Myself, proofs: TheProofs, seal: TheSeal, origin: FromWhere
) -> None:
    """With the password and a code. Where the unit requires one, nothing but setting up another is left."""
    faults = await account.remove_totp(proofs, subject, sent.password, sent.code, seal, origin, utc_now())
    if faults:
        raise InvalidRequest(faults=faults)


@router.get("/sessions", responses=problems(*AT_WORK), summary="List my sessions")
async def list_sessions(subject: Myself, session: ReadSession, settings: AppSettings) -> Sessions:
    """Where I am signed in: since when, last from where, with which browser."""
    now = utc_now()
    oldest = now - timedelta(days=settings.session_days)
    rows = await sessions.listed(session, subject.id, now, oldest)
    items = [
        SessionOut(
            id=row.id,
            created_at=row.created_at,
            last_used_at=row.last_used_at,
            address=row.address,
            user_agent=row.user_agent,
            current=row.id == subject.session_id,
        )
        for row in rows
    ]
    return Sessions(items=items)


@router.delete(
    "/sessions/{session_id}",
    status_code=204,
    dependencies=[forget_me_after_commit],
    responses=problems(*AT_WORK, InvalidRequest, SessionUnknown),
    summary="End one of my sessions",
)
async def end_session(session_id: UUID, subject: Myself, session: WriteSession) -> None:
    """Its tokens end within two seconds everywhere."""
    await account.end_session(session, subject, session_id, utc_now())


@router.delete(
    "/sessions",
    status_code=204,
    dependencies=[forget_me_after_commit],
    responses=problems(*AT_WORK),
    summary="End all my sessions",
)
async def end_sessions(subject: Myself, session: WriteSession) -> None:
    """This one, too: sign in again."""
    await account.end_sessions(session, subject, utc_now())
