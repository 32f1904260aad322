"""What comes in and goes out about other people's measures."""

from typing import Annotated

from pydantic import ConfigDict, Field

from app.core.schema import In, Out, Title
from app.par.instruments import Measure
from app.par.parts import FIRST_YEAR, LAST_YEAR, Points, UnitNamed, WordsOut, Year

MAX_FIGURES = LAST_YEAR - FIRST_YEAR + 1


class FigureIn(In):
    """One year's figure."""

    year: Year
    value: Points
    n: Annotated[int | None, Field(ge=1, le=1_000_000_000, description="People it rests on.")] = None
    source: Title


class FiguresIn(In):
    """All figures of a unit by one instrument; what is not among them is removed."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"figures": [{"year": 2020, "value": "43.35", "n": 384, "source": "PAPI 2020"}]}
        }
    )

    figures: Annotated[list[FigureIn], Field(max_length=MAX_FIGURES)]


class FigureOut(Out):
    """One year's figure, with what is known of how it came about."""

    year: int
    value: str
    n: int | None
    source: str | None


class InstrumentOut(Out):
    """One instrument's figures, and what must be said with them."""

    instrument: str
    ours: bool
    title: WordsOut
    measure: Measure
    most: str
    note: WordsOut
    figures: list[FigureOut]


class Beside(Out):
    """Each instrument by itself: figures of two of them are never one line, one sum or one rank."""

    unit: UnitNamed
    note: WordsOut
    instruments: list[InstrumentOut]
