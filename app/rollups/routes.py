"""`GET /api/v1/indices/{unit_code}`: the satisfaction index of a unit."""

from functools import partial
from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from app.auth.deps import Needs
from app.auth.subjects import Subject
from app.core.deps import DatabaseReader, InPeriod, pick_language
from app.core.faults import Fault
from app.core.http import respond
from app.core.openapi import NOT_MODIFIED, problems
from app.core.parameters import StrictRoute
from app.core.problems import (
    InvalidRequest,
    MissingScope,
    QuestionnaireUnknown,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnitUnknown,
)
from app.core.schema import Code
from app.core.settings import Settings
from app.rollups import analysis, service, weighting
from app.rollups.index import Formula
from app.rollups.schemas import Boundaries, Channel, IndexOut, Scope, Strata, Weighting
from app.rollups.service import Question

router = APIRouter(prefix="/api/v1/indices", tags=["Indices"], route_class=StrictRoute)

Reader = Annotated[Subject, Needs("indices:read")]
READING = (InvalidRequest, Unauthorized, MissingScope, TooManyRequests, Unavailable)


async def read_question(
    unit_code: Annotated[Code, Path(description="Code of the unit.", examples=["24"])],
    period: InPeriod,
    scope: Annotated[
        Scope, Query(description="With everything beneath the unit, or the unit alone.")
    ] = "subtree",
    questionnaire: Annotated[Code | None, Query(description="Only this one.", examples=["quick-5"])] = None,
    version: Annotated[int | None, Query(ge=1, le=9999, description="Only this version.")] = None,
    channel: Annotated[Channel | None, Query(description="Only answers that came this way.")] = None,
    formula: Annotated[
        Formula | None, Query(description="Default: each questionnaire's official one.")
    ] = None,
    boundaries: Annotated[
        Boundaries | None,
        Query(
            description="Over a change of the tree: with the units of the time (`as_was`), or with today's"
            " units as the sum of their predecessors (`as_now`). Without it: today's tree, in which merged"
            " units hang beneath their successor."
        ),
    ] = None,
) -> Question:
    """What is asked about a unit."""
    return Question(unit_code, period, scope, questionnaire, version, channel, formula, boundaries)


Asked = Annotated[Question, Depends(read_question)]


async def read_weighting(
    request: Request,
    weighting: Annotated[
        Weighting | None,
        Query(
            description="Adds to each result what the responses say when every stratum counts as much as it"
            " has visits, with the weights and the effective n; both figures are shown."
        ),
    ] = None,
    strata: Annotated[
        Strata | None,
        Query(description="What strata are made of, with `weighting`; default `field`."),
    ] = None,
) -> Strata | None:
    """The strata to weight by; None without weighting."""
    if weighting is None:
        if strata is not None:
            raise InvalidRequest(faults=[Fault("/strata", "only_with", {"other": "weighting"})])
        return None
    # read from the address itself: a dependency of both would name each of the question's faults twice
    for name in ("boundaries", "formula"):
        value = request.query_params.get(name)
        if value not in {None, "pooled"}:
            raise InvalidRequest(faults=[Fault("/weighting", "not_with", {"other": f"{name}={value}"})])
    return strata or "field"


AskedStrata = Annotated[Strata | None, Depends(read_weighting)]


@router.get(
    "/{unit_code}",  # noqa: FAST003  read_question takes it
    response_model=IndexOut,
    responses={**NOT_MODIFIED, **problems(*READING, UnitUnknown, QuestionnaireUnknown)},
    summary="Satisfaction index of a unit",
)
async def read_index(
    request: Request,
    asked: Asked,
    strata: AskedStrata,
    subject: Reader,
    database: DatabaseReader,
) -> Response:
    """Percentages, intervals and distributions of each questionnaire version, and the response rate.

    A whole unit is shown whatever its n; of a single `channel`, figures under `min_n` are suppressed, and
    those that would give them away.
    `as_of` says until when the figures are complete; it is not part of the ETag.
    """
    # Dashboards ask this all day: what the application holds is taken from it, not through dependencies.
    state = request.app.state
    settings: Settings = state.settings
    ask = partial(
        service.index,
        questionnaires=state.questionnaires,
        subject=subject,
        question=asked,
        language=pick_language(request.headers.get("accept-language")),
        zone=settings.zone,
        min_n=settings.min_n,
    )
    if asked.boundaries is None and strata is None and asked.channel is None:
        async with database.alone() as connection:
            body = await ask(connection)
    else:  # several statements that must see one moment
        async with database.read() as session:
            body = await ask(await session.connection())
            if strata is not None:
                await weighting.add(
                    session,
                    state.questionnaires,
                    subject,
                    body,
                    asked.period,
                    asked.scope,
                    asked.channel,
                    strata,
                    settings.min_n,
                )
    lasting = {name: value for name, value in body.items() if name != "as_of"}
    return respond(request, orjson.dumps(body), tagged=orjson.dumps(lasting), vary="Accept-Language")


router.include_router(analysis.router)
