"""Responses over HTTP: one, a tablet's batch, the list for staff, and a reviewer's verdict."""

import re
from typing import Annotated, Literal

import orjson
from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import Response as Answer

from app.auth.deps import Needs
from app.auth.reach import find_unit
from app.auth.subjects import Subject
from app.core.clock import read_day, utc_now
from app.core.deps import InPeriod, Paging, ReadSession, UserLanguage, WriteSession, anyone
from app.core.direct import DirectRoute
from app.core.errors import Problem
from app.core.faults import Fault
from app.core.openapi import problems
from app.core.paging import Page, PageQuery, page
from app.core.problems import (
    BadRequest,
    BodyTooLarge,
    Conflict,
    DeviceRevoked,
    InvalidRequest,
    LinkExpired,
    LinkUnknown,
    LinkUsed,
    MissingScope,
    ResponseConflict,
    ResponseUnknown,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnitUnknown,
    UnsupportedMediaType,
)
from app.core.schema import Code
from app.core.text import speakable
from app.devices.deps import DeviceAuth
from app.questionnaires.deps import Questionnaires
from app.responses import queries, service
from app.responses.deps import MaybeDevice, TheDoor
from app.responses.intake import Outcome
from app.responses.schemas import (
    Accepted,
    BatchIn,
    BatchOut,
    ResponseIn,
    ResponseOut,
    VerdictIn,
    show,
)

router = APIRouter(prefix="/api/v1/responses", tags=["Responses"], route_class=DirectRoute)

REF = "[0-9a-f]{32}"
REFUSALS = (
    BadRequest,
    BodyTooLarge,
    UnsupportedMediaType,
    InvalidRequest,
    Unauthorized,
    TooManyRequests,
    Unavailable,
)


@router.post(
    "",
    status_code=201,
    dependencies=[Depends(anyone)],
    responses={
        201: {"model": Accepted},
        200: {"model": Accepted, "description": "The same response was already stored"},
        **problems(*REFUSALS, DeviceRevoked, LinkUnknown, LinkUsed, LinkExpired, ResponseConflict, Conflict),
    },
    summary="Give a response",
)
async def give_response(sent: ResponseIn, device: MaybeDevice, door: TheDoor) -> Answer:
    """With a device token, or with a `link` in the body. Answered after the response is committed.

    Repeating it with the same id and content is safe and answers 200 with the same body.
    """
    stored = await door.take(sent, device, utc_now())
    body = {"id": sent.id, "status": "accepted", "received_at": stored.received_at}
    return Answer(orjson.dumps(body), 200 if stored.replayed else 201, media_type="application/json")


@router.post(
    "/batch",
    responses=problems(*REFUSALS, DeviceRevoked),
    response_model=BatchOut,
    summary="Give the responses a tablet kept",
)
async def give_batch(sent: BatchIn, device: DeviceAuth, door: TheDoor, language: UserLanguage) -> Answer:
    """At most 500, each judged on its own: one that does not fit its schema is `rejected` with its faults."""
    outcomes = await door.take_batch(sent.responses, device, utc_now())
    items = [
        _batch_item(raw, outcome, language) for raw, outcome in zip(sent.responses, outcomes, strict=True)
    ]
    return Answer(orjson.dumps({"items": items}), media_type="application/json")


def _batch_item(raw: object, outcome: Outcome, language: Literal["vi", "en"]) -> dict[str, object]:
    sent_id = raw.get("id") if isinstance(raw, dict) else None
    shown: dict[str, object] = {"id": sent_id if isinstance(sent_id, str) and speakable(sent_id) else None}
    if isinstance(outcome, Problem):
        return {**shown, "status": "rejected", "received_at": None, "problem": outcome.body(language)}
    status = "replayed" if outcome.replayed else "accepted"
    return {**shown, "status": status, "received_at": outcome.received_at, "problem": None}


@router.get(
    "",
    responses=problems(InvalidRequest, Unauthorized, MissingScope, UnitUnknown, TooManyRequests, Unavailable),
    summary="Read responses",
)
async def list_responses(
    subject: Annotated[Subject, Needs("responses:read")],
    session: ReadSession,
    period: InPeriod,
    paging: Paging,
    questionnaires: Questionnaires,
    unit: Annotated[Code | None, Query(description="This unit and what is beneath it.")] = None,
    channel: Annotated[Literal["kiosk", "link", "import"] | None, Query()] = None,
    verdict: Annotated[Literal["counted", "quarantined", "void"] | None, Query()] = None,
) -> Page[ResponseOut]:
    """Responses of the units you reach: what was said and on which day, never the moment or the desk."""
    wanted = queries.Wanted(
        unit_id=(await find_unit(session, subject, unit)).id if unit else None,
        first=period.first,
        last=period.last,
        channel=channel,
        verdict=verdict,
        after=_place(paging),
        limit=paging.limit,
    )
    rows = await queries.listed(session, subject, wanted)
    known = await questionnaires.by_ids({row.response.questionnaire_id for row in rows})
    return page(
        rows,
        paging,
        lambda row: show(row, known[row.response.questionnaire_id].layout),
        lambda row: (
            row.response.unit_id,
            row.response.local_day.isoformat(),
            row.response.content_digest.hex(),
        ),
    )


def _place(paging: PageQuery) -> queries.Place | None:
    """The response behind which the page starts."""
    key = paging.after(int, str, str)
    if key is None:
        return None
    unit_id, day, digest = int(key[0]), read_day(str(key[1])), str(key[2])
    if not 0 < unit_id < 2**31 or day is None or re.fullmatch(REF, digest) is None:
        raise InvalidRequest(faults=[Fault("/cursor", "invalid_cursor")])
    return queries.Place(unit_id, day, bytes.fromhex(digest))


@router.post(
    "/{ref}/verdict",
    status_code=204,
    responses=problems(
        BadRequest,
        BodyTooLarge,
        InvalidRequest,
        Unauthorized,
        MissingScope,
        UnitUnknown,
        ResponseUnknown,
        TooManyRequests,
        Unavailable,
    ),
    summary="Give a response its verdict",
)
async def give_verdict(
    ref: Annotated[str, Path(pattern=f"^{REF}$", description="`ref` of the response.")],
    sent: VerdictIn,
    subject: Annotated[Subject, Needs("responses:review")],
    session: WriteSession,
) -> None:
    """`counted` takes a held-back response into the figures, `void` takes one out; both are on record."""
    await service.judge(session, subject, sent.unit_code, ref, sent.verdict, sent.reason)
