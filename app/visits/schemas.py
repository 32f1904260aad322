"""What partner systems send and what they and citizens hear.

The outer shape of a call is judged as a whole; each visit is judged by itself with `read_visit`, because
one bad dossier must never keep nine hundred good ones from their links. So the list takes any item:
OpenAPI says both, the form that leads to a link and that anything else is accepted and answered as
`rejected`.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    SkipValidation,
    StrictInt,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
)

from app.core.clock import local_day
from app.core.errors import fault_of
from app.core.faults import Fault, pointer
from app.core.openapi import ProblemBody
from app.core.schema import Code, Day, In, Line, Out
from app.questionnaires.definition import Definition
from app.visits.links import LinkCodes
from app.visits.queries import LinkedVisit
from app.visits.receipts import Receipt
from app.visits.sheet import COLUMNS, MOST_RECEIPTS

MAX_VISITS = 1000
MAX_FAULTS = 20
LONGEST_NAME = 64  # characters of an unknown field's name that are repeated to its sender


def _reference(value: object) -> object:
    return {"code": value} if isinstance(value, str) else value


Counter = Annotated[Line, StringConstraints(max_length=64)]


class QuestionnaireChoice(In):
    """A questionnaire; without a version, the newest published one."""

    code: Code
    version: Annotated[StrictInt, Field(ge=1, le=9999)] | None = None


EXAMPLE: dict[str, JsonValue] = {
    "dossier_code": "H05.12-261120-0042",
    "unit_code": "07210",
    "served_on": "2026-11-20",
    "procedure_code": "1.001193",
    "counter": "3",
    "questionnaire": "quick-5",
}


class VisitIn(In):
    """One dossier served on one day."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE})

    dossier_code: Code = Field(description="Unique within the unit.")
    unit_code: Code
    served_on: Day = Field(description="Local day; not in the future, at most 366 days ago.")
    procedure_code: Code | None = None
    counter: Counter | None = Field(None, description="The desk, as the unit calls it.")
    questionnaire: Annotated[
        QuestionnaireChoice | None,
        BeforeValidator(_reference, json_schema_input_type=Code | QuestionnaireChoice | None),
    ] = Field(None, description="A code (its newest published version) or code and version; default quick-5.")


AnythingElse = Annotated[
    object,
    WithJsonSchema(
        {"title": "AnythingElse", "description": "Is answered with status `rejected`; the others go on."}
    ),
]


class VisitsIn(In):
    """1 to 1,000 visits. An item that is not a good `VisitIn` is rejected by itself, in its place."""

    model_config = ConfigDict(json_schema_extra={"example": {"visits": [EXAMPLE]}})

    visits: list[SkipValidation[VisitIn | AnythingElse]] = Field(min_length=1, max_length=MAX_VISITS)


class LinkOut(Out):
    """A citizen's link: what to print on the receipt."""

    code: str = Field(examples=["7H3KQ0ZV9XM2P4C8RT5W"])
    url: str = Field(examples=["https://sipas.example.vn/s/7H3KQ0ZV9XM2P4C8RT5W"])
    qr_svg_url: str
    qr_png_url: str
    expires_at: datetime


class VisitOut(Out):
    """What became of one visit. `link` unless rejected, `problem` if rejected."""

    dossier_code: str | None = Field(description="As sent; null where none could be read.")
    status: Literal["created", "existing", "rejected"]
    link: LinkOut | None = None
    problem: ProblemBody | None = None


class VisitsOut(Out):
    """One item for each visit, in the order sent."""

    items: list[VisitOut]


class ReceiptsIn(In):
    """Links to print on one sheet."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"codes": ["7H3KQ0ZV9XM2P4C8RT5W", "0B4NC5T1Q8YH6E2XJ7VM"], "columns": 2}
        }
    )

    codes: list[Code] = Field(
        min_length=1,
        max_length=MOST_RECEIPTS,
        description="`link.code` of visits within your reach; printed in this order.",
    )
    columns: Annotated[int, Field(strict=True, ge=COLUMNS.start, lt=COLUMNS.stop)] = Field(
        2, description="Receipts side by side on the sheet."
    )


class Named(Out):
    """A thing of a register: its code and its name."""

    code: str
    name: str


class LinkedVisitOut(Out):
    """What the citizen's page needs: what was visited, and the questions."""

    unit: Named
    procedure: Named | None
    served_on: date
    expires_at: datetime
    questionnaire: Definition


class LinkPrinter:
    """Says what belongs on a receipt: addresses under the deployment's own, times in its zone."""

    def __init__(self, links: LinkCodes, base_url: str, zone: ZoneInfo) -> None:
        self._links = links
        self._base_url = base_url
        self._zone = zone

    def receipt(self, unit_id: int, visit_id: int, visit: LinkedVisit) -> Receipt:
        """What a visit's receipt says."""
        return Receipt(
            unit=visit.unit_name,
            procedure=visit.procedure_name,
            served_on=visit.served_on,
            last_day=local_day(visit.expires_at - timedelta.resolution, self._zone),
            page=f"{self._base_url}/s/",
            code=self._links.mint(unit_id, visit_id),
        )

    def url(self, unit_id: int, visit_id: int) -> str:
        """The address of the citizen's page for a visit."""
        return f"{self._base_url}/s/{self._links.mint(unit_id, visit_id)}"

    def link(self, unit_id: int, visit_id: int, expires_at: datetime) -> LinkOut:
        """The link of a visit."""
        code = self._links.mint(unit_id, visit_id)
        return LinkOut(
            code=code,
            url=f"{self._base_url}/s/{code}",
            qr_svg_url=f"{self._base_url}/q/{code}.svg",
            qr_png_url=f"{self._base_url}/q/{code}.png",
            expires_at=expires_at.astimezone(self._zone),
        )


def read_visit(sent: object) -> VisitIn | list[Fault]:
    """One item as a visit, or all its faults (at most MAX_FAULTS); pointers start at the item."""
    try:
        return VisitIn.model_validate(sent)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)[:MAX_FAULTS]
    return [fault_of(fault["type"], _pointer(sent, fault["loc"]), fault.get("ctx") or {}) for fault in found]


def readable_dossier(sent: object) -> str | None:
    """The dossier code of a faulty item, if it holds one that may be repeated."""
    if not isinstance(sent, Mapping):
        return None
    try:
        return _DossierOnly.model_validate({"dossier_code": sent.get("dossier_code")}).dossier_code
    except ValidationError:
        return None


class _DossierOnly(In):
    dossier_code: Code


def _pointer(sent: object, path: tuple[int | str, ...]) -> str:
    if (
        path[:1] == ("questionnaire",)
        and isinstance(sent, Mapping)
        and isinstance(sent["questionnaire"], str)
    ):
        path = path[:1]  # sent as a bare code: there is nothing deeper to point at
    return pointer(*(part if isinstance(part, int) else part[:LONGEST_NAME] for part in path))
