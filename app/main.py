"""The application: what it is made of and in which order it starts and stops. No decisions here."""

import gc
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from app.auth import routes as auth
from app.auth.deps import admit_import
from app.auth.known import KnownSubjects
from app.auth.oidc.service import make_sign_on
from app.auth.proofs import Proofs
from app.auth.totp import Seal
from app.core import refusing, tracing
from app.core.answers import HeadRequests, NoSniffing
from app.core.cors import PublicCors
from app.core.database import Database
from app.core.deadline import Deadline
from app.core.http import BodyLimit, RequestContext, install_error_handlers
from app.core.limits import RateLimiter
from app.core.logs import configure_logs
from app.core.replica import reading_from
from app.core.settings import Settings, load_settings
from app.core.tokens import AccessTokens, derive_key
from app.core.writable import WriteProbe
from app.devices import routes as devices
from app.devices.known import DeviceTokens
from app.exports import routes as exports
from app.exports.stream import Streams
from app.operations import routes as operations
from app.operations.figures import Figures
from app.par import routes as par
from app.periods import routes as periods
from app.periods.apart import Apart
from app.procedures import routes as procedures
from app.questionnaires import routes as questionnaires
from app.questionnaires.published import PublishedQuestionnaires
from app.records import routes as records
from app.responses import routes as responses
from app.responses.intake import Intake
from app.rollups import rankings
from app.rollups import routes as rollups
from app.samples import routes as samples
from app.staff import routes as staff
from app.units import routes as units
from app.users import routes as users
from app.visits import routes as visits
from app.visits.links import LinkCodes
from app.web import routes as web
from app.web.assets import Assets
from app.web.catalogue import Catalogues
from app.web.deps import too_many
from app.web.offline import Tablet
from app.web.pages import Pages

# Routes are tried in this order, one by one, so the busiest rooms stand first.
ROOMS = (
    responses,
    rollups,
    rankings,
    web,
    auth,
    users,
    staff,
    units,
    procedures,
    questionnaires,
    visits,
    devices,
    records,
    exports,
    samples,
    par,
    periods,
    operations,
)

GARBAGE = 10_000, 5, 20
"""Python's own 700 would look through everything for garbage every second or two in a rush, when there is
most to look through and least time for it; nobody is answered meanwhile."""

DESCRIPTION = """\
How satisfied are citizens with one-stop-shop public services? Partner systems register visits and print a
link; citizens answer through the link or a tablet; every unit's satisfaction percentages come with their n,
interval and response rate.

Errors are `application/problem+json` with a stable `code`; titles and details follow `Accept-Language`
(vi, en).
"""


@asynccontextmanager
async def opened(url: str, direct_url: str | None) -> AsyncIterator[Database]:
    """A database with pools of its own, from the application's start to its end."""
    database = Database(url, direct_url=direct_url)
    yield database
    await database.close()


Opened = Callable[[str, str | None], AbstractAsyncContextManager[Database]]


def create_app(settings: Settings, opened: Opened = opened) -> FastAPI:
    """The application for these settings; `settings.database_url` must be set.

    `opened`: how each start comes by its database; whoever starts often may lend it open connections.
    """
    if settings.database_url is None:
        raise ValueError("the application needs a database URL; `sipas serve` provides the embedded one")
    database_url = settings.database_url

    # What it remembers between requests is made here, so that every start begins with nothing.
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with tracing.sent():
            async with opened(database_url, settings.direct_database_url) as database, started(app, database):
                yield

    @asynccontextmanager
    async def started(app: FastAPI, database: Database) -> AsyncIterator[None]:
        app.state.database = database
        app.state.questionnaires = PublishedQuestionnaires(database)
        app.state.devices = DeviceTokens(database)
        app.state.subjects = KnownSubjects(database)
        app.state.proofs = Proofs(database, settings)
        app.state.write_probe = WriteProbe(database)
        app.state.limiter = RateLimiter(settings.rate_limit_per_minute)
        app.state.exports = Streams(database)
        app.state.apart = Apart()
        app.state.figures = Figures(database, settings.zone, settings.backups)
        app.state.sign_on = sign_on = make_sign_on(settings)
        pooled = settings.direct_database_url is not None
        async with (
            reading_from(database, settings.read_database_url, settings.read_staleness_seconds),
            Intake(database_url, queue_size=settings.intake_queue, pooled=pooled) as intake,
        ):
            app.state.intake = intake
            yield
        if sign_on is not None:
            await sign_on.provider.close()

    app = FastAPI(
        title="SIPAS",
        version=version("sipas"),
        description=DESCRIPTION,
        lifespan=lifespan,
        redoc_url=None,
        redirect_slashes=False,  # core/http does it, without naming a host
        # its own would tell collectors the paths of requests, and so the codes of links: see core/tracing
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.settings = settings
    app.state.tokens = AccessTokens(settings.secret)
    app.state.links = LinkCodes(derive_key(settings.secret, "link-codes"))
    app.state.seal = Seal(settings.secret)
    app.state.pages = Pages(Catalogues.load(), Assets.load())
    refusing.show(*too_many(app.state.pages))
    app.state.tablet = Tablet.make(app.state.pages, version("sipas"))
    install_error_handlers(app)
    app.add_middleware(Deadline, seconds=settings.request_seconds, most=refusing.MOST_UNDER_WAY)
    app.add_middleware(BodyLimit, admit=admit_import)
    app.add_middleware(HeadRequests)
    app.add_middleware(RequestContext, log_sample=settings.log_sample)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["authorization", "content-type", "accept-language", "if-none-match"],
            expose_headers=["etag", "x-request-id", "retry-after", "x-export-id"],
        )
    app.add_middleware(PublicCors)
    app.add_middleware(NoSniffing)
    if tracing.wanted():
        app.add_middleware(tracing.Traced)
    for room in ROOMS:
        app.include_router(room.router)
    return app


def app_from_environment() -> FastAPI:
    """What Uvicorn calls in each web process."""
    settings = load_settings()
    configure_logs(settings.log_level)
    app = create_app(settings)
    # What is made now stays: looking all of it over for garbage again and again would stop everybody for a
    # tenth of a second each time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE)
    return app
