"""Pages over HTTP, and the files they load. Kept out of OpenAPI: these addresses are for people."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from app.core.deps import anyone
from app.core.problems import NotFound
from app.web.deps import SECURITY, ThePages, takes_gzip

router = APIRouter(include_in_schema=False)

A_YEAR = "public, max-age=31536000, immutable"


@router.get("/static/{version}/{name:path}", dependencies=[Depends(anyone)])
async def static(
    request: Request, pages: ThePages, version: Annotated[str, Path()], name: Annotated[str, Path()]
) -> Response:
    """A file of the pages. Under another version than ours it is sent as it is now, and not kept.

    That happens while a new release takes over from the last: a page of the one asks the other.
    """
    asset = pages.assets.files.get(name)
    if asset is None:
        raise NotFound
    headers = {**SECURITY, "Cache-Control": A_YEAR if version == pages.assets.version else "no-cache"}
    body = asset.plain
    if asset.packed is not None:
        headers["Vary"] = "Accept-Encoding"
        if takes_gzip(request):
            headers["Content-Encoding"] = "gzip"
            body = asset.packed
    return Response(body, headers=headers, media_type=asset.media_type)
