"""What of a line's details is left out for somebody who does not reach every unit. Pure.

A line is read by whoever reaches one of its units, and may name others: the parent a unit had before, the
other places where a person holds a role. Outside the reach they do not exist.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

_PLACES = ("unit", "unit_code")


def named_units(details: object) -> Iterator[str]:
    """The codes of all units that details name."""
    if isinstance(details, Mapping):
        for key, value in details.items():
            if key in {"parent", *_PLACES} and isinstance(value, str):
                yield value
            else:
                yield from named_units(value)
    elif isinstance(details, list):
        for value in details:
            yield from named_units(value)


def cut(details: Any, reached: Collection[str]) -> Any:
    """The details without units beyond these: a parent becomes null, a role held elsewhere is not listed."""
    if isinstance(details, Mapping):
        return {
            key: None
            if key in {"parent", *_PLACES} and isinstance(value, str) and value not in reached
            else cut(value, reached)
            for key, value in details.items()
        }
    if isinstance(details, list):
        return [cut(value, reached) for value in details if not _elsewhere(value, reached)]
    return details


def _elsewhere(value: object, reached: Collection[str]) -> bool:
    """Whether this entry of a list is about another place; null there means every unit."""
    if not isinstance(value, Mapping):
        return False
    return any(key in value and value[key] not in reached for key in _PLACES)
