"""What a reorganisation looks like before it happens: the units, what moves, and what figures will add up."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date

from app.units.effects import Held, Served, Standing
from app.units.forest import ONE_DAY, Forest, State, Succession, beneath
from app.units.outline import (
    AccountMove,
    Changed,
    Closed,
    DeviceMove,
    FigureSum,
    LinksKept,
    Opened,
    Outcome,
    UnitState,
)
from app.units.succession import Reform


def heirs_in_words(forest: Forest, successions: Sequence[Succession]) -> dict[int, str]:
    """The codes of those who followed each unit; where they ended too, of those who followed them."""
    direct: defaultdict[int, list[int]] = defaultdict(list)
    for one in successions:
        if one.heir != one.former:
            direct[one.former].append(one.heir)

    def lasting(unit: int, seen: frozenset[int]) -> set[str]:
        if forest[unit].last is None or not direct[unit] or unit in seen:
            return {forest[unit].now.code}
        return set().union(*(lasting(heir, seen | {unit}) for heir in direct[unit]))

    closed = [unit for unit in direct if forest[unit].last is not None]
    return {unit: ", ".join(sorted(lasting(unit, frozenset()))) for unit in closed}


class Picture:
    """Puts a planned reform into codes and names."""

    def __init__(self, forest: Forest, successions: Sequence[Succession], reform: Reform, day: date) -> None:
        self._forest, self._reform, self._day = forest, reform, day
        self._successions = [*successions, *reform.successions]

    def outcome(
        self, devices: Sequence[Standing], accounts: Sequence[Held], served: Sequence[Served]
    ) -> Outcome:
        """All of it."""
        return Outcome(
            opened=self._opened(),
            closed=self._closed(),
            changed=self._changed(),
            devices=[
                DeviceMove(id=one.id, name=one.name, unit=self._code(one.unit), to=self._only_heir(one.unit))
                for one in devices
            ],
            accounts=[
                AccountMove(
                    unit=self._code(one.unit),
                    to=self._only_heir(one.unit),
                    people=one.people,
                    clients=one.clients,
                )
                for one in accounts
            ],
            links=[
                LinksKept(unit=self._code(one.unit), links=one.links, visits_after_end=one.after_end)
                for one in served
                if one.links or one.after_end
            ],
            figures=self._figures(),
        )

    def _state(self, key: int) -> State:
        reform = self._reform
        return reform.created.get(key) or reform.states.get(key) or self._forest[key].on(self._day)

    def _code(self, key: int) -> str:
        return self._state(key).code

    def _shown(self, state: State) -> dict[str, str | None]:
        above = state.parent
        seen = above is not None and (above not in self._forest or self._forest[above].reached)
        parent = self._code(above) if above is not None and seen else None
        return {"code": state.code, "name": state.name, "kind": state.kind, "parent_code": parent}

    def _only_heir(self, unit: int) -> str | None:
        heirs = self._reform.closed[unit]
        return self._code(heirs[0]) if len(heirs) == 1 else None

    def _opened(self) -> list[Opened]:
        before: defaultdict[int, list[str]] = defaultdict(list)
        for one in self._reform.successions:
            before[one.heir].append(self._code(one.former))
        return [
            Opened.model_validate({**self._shown(state), "predecessors": sorted(before[key])})
            for key, state in sorted(self._reform.created.items(), key=lambda item: item[1].code)
        ]

    def _closed(self) -> list[Closed]:
        last = self._day - ONE_DAY
        found = [
            Closed(
                code=self._code(unit),
                name=self._state(unit).name,
                last_day=last,
                successors=sorted(self._code(heir) for heir in heirs),
            )
            for unit, heirs in self._reform.closed.items()
        ]
        return sorted(found, key=lambda one: one.code)

    def _changed(self) -> list[Changed]:
        found = [
            Changed(
                was=UnitState.model_validate(self._was(unit)),
                becomes=UnitState.model_validate(self._shown(state)),
            )
            for unit, state in self._reform.states.items()
        ]
        return sorted(found, key=lambda one: one.was.code)

    def _was(self, unit: int) -> Mapping[str, str | None]:
        state = self._forest[unit].on(self._day - ONE_DAY)
        above = self._forest.get(state.parent) if state.parent is not None else None
        parent = above.on(self._day - ONE_DAY).code if above is not None and above.reached else None
        return {"code": state.code, "name": state.name, "kind": state.kind, "parent_code": parent}

    def _figures(self) -> list[FigureSum]:
        formers: defaultdict[int, list[int]] = defaultdict(list)
        split: defaultdict[int, set[int]] = defaultdict(set)
        for one in self._successions:
            if one.split:
                split[one.heir].add(one.former)
            else:
                formers[one.heir].append(one.former)
        return [
            FigureSum(
                unit=self._code(heir),
                sums_up=sorted(self._code(unit) for unit in beneath(heir, formers) - {heir}),
                left_out=sorted(self._code(unit) for unit in split[heir]),
            )
            for heir in sorted({one.heir for one in self._reform.successions}, key=self._code)
        ]
