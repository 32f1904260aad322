"""This file tells what the addresses of the application know: their methods, and the same without a slash."""

from fastapi import Request, Response
from starlette.routing import Match

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def redirect_without_slash(request: Request) -> Response | None:
    """To the same address without its last slash, if there is one of ours.

    Starlette would name the host and the scheme as well, and knows neither behind a proxy: a token would be
    sent in the clear.
    """
    sent: bytes = request.scope.get("raw_path", b"")
    path = request.scope["path"].rstrip("/")
    if not sent.endswith(b"/") or not path or path.startswith("//"):
        return None
    scope = {**request.scope, "path": path}
    if all(route.matches(scope)[0] is Match.NONE for route in request.app.routes):
        return None
    query = request.scope["query_string"]
    location = sent.rstrip(b"/") + (b"?" + query if query else b"")
    return Response(status_code=307, headers={"Location": location.decode("latin-1")})


def methods_of(request: Request) -> list[str]:
    """The methods of every route at this address; the framework names those of the first alone."""

    def known(method: str) -> bool:
        scope = {**request.scope, "method": method}
        return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)

    # HEAD is answered wherever GET is
    return [method for method in METHODS if known("GET" if method == "HEAD" else method)]
