"""Periods: compare what was closed and published with the responses."""

from typing import Annotated

import typer

from app.commands.database import on_database
from app.core.database import Database
from app.core.settings import Settings
from app.periods import recount
from app.shell import err, out

app = typer.Typer()
period = typer.Typer(help="Closed and published periods.", no_args_is_help=True)
app.add_typer(period, name="period")


@period.callback()
def periods() -> None:
    """Closed and published periods."""


@period.command("verify")
def verify(
    period_id: Annotated[
        int | None, typer.Argument(metavar="ID", help="Only this period; none: every one.")
    ] = None,
) -> None:
    """Compare snapshots with a count from the responses; exits 1 when any figure differs."""

    async def work(database: Database, _: Settings) -> list[recount.Checked]:
        return await recount.verify(database, period_id)

    found = on_database(work)
    for one in found:
        name = f"period {one.period}, revision {one.revision}"
        if one.sound:
            out.print(f"{name}: every figure of {one.units} units agrees with the responses.")
        else:
            err.print(f"[bold red]sipas:[/] {name}: figures differ from the responses", soft_wrap=True)
        for path, stored, counted in one.differences:
            err.print(f"  {path}: stored {stored}, counted {counted}", soft_wrap=True, markup=False)
        if one.further:
            err.print(f"  and {one.further} more")
        if one.arrived_since:
            out.print(f"  {one.arrived_since} responses arrived since; a revision would take them in.")
    if not found:
        out.print("No period is closed yet.")
    if not all(one.sound for one in found):
        raise typer.Exit(1)
