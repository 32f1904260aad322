"""`GET /api/v1/rankings`: units of one kind beside each other."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from app.core.clock import MAX_PERIOD_YEARS, is_too_long
from app.core.deps import DatabaseReader, InPeriod, Period
from app.core.faults import Fault
from app.core.openapi import NOT_MODIFIED, problems
from app.core.parameters import StrictRoute
from app.core.problems import InvalidRequest
from app.core.schema import Code, Day
from app.models.unit import UnitKind
from app.rollups import ranking
from app.rollups.analysed import RankingOut
from app.rollups.analysis import READING, Asking, Version, answer
from app.rollups.ranking import OVERALL, Question

router = APIRouter(prefix="/api/v1/rankings", tags=["Indices"], route_class=StrictRoute)


async def read_compared(
    period: InPeriod,
    compare_from: Annotated[
        Day | None, Query(description="First day of the second period.", examples=["2026-09-01"])
    ] = None,
    compare_to: Annotated[
        Day | None, Query(description="Last day of the second period.", examples=["2026-09-30"])
    ] = None,
) -> Period | None:
    """The second period: both days or neither, and apart from the first, or the two are no samples apart."""
    if compare_from is None and compare_to is None:
        return None
    if compare_from is None or compare_to is None:
        where = "/compare_from" if compare_from is None else "/compare_to"
        raise InvalidRequest(faults=[Fault(where, "missing")])
    if compare_from > compare_to:
        raise InvalidRequest(faults=[Fault("/compare_from", "period_reversed")])
    if is_too_long(compare_from, compare_to):
        raise InvalidRequest(faults=[Fault("/compare_to", "period_too_long", {"years": MAX_PERIOD_YEARS})])
    if compare_from <= period.last and period.first <= compare_to:
        raise InvalidRequest(faults=[Fault("/compare_from", "periods_overlap")])
    return Period(compare_from, compare_to)


@router.get(
    "",
    response_model=RankingOut,
    responses={**NOT_MODIFIED, **problems(*READING)},
    summary="Rank units of a kind",
)
async def read_ranking(
    request: Request,
    kind: Annotated[UnitKind, Query(description="Kind of the units that are ranked.")],
    period: InPeriod,
    compared: Annotated[Period | None, Depends(read_compared)],
    reader: Asking,
    published: Version,
    database: DatabaseReader,
    parent: Annotated[
        Code | None, Query(description="Units beneath this one; default: all within your reach.")
    ] = None,
    sort: Annotated[Code, Query(description="`overall` or the code of a component.")] = OVERALL,
) -> Response:
    """Competition ranking (1, 2, 2, 4) on unrounded values, with the range of ranks the intervals allow.

    Figures are of each unit's subtree as the tree stands today. Units under `min_n` responses stand last,
    unranked. `change` compares with the second period, which must not overlap the first.
    """
    asked = Question(parent, kind, period, compared, sort)
    async with database.alone() as connection:
        found = await ranking.ranking(connection, published, reader, asked)
    return answer(request, found)
