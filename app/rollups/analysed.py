"""What series, break-downs, rankings and drivers look like, for OpenAPI and whoever reads it.

As with the index, the services build dicts of this shape, and tests hold them against these models.
"""

from datetime import date, datetime
from typing import Annotated

from pydantic import Field

from app.core.schema import Out
from app.rollups.grains import Grain
from app.rollups.index import Formula
from app.rollups.schemas import (
    Answers,
    Channel,
    Figure,
    Percent,
    PeriodRef,
    QuestionnaireRef,
    Satisfied,
    Scope,
    UnitRef,
)

Hidden = Annotated[
    bool,
    Field(
        description="Fewer than `min_n` responses, or what would give such ones away: the figures are null."
    ),
]
Band = Annotated[str | None, Field(examples=["excellent"])]
Points = Annotated[float, Field(description="Percentage points, two decimals.")]


class TitledFigure(Figure):
    """A component's figure."""

    code: str
    title: str


class GuardedFigure(Out):
    """A figure, or nothing but its n where it is suppressed."""

    percent: Percent
    low: Percent
    high: Percent
    answers: int | None
    satisfied: int | None
    responses: int
    band: Band
    suppressed: Hidden


class GuardedComponent(GuardedFigure):
    """A component's figure."""

    code: str
    title: str


class _Head(Out):
    unit: UnitRef
    period: PeriodRef
    scope: Scope
    questionnaire: QuestionnaireRef
    formula: Formula
    as_of: Annotated[datetime, Field(description="Everything received until then is in the figures.")]
    pending: Annotated[int, Field(description="Unit-days of this scope whose re-count is still due.")]


class AcrossFigure(Out):
    """A criterion over several versions of its questionnaire."""

    code: str
    percent: Percent
    low: Percent
    high: Percent
    answers: Answers
    satisfied: Satisfied


class SeriesPoint(Out):
    """The index of some days; null figures where nobody answered."""

    first: Annotated[date, Field(alias="from")]
    last: Annotated[date, Field(alias="to")]
    responses: int
    overall: Figure
    components: list[TitledFigure]
    criteria: Annotated[
        list[AcrossFigure] | None,
        Field(description="Only with `across`: the mapped criteria, over all versions that are read."),
    ] = None


class Break(Out):
    """Where another version of the questionnaire begins: the series does not go on in it."""

    on: Annotated[date, Field(description="The first day on which `to_version` was answered.")]
    from_version: int
    to_version: int


class SeriesOut(_Head):
    """A unit's index over time; the first and the last point are clipped to the period."""

    grain: Grain
    across: Annotated[
        list[int] | None, Field(description="Only with `across`: the versions that are read.")
    ] = None
    points: list[SeriesPoint]
    breaks: list[Break]


class _Item(Out):
    responses: int
    overall: GuardedFigure
    components: list[GuardedComponent]
    suppressed: Hidden


class ProcedureRef(Out):
    """A procedure and its field."""

    code: str
    name: str
    field: str


class ProcedureItem(_Item):
    """What those said who came for one procedure."""

    procedure: ProcedureRef


class FieldItem(_Item):
    """What those said who came for any procedure of a field."""

    field: str


class ChannelItem(_Item):
    """What was said one way."""

    channel: Channel


class CounterItem(_Item):
    """What was said of one desk; null: the responses that do not know theirs."""

    counter: str | None


class ProceduresOut(_Head):
    """By procedure; responses that know none are in no item."""

    items: list[ProcedureItem]


class FieldsOut(_Head):
    """By field; responses that know no procedure are in no item."""

    items: list[FieldItem]


class ChannelsOut(_Head):
    """By channel."""

    items: list[ChannelItem]


class CountersOut(_Head):
    """By counter of the unit itself."""

    items: list[CounterItem]


class Change(Out):
    """Against the second period."""

    percent_points: Points
    ranks: Annotated[int, Field(description="Ranks gained; negative: lost.")]
    significant: Annotated[bool, Field(description="More than chance, at 95 %.")]


class RankedUnit(Out):
    """One unit's place."""

    unit: UnitRef
    responses: Annotated[int, Field(description="Those with a valid answer to what is ranked by.")]
    percent: Percent
    low: Percent
    high: Percent
    rank: int | None
    rank_best: Annotated[int | None, Field(description="The best rank its interval allows.")]
    rank_worst: Annotated[int | None, Field(description="The worst rank its interval allows.")]
    band: Band
    change: Change | None
    suppressed: Hidden


class RankingOut(Out):
    """Units of one kind by one figure."""

    parent: str | None
    kind: str
    period: PeriodRef
    compared: PeriodRef | None
    questionnaire: QuestionnaireRef
    formula: Formula
    sort: str
    min_n: int
    as_of: datetime
    pending: int
    ranked: Annotated[int, Field(description="How many units have a rank.")]
    items: list[RankedUnit]


class CorrelationOut(Out):
    """Pearson's coefficient of a criterion's answer with the share of satisfied ones among the others."""

    n: Annotated[int, Field(description="Responses that answer the criterion and at least one more.")]
    coefficient: Annotated[
        float | None, Field(ge=-1, le=1, description="Three decimals; null where one never varies.")
    ]


class Pull(Out):
    """How much of the gap is due to one set of criteria."""

    answers: int | None
    dissatisfied: Annotated[int | None, Field(description="Valid answers that are not satisfied: 1 to 3.")]
    dissatisfied_percent: Percent
    gap_points: Annotated[float | None, Field(description="Its part of the gap, in percentage points.")]
    gap_percent: Annotated[Percent, Field(description="Its part of the gap; null where there is no gap.")]
    suppressed: Hidden


class CorrelatedPull(Pull):
    """Of a single criterion."""

    correlation: CorrelationOut | None


class DrivingComponent(Pull):
    """A component, and the same of the unit above."""

    code: str
    title: str
    parent: Pull | None


class DrivingCriterion(CorrelatedPull):
    """A criterion, and the same of the unit above."""

    code: str
    component: str
    text: str
    parent: CorrelatedPull | None


class Sampled(Out):
    """What the correlations rest on: every day of the period, or every so many-th."""

    every_days: int


class ParentOut(Out):
    """The unit above, with everything beneath it."""

    unit: UnitRef
    responses: int
    overall: GuardedFigure
    gap_points: float | None
    correlations: Sampled


class DriversOut(_Head):
    """What pulls the index down, the strongest first."""

    responses: int
    overall: GuardedFigure
    gap_points: Annotated[float | None, Field(description="From the index to 100 %.")]
    correlations: Sampled
    parent: Annotated[ParentOut | None, Field(description="Null at the top, or of your reach.")]
    components: list[DrivingComponent]
    criteria: list[DrivingCriterion]
