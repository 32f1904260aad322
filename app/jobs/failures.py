"""Failures: told without data, and of things that fail while their neighbours do not."""

import time
import traceback
from collections.abc import Callable, Collection, Hashable
from typing import Generic, TypeVar

from app.core.database_errors import problem_of
from app.core.errors import Problem
from app.core.problems import Unavailable

T = TypeVar("T", bound=Hashable)

TRIES = 4
"""How often a job is tried for one due time, and a thing before it counts as set aside."""
PAUSES = (10.0, 60.0, 300.0)
"""Seconds between the tries."""
SET_ASIDE_SECONDS = 3600.0
QUERY_CANCELED = "57014"


class SomeFailed(Exception):
    """A job has done what it could, but not all; the message names things by their ids and holds no data."""


def describe(error: BaseException) -> str:
    """An error's class, its SQLSTATE if it has one, and the line of ours that it came from.

    Not its message: PostgreSQL's quote rows, and Python's the values they trip over.
    """
    if isinstance(error, SomeFailed):
        return str(error)
    if isinstance(error, Problem):
        return error.code
    state = _state(error)
    name = type(getattr(error, "orig", None) or error).__name__ + (f" {state}" if state else "")
    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if "/app/" in frame.filename]
    return f"{name} at app/{ours[-1].filename.rpartition('/app/')[2]}:{ours[-1].lineno}" if ours else name


def is_away(error: BaseException) -> bool:
    """Whether the database could not be reached or was too busy; a statement that takes too long is not that:
    it would tomorrow, too.
    """
    return isinstance(problem_of(error), Unavailable) and _state(error) != QUERY_CANCELED


def _state(error: BaseException) -> str | None:
    return getattr(getattr(error, "orig", error), "sqlstate", None)


class Aside(Generic[T]):
    """Things that have failed: each is left alone for a while, ever longer, so that its neighbours go on.

    In memory: whoever starts anew tries everything anew.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: dict[T, int] = {}
        self._until: dict[T, float] = {}
        self._why: dict[T, str] = {}

    def resting(self) -> list[T]:
        """What is to be left alone now."""
        now = self._clock()
        return [thing for thing, until in self._until.items() if until > now]

    def failed(self, thing: T, error: BaseException) -> bool:
        """Leave it alone for a while; whether it has just had the last of its tries."""
        failures = self._failures[thing] = self._failures.get(thing, 0) + 1
        pause = PAUSES[failures - 1] if failures < TRIES else SET_ASIDE_SECONDS
        self._until[thing] = self._clock() + pause
        self._why[thing] = describe(error)
        return failures == TRIES

    def keep(self, things: Collection[T]) -> None:
        """Only these still fail; all others are things like any other again."""
        for thing in self._failures.keys() - set(things):
            del self._failures[thing], self._until[thing], self._why[thing]

    def told(self) -> str | None:
        """What has had all its tries, in a line; None when there is nothing."""
        given_up = [thing for thing, failures in self._failures.items() if failures >= TRIES]
        if not given_up:
            return None
        return f"{len(given_up)} set aside, the first {given_up[0]}: {self._why[given_up[0]]}"
