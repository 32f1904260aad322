"""What a check has found: all well, a warning, or a fault, and what to do about it. Pure."""

from datetime import timedelta
from typing import Literal, NamedTuple


class Finding(NamedTuple):
    """One line of the doctor's."""

    level: Literal["ok", "warning", "fault"]
    says: str
    do: str = ""
    """What to do about it; empty when all is well."""


def ok(says: str) -> Finding:
    """All well."""
    return Finding("ok", says)


def warning(says: str, do: str) -> Finding:
    """It works, and may not for long."""
    return Finding("warning", says, do)


def fault(says: str, do: str) -> Finding:
    """It does not work, or what was accepted may be lost."""
    return Finding("fault", says, do)


def span(time: timedelta) -> str:
    """A time as people say it: `40 s`, `12 min`, `31 h`, `9 days`."""
    seconds = abs(time.total_seconds())
    for most, length, unit in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < most:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds / 86_400:.0f} days"


def size(count: float) -> str:
    """Bytes as people say them."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
