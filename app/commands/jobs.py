"""Jobs: what ran when and how it came out, running one now, and what retention would take out."""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import typer

from app.commands.database import on_database
from app.core.clock import utc_now
from app.core.database import Database
from app.core.settings import Settings
from app.jobs import running, states
from app.jobs.failures import TRIES, describe
from app.models.job import JobState
from app.retention.jobs import Report, trust_clock, what_holds, what_is_due
from app.shell import fail, out
from app.worker import TIMETABLE

app = typer.Typer()
jobs = typer.Typer(help="What ran when, and how it came out.")
app.add_typer(jobs, name="jobs")

HEADINGS = ("job", "last run", "seconds", "runs", "failed", "next due", "outcome")

log = logging.getLogger(__name__)


@jobs.callback(invoke_without_command=True)
def listing(context: typer.Context) -> None:
    """List the jobs; exits 1 when one is set aside or fails again and again."""
    if context.invoked_subcommand is not None:
        return

    async def read(database: Database, settings: Settings) -> tuple[Sequence[JobState], Settings]:
        async with database.read() as session:
            return await states.listed(session), settings

    found, settings = on_database(read)
    known = {state.name: state for state in found}
    timetable = {job.name: job for job in TIMETABLE}
    now = utc_now()

    def local(instant: datetime | None) -> str:
        return "" if instant is None else f"{instant.astimezone(settings.zone):%Y-%m-%d %H:%M:%S}"

    rows = [HEADINGS]
    for name in sorted({*timetable, *known}):
        state, job = known.get(name), timetable.get(name)
        due = "always" if job is None else local(job.next_due(now, settings.zone))
        if state is None or state.last_started_at is None:
            rows.append((name, "", "", "0", "0", due, "has not run yet"))
            continue
        seconds = "" if state.last_seconds is None else f"{state.last_seconds:.2f}"
        counts = str(state.runs), str(state.failures)
        rows.append((name, local(state.last_started_at), seconds, *counts, due, _outcome(state)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        out.print(line.rstrip(), soft_wrap=True, markup=False)
    if troubled := [state.name for state in found if _is_troubled(state)]:
        fail(f"set aside: {', '.join(troubled)}", "`sipas jobs run NAME` tries one now")


def _is_troubled(state: JobState) -> bool:
    return state.set_aside or state.failures_in_a_row >= TRIES


def _outcome(state: JobState) -> str:
    if state.last_error is not None:
        return f"{'set aside' if state.set_aside else 'failed'}: {state.last_error}"
    if state.last_finished_at is None or state.last_started_at is None:
        return "begun"
    return "begun" if state.last_started_at > state.last_finished_at else _said(state.last_outcome)


def _said(outcome: object) -> str:
    if isinstance(outcome, dict):
        return ", ".join(f"{name} {value}" for name, value in outcome.items()) or "nothing to do"
    return "well" if outcome is None else f"well: {outcome}"


@jobs.command("run")
def run(name: Annotated[str, typer.Argument(help="The job, as `sipas jobs` names it.")]) -> None:
    """Run a job of the timetable now, in the foreground, whether it is due or not."""
    job = next((job for job in TIMETABLE if job.name == name), None)
    if job is None:
        fail(f"there is no job {name}", f"known are: {', '.join(sorted(job.name for job in TIMETABLE))}")

    async def work(database: Database, settings: Settings) -> tuple[bool, object]:
        try:
            return True, await running.run_now(database, settings, job)
        except running.Busy:
            return False, "a job runner is at it just now"
        except Exception as error:
            log.error("job failed", extra={"job": name}, exc_info=error)
            return False, describe(error)

    well, outcome = on_database(work)
    if not well:
        fail(f"{name}: {outcome}")
    out.print(f"{name}: {_said(outcome)}", soft_wrap=True)


@app.command()
def retention(
    clock_is_right: Annotated[
        bool,
        typer.Option("--clock-is-right", help="Let the next runs go on that were held back for the clock."),
    ] = False,
) -> None:
    """Show what retention would take out of old responses and visits now, and what holds it back."""

    async def look(database: Database, settings: Settings) -> tuple[dict[str, Report], dict[str, str]]:
        if clock_is_right:
            now = await trust_clock(database)
            out.print(
                f"The next runs believe this machine's clock: {now.astimezone(settings.zone):%Y-%m-%d %H:%M}."
            )
        return await what_is_due(database, settings), await what_holds(database)

    found, held = on_database(look)
    for table, told in found.items():
        kept = told.get("kept_for_samples")
        more = f"; {kept} keep their codes for a sample" if kept else ""
        out.print(f"{table}: {told['due']} from before {told['before']}{more}", soft_wrap=True)
    if not found:
        out.print("Everything is kept for good.")
    for action, why in held.items():
        out.print(f"{action}: {why}", soft_wrap=True, markup=False)
