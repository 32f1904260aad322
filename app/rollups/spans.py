"""Spans: a period cut into whole months and a few edge days, so that reading it costs little.

Pure. Cells are kept by day and by month; both add up to the same. A year from the middle of one month to the
middle of another is twelve months and at most 31 days, however many responses it holds.
"""

from datetime import date, timedelta
from typing import NamedTuple

from app.core.clock import month_end, month_start, next_month


class DayRange(NamedTuple):
    """Edge days, both included, to be added to the months or taken off them."""

    first: date
    last: date
    added: bool


class Spans(NamedTuple):
    """A period as [first month, month after the last) and at most two ranges of edge days.

    A month of which more than half belongs to the period is read whole and the rest of it taken off, so that
    never more than 16 days stand at either end.
    """

    months: tuple[date, date] | None
    days: tuple[DayRange, ...]

    @classmethod
    def of(cls, first: date, last: date) -> "Spans":
        """The cheapest spans for a period."""
        if month_start(first) == month_start(last):
            pieces = [(first, last)]
        else:
            pieces = [(first, month_end(first)), (month_start(last), last)]
        starts, ends = next_month(first), month_start(last)
        days = []
        for piece_first, piece_last in pieces:
            opening, closing = month_start(piece_first), month_end(piece_last)
            if 2 * ((piece_last - piece_first).days + 1) <= (closing - opening).days + 1:
                days.append(DayRange(piece_first, piece_last, added=True))
                continue
            starts, ends = min(starts, opening), max(ends, next_month(piece_last))
            if opening < piece_first:
                days.append(DayRange(opening, piece_first - timedelta(days=1), added=False))
            if piece_last < closing:
                days.append(DayRange(piece_last + timedelta(days=1), closing, added=False))
        return cls((starts, ends) if starts < ends else None, tuple(days))

    @property
    def signs(self) -> tuple[bool, ...]:
        """For each range of days whether it is added."""
        return tuple(days.added for days in self.days)

    def parameters(self) -> dict[str, date]:
        """The bounds by the names the statements use."""
        named = {"months_from": self.months[0], "months_to": self.months[1]} if self.months else {}
        for at, days in enumerate(self.days):
            named |= {f"days_from_{at}": days.first, f"days_to_{at}": days.last}
        return named
