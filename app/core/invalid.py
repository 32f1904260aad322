"""What FastAPI found wrong with a request, said with our faults."""

from collections.abc import Iterator, Sequence
from typing import Any, get_args

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel

from app.core.errors import Problem, fault_of
from app.core.faults import Fault, pointer, unknown_field
from app.core.problems import InvalidRequest, UnsupportedMediaType


def problem_of_request(
    request: Request, error: RequestValidationError, besides: Sequence[Fault] = ()
) -> Problem:
    """All that is wrong in one problem; `besides` stands first, and nothing is said of one place twice."""
    faults = list(besides)
    for found in error.errors():
        kind, (where, *path) = found["type"], found["loc"]
        if kind == "json_invalid":
            path = []
        if kind == "extra_forbidden" and where == "body":
            fault = unknown_field(_fields_at(_body_of(request), path[:-1]), *path)
        else:
            fault = fault_of(kind, pointer(*path), found.get("ctx") or {})
        if not any((fault.pointer, fault.code) == (other.pointer, other.code) for other in besides):
            faults.append(fault)
    sent_type = request.headers.get("content-type", "")
    if any(fault == Fault("", "invalid_type") for fault in faults) and "json" not in sent_type:
        return UnsupportedMediaType(expected="application/json")
    return InvalidRequest(faults=faults)


def _body_of(request: Request) -> object:
    field = getattr(request.scope.get("route"), "body_field", None)
    return None if field is None else field.field_info.annotation


def _fields_at(kind: object, path: Sequence[str | int]) -> list[str]:
    """The fields that a body of this type has at this place."""
    models = list(_models(kind))
    for part in path:
        inner = [
            below
            for model in models
            for name, field in model.model_fields.items()
            if part in (name, field.alias)
            for below in _models(field.annotation)
        ]
        models = inner or models  # a number in a list, or the tag of a union
    return [field.alias or name for model in models for name, field in model.model_fields.items()]


def _models(kind: Any) -> Iterator[type[BaseModel]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    else:
        for inner in get_args(kind):
            yield from _models(inner)
