"""What comes in and goes out about units."""

from collections.abc import Callable
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from app.core.schema import Day, In, Line, Name, NewCode, Out, Title
from app.core.text import plausible_email
from app.models.unit import UnitKind
from app.units.contact import plausible_phone, plausible_url
from app.units.hours import WEEKDAYS, Weekday, first_overlap, minute_of
from app.units.queries import Found, InForce

EXAMPLE_CONTACT: dict[str, JsonValue] = {
    "phone": "0222 3822 333",
    "email": "motcua@phuong.example.vn",
    "url": "https://phuong.example.vn/gop-y",
    "address": "Số 1 phố Ví Dụ",
}
EXAMPLE_HOURS: dict[str, JsonValue] = {
    "mon": [["07:30", "11:30"], ["13:30", "17:00"]],
    "sat": [["08:00", "11:30"]],
}


def _must(
    plausible: Callable[[str], bool], code: Literal["invalid_phone", "invalid_email", "invalid_url"]
) -> AfterValidator:
    def check(value: str) -> str:
        if not plausible(value):
            raise PydanticCustomError(code, "the value is not plausible")
        return value

    return AfterValidator(check)


class ContactIn(In):
    """How citizens reach a unit; at least one way."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE_CONTACT})

    phone: Annotated[Line, _must(plausible_phone, "invalid_phone")] | None = None
    email: Annotated[Line, _must(plausible_email, "invalid_email")] | None = None
    url: Annotated[Line, _must(plausible_url, "invalid_url")] | None = None
    address: Title | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_dump(exclude_none=True):
            raise PydanticCustomError("blank", "a contact names at least one way")
        return self


def _time(value: str) -> str:
    if minute_of(value) is None:
        raise PydanticCustomError("invalid_time", "a time must look like HH:MM")
    return value


def _forward(span: tuple[str, str]) -> tuple[str, str]:
    if span[0] >= span[1]:
        raise PydanticCustomError("hours_reversed", "a span ends after it begins")
    return span


def _apart(spans: list[tuple[str, str]]) -> list[tuple[str, str]]:
    overlap = first_overlap(spans)
    if overlap is not None:
        first, second = ("–".join(span) for span in overlap)
        raise PydanticCustomError(
            "hours_overlap", "{second} overlaps with {first}", {"first": first, "second": second}
        )
    return sorted(spans)


Time = Annotated[
    str,
    AfterValidator(_time),
    Field(json_schema_extra={"pattern": "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"}),
]
Spans = Annotated[
    list[Annotated[tuple[Time, Time], AfterValidator(_forward)]],
    Field(max_length=6),
    AfterValidator(_apart),
]


class OpeningHoursIn(In):
    """A week: for each day the spans in which the unit is open, local time. A day left out is closed.

    "24:00" is the end of a day; what goes on past midnight is two spans.
    """

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE_HOURS})

    mon: Spans | None = None
    tue: Spans | None = None
    wed: Spans | None = None
    thu: Spans | None = None
    fri: Spans | None = None
    sat: Spans | None = None
    sun: Spans | None = None

    def to_store(self) -> dict[str, list[list[str]]]:
        """The days with hours, as the table keeps them."""
        days: list[tuple[str, list[tuple[str, str]] | None]] = [(day, getattr(self, day)) for day in WEEKDAYS]
        return {day: [list(span) for span in spans] for day, spans in days if spans}


class UnitChange(In):
    """What shall change. What is absent stays; null is inherited again from the nearest unit above."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"contact": EXAMPLE_CONTACT, "opening_hours": EXAMPLE_HOURS}}
    )

    contact: ContactIn | None = None
    opening_hours: OpeningHoursIn | None = None
    require_totp: bool = False
    """Whether staff of this unit and of those beneath must have a second factor."""


class NewUnit(In):
    """A unit to add. Without a parent it stands at the top: only who reaches every unit may do that."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "code": "09187",
                "name": "Phường Kinh Bắc",
                "kind": "commune",
                "parent_code": "24",
                "valid_from": "2025-07-01",
            }
        }
    )

    code: NewCode
    name: Name
    kind: UnitKind
    parent_code: NewCode | None = None
    valid_from: Day | None = None


class Contact(Out):
    """How citizens reach a unit."""

    phone: str | None = None
    email: str | None = None
    url: str | None = None
    address: str | None = None


class UnitOut(Out):
    """A unit. `parent_code` is null at the top of the tree and at the top of your reach.

    `contact` and `opening_hours` are those in force; `inherited` names the ones that come from a unit above.
    Null where neither it nor any unit above says so; the usual office hours hold then.
    """

    code: str
    name: str
    kind: UnitKind
    parent_code: str | None
    valid_from: date | None
    valid_to: date | None
    contact: Contact | None
    opening_hours: dict[Weekday, list[tuple[str, str]]] | None
    inherited: list[Literal["contact", "opening_hours"]]
    require_totp: bool

    @classmethod
    def of(cls, found: Found, in_force: InForce) -> "UnitOut":
        """Show a unit."""
        unit = found.unit
        return cls.model_validate(
            {
                "code": found.code,
                "name": found.name,
                "kind": found.kind,
                "parent_code": found.parent_code,
                "valid_from": unit.valid_from,
                "valid_to": unit.valid_to,
                "contact": in_force.contact,
                "opening_hours": in_force.opening_hours,
                "inherited": in_force.inherited,
                "require_totp": unit.require_totp,
            }
        )
