"""`POST /api/v1/auth/token` (RFC 6749) and `GET /api/v1/me`."""

import base64
import binascii
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import unquote_plus
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy import select

from app.auth import own, service
from app.auth.deps import FromWhere, SignedIn, TheProofs, TheSeal, Tokens
from app.auth.device_cookie import LIFETIME, DeviceCookies
from app.auth.oidc import routes as oidc
from app.auth.oidc import service as sign_on
from app.auth.sessions import Origin
from app.core.clock import utc_now
from app.core.deps import AppSettings, ReadSession, WriteSession, anyone
from app.core.openapi import problems
from app.core.parameters import StrictRoute
from app.core.problems import (
    AddressNotAllowed,
    BadRequest,
    BodyTooLarge,
    InvalidRequest,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)
from app.core.schema import Out
from app.core.text import clean
from app.core.tokens import ACCESS_LIFETIME
from app.models.unit import Unit

router = APIRouter(prefix="/api/v1", tags=["Who asks"], route_class=StrictRoute)
router.include_router(oidc.router)
router.include_router(oidc.returning)


class Token(Out):
    """RFC 6749, section 5.1. The refresh token is for people only."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  the type's name, not a secret
    expires_in: int
    scope: str
    refresh_token: str | None = None


MAX_FIELD = 1000
SIGN_IN_CODE = "urn:sipas:grant-type:sign-in-code"


class OAuthError(Out):
    """RFC 6749, section 5.2."""

    error: str
    error_description: str
    code: Literal["totp_needed", "totp_wrong"] | None = None


class RoleHeld(Out):
    """A role and the unit at the top of where it holds (null: every unit)."""

    role: str
    unit: str | None


class Me(Out):
    """Who I am, what I may do anywhere, my roles (people only), and the unit at the top of my reach.

    `unit` is null for every unit, and also where there are several: `roles` tells them apart.
    """

    kind: Literal["user", "client"]
    id: str
    name: str
    scopes: list[str]
    unit: str | None
    roles: list[RoleHeld]


def _basic(request: Request) -> tuple[str, str] | None:
    kind, _, encoded = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return unquote_plus(name), unquote_plus(secret)


def _token_responses() -> dict[int | str, dict[str, Any]]:
    documented: dict[int | str, dict[str, Any]] = problems(
        BadRequest, InvalidRequest, BodyTooLarge, TooManyRequests, Unavailable
    )
    documented[400] |= {"model": OAuthError, "description": "Refused (RFC 6749), or the body is malformed"}
    documented[401] = {"model": OAuthError, "description": "The client or its secret is not right (RFC 6749)"}
    return documented


@router.post(
    "/auth/token",
    dependencies=[Depends(anyone)],
    response_model=Token,
    response_model_exclude_none=True,
    responses=_token_responses(),
    summary="Get an access token",
)
async def get_token(
    request: Request,
    session: WriteSession,
    tokens: Tokens,
    seal: TheSeal,
    proofs: TheProofs,
    settings: AppSettings,
    origin: FromWhere,
    grant_type: Annotated[str, Form(examples=["password"])] = "",
    username: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    client_id: Annotated[str, Form()] = "",
    client_secret: Annotated[str, Form()] = "",
    refresh_token: Annotated[str, Form()] = "",
    totp: Annotated[
        str, Form(description="The one-time code, or a recovery code, where there is a second factor.")
    ] = "",
    code: Annotated[str, Form()] = "",
    code_verifier: Annotated[str, Form()] = "",
) -> JSONResponse:
    """`password`, `client_credentials` (HTTP Basic or fields), `refresh_token`, or a code of single sign-on.

    The last is `urn:sipas:grant-type:sign-in-code` with `code` and `code_verifier`. Tokens last 15 minutes.
    A refusal's `code` tells `totp_needed` (send `totp` with the password) from `totp_wrong`; each code works
    once.
    """
    now = utc_now()
    outcome: service.Granted | service.Refusal
    fields = username, password, client_id, client_secret, refresh_token, totp, code, code_verifier
    if max(map(len, fields)) > MAX_FIELD:
        outcome = service.Refusal("invalid_request", "A field is too long.")
    elif grant_type == "password":
        name = clean(username.replace("\0", ""))
        outcome = await service.sign_in(proofs, seal, name, password, totp, origin, now)
    elif grant_type == "client_credentials":
        name, secret = _basic(request) or (client_id, client_secret)
        outcome = await service.client_credentials(session, name, secret, origin.address, now)
    elif grant_type == "refresh_token":
        outcome = await service.refresh(
            session, refresh_token, origin, now, timedelta(days=settings.session_days)
        )
    elif grant_type == SIGN_IN_CODE:
        outcome = await sign_on.exchange_code(session, code, code_verifier, origin, now)
    elif grant_type:
        known = f"password, client_credentials, refresh_token or {SIGN_IN_CODE}."
        outcome = service.Refusal("unsupported_grant_type", known)
    else:
        outcome = service.Refusal("invalid_request", "grant_type is missing.")
    headers = {"Cache-Control": "no-store"}
    if isinstance(outcome, service.Refusal):
        if outcome.status == 401:
            headers["WWW-Authenticate"] = 'Basic realm="sipas"'
        shown = OAuthError.model_validate(
            {"error": outcome.error, "error_description": outcome.description, "code": outcome.code}
        )
        return JSONResponse(shown.model_dump(exclude_none=True), outcome.status, headers)
    subject = outcome.subject
    answer = Token(
        access_token=tokens.issue(
            subject.actor,
            sorted(subject.scopes),
            now,
            None if outcome.sid is None else str(outcome.sid),
            proven=grant_type != "refresh_token",
        ),
        expires_in=int(ACCESS_LIFETIME.total_seconds()),
        scope=" ".join(sorted(subject.scopes)),
        refresh_token=outcome.refresh_token,
    )
    granted = JSONResponse(answer.model_dump(exclude_none=True), headers=headers)
    if grant_type == "password":
        remember_device(granted, proofs.cookies, subject.id, origin, now)
    return granted


def remember_device(
    answer: Response, cookies: DeviceCookies, user_id: UUID, origin: Origin, now: datetime
) -> None:
    """Set the cookie by which this browser is known when its owner signs in again."""
    answer.set_cookie(
        cookies.name(user_id),
        cookies.make(user_id, origin.devices.get(user_id), now),
        max_age=int(LIFETIME.total_seconds()),
        path=f"{router.prefix}/auth",
        secure=cookies.secure,
        httponly=True,
        samesite="strict",
    )


@router.get(
    "/me",
    responses=problems(Unauthorized, AddressNotAllowed, TooManyRequests, Unavailable),
    summary="Who I am",
)
async def who_am_i(subject: SignedIn, session: ReadSession) -> Me:
    """The holder of the token, its scopes, its roles and its unit."""
    tops = {grant.unit_id for grant in subject.grants}
    rows = await session.execute(select(Unit.id, Unit.code).where(Unit.id.in_(tops - {None})))
    codes: dict[int | None, str] = {row[0]: row[1] for row in rows}
    roles = [
        RoleHeld(role=grant.role, unit=codes.get(grant.unit_id)) for grant in subject.grants if grant.role
    ]
    return Me(
        kind=subject.kind,
        id=str(subject.id),
        name=subject.name,
        scopes=sorted(subject.scopes),
        unit=codes.get(tops.pop()) if len(tops) == 1 else None,
        roles=sorted(roles, key=lambda held: (held.unit or "", held.role)),
    )


router.include_router(own.router)
