"""What routes of pages ask for, and how a page leaves: packed, guarded by headers, and kind when it fails.

The headers are strict because they can be: the pages load nothing from elsewhere and hold no inline script
or style. `no-referrer` keeps a link's code, which stands in the address, from every site a page leads to;
`no-store` keeps the page out of caches on a phone that may be somebody else's tomorrow.
"""

import gzip
import logging
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect

from app.core import metrics
from app.core.database_errors import ANY_FAILURE, problem_of
from app.core.deadline import say_lateness
from app.core.errors import Problem
from app.core.problems import BadRequest, InternalError, Unavailable
from app.web.pages import Pages

log = logging.getLogger(__name__)

SECURITY: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}
KINDS: Mapping[str, str] = {
    "link_unknown": "unknown",
    "link_used": "used",
    "response_conflict": "used",
    "link_expired": "expired",
    "unavailable": "busy",
    "too_many_requests": "busy",
    "conflict": "busy",
}
"""Problem -> the message that says it to a person; `failed` for every other."""
TEXTS: Mapping[str, tuple[str, str]] = {
    "unknown": ("link.unknown.title", "link.unknown.text"),
    "used": ("link.used.title", "link.used.text"),
    "expired": ("link.expired.title", "link.expired.text"),
    "busy": ("link.busy.title", "link.busy.text"),
    "failed": ("link.failed.title", "link.failed.text"),
}
"""Message -> the names of its title and its text."""
SMALLEST_PACKED = 500
QUICK = 5
"""gzip's level for pages made on demand: nearly as small as the best, in half the time."""


async def get_pages(request: Request) -> Pages:
    """The pages of this process."""
    pages: Pages = request.app.state.pages
    return pages


ThePages = Annotated[Pages, Depends(get_pages)]


async def get_body(request: Request) -> bytes:
    """The posted form, as it came."""
    try:
        return await request.body()
    except ClientDisconnect as error:
        raise BadRequest from error


PostedBody = Annotated[bytes, Depends(get_body)]


async def get_reader(request: Request, pages: ThePages) -> str:
    """The language this person reads: as the address says, or else as the browser does."""
    wanted = request.query_params.get("lang", "")
    if wanted in pages.catalogues.languages:
        return wanted
    return pages.catalogues.choose(request.headers.get("accept-language"))


Reader = Annotated[str, Depends(get_reader)]


class PageRoute(APIRoute):
    """A route whose problems are pages, too: a citizen never meets JSON."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler FastAPI asks for once a route."""
        standard = super().get_route_handler()

        async def handle(request: Request) -> Response:
            say_lateness(request.scope, partial(_kindly, request))
            try:
                return await standard(request)
            except Problem as problem:
                return await _kindly(request, problem)
            except ANY_FAILURE as error:
                known = problem_of(error)
                log.warning("database refused", extra={"cause": type(error).__name__})
                return await _kindly(request, known or InternalError())
            except Exception as error:
                log.exception("unexpected error", exc_info=error)
                return await _kindly(request, InternalError())

        return handle


def too_many(pages: Pages) -> tuple[Mapping[str, bytes], Mapping[str, str]]:
    """What a person reads who comes when too many are here already, by language; and its headers."""
    return {language: _message(pages, Unavailable(), language) for language in pages.catalogues.languages}, {
        "Content-Type": "text/html; charset=utf-8",
        "Cache-Control": "no-store",
        **SECURITY,
    }


async def _kindly(request: Request, problem: Problem) -> Response:
    """What went wrong and what to do, with the problem's own status."""
    metrics.problem_answered(problem.code)
    pages = await get_pages(request)
    body = _message(pages, problem, await get_reader(request, pages))
    return html(request, body, status=problem.status, headers=problem.headers())


def _message(pages: Pages, problem: Problem, language: str) -> bytes:
    kind = KINDS.get(problem.code, "failed")
    title, text = TEXTS[kind]
    return pages.render("message.html", kind=kind, title=title, text=text, code="", language=language)


def html(
    request: Request, body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A page for a person: packed if the browser can unpack it, never kept unless `headers` say so.

    Packing a page that holds a secret is dangerous where a stranger can make the browser ask again and
    again with a text of theirs in it. These pages have no cookies: who lacks the code cannot ask at all.
    """
    sent = {"Cache-Control": "no-store", "Vary": "Accept-Encoding, Accept-Language", **SECURITY}
    if len(body) >= SMALLEST_PACKED and takes_gzip(request):
        body = gzip.compress(body, QUICK, mtime=0)
        sent["Content-Encoding"] = "gzip"
    return Response(body, status, {**sent, **(headers or {})}, "text/html; charset=utf-8")


def takes_gzip(request: Request) -> bool:
    """Whether the caller reads gzip."""
    accepted = request.headers.get("accept-encoding", "").replace(" ", "").lower().split(",")
    return any(one == "gzip" or (one.startswith("gzip;q=") and one[7:].strip("0.")) for one in accepted)
