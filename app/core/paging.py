"""Lists by keyset: `{"items": [...], "next": cursor | null}`.

A cursor holds the sort key of the last item seen, so that a page costs the same at the end of a list
as at its beginning and rows that arrive meanwhile neither repeat nor vanish. It is opaque, not secret.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import orjson
from pydantic import BaseModel

from app.core.faults import Fault
from app.core.problems import InvalidRequest

T = TypeVar("T")
R = TypeVar("R")

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
LARGEST = 2**31 - 1
LARGEST_BIG = 2**63 - 1
"""Of PostgreSQL's integer and bigint."""


class Page(BaseModel, Generic[T]):
    """One page of a list; `next` is the cursor of the following page, or null at the end."""

    items: list[T]
    next: str | None


class PageQuery(NamedTuple):
    """What page somebody asked for."""

    limit: int
    cursor: str | None

    def after(self, *kinds: type, largest: int = LARGEST) -> list[str | int] | None:
        """The key behind which the page starts, checked against the kinds of its parts; None at the start.

        `largest`: what a number in it may be, which a column must be able to hold.
        """
        if self.cursor is None:
            return None
        try:
            key: Any = orjson.loads(base64.urlsafe_b64decode(self.cursor.encode() + b"=="))
        except (ValueError, binascii.Error) as error:
            raise InvalidRequest(faults=[Fault("/cursor", "invalid_cursor")]) from error
        fits = isinstance(key, list) and len(key) == len(kinds)
        if not fits or any(type(part) is not kind for part, kind in zip(key, kinds, strict=True)):
            raise InvalidRequest(faults=[Fault("/cursor", "invalid_cursor")])
        if any(isinstance(part, str) and "\0" in part for part in key):
            raise InvalidRequest(faults=[Fault("/cursor", "invalid_cursor")])
        if any(isinstance(part, int) and abs(part) > largest for part in key):
            raise InvalidRequest(faults=[Fault("/cursor", "invalid_cursor")])
        checked: list[str | int] = key
        return checked


def cursor(*key: str | int) -> str:
    """Encode a sort key as a cursor."""
    return base64.urlsafe_b64encode(orjson.dumps(key)).decode().rstrip("=")


def page(
    rows: Sequence[R], query: PageQuery, show: Callable[[R], T], key: Callable[[R], tuple[str | int, ...]]
) -> Page[T]:
    """Cut `limit + 1` fetched rows into a page; the extra row only says that more follow."""
    shown = rows[: query.limit]
    more = len(rows) > query.limit
    return Page(items=[show(row) for row in shown], next=cursor(*key(shown[-1])) if more else None)
