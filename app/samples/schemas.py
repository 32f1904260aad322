"""What is asked for when a sample is drawn, and what is told of it."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, ConfigDict, Field, JsonValue, StrictInt

from app.core.schema import Code, Day, In, Out, Title
from app.models.sample import Stratify
from app.questionnaires.definition import Formula
from app.rollups.schemas import Percent, PeriodRef, QuestionnaireRef
from app.samples.queries import SampleRow
from app.visits.schemas import LinkOut, QuestionnaireChoice

LARGEST = 40_000
"""What the finest margin leads to, however many visits there are: 1 / 0.005^2."""
SMALLEST_MARGIN, LARGEST_MARGIN = Decimal("0.005"), Decimal("0.2")
EXAMPLE: dict[str, JsonValue] = {
    "name": "SIPAS 2026",
    "unit_code": "24",
    "from": "2026-01-01",
    "to": "2026-10-31",
    "stratify": "field",
    "margin_of_error": 0.05,
    "questionnaire": "service-16",
    "answer_until": "2026-12-15",
}


def _reference(value: object) -> object:
    return {"code": value} if isinstance(value, str) else value


def _number(value: object) -> object:
    """JSON's numbers only: a text would be read as one, too."""
    return str(value) if type(value) in {int, float} else None if value is None else object()


class SampleIn(In):
    """A draw among the visits of a unit and everything beneath it."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE})

    name: Title = Field(description="Unique within the unit: a call may be repeated without drawing twice.")
    unit_code: Code
    first: Day = Field(alias="from", description="First local day of service.")
    last: Day = Field(alias="to", description="Last local day of service; not in the future.")
    stratify: Literal["none", "unit", "procedure", "field", "channel"] = Field(
        "none", description="`channel` is refused: a visit has none before it is answered."
    )
    size: Annotated[StrictInt, Field(ge=1, le=LARGEST)] | None = Field(
        None, description="Visits to draw; or else `margin_of_error`."
    )
    margin_of_error: Annotated[
        Annotated[Decimal, Field(ge=SMALLEST_MARGIN, le=LARGEST_MARGIN)] | None,
        BeforeValidator(_number, json_schema_input_type=float | None),
    ] = Field(None, description="e of n = N / (1 + N e^2), 0.005 to 0.2; or else `size`.")
    small_strata: Literal["refuse", "merge"] = Field(
        "refuse",
        description="What becomes of strata of which fewer than `MIN_N` visits would be drawn: the draw is"
        " refused, or they are put together.",
    )
    questionnaire: Annotated[
        QuestionnaireChoice,
        BeforeValidator(_reference, json_schema_input_type=Code | QuestionnaireChoice),
    ] = Field(QuestionnaireChoice(code="service-16"), description="Default: the newest `service-16`.")
    answer_until: Day | None = Field(
        None, description="Last local day to answer; default as for other links, from today."
    )
    seed: Code | None = Field(None, description="A seed drawn in public; default: one is made at random.")


class StratumOut(Out):
    """A part of the frame, and how far it has come."""

    number: int
    members: Annotated[
        list[str | None],
        Field(description="Codes of units or procedures, or fields, on the day of the draw; null: none."),
    ]
    visits: Annotated[int, Field(description="N_h")]
    drawn: Annotated[int, Field(description="n_h")]
    answered: Annotated[int | None, Field(description="Null where it is too small a number to be shown.")]
    rate: Percent


class SampleSummary(Out):
    """A draw, without how far it has come."""

    id: int
    name: str
    unit: str
    period: PeriodRef
    stratify: Stratify
    questionnaire: QuestionnaireRef
    visits: Annotated[int, Field(description="N: the visits of the frame.")]
    drawn: Annotated[int, Field(description="n")]
    seed: str
    digest: Annotated[str, Field(description="SHA-256 of the drawn visits; in the audit, too.")]
    drawn_at: datetime
    expires_at: datetime


class SampleOut(SampleSummary):
    """A draw and its progress."""

    answered: int | None
    rate: Percent
    strata: list[StratumOut]


class SampleLinkOut(Out):
    """A link to send, and to whom. Whether it was answered is told to nobody."""

    dossier_code: str
    unit_code: str
    served_on: date
    procedure_code: str | None
    link: LinkOut


class SampleFigure(Out):
    """A percentage of all visits of the frame, estimated.

    Everything null where too few answered, or where it would tell such a figure.
    """

    percent: Percent
    low: Percent
    high: Percent
    responses: int | None
    effective_n: float | None
    band: str | None


class SampleComponent(SampleFigure):
    """A group of questions."""

    code: str
    title: str


class StratumResult(Out):
    """A stratum's share in the figure. What tells of too few people is null."""

    number: int
    members: list[str | None]
    visits: int
    drawn: int
    design_weight: Annotated[float, Field(description="N_h / n_h, six decimals.")]
    responses: int | None
    weight: Annotated[float | None, Field(description="N_h / m_h: what one answer stands for.")]
    percent: Percent
    low: Percent
    high: Percent


class SampleResult(Out):
    """What the sample says of all visits of its frame. Another instrument than the running index.

    Nothing of it is shown while links can still be answered: two readings with one answer between them
    would tell that answer, and a survey that is watched may be stopped when it pleases.
    """

    sample: SampleSummary
    instrument: Literal["sample"] = "sample"
    method: Literal["stratified_ratio"] = "stratified_ratio"
    formula: Formula
    responses: int | None
    held_back: Annotated[int, Field(description="Always 0: what was answered in time is in the estimate.")]
    response_rate: Percent
    reason: Annotated[
        Literal["still_open", "too_few", "thin_strata"] | None,
        Field(description="Why there is no figure yet."),
    ]
    thin: Annotated[list[int], Field(description="Strata with fewer than two responses.")]
    overall: SampleFigure | None
    components: list[SampleComponent] | None
    strata: list[StratumResult]


class VerificationOut(Out):
    """The draw, done again from its seed."""

    matches: bool
    digest: Annotated[str, Field(description="Of what was drawn now.")]
    recorded: Annotated[str, Field(description="Of what was drawn then.")]
    visits: Annotated[int, Field(description="The frame now.")]
    visits_recorded: int
    missing: Annotated[int, Field(description="Visits with a link that would not be drawn now.")]
    unexpected: Annotated[int, Field(description="Visits without a link that would be drawn now.")]
    codes_gone: Annotated[
        int,
        Field(
            description="Visits of the frame, or else links, whose dossier codes retention has taken out."
            " With any, the draw cannot be done again, and that it does not match tells nothing."
        ),
    ]


def summary(row: SampleRow, questionnaire: QuestionnaireRef, zone: ZoneInfo) -> SampleSummary:
    """A draw as it is told."""
    return SampleSummary.model_validate(summary_fields(row, questionnaire, zone))


def summary_fields(row: SampleRow, questionnaire: QuestionnaireRef, zone: ZoneInfo) -> dict[str, object]:
    """The same, to be completed."""
    sample, unit = row
    return {
        "id": sample.id,
        "name": sample.name,
        "unit": unit,
        "period": {"from": sample.first_day, "to": sample.last_day},
        "stratify": sample.stratify,
        "questionnaire": questionnaire,
        "visits": sample.visits,
        "drawn": sample.size,
        "seed": sample.seed,
        "digest": sample.digest,
        "drawn_at": sample.drawn_at.astimezone(zone),
        "expires_at": sample.expires_at.astimezone(zone),
    }
