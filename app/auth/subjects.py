"""A subject: whoever holds a valid token, with its scopes and the unit at the top of its reach. Pure."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Subject:
    """Staff or partner system. `unit_id` is the top of the subtree it reaches; None reaches every unit."""

    kind: Literal["user", "client"]
    id: UUID
    name: str
    scopes: frozenset[str]
    unit_id: int | None

    @property
    def actor(self) -> str:
        """How the audit names this subject: `user:<id>` or `client:<id>`."""
        return f"{self.kind}:{self.id}"
