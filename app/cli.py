"""The `sipas` command: which commands there are. What each does stands in `app/commands`."""

import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

COMMANDS = {
    "serve": (
        "serving",
        "Serve: web processes plus one job runner, on the embedded or an external database.",
    ),
    "worker": ("running", "Run the jobs alone, so that web and jobs may live on different machines."),
    "migrate": (
        "accounts",
        "Bring the database to this release's schema and load the shipped questionnaires.",
    ),
    "create-admin": ("accounts", "Create an administrator who reaches every unit."),
    "create-client": ("accounts", "Create a partner system and print its secret, once."),
    "import": ("tree", "Import units or procedures from CSV or XLSX."),
    "reorganise": (
        "tree",
        "Reorganise units from a table of changes, an official conversion table or a register set right.",
    ),
    "demo": (
        "figures",
        "Fill a new database with the province Bắc Ninh and 90 days of visits and responses.",
    ),
    "rebuild": ("figures", "Count every cell again from the responses."),
    "verify": ("figures", "Compare every cell with a count from the responses; exits 1 when any differs."),
    "period": ("period", "Closed and published periods."),
    "audit": ("audit", "The record of who did what."),
    "jobs": ("jobs", "What ran when, and how it came out."),
    "retention": (
        "jobs",
        "Show what retention would take out of old responses and visits now, and what holds it back.",
    ),
    "backup": (
        "keeping",
        "Dump the database while it is used, restore the dump into a scratch database, and compare.",
    ),
    "restore": ("keeping", "Put a backup into an empty database, or in the place of a full one."),
    "doctor": (
        "doctor",
        "Check settings, machine, database, jobs and backups; exits 1 when there is a fault.",
    ),
    "distribute": (
        "cluster",
        "Lay the large tables out over a Citus cluster, which the service does not yet work on.",
    ),
}
"""Command -> its file in `app/commands`, and its line in `sipas --help`, the first of its own help."""


def load(name: str) -> Any:
    """A command itself, from its file."""
    file, _ = COMMANDS[name]
    return get_group(import_module(f"app.commands.{file}").app).commands[name]


class Shelf(TyperGroup):
    """Knows every command by name and fetches the one that is asked for.

    All of them together take seconds to import, and each process of `sipas serve` imports this file.
    """

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = {name: TyperCommand(name, help=line) for name, (_, line) in COMMANDS.items()}

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is called, as it is in its file."""
        name, named, rest = super().resolve_command(ctx, args)
        return name, named and load(args[0]), rest


app = typer.Typer(
    cls=Shelf,
    help="SIPAS: satisfaction with one-stop-shop public services.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def sipas() -> None:
    """SIPAS: satisfaction with one-stop-shop public services."""


if __name__ == "__main__":
    sys.exit(app())
