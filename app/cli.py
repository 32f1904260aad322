"""The `sipas` command: all that an operator does from a shell, a few lines each on `app/shell.py`."""

import asyncio
import os
import sys
from typing import Annotated

import typer
from sqlalchemy import select

from app import bootstrap
from app.audit import SYSTEM
from app.auth.scopes import SCOPES
from app.commands import audit, cluster, doctor, figures, jobs, keeping, period, tree
from app.core import metrics
from app.core.database import Database
from app.core.database_errors import LOST_CONNECTION
from app.core.problems import UnitUnknown
from app.core.settings import PREFIX, Settings
from app.models.unit import Unit
from app.serve import PortTaken
from app.serve import serve as run_server
from app.shell import fail, on_database, out, read_settings, with_database
from app.users import service as users
from app.worker import run_jobs

app = typer.Typer(
    help="SIPAS: satisfaction with one-stop-shop public services.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.command()
def serve(
    workers: Annotated[int | None, typer.Option(min=1, max=64, help="Web processes.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port to listen on.")] = None,
    worker: Annotated[bool, typer.Option(help="Run the job runner beside the web processes.")] = True,
) -> None:
    """Serve: web processes plus one job runner, on the embedded or an external database."""
    given = {"SIPAS_HOST": host, "SIPAS_PORT": port, "SIPAS_WORKERS": workers}
    os.environ.update({name: str(value) for name, value in given.items() if value is not None})
    settings = read_settings()

    async def prepare(ready: Settings) -> bootstrap.FirstAdministrator | None:
        database = Database(ready.direct_url)
        try:
            return await bootstrap.prepare(database, ready)
        finally:
            await database.close()

    with with_database(settings, kept=True) as ready:
        try:
            first = asyncio.run(prepare(ready))
        except LOST_CONNECTION as error:
            fail(f"the database cannot be reached: {error}")

        def say_ready() -> None:
            if first is not None:
                secret = first.password or f"as given in {PREFIX}ADMIN_PASSWORD"
                out.print(
                    f"First administrator: [bold]{first.username}[/]   password: [bold]{secret}[/]",
                    soft_wrap=True,
                )
            out.print(f"SIPAS is ready: [bold]{ready.public_url}/docs[/]   (Ctrl-C stops it)", soft_wrap=True)

        try:
            run_server(ready, workers=ready.workers, jobs=worker, on_ready=say_ready)
        except PortTaken as error:
            fail(str(error), f"choose another with {PREFIX}PORT or --port")


@app.command()
def worker() -> None:
    """Run the jobs alone, so that web and jobs may live on different machines."""
    with with_database(read_settings(), kept=True) as settings:
        if settings.worker_metrics_port is not None:
            try:
                metrics.listen(settings.host, settings.worker_metrics_port)
            except OSError as error:
                place = f"{settings.host}:{settings.worker_metrics_port}"
                fail(f"cannot listen on {place}: {error.strerror}")
        asyncio.run(run_jobs(settings))


@app.command()
def migrate() -> None:
    """Bring the database to this release's schema and load the shipped questionnaires."""

    async def revision(database: Database, _: Settings) -> str | None:
        return await database.revision()

    out.print(f"The database stands at migration {on_database(revision)}.")


@app.command("create-admin")
def create_admin(
    username: Annotated[str, typer.Argument(help="Name to sign in with.")],
    password: Annotated[
        str,
        typer.Option(
            prompt=True,
            confirmation_prompt=True,
            hide_input=True,
            help="At least 10 characters; asked for if not given.",
        ),
    ],
) -> None:
    """Create an administrator who reaches every unit."""

    async def create(database: Database, _: Settings) -> None:
        async with database.transaction() as session:
            await users.create_administrator(session, SYSTEM, username, password)

    on_database(create)
    out.print(f"Administrator {username} created.")


@app.command("create-client")
def create_client(
    name: Annotated[str, typer.Argument(help="What the partner system is called.")],
    unit: Annotated[str | None, typer.Option(help="Unit at the top of its reach; none: every unit.")] = None,
    scope: Annotated[list[str], typer.Option(help="What it may do; repeat for more.")] = ["visits:write"],  # noqa: B006  Typer copies it
) -> None:
    """Create a partner system and print its secret, once."""
    if unknown := sorted(set(scope) - set(SCOPES)):
        fail(f"unknown scope: {', '.join(unknown)}", f"known are: {', '.join(SCOPES)}")

    async def create(database: Database, _: Settings) -> tuple[object, str]:
        async with database.transaction() as session:
            unit_id = await session.scalar(select(Unit.id).where(Unit.code == unit))
            if unit is not None and unit_id is None:
                raise UnitUnknown(unit=unit)
            return await users.create_client(session, SYSTEM, name, unit_id, scope)

    client_id, secret = on_database(create)
    out.print(f"client_id      {client_id}\nclient_secret  {secret}   (shown only now)", soft_wrap=True)


for commands in (tree, figures, period, audit, jobs, keeping, doctor, cluster):
    app.add_typer(commands.app)


if __name__ == "__main__":
    sys.exit(app())
