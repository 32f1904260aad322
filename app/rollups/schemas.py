"""What the index looks like, for OpenAPI and whoever reads it. The service builds the same shape as a dict.

Validating hundreds of figures we have just computed would cost as much as computing them; a test holds the
dict against these models instead.
"""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from app.core.schema import Out
from app.models.unit import UnitKind
from app.rollups.index import Formula

Scope = Literal["subtree", "own"]
Boundaries = Literal["as_was", "as_now"]
Channel = Literal["kiosk", "link", "import"]
Weighting = Literal["visits"]
Strata = Literal["field", "unit", "unit_field"]
Percent = Annotated[float | None, Field(ge=0, le=100, description="Two decimals; null without an answer.")]
Answers = Annotated[int | None, Field(description="Valid answers; null where suppressed.")]
Satisfied = Annotated[int | None, Field(description="Answers of 4 or 5; null where suppressed.")]
OfChannel = Annotated[
    bool | None,
    Field(
        description="Only of a single channel: whether the figures are hidden, for fewer than `min_n`"
        " responses or because they would give such ones away."
    ),
]


class UnitRef(Out):
    """The unit asked about."""

    code: str
    name: str
    kind: UnitKind


class PeriodRef(Out):
    """Local days, both included."""

    first: Annotated[date, Field(alias="from")]
    last: Annotated[date, Field(alias="to")]


class QuestionnaireRef(Out):
    """A questionnaire version: figures of two are never mixed."""

    code: str
    version: int


class Distribution(Out):
    """How often each answer was given, over all criteria of the set."""

    one: Annotated[int, Field(alias="1")]
    two: Annotated[int, Field(alias="2")]
    three: Annotated[int, Field(alias="3")]
    four: Annotated[int, Field(alias="4")]
    five: Annotated[int, Field(alias="5")]


class Figure(Out):
    """A percentage with its 95 % interval and what it rests on."""

    percent: Percent
    low: Percent
    high: Percent
    answers: Answers
    satisfied: Satisfied
    responses: Annotated[int, Field(description="People who gave at least one of these answers.")]
    band: Annotated[str | None, Field(description="Read from the unrounded ratio.", examples=["excellent"])]
    suppressed: OfChannel = None


class CriterionFigure(Out):
    """One question."""

    code: str
    text: str
    percent: Percent
    low: Percent
    high: Percent
    answers: Answers
    skipped: Annotated[
        int | None,
        Field(description="Counted responses without a valid answer to it; null where suppressed."),
    ]
    distribution: Distribution | None


class ComponentFigure(Figure):
    """A group of questions."""

    code: str
    title: str
    distribution: Annotated[Distribution | None, Field(description="Null where suppressed.")]
    criteria: list[CriterionFigure]


class WeightedFigure(Out):
    """A percentage in which each stratum counts as much as it has visits."""

    percent: Percent
    low: Percent
    high: Percent
    responses: Annotated[int, Field(description="People who gave at least one of these answers.")]
    effective_n: Annotated[
        float | None,
        Field(description="As many equally weighted responses would tell as much: (sum w)^2 / sum w^2."),
    ]
    band: str | None
    suppressed: OfChannel = None


class WeightedComponent(WeightedFigure):
    """A group of questions."""

    code: str


class EmptyStratum(Out):
    """Visits for which nobody answered. `unit` and `field` only where strata tell them apart."""

    channel: Channel
    unit: str | None = None
    field: Annotated[str | None, Field(description="Null: visits registered without a procedure.")] = None
    visits: int


class WeightedStratum(EmptyStratum):
    """A stratum and what one of its responses counts."""

    responses: int
    weight: Annotated[float, Field(description="Visits one response stands for, six decimals.")]


class WeightedChannel(Out):
    """One channel, weighted to all visits by itself."""

    channel: Channel
    share: Annotated[float, Field(description="Channels share alike, however many answers each has.")]
    responses: int
    overall: Annotated[WeightedFigure | None, Field(description="Null where a stratum of it is empty.")]


class WeightingOut(Out):
    """The same figures with every stratum at the weight of its visits; never in place of the others."""

    frame: Weighting
    strata: Strata
    visits: Annotated[int, Field(description="Visits to be answered with this questionnaire version.")]
    outside: Annotated[int, Field(description="Responses where there were no such visits: left out.")]
    reason: Annotated[
        Literal["empty_strata", "no_visits", "not_pooled"] | None,
        Field(description="Why there is no weighted figure."),
    ]
    overall: WeightedFigure | None
    components: list[WeightedComponent] | None
    channels: list[WeightedChannel]
    empty: Annotated[list[EmptyStratum], Field(description="Strata with visits and no response.")]
    weights: list[WeightedStratum]


class Result(Out):
    """One questionnaire version."""

    questionnaire: QuestionnaireRef
    formula: Formula
    responses: Annotated[int, Field(description="Counted responses.")]
    held_back: Annotated[int, Field(description="Responses in quarantine; they are in no figure.")]
    overall: Figure
    components: list[ComponentFigure]
    weighting: Annotated[WeightingOut | None, Field(description="Only where it was asked for.")] = None


class Note(Out):
    """Something a reader of the figures must know: figures of a unit that was split are left out."""

    code: Literal["split_left_out"]
    unit: Annotated[UnitRef | None, Field(description="Null where it lies outside your reach.")]
    on: date
    successors: Annotated[list[str], Field(description="Those within your reach.")]
    detail: str


class IndexOut(Out):
    """The satisfaction index of a unit in a period."""

    unit: UnitRef
    period: PeriodRef
    scope: Scope
    boundaries: Annotated[Boundaries | None, Field(description="Only where it was asked for.")] = None
    notes: Annotated[list[Note] | None, Field(description="Only where `boundaries` was asked for.")] = None
    as_of: Annotated[datetime, Field(description="Everything received until then is in the figures.")]
    pending: Annotated[int, Field(description="Unit-days of this scope whose re-count is still due.")]
    visits: Annotated[
        int, Field(description="Of the scope and period, whatever questionnaire or channel is asked for.")
    ]
    visits_answered: Annotated[int, Field(description="Those whose link was answered; no tablet's answers.")]
    response_rate: Annotated[
        Percent, Field(description="`visits_answered` of `visits`; null without a visit.")
    ]
    results: Annotated[
        list[Result],
        Field(description="One for each questionnaire version with counted responses; never a mix."),
    ]
