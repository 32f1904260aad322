"""Units and procedures from files: import, and what a reorganisation makes of the tree."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.subjects import Subject
from app.commands.database import on_database
from app.core.clock import read_day, utc_now
from app.core.database import Database
from app.core.imports import ImportResult
from app.core.settings import Settings
from app.procedures import service as procedures
from app.shell import err, fail, out, progress_bar
from app.units import notes
from app.units import service as units
from app.units.from_file import FromFile, reorganise_from_file

app = typer.Typer()
imports = typer.Typer(help="Import units or procedures from CSV or XLSX.", no_args_is_help=True)
app.add_typer(imports, name="import")
Importer = Callable[[AsyncSession, Subject | None, bytes, str, bool], Awaitable[ImportResult]]

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
    for change in result.changes:
        said = f"{change.code} {change.field}: {change.before} -> {change.after}"
        out.print(said, soft_wrap=True, markup=False)
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
    """Reorganise units from a table of changes, an official conversion table or a register set right."""
    day = read_day(effective_on)
    if day is None:
        fail(f"{effective_on} is no day; a day looks like 2025-07-01")
    content = file.read_bytes()

    async def work(database: Database, settings: Settings) -> FromFile:
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

    read = on_database(work)
    for fault in read.faults:
        column = f", {fault.column}" if fault.column else ""
        err.print(f"row {fault.row}{column}: {fault.detail('en')}", soft_wrap=True)
    for line in notes.lines(read.notes):
        out.print(line, soft_wrap=True, markup=False)
    done = read.done
    if done is None:
        fail(f"{len(read.faults)} faults; nothing was written")
    for line in done.outcome.lines():
        out.print(line, soft_wrap=True, markup=False)
    if done.reorganisation is None:
        out.print("Dry run, nothing was written.")
    elif done.reorganisation.state == "scheduled":
        out.print(f"Reorganisation {done.reorganisation.id} is decided and takes effect on {day}.")
    else:
        out.print(f"Reorganisation {done.reorganisation.id} is in force.")
