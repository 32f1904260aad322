"""How a citizen reaches a unit: whether a telephone number or a web address can be one. Pure.

Plausible, not proven: a slip of the finger is caught, and nothing that a page would offer as a link can do
more than call, write or open a site.
"""

import re
from urllib.parse import urlsplit

_PHONE = re.compile(r"\+?[0-9(][0-9 ().-]*[0-9]")
_HOST = re.compile(r"\w[\w.-]*")


def plausible_phone(value: str) -> bool:
    """3 to 15 digits: short numbers such as 1022, long ones with spaces, dots or brackets in between."""
    return bool(_PHONE.fullmatch(value)) and 3 <= sum(char.isdecimal() for char in value) <= 15


def plausible_url(value: str) -> bool:
    """An absolute http or https address with a host; no account, no space, no backslash in it."""
    if any(char.isspace() or char == "\\" for char in value):
        return False
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port  # reading the port checks it
    except ValueError:
        return False
    if parts.scheme not in {"http", "https"} or "@" in parts.netloc:
        return False
    return host is not None and _HOST.fullmatch(host) is not None
