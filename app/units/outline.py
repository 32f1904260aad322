"""What comes in and goes out about reorganisations."""

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field, model_validator

from app.core.imports import ImportFault
from app.core.schema import Code, Day, In, Name, NewCode, Out, Title
from app.models.reorganisation import ReorganisationState
from app.models.unit import UnitKind
from app.units.changes import MAX_CHANGES, Change, ChangeKind, Target

EXAMPLE: dict[str, Any] = {
    "effective_on": "2025-07-01",
    "decision": "Nghị quyết số 1658/NQ-UBTVQH15",
    "changes": [
        {
            "kind": "merge",
            "from": ["09187", "09190"],
            "to": [{"code": "09187", "name": "Phường Kinh Bắc", "kind": "commune", "parent_code": "24"}],
        },
        {"kind": "merge", "from": ["09169"], "to": ["07210"]},
        {"kind": "rename", "from": ["07228"], "to": [{"code": "07228", "name": "Phường Ví Dụ"}]},
    ],
}


def _or_code(schema: dict[str, Any]) -> None:
    described = dict(schema)
    schema.clear()
    schema["anyOf"] = [{"type": "string", "description": "The code of a unit that stands."}, described]


class TargetIn(In):
    """A unit that results; a code alone (or a plain text) is one that stands already.

    What is left out stays as it was, and with a new unit is what its predecessors have in common.
    """

    model_config = ConfigDict(json_schema_extra=_or_code)

    code: NewCode
    name: Name | None = None
    kind: UnitKind | None = None
    parent_code: Code | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_code(cls, value: object) -> object:
        return {"code": value} if isinstance(value, str) else value

    def target(self) -> Target:
        """For the planner; a parent that is null and was sent means the top of the tree."""
        to_top = "parent_code" in self.model_fields_set and self.parent_code is None
        return Target(self.code, self.name, self.kind, self.parent_code, to_top)


class ChangeIn(In):
    """One change: which units it begins with, and what results."""

    kind: ChangeKind
    former: Annotated[list[Code], Field(alias="from", max_length=1000, default_factory=list)]
    to: Annotated[list[TargetIn], Field(max_length=1000, default_factory=list)]

    def change(self) -> Change:
        """For the planner."""
        return Change(self.kind, tuple(self.former), tuple(one.target() for one in self.to))


class ReorganisationIn(In):
    """A decision and all that it changes on one day."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE})

    effective_on: Day
    decision: Title
    changes: Annotated[list[ChangeIn], Field(min_length=1, max_length=MAX_CHANGES)]


class UnitState(Out):
    """A unit as it is on some day."""

    code: str
    name: str
    kind: str
    parent_code: str | None


class Opened(UnitState):
    """A unit that comes to be, and those it takes over from, wholly or in part."""

    predecessors: list[str]


class Closed(Out):
    """A unit that ends, with its last day."""

    code: str
    name: str
    last_day: date
    successors: list[str]


class Changed(Out):
    """A unit that goes on as another; what is not named does not change."""

    was: UnitState
    becomes: UnitState


class DeviceMove(Out):
    """A tablet of a closing unit; without `to` it stays, because no single unit takes over."""

    id: str
    name: str
    unit: str
    to: str | None


class AccountMove(Out):
    """People and partner systems whose reach begins at a closing unit; without `to` it stays there."""

    unit: str
    to: str | None
    people: int
    clients: int


class LinksKept(Out):
    """Links of a closing unit that can still be answered: they go on, and count for the unit that served.

    `visits_after_end`: visits it registered on or after the day; they stay where they are.
    """

    unit: str
    links: int
    visits_after_end: int


class FigureSum(Out):
    """What `boundaries=as_now` will add up for a unit, and the split units it has to leave out."""

    unit: str
    sums_up: list[str]
    left_out: list[str]


class Outcome(Out):
    """What a reorganisation does, or would do."""

    opened: list[Opened]
    closed: list[Closed]
    changed: list[Changed]
    devices: list[DeviceMove]
    accounts: list[AccountMove]
    links: list[LinksKept]
    figures: list[FigureSum]

    def lines(self) -> list[str]:
        """In a few words, for a shell."""
        staying = {one.unit for one in self.devices if one.to is None}
        staying |= {one.unit for one in self.accounts if one.to is None}
        tablets = sum(one.to is not None for one in self.devices)
        people = sum(one.people for one in self.accounts if one.to)
        clients = sum(one.clients for one in self.accounts if one.to)
        said = [
            f"{len(self.opened)} units opened, {len(self.closed)} closed, {len(self.changed)} changed.",
            f"{tablets} tablets, {people} people and {clients} partner systems move.",
            f"{sum(one.links for one in self.links)} links stay open for the units that served.",
        ]
        if staying:
            said.append(f"No single successor: what is at {', '.join(sorted(staying))} stays there.")
        if late := sum(one.visits_after_end for one in self.links):
            said.append(f"{late} visits were registered after the end of their unit; they stay with it.")
        return said


class ReorganisationSummary(Out):
    """A reorganisation in a list."""

    id: int
    decision: str
    effective_on: date
    state: ReorganisationState
    opened: int
    closed: int
    changed: int
    created_at: datetime
    in_force_at: datetime | None
    reverted_at: datetime | None


class ReorganisationOut(Out):
    """A reorganisation; `id` is null and `state` is `planned` as long as it is only tried (`dry_run`)."""

    id: int | None
    decision: str
    effective_on: date
    state: ReorganisationState | Annotated[str, Field(pattern="^planned$")]
    created_at: datetime | None
    in_force_at: datetime | None
    reverted_at: datetime | None
    outcome: Outcome


class ImportNote(Out):
    """A remark on a table: the row as a spreadsheet numbers it, if it is one's."""

    row: int | None
    code: str
    detail: str


class ReorganisationReport(Out):
    """What came of a file: the reorganisation, or all faults by row and column; then nothing is written.

    `notes`: where the table is incomplete, and what was made of it.
    """

    reorganisation: ReorganisationOut | None
    errors: list[ImportFault]
    notes: list[ImportNote]


class UnitVersionOut(UnitState):
    """What a unit was, is or will be between two days, both included; null: no end."""

    valid_from: date | None
    valid_to: date | None


class SuccessionOut(Out):
    """Who followed whom, and when; `split`: in part."""

    code: str
    name: str
    on: date
    kind: str


class UnitHistory(Out):
    """All states of a unit in order, those it took over from, and those that took over from it."""

    versions: list[UnitVersionOut]
    predecessors: list[SuccessionOut]
    successors: list[SuccessionOut]
