"""What has to be there for requests to be served. One function a check; the next one is a line in `ready`."""

import asyncio

from app.core.database import LOST_CONNECTION, Database
from app.core.draining import leaving
from app.core.revision import HEAD
from app.operations.schemas import Check, Readiness
from app.responses.intake import Intake

DEADLINE = 3.0
"""Whoever asks, a proxy mostly, gives up soon: better a clear no in time."""


async def ready(database: Database, intake: Intake) -> Readiness:
    """Every check, and what they come to."""
    reachable, revision = await _reach(database)
    checks = [reachable, _revision(revision, reachable.ok), _intake(intake), _staying()]
    return Readiness(
        status="ready" if all(check.ok for check in checks) else "not_ready",
        database="reachable" if reachable.ok else "unreachable",
        revision=revision,
        expected_revision=HEAD,
        checks=checks,
    )


async def _reach(database: Database) -> tuple[Check, str | None]:
    try:
        async with asyncio.timeout(DEADLINE):
            revision = await database.revision()
    except LOST_CONNECTION as error:  # its words may hold an address or a name: its kind says enough
        return Check(name="database", ok=False, detail=f"cannot be reached ({type(error).__name__})"), None
    return Check(name="database", ok=True, detail="answers"), revision


def _revision(revision: str | None, reachable: bool) -> Check:
    # a release runs on the schema of the next one, so a newer revision is right, too
    if revision is not None and revision >= HEAD:
        return Check(name="revision", ok=True, detail=f"at {revision}")
    if not reachable:
        detail = "not known while the database cannot be reached"
    elif revision is None:
        detail = "the database was never migrated: run `sipas migrate`"
    else:
        detail = f"at {revision}, this release needs {HEAD}: run `sipas migrate`"
    return Check(name="revision", ok=False, detail=detail)


def _intake(intake: Intake) -> Check:
    detail = "writes" if intake.alive else "the batch writer has ended: restart this process"
    return Check(name="intake", ok=intake.alive, detail=detail)


def _staying() -> Check:
    detail = "this process is about to stop: others take its place" if leaving.is_set() else "stays"
    return Check(name="staying", ok=not leaving.is_set(), detail=detail)
