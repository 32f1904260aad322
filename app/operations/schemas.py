"""What health is answered with."""

from typing import Literal

from app.core.schema import Out


class Alive(Out):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Check(Out):
    """One thing that serving needs; `detail` says what is wrong with it and what to do, in English."""

    name: Literal["database", "writing", "revision", "intake", "staying"]
    ok: bool
    detail: str


class Readiness(Out):
    """Whether requests can be served, and if not, what is missing."""

    status: Literal["ready", "not_ready"]
    database: Literal["reachable", "unwritable", "unreachable"]
    revision: str | None
    expected_revision: str
    checks: list[Check]
