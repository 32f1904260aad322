"""Periods: compare what was published with the responses, and issue documents anew."""

from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from app.commands.database import on_database
from app.core.database import Database
from app.core.period_problems import PeriodUnknown
from app.core.settings import Settings
from app.models.period import Period
from app.periods import documents, recount, reissuing
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
        if one.testable:
            out.print(
                "  its public document carries a hash that guesses can be tested with: sipas period reissue",
                soft_wrap=True,
            )
    if not found:
        out.print("No period is closed yet.")
    if not all(one.sound for one in found):
        raise typer.Exit(1)


async def reissue_documents(
    database: Database, zone: ZoneInfo, period_id: int | None
) -> list[reissuing.Reissued]:
    """Issue anew every document that needs it, or those of one period; each in a transaction of its own.

    PeriodUnknown.
    """
    async with database.read() as session:
        if period_id is not None and await session.get(Period, period_id) is None:
            raise PeriodUnknown
        testable = await documents.testable(session, period_id)
    issued = []
    for number, snapshot_id in testable:
        async with database.transaction() as session:
            issued.append(await reissuing.reissue(session, zone, number, snapshot_id))
    return [one for one in issued if one is not None]


@period.command("reissue")
def reissue(
    period_id: Annotated[
        int | None, typer.Argument(metavar="ID", help="Only this period; none: every one.")
    ] = None,
) -> None:
    """Replace public documents whose hash lets guesses of hidden figures be tested; figures stay.

    Such documents were published by releases before this one. Who has the old document can still test
    guesses with it; the service stops telling it. Running this again changes nothing.
    """

    async def work(database: Database, settings: Settings) -> list[reissuing.Reissued]:
        return await reissue_documents(database, settings.zone, period_id)

    found = on_database(work)
    for one in found:
        out.print(
            f"period {one.period}, revision {one.revision}: issued anew, sha256 {one.sha256}", soft_wrap=True
        )
    if not found:
        out.print("Every public document carries a hash that tells nothing.")
