"""How migrations run: on the connection they are handed, or on the database the settings name.

One at a time (an advisory lock), never waiting long for a busy table (lock_timeout), each in its own
transaction, so that a failed one leaves the database where it was.
"""

import asyncio

from alembic import context
from alembic.runtime.environment import NameFilterParentNames, NameFilterType
from sqlalchemy import Connection, text

from app.core.database import Database
from app.core.settings import load_settings
from app.models.everything import metadata

ADVISORY_LOCK = 7_237_041  # any number, the same in every process
OURS = set(metadata.tables)


def only_ours(name: str | None, kind: NameFilterType, parents: NameFilterParentNames) -> bool:
    """Leave the job queue's own tables to its library."""
    return kind != "table" or name in OURS


def run(connection: Connection) -> None:
    """Migrate on an open connection."""
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ADVISORY_LOCK})
    connection.execute(text("SET lock_timeout = '10s'"))
    connection.execute(text("SET statement_timeout = 0"))
    connection.commit()
    try:
        context.configure(
            connection=connection,
            target_metadata=metadata,
            include_name=only_ours,
            transaction_per_migration=True,
            compare_server_default=True,
        )
        with context.begin_transaction():
            context.run_migrations()
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": ADVISORY_LOCK})
        connection.commit()


async def run_by_settings() -> None:
    """Migrate the database that SIPAS_DATABASE_URL names."""
    url = load_settings().direct_url
    if not url:
        raise SystemExit(
            "Set SIPAS_DATABASE_URL, or use `sipas migrate`, which starts the embedded database."
        )
    database = Database(url)
    try:
        async with database.engine.connect() as connection:
            await connection.run_sync(run)
    finally:
        await database.close()


def offline() -> None:
    """Print the SQL instead of running it: `alembic upgrade head --sql`."""
    context.configure(dialect_name="postgresql", target_metadata=metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


handed: Connection | None = context.config.attributes.get("connection")
if context.is_offline_mode():
    offline()
elif handed is not None:
    run(handed)
else:
    asyncio.run(run_by_settings())
