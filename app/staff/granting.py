"""Who may give which role where. Pure.

Nobody gives more than they hold, nor outside their reach: a role is given for a unit by somebody who manages
people there and who holds every scope of the role there. What is held at a unit is held beneath it too, so
nothing beneath needs to be looked at, and no chain of such gifts ever ends higher than it began.
"""

from collections.abc import Collection
from typing import NamedTuple

from app.auth.roles import scopes_of
from app.auth.subjects import Subject

EVERYWHERE_ONLY = frozenset({"system_admin"})
"""Roles that make no sense for a part of the tree."""


class Placed(NamedTuple):
    """A role and where: the unit's id and those of all above it; empty for every unit."""

    role: str
    chain: Collection[int]


def reaches(subject: Subject, chain: Collection[int]) -> bool:
    """Whether the subject, narrowed to a scope, reaches this unit, or every unit, with it."""
    tops = subject.unit_ids
    return tops is None or not tops.isdisjoint(chain)


def lacking(subject: Subject, placed: Placed) -> list[str]:
    """The scopes of the role that the subject does not hold there."""
    return sorted(scopes_of(placed.role) - subject.scopes_at(placed.chain))


def may_give(subject: Subject, placed: Placed) -> bool:
    """Whether the subject, narrowed to managing people, may give this role there, or take it away."""
    return reaches(subject, placed.chain) and not lacking(subject, placed)
