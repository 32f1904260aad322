"""Health: does the process live, is the service ready, and what Prometheus reads."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from app.core.database import LOST_CONNECTION, Database
from app.core.deps import anyone, get_database
from app.core.revision import HEAD
from app.core.schema import Out

router = APIRouter(tags=["Running it"])


class Alive(Out):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Readiness(Out):
    """Whether requests can be served, and if not, what is missing."""

    status: Literal["ready", "not_ready"]
    database: Literal["reachable", "unwritable", "unreachable"]
    revision: str | None
    expected_revision: str


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
    request: Request, database: Annotated[Database, Depends(get_database)], response: Response
) -> Readiness:
    """The database is reachable, can write, and stands at the migration of this release or a newer one."""
    try:
        revision = await database.revision()
    except LOST_CONNECTION:
        response.status_code = 503
        return Readiness(status="not_ready", database="unreachable", revision=None, expected_revision=HEAD)
    # a release runs on the schema of the next one, so a newer revision is right, too
    writable = await request.app.state.write_probe.writable()
    ready = revision is not None and revision >= HEAD and writable
    response.status_code = 200 if ready else 503
    return Readiness(
        status="ready" if ready else "not_ready",
        database="reachable" if writable else "unwritable",
        revision=revision,
        expected_revision=HEAD,
    )


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    dependencies=[Depends(anyone)],
    summary="Metrics of this process, for Prometheus",
)
async def metrics() -> Response:
    """Prometheus text format."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
