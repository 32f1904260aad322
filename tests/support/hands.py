"""The service's clock, moved where the service reads it; the database's own goes on."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo

import pytest

from app.core import clock


class Hands:
    """Where the clock's hands are: a span away from the real ones."""

    def __init__(self) -> None:
        self.off = timedelta(0)

    def show(self, instant: datetime) -> None:
        self.off = instant - datetime.now(UTC)


@contextmanager
def moved_clock() -> Iterator[Hands]:
    """The hands of the clock that the service reads meanwhile."""
    hands = Hands()

    class Moved(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + hands.off

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "datetime", Moved)
        yield hands
