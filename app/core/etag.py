"""Entity tags: has what you hold changed? Pure (RFC 9110, sections 8.8.3 and 13.1.2).

A tag is a fingerprint of the bytes we would send, so nobody has to remember to raise a version number.
"""

import re
from hashlib import sha256

from pydantic import BaseModel

_TAG_BYTES = 16
_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


def json_of(content: BaseModel) -> bytes:
    """A model as the bytes that are sent and tagged."""
    return content.model_dump_json().encode()


def etag_of(payload: bytes) -> str:
    """The strong tag of a body, quotes included."""
    return f'"{sha256(payload).digest()[:_TAG_BYTES].hex()}"'


def matches(if_none_match: str | None, etag: str) -> bool:
    """Whether an If-None-Match header names the tag: lists, `*` and weak tags (proxies weaken ours) count.

    Weak comparison ignores the W/ on either side. A header we cannot read names nothing.
    """
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or etag.removeprefix("W/") in _TAG.findall(if_none_match)
