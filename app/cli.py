"""The `sipas` command: all that an operator does from a shell, a few lines each on `app/shell.py`."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app import bootstrap
from app.audit import SYSTEM
from app.auth.scopes import SCOPES
from app.auth.subjects import Subject
from app.core.clock import read_day, utc_now
from app.core.database import LOST_CONNECTION, Database
from app.core.imports import ImportResult
from app.core.problems import UnitUnknown
from app.core.settings import PREFIX, Settings
from app.demo import fill as demo
from app.models.unit import Unit
from app.procedures import service as procedures
from app.rollups import jobs as rollups
from app.serve import PortTaken
from app.serve import serve as run_server
from app.shell import err, fail, on_database, out, progress_bar, read_settings, with_database
from app.units import service as units
from app.units.reorganise import Done, reorganise_from_file
from app.users import service as users
from app.worker import run_jobs

app = typer.Typer(
    help="SIPAS: satisfaction with one-stop-shop public services.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
imports = typer.Typer(help="Import units or procedures from CSV or XLSX.", no_args_is_help=True)
app.add_typer(imports, name="import")
Importer = Callable[[AsyncSession, Subject | None, bytes, str, bool], Awaitable[ImportResult]]


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
        database = Database(ready.database_url or "")
        try:
            return await bootstrap.prepare(database, ready)
        finally:
            await database.close()

    with with_database(settings) as ready:
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
    with with_database(read_settings()) as settings:
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


FileArgument = Annotated[
    Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="CSV or XLSX.")
]
DryRun = Annotated[bool, typer.Option(help="Check only, write nothing.")]


@imports.command("units")
def import_units(file: FileArgument, dry_run: DryRun = False) -> None:
    """Import units: columns code,name,kind,parent_code,valid_from in any row order."""
    _import(units.import_units, file, dry_run)


@imports.command("procedures")
def import_procedures(file: FileArgument, dry_run: DryRun = False) -> None:
    """Import procedures: columns code,name,field,level."""
    _import(procedures.import_procedures, file, dry_run)


def _import(run: Importer, file: Path, dry_run: bool) -> None:
    content = file.read_bytes()

    async def work(database: Database, _: Settings) -> ImportResult:
        async with database.transaction() as session:
            return await run(session, None, content, file.name, dry_run)

    result = on_database(work)
    for fault in result.faults:
        column = f", {fault.column}" if fault.column else ""
        err.print(f"row {fault.row}{column}: {fault.detail('en')}", soft_wrap=True)
    if result.faults:
        fail(f"{len(result.faults)} faults; nothing was written")
    said = "Dry run, nothing was written: " if dry_run else ""
    out.print(f"{said}{result.created} created, {result.updated} updated, {result.unchanged} unchanged.")


@app.command()
def reorganise(
    file: FileArgument,
    effective_on: Annotated[str, typer.Option(help="The day it takes effect, YYYY-MM-DD.")],
    decision: Annotated[str, typer.Option(help="The decision behind it, as it is cited.")],
    dry_run: DryRun = False,
) -> None:
    """Reorganise units from a file: columns kind,from,to_code,to_name,to_kind,to_parent."""
    day = read_day(effective_on)
    if day is None:
        fail(f"{effective_on} is no day; a day looks like 2025-07-01")
    content = file.read_bytes()

    async def work(database: Database, settings: Settings) -> Done:
        with progress_bar("Reorganising") as progress:
            async with database.transaction() as session:
                return await reorganise_from_file(
                    session,
                    None,
                    content,
                    file.name,
                    decision,
                    day,
                    settings.zone,
                    utc_now(),
                    dry_run=dry_run,
                    progress=progress,
                )

    done = on_database(work)
    for fault in done.faults:
        column = f", {fault.column}" if fault.column else ""
        err.print(f"row {fault.row}{column}: {fault.detail('en')}", soft_wrap=True)
    if done.outcome is None:
        fail(f"{len(done.faults)} faults; nothing was written")
    for line in done.outcome.lines():
        out.print(line, soft_wrap=True, markup=False)
    if done.reorganisation is None:
        out.print("Dry run, nothing was written.")
    elif done.reorganisation.state == "scheduled":
        out.print(f"Reorganisation {done.reorganisation.id} is decided and takes effect on {day}.")
    else:
        out.print(f"Reorganisation {done.reorganisation.id} is in force.")


@app.command("demo")
def fill_demo() -> None:
    """Fill a new database with the province Bắc Ninh and 90 days of visits and responses."""

    async def fill(database: Database, settings: Settings) -> demo.Filled:
        with progress_bar("Bắc Ninh, day by day") as progress:
            return await demo.fill(database, settings, progress)

    try:
        filled = on_database(fill)
    except demo.Refused as refused:
        fail(*refused.lines)
    except KeyboardInterrupt:
        fail("interrupted: the database holds a part of the demonstration", "`sipas demo` again completes it")
    for line in filled.lines:
        out.print(line, soft_wrap=True, markup=False)


@app.command()
def rebuild() -> None:
    """Count every cell again from the responses."""

    async def work(database: Database, _: Settings) -> int:
        with progress_bar("Counting") as progress:
            return await rollups.rebuild(database, progress)

    out.print(f"Counted {on_database(work)} responses.")


@app.command()
def verify() -> None:
    """Compare every cell with a count from the responses; exits 1 when any differs."""

    async def work(database: Database, _: Settings) -> rollups.Verification:
        with progress_bar("Comparing") as progress:
            return await rollups.verify(database, progress)

    found = on_database(work)
    for difference in found.differences:
        err.print(str(difference), soft_wrap=True)
    pending = f"; {found.ignored} unit-days were left out, their re-count is due" if found.ignored else ""
    if found.differences:
        fail(f"{len(found.differences)} differences{pending}", "`sipas rebuild` counts them again")
    out.print(f"Every cell agrees with the responses{pending}.")


if __name__ == "__main__":
    sys.exit(app())
