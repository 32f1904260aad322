"""Ranks of units by their totals, change against the year before, and the rule about last places. Pure.

Ranks are competition ranks on exact totals: equal totals share the better rank, and the next one skips
(1, 2, 2, 4). Places from below are counted the same way, from the lowest total up.

The rule (Bắc Giang, domain.md): a unit falls under it in a year when it came last in that year and in the
year before, or stood in the bottom three in that year and in the two before. What its sentence leaves open is
decided here, once:

- *Running* means calendar years without a gap: a year in which a unit was not ranked breaks its run.
- Ties count against all who share the place: whoever has the lowest total is last, with others or alone.
- Whoever nobody stands above is neither last nor in the bottom three: one unit alone, or all with one total.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal, NamedTuple, TypeVar

K = TypeVar("K")

LAST_YEARS = 2
BOTTOM_YEARS = 3
BOTTOM_PLACES = 3

Reason = Literal["last_two_years", "bottom_three_three_years"]
Totals = Mapping[K, Decimal]


class Place(NamedTuple):
    """Where a unit stands in a year: from above, from below (1: nobody is lower), and among how many."""

    rank: int
    from_below: int
    among: int


class Finding(NamedTuple):
    """Why a unit falls under the rule, and the years that say so."""

    reason: Reason
    years: tuple[int, ...]


def places(totals: Mapping[K, Decimal]) -> dict[K, Place]:
    """Everybody's place."""
    falling = sorted(totals.values(), reverse=True)
    above: dict[Decimal, int] = {}
    below: dict[Decimal, int] = {}
    for number, total in enumerate(falling):
        above.setdefault(total, number)
        below[total] = len(falling) - 1 - number
    return {key: Place(above[total] + 1, below[total] + 1, len(falling)) for key, total in totals.items()}


def falls_under(history: Mapping[int, Mapping[K, Place]], year: int) -> dict[K, list[Finding]]:
    """Units that fall under the rule in `year`; `history` holds each year's places. Others are left out."""
    found: dict[K, list[Finding]] = {}
    rules: tuple[tuple[Reason, int, int], ...] = (
        ("last_two_years", LAST_YEARS, 1),
        ("bottom_three_three_years", BOTTOM_YEARS, BOTTOM_PLACES),
    )
    for reason, length, lowest in rules:
        years = tuple(range(year - length + 1, year + 1))
        for key in history.get(year, {}):
            if all(_is_low(history.get(one, {}).get(key), lowest) for one in years):
                found.setdefault(key, []).append(Finding(reason, years))
    return found


def _is_low(place: Place | None, lowest: int) -> bool:
    return place is not None and place.rank > 1 and place.from_below <= lowest
