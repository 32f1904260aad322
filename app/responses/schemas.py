"""What comes in and goes out of intake."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, JsonValue

from app.core.openapi import ProblemBody
from app.core.schema import Code, In, Instant, Line, Out, Paragraphs
from app.questionnaires.definition import Layout
from app.responses.answers import decode
from app.responses.queries import Listed

EXAMPLE: dict[str, JsonValue] = {
    "id": "0198c2f0-7b1e-7c3a-9f2e-5d0a4b7c1e22",
    "link": "7H3K Q0ZV 9XM2 P4TA BCDE",
    "questionnaire": {"code": "quick-5", "version": 1},
    "answers": {"A1": 5, "B1": 4, "C1": 5, "D1": 4, "E1": None},
    "comment": "Cán bộ hướng dẫn rất tận tình.",
    "respondent": {"gender": "female", "age_band": "35-44"},
    "language": "vi",
    "started_at": "2026-11-20T09:14:02+07:00",
    "submitted_at": "2026-11-20T09:14:41+07:00",
    "sent_at": "2026-11-20T09:14:41+07:00",
}
DEVICE_EXAMPLE: dict[str, JsonValue] = {name: value for name, value in EXAMPLE.items() if name != "link"}


Answers = Annotated[
    dict[str, Any],
    Field(
        description="Criterion code -> 1 to 5, or null for 'not applicable'.",
        json_schema_extra={
            "additionalProperties": {
                "anyOf": [{"type": "integer", "minimum": 1, "maximum": 5}, {"type": "null"}]
            }
        },
    ),
]


class QuestionnaireRef(In):
    """A questionnaire version."""

    code: Code
    version: Annotated[int, Field(ge=1, le=9999, strict=True)]


class ResponseIn(In):
    """One citizen's response. The client makes the id (UUID, version 7 preferred) and keeps it."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE, DEVICE_EXAMPLE]})

    id: UUID
    link: Annotated[str | None, Field(max_length=40, description="The code of the visit's link.")] = None
    questionnaire: QuestionnaireRef
    answers: Answers
    comment: Paragraphs | None = None
    respondent: Annotated[
        dict[str, Any] | None,
        Field(
            description="Coded values only, as the questionnaire allows.",
            json_schema_extra={"additionalProperties": {"type": "string"}},
        ),
    ] = None
    language: Annotated[str, Field(pattern="^[a-z]{2,3}$", examples=["vi"])] | None = None
    started_at: Instant | None = None
    submitted_at: Instant
    sent_at: Annotated[Instant, Field(description="The device's clock now; corrects its other times.")]
    complete: Annotated[
        bool,
        Field(
            strict=True,
            description="False when the citizen left in the middle: required criteria may then be missing.",
        ),
    ] = True


class Accepted(Out):
    """The response is committed."""

    id: UUID
    status: Literal["accepted"] = "accepted"
    received_at: datetime


class BatchIn(In):
    """Responses a tablet kept while it was offline; each is judged on its own."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"responses": [DEVICE_EXAMPLE]}]})

    responses: Annotated[
        list[Any],
        Field(
            min_length=1,
            max_length=500,
            json_schema_extra={"items": {"$ref": "#/components/schemas/ResponseIn"}},
        ),
    ]


class BatchItem(Out):
    """What became of one item; `problem` says why it was rejected. `id` is null where none could be read."""

    id: str | None
    status: Literal["accepted", "replayed", "rejected"]
    received_at: datetime | None = None
    problem: ProblemBody | None = None


class BatchOut(Out):
    """One item for each response, in the order sent."""

    items: list[BatchItem]


class ResponseOut(Out):
    """A response as staff may read it: its day, never its moment, device or counter.

    `ref` names it within its unit; unlike the client-made id it holds no time.
    """

    ref: str
    unit: str
    local_day: date
    questionnaire: QuestionnaireRef
    channel: Literal["kiosk", "link", "import"]
    verdict: Literal["counted", "quarantined", "void"]
    verdict_reason: str | None
    procedure: str | None
    answers: dict[str, int | None]
    comment: str | None
    respondent: dict[str, str] | None
    language: str | None
    complete: bool


def show(row: Listed, layout: Layout) -> ResponseOut:
    """A listed response, as staff may read it."""
    response = row.response
    return ResponseOut.model_validate(
        {
            "ref": response.content_digest.hex(),
            "unit": row.unit,
            "local_day": response.local_day,
            "questionnaire": {"code": row.questionnaire, "version": row.version},
            "channel": response.channel,
            "verdict": response.verdict,
            "verdict_reason": response.verdict_reason,
            "procedure": row.procedure,
            "answers": decode(layout, response.answers),
            "comment": response.comment,
            "respondent": response.respondent,
            "language": response.language,
            "complete": response.complete,
        }
    )


class VerdictIn(In):
    """A reviewer's verdict: back into the figures, or out of them for good, with the reason."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"unit_code": "07210", "verdict": "void", "reason": "Thử thiết bị"}]}
    )

    unit_code: Code
    verdict: Literal["counted", "void"]
    reason: Line
