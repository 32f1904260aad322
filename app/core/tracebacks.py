"""Tracebacks that hold no person's data: where it happened and what kind of error it was, not what it says.

Drivers and parsers put values into their messages: PostgreSQL names the row it refuses, asyncpg the argument,
Pydantic the input, int() the text. So an error's words are kept only where they can be of code alone.
"""

import traceback
from collections.abc import Iterator

import asyncpg

# Their words name attributes, types, modules, addresses of ours: nothing that somebody sent.
_OF_CODE = (AttributeError, NameError, ImportError, TypeError, NotImplementedError, RecursionError, OSError)
# Data exceptions, broken constraints, what triggers and procedures say: those quote rows.
_OF_ROWS = ("22", "23", "44", "P0")
_ABOUT = ("sqlstate", "schema_name", "table_name", "column_name", "constraint_name")
_DEEPEST = 10


def safe_traceback(error: BaseException) -> str:
    """The error, what it came from, and the frames of each, as Python would order them."""
    return "".join(_parts(error, _DEEPEST)).rstrip("\n")


def _parts(error: BaseException, depth: int) -> Iterator[str]:
    cause = error.__cause__
    before = cause if cause is not None or error.__suppress_context__ else error.__context__
    if before is not None and depth:
        yield from _parts(before, depth - 1)
        yield "\nwhich led to:\n" if before is cause else "\nwhile that was handled:\n"
    yield from traceback.format_tb(error.__traceback__)
    yield _said(error) + "\n"
    if isinstance(error, BaseExceptionGroup) and depth:
        for part in error.exceptions:
            yield "\none of them:\n"
            yield from _parts(part, depth - 1)


def _said(error: BaseException) -> str:
    kind = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    if isinstance(error, asyncpg.PostgresError):
        about = [f"{name}={found}" for name in _ABOUT if (found := getattr(error, name, None))]
        if not (error.sqlstate or "22").startswith(_OF_ROWS):
            about.append(str(error.args[0]) if error.args else "")
        return f"{kind}: {', '.join(about)}"
    return f"{kind}: {error}" if isinstance(error, _OF_CODE) else kind
