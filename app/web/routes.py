"""Pages over HTTP, and the files they load. Kept out of OpenAPI: these addresses are for people."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import RedirectResponse

from app.core.clock import utc_now
from app.core.database import Database
from app.core.deps import ReadSession, anyone, get_database
from app.core.problems import InvalidRequest, LinkUnknown, LinkUsed, NotFound
from app.models.visit import OPEN
from app.questionnaires.deps import Questionnaires
from app.responses.deps import TheDoor
from app.units.queries import in_force
from app.visits import queries as visits
from app.visits.deps import LinkIds, Links
from app.visits.service import follow
from app.web import kiosk, service
from app.web.deps import SECURITY, PageRoute, PostedBody, Reader, ThePages, html, takes_gzip
from app.web.service import Filled

router = APIRouter(include_in_schema=False)
citizens = APIRouter(prefix="/s/{code}", route_class=PageRoute, dependencies=[Depends(anyone)])

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


@router.get("/invitation", dependencies=[Depends(anyone)])
async def open_invitation(request: Request, pages: ThePages, reader: Reader) -> Response:
    """Where a member of staff sets a password: the same page for all, whose script holds the token."""
    return html(request, pages.render("invitation.html", title="account.title", language=reader))


@citizens.get("")
async def open_link(
    request: Request,
    ids: LinkIds,
    links: Links,
    session: ReadSession,
    questionnaires: Questionnaires,
    pages: ThePages,
    reader: Reader,
) -> Response:
    """The questions of a visit, ready to be answered."""
    now = utc_now()
    visit = await follow(session, *ids, now)
    definition = (await questionnaires.by_id(visit.questionnaire_id)).definition
    body = pages.render(
        "link.html",
        title="link.title",
        language=reader,
        code=links.mint(*ids),
        visit=visit,
        faults=frozenset(),
        **service.shown(Filled.blank(now), definition),
    )
    return html(request, body)


@citizens.post("")
async def send_link(
    request: Request,
    sent: PostedBody,
    ids: LinkIds,
    links: Links,
    database: Annotated[Database, Depends(get_database)],
    questionnaires: Questionnaires,
    door: TheDoor,
    pages: ThePages,
    reader: Reader,
) -> Response:
    """What a browser without our script sends. Stored: on to the thanks; with faults: the form again.

    The visit is read whatever its state: a repeated sending finds its link used, and is welcome all the same.
    """
    now, code, filled = utc_now(), links.mint(*ids), Filled.read(sent)
    async with database.read() as session:  # given back before waiting for the batch writer
        visit = await visits.linked_visit(session, *ids)
    if visit is None:
        raise LinkUnknown
    definition = (await questionnaires.by_id(visit.questionnaire_id)).definition
    language = filled.language if filled.language in pages.catalogues.languages else reader
    try:
        await door.take(filled.response(code, definition), None, now)
    except InvalidRequest as problem:
        if visit.answer_state != OPEN:
            raise LinkUsed from problem
        body = pages.render(
            "link.html",
            title="link.title",
            language=language,
            code=code,
            visit=visit,
            faults=service.places(problem.faults, definition),
            **service.shown(filled.again(now), definition),
        )
        return html(request, body, status=problem.status)
    return RedirectResponse(
        f"/s/{code}/thanks?lang={language}", 303, {**SECURITY, "Cache-Control": "no-store"}
    )


@citizens.get("/thanks")
async def thank(
    request: Request, ids: LinkIds, links: Links, session: ReadSession, pages: ThePages, reader: Reader
) -> Response:
    """Thanks for an answer, and whom to ask for one; a link not answered yet leads to its questions."""
    code = links.mint(*ids)
    visit = await visits.linked_visit(session, *ids)
    if visit is None:
        raise LinkUnknown
    if visit.answer_state == OPEN:
        return RedirectResponse(f"/s/{code}?lang={reader}", 303, {**SECURITY, "Cache-Control": "no-store"})
    contact = (await in_force(session, [ids[0]]))[ids[0]].contact
    body = pages.render(
        "thanks.html",
        kind="thanks",
        title="link.thanks.title",
        text="link.thanks.text",
        language=reader,
        code=code,
        unit_name=visit.unit_name,
        contact=contact,
    )
    return html(request, body)


router.include_router(citizens)
router.include_router(kiosk.router)
