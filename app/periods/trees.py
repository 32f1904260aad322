"""The tree a period is read by: that of its last day.

A reorganisation of the day after changes nothing of it, however late it is closed; one in its midst leaves
every unit where it last stood. So a unit that was closed keeps its own figures, beside its successor, and a
unit that moved counts for whatever it stood beneath at the end.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date

from sqlalchemy.ext.asyncio import AsyncSession

from app.periods.figures import Cell, Place
from app.units.forest import Forest
from app.units.reorganisations import read_forest


async def forest_of(session: AsyncSession) -> Forest:
    """Every unit with all its states."""
    return await read_forest(session)


def standing(forest: Forest, top: int, day: date) -> list[Place]:
    """A unit and everything that stood beneath it on a day, parents first; units before and after their life
    as well, since something may have been counted for them."""
    below: defaultdict[int, list[Place]] = defaultdict(list)
    for node in forest.values():
        state = node.on(day)
        if state.parent is not None:
            below[state.parent].append(Place(node.id, state.code, state.name, state.kind, state.parent))
    first = forest[top].on(day)
    found, level = [], [Place(top, first.code, first.name, first.kind, None)]
    seen = {top}
    while level:
        found += level
        level = sorted((one for above in level for one in below[above.id]), key=lambda one: one.code)
        level = [one for one in level if one.id not in seen]
        seen.update(one.id for one in level)
    return found


def alive(
    forest: Forest, places: Sequence[Place], cells: Mapping[int, Cell], first: date, last: date
) -> list[Place]:
    """Without the units that did not exist on any of the days, unless something was counted for them."""
    kept = {places[0].id}
    for place in reversed(places):
        node = forest[place.id]
        lived = (node.first is None or node.first <= last) and (node.last is None or first <= node.last)
        if place.id in kept or lived or any(cells.get(place.id, ())):
            kept.add(place.id)
            if place.parent_id is not None:
                kept.add(place.parent_id)
    return [place for place in places if place.id in kept]
