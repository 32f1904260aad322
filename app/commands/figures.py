"""Figures: a demonstration of them, counting them again, and comparing them with the responses."""

import typer

from app.commands.database import on_database
from app.core.database import Database
from app.core.settings import Settings
from app.demo import fill as demo
from app.rollups import jobs as rollups
from app.shell import err, fail, out, progress_bar

app = typer.Typer()


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
        fail(f"{found.many} differences{pending}", "`sipas rebuild` counts them again")
    out.print(f"Every cell agrees with the responses{pending}.")
