"""What a verification says: which figure of which cell differs from the responses. Pure."""

from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

MAX_DIFFERENCES = 10_000
"""More than anybody reads; a table that was emptied differs in millions of cells."""


class Difference(NamedTuple):
    """One figure of one cell that is not what the responses say; None: there is, or should be, no cell."""

    table: str
    unit_code: str
    period: date
    questionnaire: str | None
    channel: str | None
    procedure: str | None
    field: str
    stored: int | None
    recounted: int | None

    def __str__(self) -> str:
        place = [self.unit_code, str(self.period), self.questionnaire, self.channel, self.procedure]
        where = " ".join(part for part in place if part is not None)
        return f"{self.table} {where}: {self.field} is {self.stored}, counted {self.recounted}"


@dataclass(slots=True)
class Verification:
    """What was found. `ignored` unit-days have marks; `truncated` when there are even more differences."""

    differences: list[Difference] = field(default_factory=list)
    ignored: int = 0
    cells: int = 0
    truncated: bool = False

    @property
    def many(self) -> str:
        """How many differences there are, as it is told."""
        return f"{'more than ' if self.truncated else ''}{len(self.differences):,}"
