"""What keeps a unit from being changed or named on a day: its own days, and what else is decided. Pure."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple

from app.units.forest import Node

ONE_DAY = timedelta(days=1)


class Hindrance(NamedTuple):
    """A fault's code and its values."""

    code: str
    params: Mapping[str, Any]


def hindrance(node: Node, day: date, successor: str, *, changing: bool) -> Hindrance | None:
    """Why a unit does not live on the day or, if it is about to change, may not; None where it may."""
    since = node.since if changing else node.first
    unit = node.now.code
    if node.last is not None and node.last < day:
        return Hindrance("unit_closed", {"unit": unit, "day": node.last, "successor": successor})
    if node.last is not None:
        return Hindrance("changed_later", {"unit": unit, "day": node.last + ONE_DAY})
    if changing and node.ahead is not None:
        return Hindrance("changed_later", {"unit": unit, "day": node.ahead[0]})
    if since is not None and since > day:
        return Hindrance("changed_later", {"unit": unit, "day": since})
    if changing and since == day:
        return Hindrance("changed_same_day", {"unit": unit, "day": since})
    return None
