"""Health: does the process live, is the service ready, and what Prometheus reads."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from app.core import metrics
from app.core.database import Database
from app.core.deps import anyone, get_database
from app.core.parameters import StrictRoute
from app.operations import readiness
from app.operations.figures import Figures
from app.operations.schemas import Alive, Readiness

router = APIRouter(tags=["Running it"], route_class=StrictRoute)


async def get_figures(request: Request) -> Figures:
    """The figures of the deployment, as this process knows them."""
    figures: Figures = request.app.state.figures
    return figures


@router.get("/healthz", dependencies=[Depends(anyone)], summary="The process lives")
async def healthz() -> Alive:
    """Always 200 while the process can answer at all."""
    return Alive()


@router.get(
    "/readyz",
    dependencies=[Depends(anyone)],
    responses={503: {"model": Readiness}},
    summary="Requests can be served",
)
async def readyz(
    database: Annotated[Database, Depends(get_database)], request: Request, response: Response
) -> Readiness:
    """The database is reachable, can write and stands at the migration this release needs, or at a newer one;
    the batch writer is at work and the process stays. `checks` says of each whether, and why not.
    """
    found = await readiness.ready(database, request.app.state.write_probe, request.app.state.intake)
    response.status_code = 200 if found.status == "ready" else 503
    return found


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    dependencies=[Depends(anyone)],
    summary="Metrics of this machine and of the deployment, for Prometheus",
)
async def tell_metrics(figures: Annotated[Figures, Depends(get_figures)]) -> Response:
    """Prometheus text format: all processes of this machine, and what the database says of the whole."""
    told = await asyncio.to_thread(metrics.render, await figures.read())
    return Response(told, media_type=CONTENT_TYPE_LATEST)
