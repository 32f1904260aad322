"""A questionnaire as it is sent and answered: the definition itself, and its status beside it."""

from typing import Any, Literal, Self, cast

from app.models.questionnaire import Questionnaire
from app.questionnaires.definition import Definition

Status = Literal["draft", "published", "retired"]

EXAMPLE: dict[str, Any] = {
    "code": "quick-2",
    "version": 1,
    "title": {"vi": "Hai câu hỏi nhanh", "en": "Two quick questions"},
    "formula": "pooled",
    "components": [
        {"code": "access", "title": {"vi": "Tiếp cận dịch vụ", "en": "Access to the service"}},
        {"code": "results", "title": {"vi": "Kết quả dịch vụ", "en": "Results of the service"}},
    ],
    "criteria": [
        {
            "code": "A1",
            "component": "access",
            "text": {"vi": "Nơi tiếp đón có thuận tiện không?", "en": "Was the place convenient?"},
            "required": True,
        },
        {
            "code": "D1",
            "component": "results",
            "text": {"vi": "Kết quả có đúng hẹn không?", "en": "Was the result on time?"},
            "required": False,
        },
    ],
    "respondent_fields": [
        {
            "code": "gender",
            "title": {"vi": "Giới tính", "en": "Gender"},
            "options": [
                {"code": "female", "title": {"vi": "Nữ", "en": "Female"}},
                {"code": "male", "title": {"vi": "Nam", "en": "Male"}},
            ],
        }
    ],
}


class QuestionnaireOut(Definition):
    """One version: published ones never change, retired ones take no new visits."""

    status: Status

    @classmethod
    def of(cls, row: Questionnaire) -> Self:
        """The version as it stands in the database."""
        return cls.model_validate({**row.definition, "status": row.status})

    @classmethod
    def showing(cls, definition: Definition, status: str) -> Self:
        """A definition already at hand, with its status."""
        return cls(**dict(definition), status=cast(Status, status))
