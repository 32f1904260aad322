"""What a database needs before the service runs on it: migrations, the job queue's tables, the shipped
questionnaires, and on the very first start an administrator.

Every step may be repeated and may run in two processes at once: the second finds the work done.
"""

import logging
import secrets
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.queries import Queries
from sqlalchemy import Connection

from app.core.database import Database, plain_url
from app.core.revision import HEAD
from app.core.settings import Settings
from app.questionnaires import service as questionnaires
from app.users import service as users

MIGRATIONS = Path(__file__).parent.parent / "migrations"
MADE_UP_PASSWORD_BYTES = 12

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FirstAdministrator:
    """The account made on the first start; `password` is set only when we made it up."""

    username: str
    password: str | None


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, bound to an open connection when one is given."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


async def migrate(database: Database, revision: str = "head") -> None:
    """Bring the schema to a revision, and the job queue's tables to their library's version.

    A schema that a newer release has brought further is left as it is: this release runs on it, too.
    """
    at = await database.revision()
    if at is not None and at > HEAD:
        log.warning(
            "the database belongs to a newer release", extra={"revision": at, "expected_revision": HEAD}
        )
        return

    def upgrade(connection: Connection) -> None:
        command.upgrade(alembic_config(connection), revision)

    async with database.engine.connect() as connection:
        await connection.run_sync(upgrade)
    await _install_job_queue(database)


async def _install_job_queue(database: Database) -> None:
    connection = await asyncpg.connect(plain_url(database.url))
    try:
        queries = Queries(AsyncpgDriver(connection))
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(7237042)")
            if await queries.has_table("pgqueuer"):
                await queries.upgrade()
            else:
                await queries.install()
    finally:
        await connection.close()


async def load_questionnaires(database: Database) -> None:
    """Publish every shipped questionnaire the database does not hold yet."""
    async with database.transaction() as session:
        await questionnaires.load_shipped(session)


async def ensure_administrator(database: Database, settings: Settings) -> FirstAdministrator | None:
    """Make the first administrator if there is no account at all; None when there is one."""
    given = settings.admin_password.get_secret_value() if settings.admin_password else None
    password = given or secrets.token_urlsafe(MADE_UP_PASSWORD_BYTES)
    username = settings.admin_username or "admin"
    async with database.transaction() as session:
        if not await users.create_first_administrator(session, username, password):
            return None
    return FirstAdministrator(username, None if given else password)


async def prepare(database: Database, settings: Settings) -> FirstAdministrator | None:
    """Everything a start needs, in order."""
    await migrate(database)
    await load_questionnaires(database)
    return await ensure_administrator(database, settings)
