"""Who is counted on: heirs and parents of days to come, of which nothing stands on the units. Pure."""

from collections.abc import Iterable
from datetime import date

from app.units.forest import Forest, Succession


def counted_on(forest: Forest, successions: Iterable[Succession], day: date) -> dict[int, date]:
    """Unit -> the first day on which another takes its place beneath it, or it takes over from another.

    Of days from the given one on; whoever stands beneath it on that day itself is left to those who ask.
    """
    found: dict[int, date] = {}

    def note(unit: int, when: date) -> None:
        found[unit] = min(when, found.get(unit, when))

    for one in successions:
        if one.day >= day:
            note(one.heir, one.day)
    for node in forest.values():
        for turn in node.changes():
            above = node.on(turn).parent
            if turn > day and above is not None:
                note(above, turn)
    return found
