"""What is said at the bound: 503, while a process has as many requests under way as it may.

A refusal has to be cheap. In a rush there are several for each request that is taken in, and their time is
taken from those; so nothing is made of one but its bytes.

Nor is it said at once. Whoever comes again without a pause would keep the process busy with refusals alone;
waiting costs nothing, and one connection then causes one refusal every two seconds, however impatient it is.
"""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence

import orjson

from app.core import metrics
from app.core.answers import NO_SNIFFING
from app.core.deps import pick_language
from app.core.http import request_id_of
from app.core.problems import Unavailable

MOST_UNDER_WAY = 1000
"""Requests under way in one process. About what one answers in half a second: docs/decisions/0016."""
HOLD_SECONDS = 2.0
NEVER_REFUSED = frozenset({b"/healthz", b"/readyz", b"/metrics"})

_QUIET_SECONDS = 60.0
_PROBLEM = Unavailable()

Headers = Iterable[tuple[bytes, bytes]]

log = logging.getLogger(__name__)


def _lines(headers: Mapping[str, str]) -> bytes:
    return "".join(f"{name.lower()}: {value}\r\n" for name, value in headers.items()).encode("latin-1")


_AS_JSON = _lines({"Content-Type": "application/problem+json", **_PROBLEM.headers()})
_as_page = b""
_pages: dict[str, bytes] = {}


def show(pages: Mapping[str, bytes], headers: Mapping[str, str]) -> None:
    """Have these said to whoever reads pages, by language; until then everybody hears JSON."""
    global _as_page  # noqa: PLW0603  one a process, as the protocol is
    _pages.update(pages)
    _as_page = _lines({**headers, **_PROBLEM.headers()})


def answer(method: str, sent: Sequence[tuple[bytes, bytes]], more: Headers, seconds: float) -> bytes:
    """The whole answer as it travels, counted as one.

    `sent`: headers of the request; `more`: further headers of the answer; `seconds`: since the request came.
    """
    language = pick_language(_of(sent, b"accept-language").decode("latin-1"))
    current = request_id_of(sent)
    kind, body = _as_page, _pages.get(language) if b"text/html" in _of(sent, b"accept") else None
    if body is None:
        kind, body = _AS_JSON, orjson.dumps(_PROBLEM.body(language, current.decode()))
    metrics.problem_answered(_PROBLEM.code)
    metrics.request_refused(method, _PROBLEM.status, seconds)
    _told.tell()
    return b"".join(
        [
            b"HTTP/1.1 503 Service Unavailable\r\n",
            *(b"%b: %b\r\n" % header for header in more),
            kind,
            b"content-language: %b\r\ncontent-length: %d\r\n" % (language.encode(), len(body)),
            b"%b: %b\r\n" % NO_SNIFFING,
            b"x-request-id: %b\r\n\r\n" % current,
            b"" if method == "HEAD" else body,
        ]
    )


def _of(headers: Headers, wanted: bytes) -> bytes:
    return next((value for name, value in headers if name == wanted), b"")


def may_be_refused(url: bytes, sent: Headers) -> bool:
    """Whether a request may be answered so, without asking the application.

    Probes are never refused. What a page of another site asks is left to the application, which knows what
    that site may read; there it meets the same bound (`core/deadline.py`).
    """
    if url.partition(b"?")[0] in NEVER_REFUSED:
        return False
    host = origin = None
    for name, value in sent:
        if name == b"host":
            host = value
        elif name == b"origin":
            origin = value
    return origin is None or (host is not None and origin.rpartition(b"//")[2] == host)


class _Told:
    """The log is told once a minute: a line for each refusal would cost more than the refusal."""

    until = 0.0

    def tell(self) -> None:
        if (now := time.monotonic()) >= self.until:
            self.until = now + _QUIET_SECONDS
            log.warning("as many requests are under way as may be: others are refused")


_told = _Told()
