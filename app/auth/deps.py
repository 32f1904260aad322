"""Guards: each route names one. `Needs("indices:read")` finds the subject and checks its scope.

A closed account's token ends with the account, not a quarter of an hour later: see `known`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Depends, FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from fastapi.security import OAuth2PasswordBearer
from starlette.types import Scope as Asgi

from app.auth.known import KnownSubjects
from app.auth.networks import lies_within
from app.auth.proofs import Proofs
from app.auth.scopes import Scope
from app.auth.sessions import Origin
from app.auth.subjects import Subject
from app.auth.totp import Seal
from app.core.account_problems import FreshProofRequired, PeopleOnly, TotpRequired
from app.core.clock import utc_now
from app.core.limits import RateLimiter
from app.core.problems import AddressNotAllowed, MissingScope, Unauthorized
from app.core.tokens import AccessTokens

FRESH_FOR = timedelta(minutes=10)
"""How long a password or a code counts as given just now: time to read what is about to be published."""

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


async def get_known(request: Request) -> KnownSubjects:
    """The known subjects of this process."""
    known: KnownSubjects = request.app.state.subjects
    return known


async def current_subject(
    request: Request,
    _: Annotated[str | None, Depends(bearer)] = None,  # says in OpenAPI how to get a token
) -> Subject:
    """Whoever holds the token; Unauthorized for anything that is not a good one.

    TotpRequired for people who still have to set up the second factor their unit requires.
    """
    return _ready(await _bearer(request))


async def maybe_subject(request: Request) -> Subject | None:
    """For routes open to anyone that show staff more: None without a token; one that is sent must be good."""
    return _ready(await _bearer(request)) if "authorization" in request.headers else None


async def current_person(subject: Annotated[Subject, Depends(current_subject)]) -> Subject:
    """For routes about one's own account, which partner systems have not: PeopleOnly."""
    return _person(subject)


async def person_setting_up(request: Request, _: Annotated[str | None, Depends(bearer)] = None) -> Subject:
    """For the routes by which a second factor is set up: also people who may do nothing else yet."""
    return _person(await _bearer(request))


def _ready(subject: Subject) -> Subject:
    if subject.totp_due:
        raise TotpRequired
    return subject


def _person(subject: Subject) -> Subject:
    if subject.kind != "user":
        raise PeopleOnly
    return subject


async def _bearer(request: Request) -> Subject:
    """On the way of every request: what the application holds is taken from it, not through dependencies."""
    state = request.app.state
    claims = state.tokens.read(bearer_token(request))
    if claims is None:
        raise Unauthorized
    known: KnownSubjects = state.subjects
    actor, sid = str(claims["sub"]), None if claims.get("sid") is None else str(claims["sid"])
    subject = await known.find(actor, sid)
    if subject is None:
        raise await known.why_unknown(actor, sid)
    if subject.networks:
        address = request.client.host if request.client else None
        if not lies_within(address, subject.networks):
            raise AddressNotAllowed(address=address)
    state.limiter.check(str(subject.id))
    return subject


SignedIn = Annotated[Subject, Depends(current_subject)]
Myself = Annotated[Subject, Depends(current_person)]
SettingUp = Annotated[Subject, Depends(person_setting_up)]
MaybeSignedIn = Annotated[Subject | None, Depends(maybe_subject)]


class ScopeGuard:
    """Lets in who holds the scope anywhere, reaching what it reaches with that scope."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    async def __call__(self, subject: SignedIn) -> Subject:
        if self.scope not in subject.scopes:
            raise MissingScope(scope=self.scope)
        return subject.narrowed(self.scope)


def Needs(scope: Scope, *, proven: bool = False) -> Callable[..., Awaitable[Subject]]:  # noqa: N802  reads as a declaration in signatures
    """`subject: Annotated[Subject, Needs("units:read")]`: who holds the scope, narrowed to it.

    `proven`: people must have given their password or a code within the last minutes, for what cannot be
    taken back and for what lets somebody in: a session left open, or stolen, is not enough for that.
    """
    if proven:
        return _needs_proven(ScopeGuard(scope))
    guard: Callable[..., Awaitable[Subject]] = Depends(ScopeGuard(scope))
    return guard


def _needs_proven(guard: ScopeGuard) -> Callable[..., Awaitable[Subject]]:
    async def proven_subject(request: Request, subject: Annotated[Subject, Depends(guard)]) -> Subject:
        return _freshly_proven(request, subject)

    proven: Callable[..., Awaitable[Subject]] = Depends(proven_subject)
    return proven


async def proven_setting_up(
    request: Request, subject: Annotated[Subject, Depends(person_setting_up)]
) -> Subject:
    """As `person_setting_up`, for people who have given their password or a code just now."""
    return _freshly_proven(request, subject)


def _freshly_proven(request: Request, subject: Subject) -> Subject:
    # a partner system proves itself by its secret for every token
    claims = request.app.state.tokens.read(bearer_token(request)) or {}
    proven_at = claims.get("auth_time")
    ends = utc_now().timestamp() - FRESH_FOR.total_seconds()
    if subject.kind == "user" and (not isinstance(proven_at, int) or proven_at < ends):
        raise FreshProofRequired(minutes=int(FRESH_FOR.total_seconds() // 60))
    return subject


async def admit_import(scope: Asgi) -> bool:
    """Whether the address takes imports, asked before the first byte of a body is read.

    Raises what the route's guard would raise. Who sends no token is left to the limit of small bodies.
    """
    request = Request(scope)
    if scope["method"] != "POST" or "authorization" not in request.headers:
        return False
    guard = _import_guards(request.app).get(scope["path"])
    if guard is None:
        return False
    await guard(await current_subject(request))
    return True


def _import_guards(app: FastAPI) -> dict[str, ScopeGuard]:
    """The guards of the routes that take files, by their address; looked for once."""
    kept: dict[str, ScopeGuard] | None = getattr(app.state, "import_guards", None)
    if kept is None:
        kept = app.state.import_guards = {
            context.path_format: guard
            for context in iter_route_contexts(app.routes)
            if context.path_format is not None and context.path_format.endswith("/import")
            for guard in _guards(context.dependant)
        }
    return kept


def _guards(dependant: Dependant) -> Iterator[ScopeGuard]:
    for below in dependant.dependencies:
        if isinstance(below.call, ScopeGuard):
            yield below.call
        yield from _guards(below)


async def origin_of(request: Request) -> Origin:
    """Where the request comes from, as its sender will recognise it in a list of sessions."""
    address = request.client.host if request.client else "unknown"
    proofs: Proofs = request.app.state.proofs
    devices = proofs.cookies.read(request.cookies, utc_now())
    return Origin(address, request.headers.get("user-agent", ""), devices)


async def get_proofs(request: Request) -> Proofs:
    """Where passwords are judged; it makes its own short transactions and commits them."""
    proofs: Proofs = request.app.state.proofs
    return proofs


async def get_seal(request: Request) -> Seal:
    """The seal of second factors."""
    seal: Seal = request.app.state.seal
    return seal


FromWhere = Annotated[Origin, Depends(origin_of)]
TheSeal = Annotated[Seal, Depends(get_seal)]
TheProofs = Annotated[Proofs, Depends(get_proofs)]
Tokens = Annotated[AccessTokens, Depends(get_tokens)]
ProvenSettingUp = Annotated[Subject, Depends(proven_setting_up)]


async def _forget_user(
    user_id: UUID, known: Annotated[KnownSubjects, Depends(get_known)]
) -> AsyncIterator[None]:
    yield
    known.forget(f"user:{user_id}")


async def _forget_me(
    subject: SettingUp, known: Annotated[KnownSubjects, Depends(get_known)]
) -> AsyncIterator[None]:
    yield
    known.forget(subject.actor)


async def _forget_client(
    client_id: UUID, known: Annotated[KnownSubjects, Depends(get_known)]
) -> AsyncIterator[None]:
    yield
    known.forget(f"client:{client_id}")


forget_client_after_commit = Depends(_forget_client, scope="function")
"""In a route's `dependencies`: entered before the session and so left after its commit, it ends the tokens of
a closed client in this process at once; elsewhere they end within seconds."""

forget_user_after_commit = Depends(_forget_user, scope="function")
"""The same for a person whose rights have changed."""

forget_me_after_commit = Depends(_forget_me, scope="function")
"""The same for whoever asks."""
