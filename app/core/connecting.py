"""How a connection is opened: straight to PostgreSQL, or through a pooler in transaction mode.

Straight, the server is told its settings once and keeps what was prepared. Through PgBouncer in transaction
mode one transaction meets one server connection and the next another, so nothing may be left behind in a
session: no statement has a name, and the settings are set within each transaction, in one trip after its
beginning. Only what PgBouncer carries along by itself is said at the start.
"""

from collections.abc import Mapping
from typing import Any, Literal

import asyncpg
from asyncpg.transaction import Transaction

CARRIED = frozenset({"application_name", "timezone"})
"""Settings that PgBouncer knows of each client and gives to the server connection it is lent."""

UNNAMED: Mapping[str, Any] = {
    "prepared_statement_cache_size": 0,
    "prepared_statement_name_func": lambda: "",
}
"""What SQLAlchemy must know of a pooled connection: it keeps nothing prepared, and names nothing."""


Isolation = Literal["read_committed", "read_uncommitted", "repeatable_read", "serializable"]


class PooledConnection(asyncpg.Connection):
    """A connection whose transactions begin with their settings."""

    opening = ""
    """The statements each transaction begins with."""

    def transaction(
        self, *, isolation: Isolation | None = None, readonly: bool = False, deferrable: bool = False
    ) -> Transaction:
        """As asyncpg's; savepoints find the settings in place."""
        if self.is_in_transaction():
            return Transaction(self, isolation, readonly, deferrable)
        return _Opened(self, isolation, readonly, deferrable)


class _Opened(Transaction):
    def __init__(self, connection: PooledConnection, *how: Any) -> None:
        super().__init__(connection, *how)
        self._of = connection

    async def start(self) -> None:
        await super().start()
        try:
            await self._of.execute(self._of.opening)
        except BaseException:
            self._of.terminate()  # neither begun nor ended: nobody else may get it
            raise


async def connect(
    url: str, settings: Mapping[str, str], *, pooled: bool, **options: Any
) -> asyncpg.Connection:
    """A connection whose every transaction has these settings; `url` and `options` are asyncpg's own."""
    if not pooled:
        return await asyncpg.connect(url, server_settings=dict(settings), **options)
    connection = await asyncpg.connect(
        url,
        server_settings={name: value for name, value in settings.items() if name in CARRIED},
        statement_cache_size=0,
        connection_class=PooledConnection,
        **options,
    )
    connection.opening = "; ".join(
        f"SET LOCAL {name} = '{value}'" for name, value in settings.items() if name not in CARRIED
    )
    return connection
