"""What has to be there for requests to be served. One function a check; the next one is a line in `ready`."""

from app.core.database import Database
from app.core.database_errors import ANY_FAILURE
from app.core.draining import leaving
from app.core.revision import HEAD
from app.core.writable import WriteProbe
from app.operations.schemas import Check, Readiness
from app.responses.intake import Intake


async def ready(database: Database, probe: WriteProbe, intake: Intake) -> Readiness:
    """Every check, and what they come to; within five seconds, since whoever asks gives up soon."""
    reachable, revision = await _reach(database)
    writable = await _writable(probe, reachable.ok)
    checks = [reachable, writable, _revision(revision, reachable.ok), _intake(intake), _staying()]
    return Readiness(
        status="ready" if all(check.ok for check in checks) else "not_ready",
        database="unreachable" if not reachable.ok else "reachable" if writable.ok else "unwritable",
        revision=revision,
        expected_revision=HEAD,
        checks=checks,
    )


async def _reach(database: Database) -> tuple[Check, str | None]:
    try:
        revision = await database.revision()
    except ANY_FAILURE as error:  # its words may hold an address or a name: its kind says enough
        return Check(name="database", ok=False, detail=f"cannot be reached ({type(error).__name__})"), None
    return Check(name="database", ok=True, detail="answers"), revision


async def _writable(probe: WriteProbe, reachable: bool) -> Check:
    if not reachable:
        detail = "not known while the database cannot be reached"
        return Check(name="writing", ok=False, detail=detail)
    ok = await probe.writable()
    detail = "writes" if ok else "cannot write: its disk is full, it is a standby, or it is too slow"
    return Check(name="writing", ok=ok, detail=detail)


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
