"""The six integer sums from which every percentage and interval is computed.

Pure. A cell of a rollup keeps these sums instead of percentages because sums can be added: over
days, channels and a subtree, in any order, without losing anything. Six suffice because the ratio
estimator's variance is a quadratic form in (x, y). All are integers, so equal responses give equal
cells bit for bit, which is what lets `sipas verify` compare them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over the responses with at least one valid answer among one set of criteria.

    For response i: x_i valid answers (1 to the number of criteria), y_i of them satisfied (0 to x_i).

    n: number of such responses; x, y: sums of x_i and y_i; xx, xy, yy: sums of x_i^2, x_i*y_i, y_i^2.
    The fields stand in the order in which the rollup tables store them.
    """

    n: int
    x: int
    y: int
    xx: int
    xy: int
    yy: int

    @classmethod
    def zero(cls) -> Self:
        """The sums of no responses: the start value for `sum(cells, Sums.zero())`."""
        return cls(0, 0, 0, 0, 0, 0)

    @classmethod
    def from_row(cls, row: Sequence[int]) -> Self:
        """Read the six integers as stored, in field order; ValueError if there are not six."""
        n, x, y, xx, xy, yy = row
        return cls(n, x, y, xx, xy, yy)

    @classmethod
    def from_pairs(cls, pairs: Iterable[tuple[int, int]]) -> Self:
        """Count responses given as (valid answers, satisfied answers).

        Responses without a valid answer are left out, as in the tables. ValueError if a pair has more
        satisfied answers than answers, or a negative number.
        """
        n = x = y = xx = xy = yy = 0
        for answers, satisfied in pairs:
            if not 0 <= satisfied <= answers:
                raise ValueError(f"{satisfied} satisfied of {answers} answers is impossible")
            if answers:
                n += 1
                x += answers
                y += satisfied
                xx += answers * answers
                xy += answers * satisfied
                yy += satisfied * satisfied
        return cls(n, x, y, xx, xy, yy)

    @classmethod
    def of_criterion(cls, answers: int, satisfied: int) -> Self:
        """The sums of one criterion, where x_i is 1 and y_i is 0 or 1, so squares equal their roots."""
        if not 0 <= satisfied <= answers:
            raise ValueError(f"{satisfied} satisfied of {answers} answers is impossible")
        return cls(answers, answers, satisfied, answers, satisfied, satisfied)

    def __add__(self, other: "Sums") -> "Sums":
        """Sums of the two disjoint sets of responses together."""
        return Sums(
            self.n + other.n,
            self.x + other.x,
            self.y + other.y,
            self.xx + other.xx,
            self.xy + other.xy,
            self.yy + other.yy,
        )

    def __sub__(self, other: "Sums") -> "Sums":
        """Sums of what is left when a part of the responses is taken away."""
        return Sums(
            self.n - other.n,
            self.x - other.x,
            self.y - other.y,
            self.xx - other.xx,
            self.xy - other.xy,
            self.yy - other.yy,
        )
