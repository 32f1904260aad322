"""The tree in time: where each unit stood on a day, and what a unit was, or is now, made of. Pure.

Each unit has one state on every day: the states it had, one after the other, then the present one, then the
one to come if a change is decided. Before its first day a unit stands where it first stood, after its last
where it last stood: whatever was counted for it on such a day (a tablet was offline, a file came late)
belongs to somebody, and the figures of the whole lose nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, NamedTuple

from app.core.text import fold

ONE_DAY = timedelta(days=1)


def search_text(code: str, name: str) -> str:
    """What a search for units is matched against."""
    return fold(f"{name} {code}")


class State(NamedTuple):
    """What may change of a unit."""

    code: str
    name: str
    kind: str
    parent: int | None

    @property
    def searched(self) -> str:
        """What a search is matched against."""
        return search_text(self.code, self.name)


class Former(NamedTuple):
    """A state of the past with its last day."""

    last: date
    state: State


@dataclass(frozen=True, slots=True)
class Node:
    """A unit with all its states. `former` is in order; `ahead` is a decided change and its day."""

    id: int
    first: date | None
    last: date | None
    now: State
    former: tuple[Former, ...] = ()
    ahead: tuple[date, State] | None = None
    reached: bool = True

    def on(self, day: date) -> State:
        """The state on a day; outside its life the nearest."""
        if self.last is not None and day > self.last:
            day = self.last
        for past in self.former:
            if day <= past.last:
                return past.state
        if self.ahead is not None and day >= self.ahead[0]:
            return self.ahead[1]
        return self.now

    def exists(self, day: date) -> bool:
        """Whether the unit may serve on that day."""
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)

    @property
    def since(self) -> date | None:
        """The first day of the present state; None: from the beginning."""
        return self.former[-1].last + ONE_DAY if self.former else self.first

    def changes(self) -> Iterator[date]:
        """The days on which it came to stand somewhere else while it lived."""
        days = [past.last + ONE_DAY for past in self.former] + ([self.ahead[0]] if self.ahead else [])
        for day in days:
            lives = self.last is None or day <= self.last
            if lives and self.on(day).parent != self.on(day - ONE_DAY).parent:
                yield day


class Succession(NamedTuple):
    """`heir` took over from `former` on a day: all of it, or with `split` a part."""

    former: int
    heir: int
    day: date
    split: bool


class Piece(NamedTuple):
    """Some units on some days, both included."""

    first: date
    last: date
    units: tuple[int, ...]


class LeftOut(NamedTuple):
    """A split: what was counted for `unit` before `day` cannot be told apart by its `heirs`."""

    unit: int
    day: date
    heirs: tuple[int, ...]


Forest = Mapping[int, Node]


def below(top: int, parents: Iterable[tuple[int, int | None]]) -> set[int]:
    """A unit and everything beneath it, given (unit, parent); a loop, which there should never be, ends."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    for unit, parent in parents:
        if parent is not None:
            children[parent].append(unit)
    return beneath(top, children)


def beneath(top: int, children: Mapping[int, Sequence[int]]) -> set[int]:
    """The same, given each unit's children."""
    found, waiting = {top}, [top]
    while waiting:
        for child in children.get(waiting.pop(), ()):
            if child not in found:
                found.add(child)
                waiting.append(child)
    return found


def as_restored(forest: Forest, touched: Iterable[Mapping[str, Any]], day: date) -> Forest:
    """The tree once a reorganisation of that day is taken back: `touched` as it is kept with it.

    A state that begins or ends with the day is the reorganisation's own: no two change a unit on one day.
    """
    found = dict(forest)
    for one in touched:
        was, node = one["was"], found.pop(one["id"])
        if was is None:
            continue
        former = node.former[:-1] if node.former and node.former[-1].last == day - ONE_DAY else node.former
        found[node.id] = replace(
            node,
            first=date.fromisoformat(was["valid_from"]) if was["valid_from"] else None,
            last=date.fromisoformat(was["valid_to"]) if was["valid_to"] else None,
            now=State(was["code"], was["name"], was["kind"], was["parent_id"]),
            former=former,
            ahead=node.ahead if node.ahead is not None and node.ahead[0] != day else None,
        )
    return found


def as_was(forest: Forest, top: int, first: date, last: date) -> list[Piece]:
    """What stood beneath a unit on each day of a period, in as few pieces as there are different spans."""
    turns = sorted({day for node in forest.values() for day in node.changes() if first < day <= last})
    spans: defaultdict[int, list[tuple[date, date]]] = defaultdict(list)
    closings = [*(turn - ONE_DAY for turn in turns), last]  # the last day of all has none after it
    for opening, closing in zip([first, *turns], closings, strict=True):
        for unit in below(top, ((node.id, node.on(opening).parent) for node in forest.values())):
            mine = spans[unit]
            if mine and mine[-1][1] + ONE_DAY == opening:
                mine[-1] = mine[-1][0], closing
            else:
                mine.append((opening, closing))
    pieces: defaultdict[tuple[date, date], list[int]] = defaultdict(list)
    for unit in sorted(spans):
        for span in spans[unit]:
            pieces[span].append(unit)
    return [Piece(*span, tuple(units)) for span, units in sorted(pieces.items())]


def as_now(
    forest: Forest,
    successions: Sequence[Succession],
    top: int,
    first: date,
    last: date,
    today: date,
    *,
    own: bool = False,
) -> tuple[list[Piece], list[LeftOut]]:
    """What today's unit is made of, and the splits that cannot be shared out.

    A merged unit belongs to its heir, and to the heir's heir. A unit that was split belongs to whoever holds
    all of its parts today; to nobody else. With `own` only the unit and those it took over from. A unit that
    is closed has no part in today's tree: asked for itself, it is what it was on its last day.
    """
    closed = forest[top].last
    if closed is not None:
        today = min(today, closed)
    done = [one for one in successions if one.day <= today]
    merged = [(one.former, one.heir) for one in done if not one.split]
    heirs = dict(merged)
    parts: defaultdict[tuple[int, date], list[int]] = defaultdict(list)
    for one in done:
        if one.split:
            parts[one.former, one.day].append(one.heir)

    def stands(node: Node) -> int | None:
        return heirs.get(node.id, node.on(today).parent)

    members = below(top, merged if own else ((node.id, stands(node)) for node in forest.values()))
    begins: dict[int, date] = {}
    left_out = []
    for (unit, day), takers in sorted(parts.items(), key=lambda item: item[0][::-1], reverse=True):
        if (members - begins.keys()).issuperset(takers):
            members |= below(unit, merged)
        elif unit in members or not members.isdisjoint(takers):
            left_out.append(LeftOut(unit, day, tuple(sorted(takers))))
            # who came to it on the day itself came to what remains of it, not to what was shared out
            before = below(unit, [(one.former, one.heir) for one in done if not one.split and one.day < day])
            members -= before - {unit}
            if unit in takers and unit in members:
                begins[unit] = max(day, begins.get(unit, day))
            else:
                members.discard(unit)
    pieces: defaultdict[date, list[int]] = defaultdict(list)
    for unit in sorted(members):
        pieces[max(first, begins.get(unit, first))].append(unit)
    found = [Piece(start, last, tuple(units)) for start, units in sorted(pieces.items()) if start <= last]
    return found, left_out[::-1]
