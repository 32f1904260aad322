"""Problems: how every error of the house looks (RFC 9457), and how the database's refusals become ours.

A problem is a class with a stable code, a status and sentences in both languages; the classes stand in
`core/problems.py`. This file holds the base, the body, and the one place where a constraint's name or a
lost connection is translated. Nothing here knows FastAPI.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import ValidationError

from app.core.faults import Fault, pointer
from app.core.messages import FAULTS, NEAREST
from app.core.texts import Language, Text

PROBLEM_TYPE = "urn:sipas:problem:"
MAX_FAULTS = 100

PROBLEMS: dict[str, type["Problem"]] = {}
"""Every problem by its code: what the documentation lists and the house test walks."""


class Problem(Exception):
    """Base of all problems. A subclass names code, status, title and detail; `params` fill the detail."""

    code: ClassVar[str]
    status: ClassVar[int]
    title: ClassVar[Text]
    detail: ClassVar[Text]

    def __init_subclass__(cls) -> None:
        if cls.code in PROBLEMS:
            raise TypeError(f"two problems share the code {cls.code}")
        PROBLEMS[cls.code] = cls

    def __init__(
        self, *, faults: Sequence[Fault] = (), retry_after: int | None = None, **params: object
    ) -> None:
        super().__init__(self.code)
        self.faults = faults
        self.retry_after = retry_after
        self.params = params

    def headers(self) -> dict[str, str]:
        """Headers that belong to this problem."""
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}

    def body(self, language: Language, request_id: str | None = None) -> dict[str, Any]:
        """The problem as a JSON object; `errors` only where there are faults."""
        shown: dict[str, Any] = {
            "type": PROBLEM_TYPE + self.code,
            "title": getattr(self.title, language),
            "status": self.status,
            "detail": self.detail.render(language, self.params),
            "code": self.code,
        }
        if request_id is not None:
            shown["request_id"] = request_id
        if self.faults:
            shown["errors"] = [fault_body(fault, language) for fault in self.faults[:MAX_FAULTS]]
        return shown


def fault_body(fault: Fault, language: Language) -> dict[str, str]:
    """One fault as `{pointer, code, detail}`."""
    detail = FAULTS[fault.code].render(language, fault.params)
    if "nearest" in fault.params:
        detail += NEAREST.render(language, fault.params)
    return {"pointer": fault.pointer, "code": fault.code, "detail": detail}


# Pydantic's error types, said with our codes. What is not listed is an `invalid_value`.
_PYDANTIC: Mapping[str, str] = {
    "missing": "missing",
    "extra_forbidden": "unknown_field",
    "json_invalid": "invalid_json",
    "json_type": "invalid_json",
    "model_attributes_type": "invalid_type",
    "model_type": "invalid_type",
    "dict_type": "invalid_type",
    "list_type": "invalid_type",
    "tuple_type": "invalid_type",
    "string_type": "invalid_type",
    "string_unicode": "invalid_character",
    "string_pattern_mismatch": "invalid_value",
    "int_type": "invalid_type",
    "int_parsing": "invalid_type",
    "int_from_float": "invalid_type",
    "float_type": "invalid_type",
    "bool_type": "invalid_type",
    "bool_parsing": "invalid_type",
    "uuid_parsing": "invalid_uuid",
    "uuid_type": "invalid_uuid",
    "timezone_aware": "invalid_instant",
    "datetime_type": "invalid_instant",
    "datetime_parsing": "invalid_instant",
    "datetime_from_date_parsing": "invalid_instant",
    "datetime_object_invalid": "invalid_instant",
    "date_type": "invalid_date",
    "date_parsing": "invalid_date",
    "date_from_datetime_parsing": "invalid_date",
    "date_from_datetime_inexact": "invalid_date",
}
_BOUNDS: Mapping[str, tuple[str, str]] = {
    "string_too_long": ("too_long", "max_length"),
    "string_too_short": ("too_short", "min_length"),
    "too_long": ("too_long", "max_length"),
    "too_short": ("too_short", "min_length"),
    "less_than_equal": ("too_large", "le"),
    "less_than": ("too_large", "lt"),
    "greater_than_equal": ("too_small", "ge"),
    "greater_than": ("too_small", "gt"),
}

_LAST_OF_SEVERAL = re.compile(r" or (?=\S+$)")


def faults_of(error: ValidationError) -> list[Fault]:
    """What Pydantic found wrong, said with our codes."""
    return [
        fault_of(found["type"], pointer(*found["loc"]), found.get("ctx") or {}) for found in error.errors()
    ]


def fault_of(kind: str, location: str, context: Mapping[str, Any]) -> Fault:
    """Pydantic's error type and context as one of our faults."""
    if kind in _BOUNDS:
        code, limit = _BOUNDS[kind]
        return Fault(location, code, {"limit": context[limit]})
    if kind in {"enum", "literal_error"}:
        allowed = _LAST_OF_SEVERAL.sub(", ", context["expected"]).replace("'", "")
        return Fault(location, "not_allowed", {"allowed": allowed})
    if kind in FAULTS:
        return Fault(location, kind, context)
    return Fault(location, _PYDANTIC.get(kind, "invalid_value"))
