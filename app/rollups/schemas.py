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
Percent = Annotated[float | None, Field(ge=0, le=100, description="Two decimals; null without an answer.")]


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
    answers: Annotated[int, Field(description="Valid answers.")]
    satisfied: Annotated[int, Field(description="Answers of 4 or 5.")]
    responses: Annotated[int, Field(description="People who gave at least one of these answers.")]
    band: Annotated[str | None, Field(description="Read from the unrounded ratio.", examples=["excellent"])]


class CriterionFigure(Out):
    """One question."""

    code: str
    text: str
    percent: Percent
    low: Percent
    high: Percent
    answers: int
    skipped: Annotated[int, Field(description="Counted responses without a valid answer to it.")]
    distribution: Distribution


class ComponentFigure(Figure):
    """A group of questions."""

    code: str
    title: str
    distribution: Distribution
    criteria: list[CriterionFigure]


class Result(Out):
    """One questionnaire version."""

    questionnaire: QuestionnaireRef
    formula: Formula
    responses: Annotated[int, Field(description="Counted responses.")]
    held_back: Annotated[int, Field(description="Responses in quarantine; they are in no figure.")]
    overall: Figure
    components: list[ComponentFigure]


class Note(Out):
    """Something a reader of the figures must know: figures of a unit that was split are left out."""

    code: Literal["split_left_out"]
    unit: UnitRef
    on: date
    successors: list[str]
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
    visits: int
    visits_answered: int
    response_rate: Percent
    results: Annotated[
        list[Result],
        Field(description="One for each questionnaire version with counted responses; never a mix."),
    ]
