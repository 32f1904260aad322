"""How problems look in OpenAPI: every status a route can answer, with an example of each code."""

from typing import Any

from pydantic import BaseModel, Field

from app.core.errors import PROBLEM_TYPE, Problem
from app.core.messages import FAULTS
from app.core.problems import BodyTooLarge, BodyTooSlow


class FaultBody(BaseModel):
    """One fault: where (JSON pointer), a stable code, and a sentence."""

    pointer: str
    code: str
    detail: str


class ProblemBody(BaseModel):
    """RFC 9457 with a stable `code`; `errors` lists every fault of a 422 at once."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str | None = None
    errors: list[FaultBody] | None = Field(None, description="Only where there are faults.")


def problems(*kinds: type[Problem]) -> dict[int | str, dict[str, Any]]:
    """`responses=problems(LinkUnknown, LinkUsed)`: one entry a status, one example a code."""
    responses: dict[int | str, dict[str, Any]] = {}
    if BodyTooLarge in kinds:  # whoever reads a body has also waited for it
        kinds = (*kinds, BodyTooSlow)
    for kind in kinds:
        entry = responses.setdefault(
            kind.status,
            {
                "description": kind.title.en,
                "content": {
                    "application/problem+json": {
                        "schema": {"$ref": "#/components/schemas/ProblemBody"},
                        "examples": {},
                    }
                },
            },
        )
        entry["content"]["application/problem+json"]["examples"][kind.code] = {"value": _example(kind)}
    return responses


NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "Unchanged since the ETag you sent"}}
"""Goes beside `problems(...)` where a route answers through `core/http.respond`."""


def _example(kind: type[Problem]) -> dict[str, Any]:
    body: dict[str, Any] = {
        "type": PROBLEM_TYPE + kind.code,
        "title": kind.title.en,
        "status": kind.status,
        "detail": kind.detail.en,
        "code": kind.code,
        "request_id": "5f0c9a3be1d24d77",
    }
    if kind.status == 422:
        fault = {"pointer": "/name", "code": "missing", "detail": FAULTS["missing"].en}
        body["errors"] = [fault]
    return body
