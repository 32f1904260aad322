"""What is said of periods, and what the public feed looks like.

The feed's bodies are stored text and sent as they are; a test holds them against these models.
"""

from datetime import date, datetime
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field

from app.core.schema import Code, Day, In, Line, Out, Title
from app.models.period import Period, Snapshot
from app.models.unit import UnitKind
from app.questionnaires.definition import Bilingual, Formula

State = Literal["open", "closing", "closed", "published"]
Percent = Annotated[float | None, Field(ge=0, le=100)]


class NewPeriod(In):
    """Days of a unit and all beneath it, by one questionnaire version."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "unit": "24",
                    "from": "2026-07-01",
                    "to": "2026-09-30",
                    "questionnaire": "quick-5",
                    "version": 1,
                    "name": "Quý III năm 2026",
                }
            ]
        }
    )

    unit: Code
    first: Annotated[Day, Field(alias="from")]
    last: Annotated[Day, Field(alias="to")]
    questionnaire: Code
    version: Annotated[int, Field(ge=1, le=9999)]
    name: Title


class NewRevision(In):
    """Why the figures change after they were closed."""

    reason: Annotated[Line, Field(examples=["Ba máy tính bảng mất mạng đã gửi phản hồi sau khi đóng kỳ"])]


class Publication(In):
    """Which revision is meant: the latest, by its number."""

    revision: Annotated[int, Field(ge=1, le=9999, examples=[1])]


class QuestionnaireRef(Out):
    """A questionnaire version."""

    code: str
    version: int


class RevisionOut(Out):
    """A snapshot, without its figures."""

    revision: int
    reason: str | None
    sha256: str
    taken_at: datetime
    taken_by: str
    published_at: datetime | None
    published_by: str | None

    @classmethod
    def of(cls, row: Snapshot) -> Self:
        return cls(
            revision=row.revision,
            reason=row.reason,
            sha256=row.digest,
            taken_at=row.taken_at,
            taken_by=row.taken_by,
            published_at=row.published_at,
            published_by=row.published_by,
        )


class PeriodOut(Out):
    """A period; `grace_until` says until when tablets are waited for."""

    id: int
    unit: str
    first: Annotated[date, Field(alias="from")]
    last: Annotated[date, Field(alias="to")]
    questionnaire: QuestionnaireRef
    name: str
    state: State
    grace_until: datetime | None
    closing_by: str | None

    @classmethod
    def of(cls, found: tuple[Period, str, str, int]) -> Self:
        row, unit, code, version = found
        return cls.model_validate({**_described(row, unit, code, version), **_progress(row)})


class PeriodWithRevisions(PeriodOut):
    """A period and its snapshots."""

    revisions: list[RevisionOut]

    @classmethod
    def with_snapshots(cls, found: tuple[Period, str, str, int], snapshots: list[Snapshot]) -> Self:
        row, unit, code, version = found
        revisions = [RevisionOut.of(one) for one in snapshots]
        return cls.model_validate(
            {**_described(row, unit, code, version), **_progress(row), "revisions": revisions}
        )


def _described(row: Period, unit: str, code: str, version: int) -> dict[str, object]:
    return {
        "id": row.id,
        "unit": unit,
        "from": row.first_day,
        "to": row.last_day,
        "questionnaire": QuestionnaireRef(code=code, version=version),
        "name": row.name,
    }


def _progress(row: Period) -> dict[str, object]:
    return {"state": row.state, "grace_until": row.grace_until, "closing_by": row.closing_by}


class SnapshotOut(Out):
    """Every figure of every unit, as stored; `figures` is the canonical JSON that `sha256` covers."""

    revision: int
    sha256: str
    figures: dict[str, object]


class PublicRevision(Out):
    """A published revision, under which the period's figures stay readable."""

    revision: int
    published_at: datetime
    sha256: str
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
    snapshot_sha256: Annotated[str, Field(description="Of the whole snapshot, which is not public.")]
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
