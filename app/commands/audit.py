"""The record of deeds: checking that nothing was taken out of it or altered."""

from typing import Annotated

import typer

from app.commands.database import on_database
from app.core.clock import read_day
from app.core.database import Database
from app.core.settings import Settings
from app.records import jobs as records
from app.shell import err, fail, out, progress_bar

app = typer.Typer()
audit = typer.Typer(help="The record of who did what.", no_args_is_help=True)
app.add_typer(audit, name="audit")
SHOWN = 100
HASH_BYTES = 32


@audit.callback()
def group() -> None:
    """The record of who did what."""


@audit.command("verify")
def verify_chain(
    day: Annotated[str | None, typer.Option(help="Only this day, YYYY-MM-DD, and its ties.")] = None,
    expect: Annotated[
        str | None, typer.Option(help="A hash written down before: it must still be in the chain.")
    ] = None,
) -> None:
    """Check the chain of the record; exits 1 and names day and line where it was tampered with."""
    wanted = None if day is None else read_day(day)
    if day is not None and wanted is None:
        fail(f"{day} is no day; a day looks like 2025-07-01")
    try:
        kept = None if expect is None else bytes.fromhex(expect.strip())
    except ValueError:
        kept = b""
    if kept is not None and len(kept) != HASH_BYTES:
        fail(f"{expect} is no hash: it has 64 digits, 0-9 and a-f")

    async def work(database: Database, _: Settings) -> records.Verification:
        with progress_bar("Checking") as progress:
            return await records.verify(database, day=wanted, expect=kept, progress=progress)

    found = on_database(work)
    for broken in found.breaks[:SHOWN]:
        err.print(str(broken), soft_wrap=True, markup=False)
    if len(found.breaks) > SHOWN:
        err.print(f"... and {len(found.breaks) - SHOWN} more", soft_wrap=True, markup=False)
    waiting = f"; {found.unsealed} are not sealed yet" if found.unsealed else ""
    complaints = []
    if found.breaks:
        many = len(found.breaks)
        complaints.append(f"the chain is broken at {many} {'place' if many == 1 else 'places'}{waiting}")
    if kept is not None and not found.expected_found:
        complaints.append(
            "the expected hash is not in the chain: its end was cut off, or all of it written anew"
        )
    if complaints:
        fail(*complaints)
    out.print(f"{found.lines} lines, each as it was sealed{waiting}.")
    if found.head is not None:
        out.print(
            f"head  {found.head.seal.hex()}  ({found.head.day}, line {found.head.number})", soft_wrap=True
        )
