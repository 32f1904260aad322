"""What a reorganisation would do to the tree: units opened, closed and changed, and every fault. Pure.

Why the tree stays a tree: every new parent lives on that day and does not end; whoever closes leaves no child
behind, and is nobody's heir or parent from that day on by another decision; loops are looked for on the day
itself and on each later day on which something decided takes effect. The order of the changes does not count.
What a change begins with is named by the codes before the day, what it ends with by those of the day.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial

from app.core.faults import Fault
from app.units.changes import GOES_ON, SIZES, Change, ChangeKind, Target
from app.units.forest import Forest, Node, State, Succession
from app.units.later import counted_on
from app.units.lifetime import hindrance
from app.units.loops import in_loops, turns
from app.units.numbering import Numbering

ONE_DAY = timedelta(days=1)


@dataclass(slots=True)
class Reform:
    """What to write. New units have negative keys; `states` are those of units that stand already."""

    created: dict[int, State] = field(default_factory=dict)
    states: dict[int, State] = field(default_factory=dict)
    closed: dict[int, tuple[int, ...]] = field(default_factory=dict)
    """Unit -> those that take over from it."""
    successions: list[Succession] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def plan_reform(
    forest: Forest,
    successions: Sequence[Succession],
    changes: Sequence[Change],
    day: date,
    *,
    heirs: Mapping[int, str],
    reaches_all: bool,
) -> Reform:
    """Judge the changes. `heirs`: who follows a closed unit, in words."""
    planner = _Planner(forest, successions, day, heirs, reaches_all)
    numbered = [(f"/changes/{number}", change.settled()) for number, change in enumerate(changes)]
    for at, change in numbered:
        planner.take(at, change)
    for at, change in sorted(numbered, key=lambda one: (one[1].kind != "recode", one[1].kind not in GOES_ON)):
        planner.resolve(at, change)  # what has a new code first: others may go by it
    planner.move_children()
    planner.settle_parents()
    planner.check_descriptions()
    planner.look_for_loops()
    return planner.reform


class _Planner:
    def __init__(
        self,
        forest: Forest,
        successions: Sequence[Succession],
        day: date,
        heirs: Mapping[int, str],
        reaches_all: bool,
    ) -> None:
        self.reform = Reform()
        self._forest, self._day, self._codes = forest, day, Numbering(forest)
        self._heirs, self._reaches_all = heirs, reaches_all
        self._counted_on = counted_on(forest, successions, day)
        self._touched: dict[int, str] = {}
        self._parents: dict[int, tuple[str, str]] = {}
        """Unit -> the code of the parent somebody named, and where."""
        self._at: dict[int, str] = {}
        self._described: list[tuple[int, Target, str]] = []
        """Units that stand already and are described where another ends in them."""

    def _accuse(self, at: str, code: str, **params: object) -> None:
        self.reform.faults.append(Fault(at, code, params))

    def take(self, at: str, change: Change) -> None:
        """Take hold of the units a change begins with, and of the codes it makes."""
        self._check_sizes(at, change)
        stays = {target.code for target in change.to} if change.kind in {"merge", "split"} else set()
        closing = []
        for place, code in enumerate(change.former):
            where = f"{at}/from/{place}"
            unit = self._codes.unit(code)
            if unit is None:
                self._accuse(where, "unit_unknown")
            elif unit in self._touched:
                self._accuse(where, "unit_touched_twice", first=self._touched[unit])
            else:
                self._touched[unit] = self._at[unit] = where
                lives = self._check_life(self._forest[unit], where, changing=True)
                if change.kind == "recode":
                    self._codes.let_go(unit)
                if change.kind not in GOES_ON and code not in stays:
                    closing.append(unit)
                    if lives:
                        self._check_end(self._forest[unit], where)
        self.reform.closed.update(dict.fromkeys(closing, ()))
        for place, target in enumerate(change.to):
            if change.kind in GOES_ON or self._continues(change, target):
                continue
            if target.described and self._codes.is_new(target.code):
                if self._codes.opened(target.code) is not None:
                    self._accuse(f"{at}/to/{place}/code", "duplicate_code")
                self._codes.open(target.code)

    def _check_sizes(self, at: str, change: Change) -> None:
        counts = len(change.former), len(change.to)
        for name, count, (fewest, most) in zip(("from", "to"), counts, SIZES[change.kind], strict=True):
            if count < fewest:
                self._accuse(f"{at}/{name}", "too_few_items", limit=fewest)
            elif most is not None and count > most:
                self._accuse(f"{at}/{name}", "too_many_items", limit=most)

    def resolve(self, at: str, change: Change) -> None:
        """Find or make the units a change ends with, and say who succeeds whom."""
        olds = [unit for unit in map(self._codes.unit, change.former) if unit is not None]
        if change.kind in GOES_ON:
            for place, target in enumerate(change.to[:1]):
                if olds:
                    self._restate(olds[0], target, f"{at}/to/{place}", change.kind)
            return
        found = []
        for place, target in enumerate(change.to):
            heir = self._heir(change, target, olds, f"{at}/to/{place}")
            if heir is not None:
                found.append(heir)
        for old in olds:
            if old in self.reform.closed:
                self.reform.closed[old] = tuple(found)
            if change.kind in {"merge", "split"} and (change.kind == "split" or old not in found):
                split = change.kind == "split"
                self.reform.successions += [Succession(old, heir, self._day, split) for heir in found]

    def _continues(self, change: Change, target: Target) -> bool:
        return change.kind in {"merge", "split"} and target.code in change.former

    def _heir(self, change: Change, target: Target, olds: Sequence[int], at: str) -> int | None:
        if self._continues(change, target):
            unit = self._codes.unit(target.code)
            if unit is not None and target.described:
                self._restate(unit, target, at, change.kind)
            return unit
        key = self._codes.opened(target.code)
        if key is not None and key < 0:
            if target.described and key not in self.reform.created:
                self._create(key, target, olds, at)
            return key
        unit = self._codes.after(target.code)
        stands = unit is not None and self._forest[unit].last is None
        if target.described and (change.kind == "create" or not stands):
            self._accuse(f"{at}/code", "code_in_use")
            return None
        if change.kind == "create":
            self._accuse(f"{at}/name", "missing")
            return None
        if unit is not None and target.described:
            self._described.append((unit, target, f"{at}/code"))
        if unit is None:
            self._accuse(f"{at}/code", "unit_unknown")
        elif unit in self.reform.closed:
            self._accuse(f"{at}/code", "unit_touched_twice", first=self._touched[unit])
        elif self._check_life(self._forest[unit], f"{at}/code", changing=False):
            return unit
        return None

    def _create(self, key: int, target: Target, olds: Sequence[int], at: str) -> None:
        was = [self._forest[old].on(self._day) for old in olds]
        kinds, parents = {one.kind for one in was}, {one.parent for one in was}
        kind = target.kind or (kinds.pop() if len(kinds) == 1 else None)
        for name, value in (("name", target.name), ("kind", kind)):
            if value is None:
                self._accuse(f"{at}/{name}", "missing")
        parent = None
        self._at[key] = f"{at}/parent_code"
        if target.parent is not None:
            self._parents[key] = target.parent, f"{at}/parent_code"
        elif len(parents) == 1 and not target.to_top:
            parent = parents.pop()
        elif not target.to_top and olds:
            self._accuse(f"{at}/parent_code", "parent_needed")
        beyond = not self._reaches_all if parent is None else not self._forest[parent].reached
        if target.parent is None and beyond:
            self._accuse(f"{at}/parent_code", "parent_needed")
        self.reform.created[key] = State(target.code, target.name or "", kind or "", parent)

    def _restate(self, unit: int, target: Target, at: str, kind: ChangeKind) -> None:
        was = self._forest[unit].on(self._day)
        if target.code != was.code:
            if not self._codes.may_take(target.code, unit, moves=kind == "recode"):
                self._accuse(f"{at}/code", "code_in_use")
            self._codes.give(target.code, unit)
        if target.parent is not None:
            self._parents[unit] = target.parent, f"{at}/parent_code"
        elif target.to_top and not self._reaches_all:
            self._accuse(f"{at}/parent_code", "parent_needed")
        parent = None if target.to_top else was.parent
        state = State(target.code, target.name or was.name, target.kind or was.kind, parent)
        same_parent = target.parent is None or self._codes.after(target.parent) == was.parent
        if state != was or not same_parent:
            self.reform.states[unit] = state
        elif kind in GOES_ON:
            self._accuse(at, "nothing_changes")

    def _check_life(self, node: Node, at: str, *, changing: bool) -> bool:
        """Whether a unit lives on the day and, if it is about to change, nothing else stands in the way."""
        heirs = self._heirs.get(node.id, "—")
        found = hindrance(node, self._day, heirs, changing=changing)
        if found is not None:
            self._accuse(at, found.code, **found.params)
        return found is None

    def _check_end(self, node: Node, at: str) -> None:
        """Whether another decision makes it an heir or a parent on the day it would be gone, or after."""
        when = self._counted_on.get(node.id)
        if when is not None:
            code = "changed_same_day" if when == self._day else "changed_later"
            self._accuse(at, code, unit=node.now.code, day=when)

    def _state(self, key: int, day: date) -> State:
        new = self.reform.created.get(key) or self.reform.states.get(key)
        return new or self._forest[key].on(day)

    def move_children(self) -> None:
        """Children of a unit with one successor go with it; elsewhere somebody must say where they go."""
        left: defaultdict[int, list[str]] = defaultdict(list)
        closed = self.reform.closed
        for node in self._forest.values():
            state = self._state(node.id, self._day)
            if state.parent not in closed or node.id in closed or node.id in self._parents:
                continue
            if node.last is not None and node.last < self._day:
                continue
            above, heirs = state.parent, closed[state.parent]
            if len(heirs) != 1:
                left[above].append(state.code)
            elif node.id in self._touched or self._check_life(node, self._touched[above], changing=True):
                self.reform.states[node.id] = state._replace(parent=heirs[0])
                self._at.setdefault(node.id, self._touched[above])
        for above, codes in left.items():
            self._accuse(self._touched[above], "children_left", children=", ".join(sorted(codes)))

    def settle_parents(self) -> None:
        """Put every unit below the parent that was named, or that its predecessors had."""
        for key, state in list(self.reform.created.items()):
            if state.parent in self.reform.closed:
                heirs = self.reform.closed[state.parent]
                if len(heirs) != 1:
                    self._accuse(self._at[key], "parent_closed", parent=self._forest[state.parent].now.code)
                else:
                    self.reform.created[key] = state._replace(parent=heirs[0])
        for key, (code, at) in self._parents.items():
            parent = self._codes.after(code)
            if parent is None:
                self._accuse(at, "unknown_parent", parent=code)
                continue
            node = self._forest.get(parent)
            lives = node is None or (node.last is None and (node.first is None or node.first <= self._day))
            if not lives or parent in self.reform.closed:
                self._accuse(at, "parent_closed", parent=code)
                continue
            states = self.reform.created if key < 0 else self.reform.states
            if key in states or key > 0:
                states[key] = self._state(key, self._day)._replace(parent=parent)

    def check_descriptions(self) -> None:
        """A unit that stands may be described where another ends in it, as it is on the day."""
        for unit, target, at in self._described:
            state = self._state(unit, self._day)
            above = None if target.parent is None else self._codes.after(target.parent)
            differs = (
                target.name not in {None, state.name},
                target.kind not in {None, state.kind},
                (target.parent is not None or target.to_top) and above != state.parent,
            )
            if any(differs):
                self._accuse(at, "stands_already", unit=state.code, name=state.name)

    def look_for_loops(self) -> None:
        """On the day, and on each later day on which anything came, or will come, to stand somewhere else."""
        moved = [*self.reform.created, *self.reform.states]
        looped = {
            key
            for day in turns(self._forest, self._day)
            for key in in_loops(moved, partial(self._parent_on, day=day))
            if key in self._at
        }
        for key in sorted(looped):
            self._accuse(self._at[key], "parent_loop")

    def _parent_on(self, key: int, day: date) -> int | None:
        return self._state(key, day).parent
