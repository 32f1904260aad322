"""What is printed, over HTTP: a link's QR code, its receipt for a thermal printer, sheets of receipts.

QR codes are drawn from the code alone and never change. Receipts name unit and procedure as they are now, and
are given out only while the link can be answered: nobody should be handed one that leads nowhere.
"""

from enum import IntEnum
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import StreamingResponse

from app.auth.deps import Needs
from app.auth.subjects import Subject
from app.core.clock import utc_now
from app.core.deps import ReadSession, anyone
from app.core.openapi import problems
from app.core.parameters import StrictRoute
from app.core.problems import (
    BadRequest,
    BodyTooLarge,
    InvalidRequest,
    LinkExpired,
    LinkUnknown,
    LinkUsed,
    MissingScope,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnsupportedMediaType,
)
from app.visits import qr, receipts, service, sheet
from app.visits.deps import LinkIds, Links, Printer
from app.visits.schemas import ReceiptsIn

router = APIRouter(route_class=StrictRoute)

FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
NOT_KEPT = {"Cache-Control": "no-store"}
DEFAULT_SCALE = 8


class Width(IntEnum):
    """Characters a line that receipt printers have."""

    NARROW = 32
    WIDE = 42
    WIDER = 48


TEXT_EXAMPLE = "\n".join(receipts.lines(receipts.EXAMPLE, Width.NARROW)) + "\n"
SHEET_EXAMPLE = '<!doctype html>\n<html lang="vi">…</html>\n'


@router.get(
    "/q/{code}.svg",  # noqa: FAST003  LinkIds reads it
    dependencies=[Depends(anyone)],
    response_class=Response,
    responses={
        200: {"content": {"image/svg+xml": {"schema": {"type": "string"}}}},
        **problems(LinkUnknown, InvalidRequest, TooManyRequests),
    },
    summary="QR of a link, SVG",
)
def qr_svg(ids: LinkIds, printer: Printer) -> Response:
    """The QR of the link's address, to be shown or printed at any size."""
    return Response(qr.svg(printer.url(*ids)), media_type="image/svg+xml", headers=FOR_EVER)


@router.get(
    "/q/{code}.png",  # noqa: FAST003  LinkIds reads it
    dependencies=[Depends(anyone)],
    response_class=Response,
    responses={
        200: {"content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}},
        **problems(LinkUnknown, InvalidRequest, TooManyRequests),
    },
    summary="QR of a link, PNG",
)
def qr_png(
    ids: LinkIds,
    printer: Printer,
    scale: Annotated[int, Query(ge=1, le=40, description="Pixels a module.")] = DEFAULT_SCALE,
) -> Response:
    """The QR of the link's address, as a picture for receipt printers."""
    return Response(qr.png(printer.url(*ids), scale), media_type="image/png", headers=FOR_EVER)


@router.get(
    "/q/{code}.txt",  # noqa: FAST003  LinkIds reads it
    dependencies=[Depends(anyone)],
    response_class=Response,
    responses={
        200: {
            "description": "Lines of UTF-8 text, each at most `width` characters",
            "content": {"text/plain": {"schema": {"type": "string"}, "example": TEXT_EXAMPLE}},
        },
        **problems(LinkUnknown, LinkUsed, LinkExpired, InvalidRequest, TooManyRequests, Unavailable),
    },
    summary="Receipt of a link, text for a thermal printer",
)
async def receipt_text(
    ids: LinkIds,
    session: ReadSession,
    printer: Printer,
    width: Annotated[
        Width, Query(description="Characters a line: 32 on paper of 58 mm, 42 or 48 on 80 mm.")
    ] = Width.NARROW,
    plain: Annotated[
        bool, Query(description="ASCII alone, without diacritics, for printers without Vietnamese letters.")
    ] = False,
) -> Response:
    """Unit, procedure, day, an invitation in both languages and the address in a form that can be typed.

    Centred, for a font of fixed width. Print the QR of the same link (`.png`) above it.
    """
    visit = await service.follow(session, *ids, utc_now())
    lines = receipts.lines(printer.receipt(*ids, visit), width, plain=plain)
    return Response("\n".join(lines) + "\n", media_type="text/plain", headers=NOT_KEPT)


@router.post(
    "/api/v1/visits/receipts",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "An HTML page for A4 that holds all it needs; print it from a browser at 100 %",
            "content": {"text/html": {"schema": {"type": "string"}, "example": SHEET_EXAMPLE}},
        },
        **problems(
            InvalidRequest,
            Unauthorized,
            MissingScope,
            BadRequest,
            BodyTooLarge,
            UnsupportedMediaType,
            TooManyRequests,
            Unavailable,
        ),
    },
    summary="A sheet of receipts for printing",
)
async def print_receipts(
    wanted: ReceiptsIn,
    subject: Annotated[Subject, Needs("visits:write")],
    session: ReadSession,
    links: Links,
    printer: Printer,
) -> Response:
    """1 to 1,000 links as receipts with QR codes of at least 2.5 cm, in the order sent; changes nothing.

    Codes that cannot be printed are named all at once (at most 100), each with its pointer: `link_unknown`
    (also for units outside your reach), `link_used`, `link_expired`.
    """
    visits = await service.printable(session, subject, wanted.codes, links, utc_now())
    printed = [printer.receipt(*ids, visit) for ids, visit in visits]
    return StreamingResponse(
        sheet.pages(printed, wanted.columns),
        media_type="text/html",
        headers={**NOT_KEPT, "Content-Security-Policy": sheet.POLICY},
    )
