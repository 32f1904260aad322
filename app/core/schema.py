"""Base models of what comes in and goes out, and the text types every room shares.

`In` refuses unknown fields: a misspelt field is a fault somebody hears of, not a value lost in silence.
Texts refuse NUL and other control characters, which PostgreSQL cannot store or nobody can read.
"""

import re
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, StringConstraints
from pydantic_core import PydanticCustomError

from app.core.clock import read_day
from app.core.text import clean, first_hidden, fits_in_address, respell

_CONTROL = re.compile(r"[\x00-\x1f\x7f\x80-\x9f\u2028\u2029\ud800-\udfff]")
_CONTROL_BUT_BREAKS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x9f\ud800-\udfff]")
_DATED = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]")


class In(BaseModel):
    """What somebody sends: unknown fields are faults, values never change afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Out(BaseModel):
    """What we answer."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


def _one_line(value: str) -> str:
    if _CONTROL.search(value):
        raise PydanticCustomError("invalid_character", "control characters are not allowed")
    return value


def _lines(value: str) -> str:
    if _CONTROL_BUT_BREAKS.search(value):
        raise PydanticCustomError("invalid_character", "control characters are not allowed")
    return value


Line = Annotated[str, StringConstraints(min_length=1, max_length=300), AfterValidator(_one_line)]
"""One line of text, 1 to 300 characters."""

Code = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_one_line)]
"""A code of somebody's register: text, not meaning; 1 to 64 characters."""

Paragraphs = Annotated[str, StringConstraints(max_length=2000), AfterValidator(_lines)]
"""Free text with line breaks, at most 2,000 characters."""


def _storable(value: str) -> str:
    stored = clean(value)
    if not stored or first_hidden(stored) is not None:
        raise PydanticCustomError("invalid_character", "hidden characters are not allowed")
    return stored


def _address_part(value: str) -> str:
    if not fits_in_address(value):
        raise PydanticCustomError("invalid_character", "slashes are not allowed")
    return value


Title = Annotated[Line, AfterValidator(_storable)]
"""A name to keep: one line as `text.clean` leaves it, nothing hidden in it."""

Name = Annotated[Title, AfterValidator(respell)]
"""A name of a register to keep: as `Title`, with our own letters where others only look like them."""

NewCode = Annotated[Code, AfterValidator(_storable), AfterValidator(respell), AfterValidator(_address_part)]
"""A code to keep: as `Name`, and fit to stand in an address (`/api/v1/units/{code}`)."""


def _dated(value: object) -> object:
    if not isinstance(value, str) or not _DATED.match(value):
        raise PydanticCustomError("invalid_instant", "an instant is a text that begins with its day")
    return value


Instant = Annotated[AwareDatetime, BeforeValidator(_dated)]
"""An aware instant as RFC 3339 text: Pydantic alone would take a number, bare or in quotes, for seconds since
1970, and a large one for milliseconds."""


def _day(value: object) -> date:
    day = read_day(value) if isinstance(value, str) else None
    if day is None:
        raise PydanticCustomError("invalid_date", "a day must look like YYYY-MM-DD")
    return day


Day = Annotated[date, BeforeValidator(_day)]
"""A local day as `YYYY-MM-DD`: Pydantic alone would take a bare number for seconds since 1970."""
