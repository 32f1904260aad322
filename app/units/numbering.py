"""Which codes are free on a day, and which unit a code of that day means. Pure.

A code names a unit for ever, in links, files and figures of earlier years: none is given a second time.
Where codes were wrong they move (`recode`), in a ring if need be: then a code is free that nobody bears after
the day.
"""

from collections import defaultdict

from app.units.forest import Forest


class Numbering:
    """The codes of a tree while a reorganisation of it is planned; new units have negative keys."""

    def __init__(self, forest: Forest) -> None:
        self._units = {node.now.code: node.id for node in forest.values() if node.reached}
        self._known: set[str] = set()
        self._bearers: defaultdict[str, set[int]] = defaultdict(set)
        for node in forest.values():
            self._known.update(past.state.code for past in node.former)
            for state in (node.now, *(node.ahead or ())[1:]):
                self._bearers[state.code].add(node.id)
        self._leaving: set[int] = set()
        self._given: dict[str, int] = {}

    def unit(self, code: str) -> int | None:
        """The unit within reach that has the code before the day."""
        return self._units.get(code)

    def opened(self, code: str) -> int | None:
        """Who is given the code by this reorganisation."""
        return self._given.get(code)

    def after(self, code: str) -> int | None:
        """Whom the code means on the day itself."""
        return self._given.get(code, self._units.get(code))

    def is_new(self, code: str) -> bool:
        """Whether no unit has the code, had it or shall have it by another decision."""
        return code not in self._known and not self._bearers.get(code)

    def let_go(self, unit: int) -> None:
        """Note that the unit's code moves, and becomes free for another."""
        self._leaving.add(unit)

    def give(self, code: str, key: int) -> None:
        """Note that the unit has the code from the day on; the first who is given one keeps it."""
        self._given.setdefault(code, key)

    def open(self, code: str) -> None:
        """Note a unit that comes to be, under a key of its own."""
        self._given.setdefault(code, -1 - len(self._given))

    def may_take(self, code: str, unit: int, *, moves: bool) -> bool:
        """Whether a unit that stands may be given the code; `moves`: codes move by this change."""
        if code in self._given:
            return False
        return self._bearers[code] <= self._leaving | {unit} if moves else self.is_new(code)
