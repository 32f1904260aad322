"""More than one database machine: laying the large tables out over a Citus cluster."""

from typing import Annotated

import typer
from sqlalchemy import text

from app.commands.database import on_database
from app.core.database import Database
from app.core.settings import Settings
from app.models.distribution import statements
from app.shell import fail, out

UNFIT = (
    "on a cluster this release does not work: links are not answered, nothing is counted, every figure fails,"
    " and the numbers of nine tables begin again at 1"
)
"""What a trial on one coordinator and two workers has shown; docs/decisions/0013 has the list."""

app = typer.Typer()


async def _found(database: Database) -> dict[str, str] | None:
    """What Citus holds already, by table; None without the extension."""
    async with database.read() as session:
        if not await session.scalar(text("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')")):
            return None
        rows = await session.execute(text("SELECT table_name::text, citus_table_type FROM citus_tables"))
        return {name: kind for name, kind in rows if kind in {"reference", "distributed"}}


@app.command()
def distribute(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print the statements.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Do it, though the service fails afterwards.")
    ] = False,
) -> None:
    """Lay the large tables out over a Citus cluster, which the service does not yet work on."""
    if not dry_run and not force:
        fail(
            f"{UNFIT}; nothing was changed",
            "--dry-run shows what would be done; --force does it, for a trial",
        )

    async def work(database: Database, _: Settings) -> list[str] | None:
        found = await _found(database)
        wanted = statements(found or {})
        if found is None and not dry_run:
            return None
        for statement in wanted:
            if not dry_run:
                async with database.transaction() as session:
                    # a frozen questionnaire stays frozen on every node: its trigger looks at its own row
                    await session.execute(text("SET LOCAL citus.enable_unsafe_triggers = on"))
                    await session.execute(text(statement))
            out.print(f"{statement};", soft_wrap=True, markup=False)
        return wanted

    wanted = on_database(work)
    if wanted is None:
        fail(
            "this database has no Citus: nothing was changed",
            "on the coordinator, as a superuser: CREATE EXTENSION citus; --dry-run shows what would be done",
        )
    if not wanted:
        out.print("Every table lies where it should.")
