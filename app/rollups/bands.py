"""Bands: the word beside a percentage (excellent, good, fair, average, weak).

Pure. A band is read from the exact ratio, never from the two decimals shown: 89.996 % is shown as
90.00 and is still "good", because rounding must not lift a unit over an edge. Edges are data, since
no published source fixes them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Bands:
    """Half-open bands [edge, next edge above), the best one closed at 100 %.

    `lower_edges`: band name -> lowest percentage that belongs to it, best band first. The last edge is
    0, so that every ratio has a band. ValueError unless the names are non-empty and the edges fall
    strictly from at most 100 down to 0. Floats are refused (TypeError): 0.1 is not what it says.
    """

    lower_edges: Mapping[str, int | Decimal]
    _ratios: tuple[tuple[str, Fraction], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name, edge in self.lower_edges.items():
            if isinstance(edge, float):
                raise TypeError(f"the edge of band {name!r} must be an int or a Decimal")
            if not name.strip():
                raise ValueError("a band needs a name")
            if isinstance(edge, Decimal) and not edge.is_finite():
                raise ValueError(f"the edge of band {name!r} is not a number")
        # A copy, so that a mapping changed later cannot change the bands behind the validation's back.
        ratios = tuple((name, Fraction(edge) / 100) for name, edge in self.lower_edges.items())
        edges = [edge for _, edge in ratios]
        if not edges or edges[-1] != 0:
            raise ValueError("the lowest band must begin at 0")
        if edges[0] > 1:
            raise ValueError("no band may begin above 100")
        if any(upper <= lower for upper, lower in pairwise(edges)):
            raise ValueError("bands must be given from best to worst, each edge below the one before")
        object.__setattr__(self, "_ratios", ratios)

    def of(self, ratio: Fraction) -> str:
        """Name of the band of an exact ratio in [0, 1]; ValueError outside."""
        above, below = ratio.numerator, ratio.denominator
        if above <= below:
            for name, edge in self._ratios:  # compared as whole numbers: many times faster, just as exact
                if above * edge.denominator >= edge.numerator * below:
                    return name
        raise ValueError(f"{ratio} is not a ratio between 0 and 1")


DEFAULT_BANDS = Bands({"excellent": 90, "good": 80, "fair": 70, "average": 50, "weak": 0})


def band(ratio: Fraction | None, edges: Bands = DEFAULT_BANDS) -> str | None:
    """Band of an unrounded ratio in [0, 1] (not a percentage); None where there is no valid answer."""
    return None if ratio is None else edges.of(ratio)
