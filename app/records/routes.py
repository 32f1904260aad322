"""`/api/v1/audit`: who did what, within the reach; as pages, and as a table to take along."""

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response, StreamingResponse

from app.auth.deps import Needs
from app.auth.reach import find_unit
from app.auth.subjects import Subject
from app.core.clock import day_bounds
from app.core.database import Database
from app.core.deps import AppSettings, AskedStyle, Paging, ReadSession, get_database
from app.core.faults import Fault
from app.core.openapi import problems
from app.core.paging import LARGEST_BIG, Page, cursor
from app.core.parameters import StrictRoute
from app.core.problems import (
    AddressNotAllowed,
    InvalidRequest,
    MissingScope,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnitUnknown,
)
from app.core.schema import Code, Day, Line
from app.core.settings import Settings
from app.records import service
from app.records.queries import Wanted
from app.records.schemas import LineOut

router = APIRouter(prefix="/api/v1/audit", tags=["Who did what"], route_class=StrictRoute)
Reader = Annotated[Subject, Needs("audit:read")]
FIRST, LAST = date(1970, 1, 1), date(9998, 12, 31)
REFUSALS = problems(
    InvalidRequest,
    Unauthorized,
    AddressNotAllowed,
    MissingScope,
    UnitUnknown,
    TooManyRequests,
    Unavailable,
)
TABLE_EXAMPLE = ",".join(service.COLUMNS) + "\r\n"


async def _wanted(
    subject: Reader,
    session: ReadSession,
    settings: AppSettings,
    since: Annotated[
        Day | None, Query(alias="from", description="First local day.", examples=["2026-10-01"])
    ] = None,
    until: Annotated[
        Day | None, Query(alias="to", description="Last local day.", examples=["2026-10-31"])
    ] = None,
    actor: Annotated[
        Line | None, Query(description="`user:<id>`, `client:<id>` or `system`.", examples=["system"])
    ] = None,
    action: Annotated[
        Line | None, Query(description="How the action begins.", examples=["device.", "unit.change"])
    ] = None,
    target: Annotated[
        Line | None, Query(description="What it was done to, whole.", examples=["unit:09001"])
    ] = None,
    unit: Annotated[Code | None, Query(description="About this unit or what is beneath it.")] = None,
) -> Wanted:
    if since is not None and until is not None and since > until:
        raise InvalidRequest(faults=[Fault("/from", "period_reversed")])
    return Wanted(
        since=None if since is None else _bounds(since, settings)[0],
        until=None if until is None else _bounds(until, settings)[1],
        actor=actor,
        action=action,
        target=target,
        unit_id=None if unit is None else (await find_unit(session, subject, unit)).id,
    )


def _bounds(day: date, settings: Settings) -> tuple[datetime, datetime]:
    """The local day's first instant and the next one's; the ends of the calendar are drawn in."""
    return day_bounds(min(max(day, FIRST), LAST), settings.zone)


Filters = Annotated[Wanted, Depends(_wanted, scope="function")]


@router.get("", responses=REFUSALS, summary="Read who did what")
async def read_audit(subject: Reader, session: ReadSession, wanted: Filters, paging: Paging) -> Page[LineOut]:
    """Lines about units you reach, the newest first; those about the whole deployment if you reach it all.

    Neither passwords nor tokens nor anybody's personal data stand in a line.
    """
    after = paging.after(int, largest=LARGEST_BIG)
    before = None if after is None else int(after[0])
    lines = await service.read(session, subject, wanted, before, paging.limit + 1)
    shown = lines[: paging.limit]
    return Page(items=shown, next=cursor(shown[-1].id) if len(lines) > paging.limit else None)


@router.get(
    "/export",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "CSV in UTF-8, the newest line first",
            "content": {"text/csv": {"schema": {"type": "string"}, "example": TABLE_EXAMPLE}},
        },
        **REFUSALS,
    },
    summary="Take the record along",
)
async def export_audit(
    subject: Reader,
    session: ReadSession,
    wanted: Filters,
    database: Annotated[Database, Depends(get_database)],
    style: AskedStyle,
) -> Response:
    """The same lines with the same filters, all of them, as a table with the hashes of the chain.

    Texts that a spreadsheet program would compute have an apostrophe before them.
    """
    first = await service.read(session, subject, wanted, None, service.CHUNK)
    return StreamingResponse(
        service.table(database, subject, wanted, first, style),
        media_type="text/csv",
        headers={
            "Content-Disposition": 'attachment; filename="audit.csv"',
            "Cache-Control": "no-store",
        },
    )
