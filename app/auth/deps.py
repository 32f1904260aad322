"""Guards: each route names one. `Needs("indices:read")` finds the subject and checks its scope.

The account is looked up each time: a closed account's token ends with the account, not a quarter of an
hour later.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from fastapi.security import OAuth2PasswordBearer
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth import queries
from app.auth.scopes import Scope
from app.auth.service import subject_of
from app.auth.subjects import Subject
from app.core.deps import ReadSession
from app.core.limits import RateLimiter
from app.core.problems import MissingScope, Unauthorized
from app.core.tokens import AccessTokens
from app.models.subject import Client, User

bearer = OAuth2PasswordBearer("/api/v1/auth/token", refreshUrl="/api/v1/auth/token", auto_error=False)


async def get_tokens(request: Request) -> AccessTokens:
    """The access tokens of this deployment."""
    tokens: AccessTokens = request.app.state.tokens
    return tokens


async def get_limiter(request: Request) -> RateLimiter:
    """The rate limits of this process."""
    limiter: RateLimiter = request.app.state.limiter
    return limiter


def bearer_token(request: Request) -> str:
    """The token of the Authorization header; Unauthorized when there is none."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token:
        raise Unauthorized
    return token.strip()


async def current_subject(
    request: Request,
    session: ReadSession,
    tokens: Annotated[AccessTokens, Depends(get_tokens)],
    limiter: Annotated[RateLimiter, Depends(get_limiter)],
    _: Annotated[str | None, Depends(bearer)] = None,  # says in OpenAPI how to get a token
) -> Subject:
    """Whoever holds the token; Unauthorized for anything that is not a good one."""
    return await _bearer(request, session, tokens, limiter)


async def maybe_subject(
    request: Request,
    session: ReadSession,
    tokens: Annotated[AccessTokens, Depends(get_tokens)],
    limiter: Annotated[RateLimiter, Depends(get_limiter)],
) -> Subject | None:
    """For routes open to anyone that show staff more: None without a token; one that is sent must be good."""
    if "authorization" not in request.headers:
        return None
    return await _bearer(request, session, tokens, limiter)


async def _bearer(
    request: Request, session: AsyncSession, tokens: AccessTokens, limiter: RateLimiter
) -> Subject:
    claims = tokens.read(bearer_token(request))
    if claims is None:
        raise Unauthorized
    kind, _, identity = str(claims["sub"]).partition(":")
    account: User | Client | None = None
    try:
        if kind == "user":
            account = await queries.open_user(session, UUID(identity))
        elif kind == "client":
            account = await queries.open_client(session, UUID(identity))
    except ValueError as error:  # no UUID: signed with our key, yet none of ours
        raise Unauthorized from error
    if account is None:
        raise Unauthorized
    limiter.check(identity)
    return subject_of(account)


SignedIn = Annotated[Subject, Depends(current_subject)]
MaybeSignedIn = Annotated[Subject | None, Depends(maybe_subject)]


class ScopeGuard:
    """Lets in who holds the scope."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    async def __call__(self, subject: SignedIn) -> Subject:
        if self.scope not in subject.scopes:
            raise MissingScope(scope=self.scope)
        return subject


def Needs(scope: Scope) -> Callable[..., Awaitable[Subject]]:  # noqa: N802  reads as a declaration in signatures
    """`subject: Annotated[Subject, Needs("units:read")]`: the subject, if it holds the scope."""
    guard: Callable[..., Awaitable[Subject]] = Depends(ScopeGuard(scope))
    return guard
