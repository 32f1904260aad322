"""`/api/v1/auth/oidc`: the way to the provider and back. Opened by browsers, by following addresses."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response

from app.auth.deps import get_known
from app.auth.known import KnownSubjects
from app.auth.oidc import service
from app.auth.oidc.flow import LIFETIME, MAX_RETURN, is_challenge, is_path_here
from app.auth.oidc.service import SignOn
from app.core.clock import utc_now
from app.core.deps import WriteSession, anyone
from app.core.faults import Fault
from app.core.http import problem_response
from app.core.openapi import problems
from app.core.parameters import StrictRoute
from app.core.problems import InvalidRequest
from app.core.schema import Out
from app.core.sign_on_problems import (
    SignOnClosed,
    SignOnExpired,
    SignOnOff,
    SignOnRefused,
    SignOnUnavailable,
    SignOnWithoutRole,
)

router = APIRouter(prefix="/auth/oidc", dependencies=[Depends(anyone)], route_class=StrictRoute)
returning = APIRouter(prefix="/auth/oidc", dependencies=[Depends(anyone)])
"""Not strict: a provider may send parameters of its own, which must be ignored (RFC 6749, 4.1.2)."""

PRIVATE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
MAX_STATE = 200
MAX_CODE = 4000


async def get_sign_on(request: Request) -> SignOn:
    """Single sign-on as this deployment has it; SignOnOff where it has none."""
    sign_on: SignOn | None = request.app.state.sign_on
    if sign_on is None:
        raise SignOnOff
    return sign_on


Provided = Annotated[SignOn, Depends(get_sign_on)]


class SignOnOut(Out):
    """How a page offers single sign-on."""

    button: str
    start: str


@router.get("", responses=problems(SignOnOff), summary="Whether there is single sign-on")
async def get_button(sign_on: Provided) -> SignOnOut:
    """What the button says and where it leads; 404 where only passwords are used."""
    return SignOnOut(button=sign_on.settings.oidc_button, start="/api/v1/auth/oidc/start")


@router.get(
    "/start",
    status_code=302,
    response_class=RedirectResponse,
    responses={
        302: {"description": "To the provider"},
        **problems(InvalidRequest, SignOnOff, SignOnUnavailable),
    },
    summary="Begin single sign-on",
)
async def start(
    sign_on: Provided,
    return_to: Annotated[
        str,
        Query(
            max_length=MAX_RETURN,
            description="A path of this origin, where the code comes to.",
            examples=["/"],
        ),
    ],
    code_challenge: Annotated[
        str,
        Query(
            max_length=128,
            description="S256 of a verifier that the page keeps (RFC 7636).",
            examples=["E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"],
        ),
    ],
) -> RedirectResponse:
    """To be opened by the browser itself, not fetched. It comes back to `return_to` with `#sipas_code=`."""
    faults = []
    if not is_path_here(return_to):
        faults.append(Fault("/return_to", "invalid_path"))
    if not is_challenge(code_challenge):
        faults.append(Fault("/code_challenge", "invalid_value"))
    if faults:
        raise InvalidRequest(faults=faults)
    transaction = sign_on.transactions.make(return_to, code_challenge)
    answer = RedirectResponse(await service.leave_for_provider(sign_on, transaction), 302, PRIVATE)
    answer.set_cookie(
        sign_on.transactions.cookie_name(transaction.state),
        sign_on.transactions.sign(transaction, utc_now()),
        max_age=int(LIFETIME.total_seconds()),
        secure=sign_on.transactions.secure,
        httponly=True,
        samesite="lax",
    )
    return answer


async def _forget_after_commit(
    request: Request, known: Annotated[KnownSubjects, Depends(get_known)]
) -> AsyncIterator[None]:
    yield
    if (user_id := getattr(request.state, "signed_in", None)) is not None:
        known.forget(f"user:{user_id}")


@returning.get(
    "/callback",
    status_code=302,
    response_class=RedirectResponse,
    dependencies=[Depends(_forget_after_commit, scope="function")],
    responses={
        302: {"description": "Back to the page that waits, with a code behind `#`"},
        **problems(
            InvalidRequest,
            SignOnOff,
            SignOnExpired,
            SignOnRefused,
            SignOnWithoutRole,
            SignOnClosed,
            SignOnUnavailable,
        ),
    },
    summary="Come back from the provider",
)
async def callback(
    request: Request,
    sign_on: Provided,
    session: WriteSession,
    state: Annotated[str, Query(max_length=MAX_STATE)] = "",
    code: Annotated[str, Query(max_length=MAX_CODE)] = "",
    error: Annotated[str, Query(max_length=MAX_STATE)] = "",
    iss: Annotated[str, Query(max_length=1000)] = "",
) -> Response:
    """Opened by the provider's redirect. With the code the page gets its tokens, at `/api/v1/auth/token`."""
    now = utc_now()
    cookie = sign_on.transactions.cookie_name(state)
    transaction = sign_on.transactions.read(state, request.cookies.get(cookie))
    if transaction is None:
        raise SignOnExpired
    if error or not code or iss not in {"", sign_on.provider.account.issuer}:
        raise SignOnRefused
    claims = await service.ask_provider(sign_on, transaction, code, now)
    outcome = await service.let_in(session, sign_on, transaction, claims, now)
    answer: Response
    if isinstance(outcome, service.SignedIn):
        request.state.signed_in = outcome.user_id
        answer = RedirectResponse(f"{transaction.return_to}#sipas_code={outcome.code}", 302, PRIVATE)
    else:  # returned, not raised: roles that are gone are committed as gone
        answer = problem_response(outcome, request.headers.get("accept-language"))
    answer.delete_cookie(cookie, secure=sign_on.transactions.secure, httponly=True, samesite="lax")
    return answer
