"""How a connection is opened: straight to PostgreSQL, or through a pooler in transaction mode.

Straight, the server is told its settings once and keeps what was prepared. Through PgBouncer in transaction
mode one transaction meets one server connection and the next another, so nothing may be left behind in a
session: no statement has a name, and the settings are set within each transaction, in one trip after its
beginning. Only what PgBouncer carries along by itself is said at the start.
"""

import socket
from collections.abc import Mapping
from typing import Any, Literal

import asyncpg
from asyncpg.transaction import Transaction

from app.core.database_errors import is_passing

CARRIED = frozenset({"application_name", "timezone"})
"""Settings that PgBouncer knows of each client and gives to the server connection it is lent."""

UNNAMED: Mapping[str, Any] = {
    "prepared_statement_cache_size": 0,
    "prepared_statement_name_func": lambda: "",
}
"""What SQLAlchemy must know of a pooled connection: it keeps nothing prepared, and names nothing."""


KEPT_ALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 60_000}
"""Seconds until a silent end is asked, and between questions; how many; milliseconds until it is missed."""
KEPT_ALIVE_THERE = {
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "60s",  # while an answer waits to be taken nobody is asked whether he lives
}
"""The same asked of the server, which else holds the locks of a client that has vanished for two hours."""

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
        return await connect_plainly(url, settings, **options)
    connection: Any = await _connect(
        url,
        server_settings={name: value for name, value in settings.items() if name in CARRIED},
        statement_cache_size=0,
        connection_class=PooledConnection,
        **options,
    )
    connection.opening = "; ".join(
        f"SET LOCAL {name} = '{value}'" for name, value in settings.items() if name not in CARRIED
    )
    opened: asyncpg.Connection = connection
    return opened


async def connect_plainly(
    url: str, settings: Mapping[str, str] | None = None, **options: Any
) -> asyncpg.Connection:
    """asyncpg's own `connect`, straight to the server; an end that vanishes is missed within a minute.

    Without that, whoever waits for its answer waits for a quarter of an hour, or for ever.
    """
    return await _connect(url, server_settings={**KEPT_ALIVE_THERE, **(settings or {})}, **options)


async def _connect(url: str, **options: Any) -> asyncpg.Connection:
    try:
        connection: asyncpg.Connection = await asyncpg.connect(url, **options)
    except asyncpg.PostgresError as error:
        if is_passing(error):
            raise
        # a database that is being renamed, a password that is being changed: nothing was asked yet, so
        # nothing in the question can be wrong
        raise asyncpg.CannotConnectNowError(str(error)) from error
    _watch(connection)
    return connection


def _watch(connection: Any) -> None:
    end = connection._transport.get_extra_info("socket")  # asyncpg offers no other way to it
    if end is None or end.family == socket.AF_UNIX:
        return
    end.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEPT_ALIVE.items():
        if hasattr(socket, name):
            end.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
