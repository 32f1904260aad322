"""What is asked and said of periods and their snapshots; the public feed stands in `public_schemas`."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field

from app.core.schema import Code, Day, In, Line, Out, Title
from app.models.period import Period, Reissue, Snapshot
from app.periods.commitment import commitment_of

State = Literal["open", "closing", "closed", "published"]


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


class IssueOut(Out):
    """A public document of a revision; the last one stands in the feed."""

    issue: int
    sha256: str
    issued_at: datetime
    issued_by: str


class RevisionOut(Out):
    """A snapshot, without its figures."""

    revision: int
    reason: str | None
    sha256: Annotated[str, Field(description="Of the figures alone: not to be made public.")]
    commitment: Annotated[
        str | None,
        Field(description="What may be told: of salt and figures. Null until a salt is made."),
    ]
    taken_at: datetime
    taken_by: str
    published_at: datetime | None
    published_by: str | None
    issues: list[IssueOut]

    @classmethod
    def of(cls, row: Snapshot, reissue: Reissue | None = None) -> Self:
        issues = []
        if row.public_digest is not None:
            issues.append((row.public_digest, row.published_at, row.published_by))
        if reissue is not None:
            issues.append((reissue.digest, reissue.issued_at, reissue.issued_by))
        salt = row.salt if reissue is None else reissue.salt
        return cls(
            revision=row.revision,
            reason=row.reason,
            sha256=row.digest,
            commitment=None if salt is None else commitment_of(row.body, salt),
            issues=[
                IssueOut.model_validate(
                    {"issue": number, "sha256": digest, "issued_at": issued_at, "issued_by": issued_by}
                )
                for number, (digest, issued_at, issued_by) in enumerate(issues, 1)
            ],
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
    def with_snapshots(
        cls,
        found: tuple[Period, str, str, int],
        snapshots: list[Snapshot],
        reissues: Mapping[int, Reissue],
    ) -> Self:
        row, unit, code, version = found
        revisions = [RevisionOut.of(one, reissues.get(one.id)) for one in snapshots]
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
    """Every figure of every unit, as stored; `figures` is the canonical JSON that `sha256` covers.

    `commitment`, the public `snapshot_sha256`, covers `salt` and right behind it that JSON. Both are null
    until a salt is made.
    """

    revision: int
    sha256: str
    salt: str | None
    commitment: str | None
    figures: dict[str, object]
