"""HTTP's own matters: request ids, the limit of a body, and errors as problem+json in one place.

The middlewares are plain ASGI: they stand in the path of every response and cost microseconds.
"""

import asyncio
import logging
import random
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core import caller, logs, metrics
from app.core.addresses import methods_of, redirect_without_slash
from app.core.database_errors import LOST_CONNECTION, problem_of
from app.core.deps import pick_language
from app.core.errors import Problem
from app.core.etag import etag_of, json_of, matches
from app.core.faults import Fault
from app.core.invalid import problem_of_request
from app.core.problems import (
    BadRequest,
    BodyTooLarge,
    BodyTooSlow,
    InternalError,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    Unavailable,
    UnsupportedMediaType,
)

MAX_BODY = 1024 * 1024
MAX_IMPORT_BODY = 32 * 1024 * 1024
MOST_IMPORTS = 4
"""Bodies over 1 MiB that one process reads or works on at a time."""
BODY_SECONDS = 20.0
LEAST_RATE = 4 * 1024  # bytes a second: slower than the slowest line that is of any use

log = logging.getLogger(__name__)


def problem_response(problem: Problem, accept_language: str | None) -> Response:
    """A problem as an HTTP answer in the caller's language."""
    metrics.problem_answered(problem.code)
    return Response(
        orjson.dumps(problem.body(pick_language(accept_language), logs.request_id.get()), default=str),
        status_code=problem.status,
        media_type="application/problem+json",
        headers={**problem.headers(), "Content-Language": pick_language(accept_language)},
    )


class RequestContext:
    """Gives each request an id (ours, or the caller's if it is well-formed), notes where it comes from,
    counts it, and logs how it ended: always when we failed, else one in `log_sample` (0: none).
    """

    def __init__(self, app: ASGIApp, log_sample: int = 0) -> None:
        self.app = app
        self._log_share = 1 / log_sample if log_sample else 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        current = request_id_of(scope["headers"])
        logs.request_id.set(current.decode())
        client = scope.get("client")
        address = caller.address.set(client[0] if client else "unknown")
        header = (b"x-request-id", current)
        started = time.perf_counter()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), header]
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except Exception as error:
            log.exception("unexpected error", exc_info=error)
            if status:  # the answer has begun: breaking it off is all that is left
                raise
            await problem_response(InternalError(), language_header(scope))(scope, receive, send_with_id)
        finally:
            caller.address.reset(address)
            seconds = time.perf_counter() - started
            route = getattr(scope.get("route"), "path_format", None)
            metrics.request_answered(route, scope["method"], status, seconds)
            if status >= 500 or random.random() < self._log_share or log.isEnabledFor(logging.DEBUG):  # noqa: S311  a sample, no secret
                log.log(
                    logging.WARNING if status >= 500 else logging.INFO,
                    "request",
                    extra={
                        "method": scope["method"] if scope["method"] in metrics.METHODS else "OTHER",
                        "route": route or metrics.UNMATCHED,
                        "status": status,
                        "ms": round(seconds * 1000, 1),
                    },
                )


def request_id_of(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The id that the caller gave a request, if it is well-formed, or a fresh one."""
    sent = next((value for name, value in headers if name == b"x-request-id"), b"")
    return sent if 8 <= len(sent) <= 64 and _is_token(sent) else secrets.token_hex(8).encode()


def _is_token(value: bytes) -> bool:
    return all(byte in b"-_." or 48 <= byte <= 57 or 65 <= byte <= 90 or 97 <= byte <= 122 for byte in value)


def language_header(scope: Scope) -> str:
    """Accept-Language as it was sent, "" without it."""
    return next((value for name, value in scope["headers"] if name == b"accept-language"), b"").decode(
        "latin-1"
    )


class BodyLimit:
    """Refuses bodies over 1 MiB (imports: 32 MiB), by their announced length or while they arrive.

    So, too, a body that does not arrive: 20 seconds, and a second more for every 4 KiB that have come. A body
    that may be large is read for callers alone whom `admit` lets in, and for a few at a time.
    """

    def __init__(self, app: ASGIApp, admit: Callable[[Scope], Awaitable[bool]]) -> None:
        self.app = app
        self._admit = admit
        self._large = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in {"GET", "HEAD"}:
            await self.app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"")
        length = int(announced) if announced.isdigit() else None
        if (length is None or length > MAX_BODY) and scope["path"].endswith("/import"):
            try:
                admitted = await self._admit(scope)
                if admitted and self._large >= MOST_IMPORTS:
                    raise Unavailable
            except (Problem, SQLAlchemyError, *LOST_CONNECTION) as error:
                problem = error if isinstance(error, Problem) else problem_of(error)
                if problem is None:
                    raise
                await problem_response(problem, language_header(scope))(scope, receive, send)
                return
            if admitted:
                self._large += 1
                try:
                    await self._read(scope, receive, send, length, MAX_IMPORT_BODY)
                finally:
                    self._large -= 1
                return
        await self._read(scope, receive, send, length, MAX_BODY)

    async def _read(self, scope: Scope, receive: Receive, send: Send, length: int | None, limit: int) -> None:
        if length is not None and length > limit:
            await problem_response(BodyTooLarge(limit=limit), language_header(scope))(scope, receive, send)
            return
        received, whole = 0, False
        ends = asyncio.get_running_loop().time() + BODY_SECONDS

        async def limited_receive() -> Message:
            nonlocal received, whole
            if whole:  # what comes now is the end of the connection, and may take its time
                return await receive()
            try:
                async with asyncio.timeout_at(ends + received / LEAST_RATE):
                    message = await receive()
            except TimeoutError as error:
                raise BodyTooSlow from error
            received += len(message.get("body", b""))
            if received > limit:
                raise BodyTooLarge(limit=limit)
            whole = not message.get("more_body", False)
            return message

        await self.app(scope, limited_receive, send)


def install_error_handlers(app: FastAPI) -> None:
    """Everything that is raised leaves as problem+json; nothing inner ever shows."""
    handlers: dict[type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
        Problem: _on_problem,
        RequestValidationError: _on_invalid,
        HTTPException: _on_http_exception,
        SQLAlchemyError: _on_database_error,
        **dict.fromkeys(LOST_CONNECTION, _on_database_error),
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


def _answer(request: Request, problem: Problem) -> Response:
    return problem_response(problem, request.headers.get("accept-language"))


async def _on_problem(request: Request, error: Exception) -> Response:
    if not isinstance(error, Problem):
        raise error
    return _answer(request, error)


async def _on_invalid(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    return _answer(request, problem_of_request(request, error))


async def _on_http_exception(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    match error.status_code:
        case 404:
            return redirect_without_slash(request) or _answer(request, NotFound())
        case 405:
            answer = _answer(request, MethodNotAllowed())
            answer.headers["Allow"] = ", ".join(methods_of(request))
            return answer
        case _:
            # Starlette hides a Problem raised while the body arrives behind a 400 of its own
            cause = error.__cause__ or error.__context__
            return _answer(request, cause if isinstance(cause, Problem) else _unreadable(request, cause))


def _unreadable(request: Request, cause: BaseException | None) -> Problem:
    """Why a body could not be read, as far as that can be told."""
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        return UnsupportedMediaType(expected="Content-Encoding: identity")
    if isinstance(cause, UnicodeDecodeError):
        return InvalidRequest(faults=[Fault("", "invalid_json")])
    return BadRequest()


async def _on_database_error(request: Request, error: Exception) -> Response:
    problem = problem_of(error)
    if problem is None:
        raise error
    log.warning("database refused", extra={"problem": problem.code, "cause": type(error).__name__})
    return _answer(request, problem)


def respond(
    request: Request, content: BaseModel | bytes, *, tagged: bytes | None = None, vary: str | None = None
) -> Response:
    """200 with JSON and its ETag, or 304 when the caller already holds exactly this.

    `no-cache` lets a browser keep the answer but ask each time; `private` keeps it out of shared caches,
    because what is shown may depend on who asks. `tagged` is what the tag covers when that is not every byte
    of the body: such a tag is weak (RFC 9110, 8.8.1). `vary` names request headers that shape the body.
    """
    body = content if isinstance(content, bytes) else json_of(content)
    etag = etag_of(body) if tagged is None else "W/" + etag_of(tagged)
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if vary is not None:
        headers["Vary"] = vary
    if matches(", ".join(request.headers.getlist("if-none-match")) or None, etag):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)
