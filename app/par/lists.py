"""What goes out about many units: a year's ranking, and who falls under the rule about last places."""

from typing import Annotated

from pydantic import Field

from app.core.schema import Out
from app.models.par import SheetState
from app.models.unit import UnitKind
from app.par.parts import UnitNamed
from app.par.ranking import Reason


class ChangeOut(Out):
    """Against the year before: points won (+) or lost, and places climbed (+) or fallen."""

    points: str
    ranks: int
    same_scale: Annotated[bool, Field(description="Whether domains and maxima were the same.")]


class RankedOut(Out):
    """A unit's sheet in the list of a year. Only final sheets have a rank."""

    unit: UnitNamed
    revision: int
    state: SheetState
    template: str
    points: str | None
    published_total: str | None
    difference: str | None
    band: str | None
    rank: int | None
    change: ChangeOut | None


class Ranking(Out):
    """Sheets of a year, best first; unranked ones at the end."""

    year: int
    kind: UnitKind
    parent: str | None
    ranked: Annotated[int, Field(description="How many the ranks are among.")]
    items: list[RankedOut]
    next: str | None


class YearPlace(Out):
    """Where a unit stood in a year; `from_below` is 1 where nobody was lower."""

    year: int
    points: str
    rank: int
    from_below: int
    among: int


class FindingOut(Out):
    """One half of the rule, with the years that say so."""

    reason: Reason
    years: list[YearPlace]


class FallenOut(Out):
    """A unit that falls under the rule."""

    unit: UnitNamed
    findings: list[FindingOut]


class LastPlaces(Out):
    """Units that came last two years running, or stood in the bottom three for three; `ranked` by year."""

    year: int
    kind: UnitKind
    parent: str | None
    ranked: dict[int, int]
    items: list[FallenOut]
