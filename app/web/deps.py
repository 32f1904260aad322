"""What routes of pages ask for, and how a page leaves: packed, guarded by headers, and kind when it fails.

The headers are strict because they can be: the pages load nothing from elsewhere and hold no inline script
or style. `no-referrer` keeps a link's code, which stands in the address, from every site a page leads to;
`no-store` keeps the page out of caches on a phone that may be somebody else's tomorrow.
"""

import gzip
from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends, Request, Response

from app.web.pages import Pages

SECURITY: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}
SMALLEST_PACKED = 500
QUICK = 5
"""gzip's level for pages made on demand: nearly as small as the best, in half the time."""


async def get_pages(request: Request) -> Pages:
    """The pages of this process."""
    pages: Pages = request.app.state.pages
    return pages


ThePages = Annotated[Pages, Depends(get_pages)]


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
