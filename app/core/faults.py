"""A fault: one thing wrong with what somebody sent.

Pure. Checks anywhere in the house collect faults instead of stopping at the first, so that the
sender hears all of them at once. A fault carries a stable code and the values its sentence needs;
the sentences themselves live in `core/messages.py`, in Vietnamese and English.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import NamedTuple

_NO_PARAMS: Mapping[str, object] = MappingProxyType({})


class Fault(NamedTuple):
    """One fault: where (a JSON pointer, RFC 6901), what (a code of `messages.FAULTS`), with which values."""

    pointer: str
    code: str
    params: Mapping[str, object] = _NO_PARAMS


def pointer(*parts: str | int) -> str:
    """Join path parts to a JSON pointer: pointer("answers", "A1") -> "/answers/A1"."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


LONGEST_NAME = 64  # characters of an unknown name that are repeated to its sender


def shown(name: object) -> str:
    """A stranger's name, fit to be sent back: short, and valid UTF-8 even if half a surrogate came in."""
    text = str(name)
    if len(text) > LONGEST_NAME:
        text = text[:LONGEST_NAME] + "…"
    return text.encode("utf-8", "replace").decode("utf-8")


def unknown_field(known: Iterable[str], *place: str | int) -> Fault:
    """The fault of a name that nobody knows, with the one among `known` that is nearest to it."""
    *above, last = place
    name = shown(last)
    found = get_close_matches(name.lower(), list(known), n=1, cutoff=0)
    return Fault(pointer(*above, name), "unknown_field", {"nearest": found[0]} if found else _NO_PARAMS)
