"""The database of a new deployment: its schema, and the first accounts of people and partner systems."""

from typing import Annotated

import typer
from sqlalchemy import select

from app.audit import SYSTEM
from app.auth.heirs import require_open
from app.auth.scopes import SCOPES
from app.commands.database import on_database
from app.core.clock import local_day, utc_now
from app.core.database import Database
from app.core.problems import UnitUnknown
from app.core.settings import Settings
from app.models.unit import Unit
from app.shell import fail, out
from app.users import service as users

app = typer.Typer()


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

    async def create(database: Database, settings: Settings) -> tuple[object, str]:
        async with database.transaction() as session:
            top = await session.scalar(select(Unit).where(Unit.code == unit))
            if unit is not None and top is None:
                raise UnitUnknown(unit=unit)
            if top is not None:
                await require_open(session, top, local_day(utc_now(), settings.zone))
            return await users.create_client(session, SYSTEM, name, top.id if top else None, scope)

    client_id, secret = on_database(create)
    out.print(f"client_id      {client_id}\nclient_secret  {secret}   (shown only now)", soft_wrap=True)
