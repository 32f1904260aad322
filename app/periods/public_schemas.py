"""What the public feed looks like.

The feed's bodies are stored text and sent as they are; a test holds them against these models.
"""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from app.core.schema import Out
from app.models.unit import UnitKind
from app.periods.schemas import QuestionnaireRef
from app.questionnaires.definition import Bilingual, Formula

Percent = Annotated[float | None, Field(ge=0, le=100)]


class PublicRevision(Out):
    """A published revision, under which the period's figures stay readable."""

    revision: int
    published_at: datetime
    sha256: Annotated[str, Field(description="Of the document that stands now.")]
    issue: Annotated[int, Field(description="2: the first document was replaced, its figures were not.")]
    reason: Annotated[str | None, Field(description="Why there is a revision; null for the first.")]


class PublicListed(Out):
    """A published period in the list."""

    id: int
    unit: str
    first: Annotated[date, Field(alias="from")]
    last: Annotated[date, Field(alias="to")]
    questionnaire: QuestionnaireRef
    name: str
    revision: Annotated[int, Field(description="The latest published one.")]
    published_at: datetime
    sha256: str
    revisions: Annotated[
        list[PublicRevision],
        Field(description="Every published one, the first first; numbers may be missing."),
    ]


class PublicPage(Out):
    """Published periods, the latest first."""

    items: list[PublicListed]
    next: str | None


class PublicFigure(Out):
    """A percentage with its 95 % interval and what it rests on."""

    percent: Percent
    low: Percent
    high: Percent
    answers: int
    satisfied: int
    responses: int
    band: str | None


class PublicComponent(PublicFigure):
    """A group of questions."""

    code: str


class PublicRank(Out):
    """Among the units shown of one kind beneath one parent; best and worst as the intervals allow."""

    rank: int | None
    best: int | None
    worst: int | None
    of: int


class PublicUnit(Out):
    """A unit with all beneath it. `suppressed`: too few responses, or such could be computed from it."""

    id: int
    code: str
    name: str
    kind: UnitKind
    parent: str | None
    suppressed: bool
    responses: int | None = None
    held_back: int | None = None
    visits: int | None = None
    visits_answered: int | None = None
    response_rate: Percent = None
    overall: PublicFigure | None = None
    par_index_points: Annotated[
        float | None, Field(ge=0, le=10, description="Index % x 0.10, of 10 points of the PAR Index.")
    ] = None
    rank: PublicRank | None = None
    components: list[PublicComponent] | None = None


class PublicQuestionnaire(QuestionnaireRef):
    """What was asked, by component."""

    title: Bilingual
    components: list[dict[str, object]]


class PublicBand(Out):
    """A word for percentages from an edge on."""

    name: str
    lower: Annotated[int, Field(alias="from")]


class _PublicHead(Out):
    id: int
    revision: int
    reason: Annotated[str | None, Field(description="Why there is a revision; null for the first.")]
    name: str
    first: Annotated[date, Field(alias="from")]
    last: Annotated[date, Field(alias="to")]
    questionnaire: PublicQuestionnaire
    formula: Formula
    interval: str
    bands: list[PublicBand]
    min_n: int
    licence: str
    method: Bilingual
    closed_at: datetime
    published_at: datetime
    issue: int = 1
    issued_at: datetime | None = None
    snapshot_sha256: Annotated[
        str, Field(description="Of a secret salt and the whole snapshot, which are not public.")
    ]
    snapshot_sha256_of: Annotated[
        Literal["salt+snapshot"] | None,
        Field(description="Absent where an earlier release published the hash of the snapshot alone."),
    ] = None
    sha256: Annotated[
        str,
        Field(
            description="Of this period's whole publication as canonical JSON (RFC 8785) without this field."
        ),
    ]


class PublicPeriod(_PublicHead):
    """A publication: every unit of the period."""

    units: list[PublicUnit]


class PublicUnitOfPeriod(_PublicHead):
    """A publication's figures of one unit."""

    unit: PublicUnit
