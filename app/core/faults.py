"""A fault: one thing wrong with what somebody sent.

Pure. Checks anywhere in the house collect faults instead of stopping at the first, so that the
sender hears all of them at once. A fault carries a stable code and the values its sentence needs;
the sentences themselves live in `core/messages.py`, in Vietnamese and English.
"""

from collections.abc import Mapping
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
