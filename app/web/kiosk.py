"""The tablet's page over HTTP: the page, its service worker and its manifest.

None of the three may be kept by caches on the way: they name the files that belong together, and a stale one
would tie a tablet to yesterday. What keeps them on the tablet is the worker, whole versions at a time.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from app.core.deps import anyone
from app.web.deps import SECURITY, html
from app.web.offline import MANIFEST, PAGE, WORKER, Tablet

router = APIRouter(include_in_schema=False, dependencies=[Depends(anyone)])

ASK_EACH_TIME = {"Cache-Control": "no-cache", **SECURITY}


async def get_tablet(request: Request) -> Tablet:
    """The tablet's page as this process serves it."""
    tablet: Tablet = request.app.state.tablet
    return tablet


TheTablet = Annotated[Tablet, Depends(get_tablet)]


@router.get(PAGE)
async def kiosk_page(request: Request, tablet: TheTablet) -> Response:
    """The same page for every tablet: which one it is, it knows by itself."""
    return html(request, tablet.page)


@router.get(WORKER)
async def worker(tablet: TheTablet) -> Response:
    """The service worker. Its address lies beneath the page's, so the wider scope is allowed here."""
    headers = {**ASK_EACH_TIME, "Service-Worker-Allowed": PAGE}
    return Response(tablet.worker, headers=headers, media_type="text/javascript; charset=utf-8")


@router.get(MANIFEST)
async def manifest(tablet: TheTablet) -> Response:
    """What the tablet's home screen needs to know."""
    return Response(tablet.manifest, headers=ASK_EACH_TIME, media_type="application/manifest+json")
