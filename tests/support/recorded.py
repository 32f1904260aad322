"""Every statement that is sent to PostgreSQL during a block, by whatever way of the driver's."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import asyncpg
import pytest

WAYS = ("execute", "executemany", "fetch", "fetchrow", "fetchval", "prepare", "cursor", "copy_from_query")


@contextmanager
def recorded() -> Iterator[set[str]]:
    """The statements, each text once."""
    sent: set[str] = set()

    def listening(way: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(way)
        def listen(self: asyncpg.Connection, query: str, *arguments: Any, **options: Any) -> Any:
            sent.add(query)
            return way(self, query, *arguments, **options)

        return listen

    with pytest.MonkeyPatch.context() as patch:
        for name in WAYS:
            patch.setattr(asyncpg.Connection, name, listening(getattr(asyncpg.Connection, name)))
        yield sent
