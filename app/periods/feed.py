"""`/api/v1/public/periods`: what is published, for anybody, as JSON and CSV, made to be cached."""

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from app.core.clock import read_day
from app.core.csvs import CsvStyle
from app.core.deps import AskedStyle, FigureSession, Paging, anyone
from app.core.etag import etag_of, matches
from app.core.faults import Fault
from app.core.openapi import NOT_MODIFIED, problems
from app.core.paging import PageQuery, page
from app.core.parameters import StrictRoute
from app.core.period_problems import PeriodUnknown
from app.core.problems import InvalidRequest, Unavailable, UnitUnknown
from app.core.schema import Code
from app.periods import documents, queries, tables
from app.periods.public_schemas import PublicListed, PublicPage, PublicPeriod, PublicUnitOfPeriod
from app.periods.schemas import QuestionnaireRef

router = APIRouter(
    prefix="/api/v1/public/periods",
    tags=["Published figures"],
    dependencies=[Depends(anyone)],
    route_class=StrictRoute,
)

LATEST, PINNED = 300, 86_400
"""Seconds for which caches may keep what may get a newer revision, and what is asked for by its revision."""

AS_CSV: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/csv": {"schema": {"type": "string"}}}},
    **NOT_MODIFIED,
}

PeriodId = Annotated[int, Path(ge=1, le=2**31 - 1, examples=[1])]
Revision = Annotated[
    int | None, Query(ge=1, le=9999, description="A published one; default: the latest published.")
]
Format = Annotated[
    Literal["json", "csv"] | None, Query(alias="format", description="Default: as `Accept` says, else JSON.")
]


def _wants_csv(request: Request, chosen: str | None) -> bool:
    if chosen is not None:
        return chosen == "csv"
    accept = request.headers.get("accept", "")
    return "text/csv" in accept and "application/json" not in accept


def _answer(
    request: Request,
    chosen: tuple[str | None, CsvStyle],
    seconds: int,
    as_json: bytes,
    as_csv: Callable[[CsvStyle], bytes],
) -> Response:
    """The content in the form wanted, or 304; `Access-Control-Allow-Origin` is `core/cors`'s to add."""
    form, style = chosen
    table = _wants_csv(request, form)
    if not table:
        style.refuse_without_csv()
    content = as_csv(style) if table else as_json
    etag = etag_of(content)
    headers = {"ETag": etag, "Cache-Control": f"public, max-age={seconds}", "Vary": "Accept"}
    if matches(", ".join(request.headers.getlist("if-none-match")) or None, etag):
        return Response(status_code=304, headers=headers)
    if table:
        headers["Content-Disposition"] = 'attachment; filename="sipas.csv"'
        return Response(content, media_type="text/csv; charset=utf-8", headers=headers)
    return Response(content, media_type="application/json", headers=headers)


def after(paging: PageQuery) -> tuple[date, int] | None:
    """The key behind which a page of periods starts."""
    key = paging.after(str, int)
    if key is None:
        return None
    day, number = read_day(str(key[0])), int(key[1])
    if day is None or not 0 < number < 2**31:
        raise InvalidRequest(faults=[Fault("/cursor", "invalid_cursor")])
    return day, number


@router.get(
    "",
    response_model=PublicPage,
    responses={**AS_CSV, **problems(InvalidRequest, Unavailable)},
    summary="List published periods",
)
async def list_published(
    request: Request,
    session: FigureSession,
    paging: Paging,
    style: AskedStyle,
    unit: Annotated[Code | None, Query(description="Only of this unit.", examples=["24"])] = None,
    form: Format = None,
) -> Response:
    """The latest first, each with its published revisions, their SHA-256, and why there are several."""
    rows = await queries.public_periods(session, unit, after(paging), paging.limit)
    revisions = await documents.public_revisions(session, [row[0].id for row in rows])
    found = page(
        rows,
        paging,
        lambda row: _listed(row, revisions[row[0].id]),
        lambda row: (str(row[0].last_day), row[0].id),
    )
    body = PublicPage(items=found.items, next=found.next)
    as_json = body.model_dump_json(by_alias=True).encode()
    return _answer(
        request,
        (form, style),
        LATEST,
        as_json,
        lambda style: tables.of_periods(orjson.loads(as_json)["items"], style),
    )


def _listed(row: queries.Found, revisions: list[documents.PublishedRevision]) -> PublicListed:
    period, unit, code, version = row
    latest = revisions[-1]
    return PublicListed.model_validate(
        {
            "id": period.id,
            "unit": unit,
            "from": period.first_day,
            "to": period.last_day,
            "questionnaire": QuestionnaireRef(code=code, version=version),
            "name": period.name,
            "revision": latest.revision,
            "published_at": latest.published_at,
            "sha256": latest.sha256,
            "revisions": [one._asdict() for one in revisions],
        }
    )


async def _publication(session: FigureSession, period_id: int, revision: int | None) -> dict[str, Any]:
    found = await documents.public_period(session, period_id, revision)
    if found is None:
        raise PeriodUnknown
    body: dict[str, Any] = orjson.loads(found[0])
    return {**body, "sha256": found[1]}


@router.get(
    "/{period_id}",
    response_model=PublicPeriod,
    responses={**AS_CSV, **problems(InvalidRequest, Unavailable, PeriodUnknown)},
    summary="Published figures of a period",
)
async def read_published(
    request: Request,
    period_id: PeriodId,
    session: FigureSession,
    style: AskedStyle,
    revision: Revision = None,
    form: Format = None,
) -> Response:
    """Every unit, with licence, method note and SHA-256. Figures on too few responses are not shown."""
    found = await _publication(session, period_id, revision)
    return _answer(
        request,
        (form, style),
        LATEST if revision is None else PINNED,
        orjson.dumps(found),
        lambda style: tables.of_units(found, found["units"], style),
    )


@router.get(
    "/{period_id}/units/{code}",
    response_model=PublicUnitOfPeriod,
    responses={**AS_CSV, **problems(InvalidRequest, Unavailable, PeriodUnknown, UnitUnknown)},
    summary="Published figures of one unit",
)
async def read_published_unit(
    request: Request,
    period_id: PeriodId,
    code: Annotated[Code, Path(examples=["07210"])],
    session: FigureSession,
    style: AskedStyle,
    revision: Revision = None,
    form: Format = None,
) -> Response:
    """One unit with everything beneath it; `suppressed` says that its figures cannot be shown."""
    found = await _publication(session, period_id, revision)
    unit = next((one for one in found.pop("units") if one["code"] == code), None)
    if unit is None:
        raise UnitUnknown(unit=code)
    return _answer(
        request,
        (form, style),
        LATEST if revision is None else PINNED,
        orjson.dumps({**found, "unit": unit}),
        lambda style: tables.of_units(found, [unit], style),
    )
