"""A subject: whoever holds a valid token, with what it may do and where. Pure."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from app.auth.networks import Network


@dataclass(frozen=True, slots=True)
class Grant:
    """Scopes within a unit and everything beneath it; `unit_id` None: within every unit."""

    scopes: frozenset[str]
    unit_id: int | None
    role: str | None = None
    """The role these scopes come from; a partner system has none."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Staff or partner system.

    A guard narrows it to the scope its route asks for, so that whoever may read here and write there reaches
    with each route only what that route is about.
    """

    kind: Literal["user", "client"]
    id: UUID
    name: str
    grants: tuple[Grant, ...]
    networks: tuple[Network, ...] = ()
    """Where it may call from; empty: from anywhere."""
    narrowed_to: str | None = None
    session_id: UUID | None = None
    """The sign-in its token comes from; people only, and none in tokens of the release before."""
    totp_due: bool = False
    """Its unit requires a second factor and it has none: it may set one up and nothing else."""

    @property
    def actor(self) -> str:
        """How the audit names this subject: `user:<id>` or `client:<id>`."""
        return f"{self.kind}:{self.id}"

    @property
    def scopes(self) -> frozenset[str]:
        """Everything it may do anywhere."""
        return frozenset().union(*(grant.scopes for grant in self.grants))

    @property
    def unit_ids(self) -> frozenset[int] | None:
        """The units at the top of what it reaches with the scope it is narrowed to; None: every unit."""
        tops = set()
        for grant in self.grants:
            if self.narrowed_to is None or self.narrowed_to in grant.scopes:
                if grant.unit_id is None:
                    return None
                tops.add(grant.unit_id)
        return frozenset(tops)

    def narrowed(self, scope: str) -> "Subject":
        """The same subject, reaching what it reaches with this scope."""
        return replace(self, narrowed_to=scope)

    def scopes_at(self, chain: Collection[int]) -> frozenset[str]:
        """What it may do at a unit: `chain` holds its id and the ids of all above it; empty: every unit."""
        held = (grant.scopes for grant in self.grants if grant.unit_id is None or grant.unit_id in chain)
        return frozenset().union(*held)
