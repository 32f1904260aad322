"""When what has died may be started again: at once, unless it dies at once each time."""

import logging
import time

STEADY_SECONDS = 10.0
"""Whoever lived longer did not die of its start."""
LONGEST_REST = 30.0

log = logging.getLogger(__name__)


class Rests:
    """Of each that is kept alive: when it may be started again. A number names a web process."""

    def __init__(self) -> None:
        self._born: dict[int | str, float] = {}
        self._early: dict[int | str, int] = {}
        self._until: dict[int | str, float] = {}

    def born(self, name: int | str) -> None:
        """It was started just now."""
        self._born[name] = time.monotonic()
        self._until.pop(name, None)

    def over(self, name: int | str, exit_code: int | None) -> bool:
        """Whether it may be started again; to be asked again and again while it is dead."""
        now = time.monotonic()
        if name not in self._until:
            steady = now - self._born[name] > STEADY_SECONDS
            self._early[name] = 0 if steady else self._early.get(name, 0) + 1
            rest = min(2.0 ** (self._early[name] - 1), LONGEST_REST) if self._early[name] > 1 else 0.0
            self._until[name] = now + rest
            what = name if isinstance(name, str) else "a web process"
            log.error("%s died", what, extra={"exit_code": exit_code, "again_in_seconds": rest})
        return now >= self._until[name]
