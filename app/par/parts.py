"""What several schemas of the room share: points, years, texts, and how they are shown.

Points leave as texts (`"85.59"`): a JSON number becomes a binary float in most programs, and sums of those
are not the sums of the points. They may come in as numbers or as texts.
"""

from decimal import Decimal
from fractions import Fraction
from math import isfinite
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from app.core.schema import In, Out, Title
from app.par.scores import plain, read_points
from app.par.templates import Words, bands_of

FIRST_YEAR, LAST_YEAR = 2000, 2100


def _number(value: object) -> Decimal:
    """A JSON number is taken as it is written shortest: 7.92 is 7.92 and nothing beside it."""
    number: Decimal | None = None
    if isinstance(value, (Decimal, int)) and not isinstance(value, bool):
        number = Decimal(value)
    elif isinstance(value, float) and isfinite(value):
        number = Decimal(repr(value))
    elif isinstance(value, str):
        number = read_points(value.strip())
    if number is None:
        raise PydanticCustomError("invalid_points", "points must be a number")
    return number


Points = Annotated[
    Decimal,
    BeforeValidator(_number),
    Field(description="At least 0, at most four decimals.", examples=["7.92"]),
]
Year = Annotated[int, Field(ge=FIRST_YEAR, le=LAST_YEAR)]


class WordsIn(In):
    """One text in both languages."""

    vi: Title
    en: Title


class WordsOut(Out):
    """One text in both languages."""

    vi: str
    en: str


class UnitNamed(Out):
    """A unit by code and name."""

    code: str
    name: str


def maybe(points: Decimal | None) -> str | None:
    """Points as a text, where there are any."""
    return None if points is None else str(plain(points))


def difference(points: Decimal | None, published: Decimal | None) -> str | None:
    """The exact sum less the published total."""
    return None if points is None or published is None else str(plain(points - published))


def band_of(template: str, points: Decimal | None) -> str | None:
    """The band of a total of 100 points, from the exact sum."""
    return None if points is None else bands_of(template).of(Fraction(points) / 100)


def said(words: Words) -> WordsOut:
    """A text as it is shown."""
    return WordsOut(vi=words.vi, en=words.en)
