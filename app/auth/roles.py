"""Roles: named sets of scopes, given to a person for a unit and everything beneath it. Pure.

The one table of who may do what. A role is a name in the database and its scopes stand here, so that
everybody who holds it may do the same, and a release that adds a scope gives it to everybody at once. A name
this release does not know gives nothing.
"""

from collections.abc import Mapping
from typing import Literal, get_args

from app.auth.scopes import SCOPES, Scope

Role = Literal["system_admin", "unit_admin", "analyst", "case_officer", "viewer"]
NAMES: tuple[Role, ...] = get_args(Role)

_VIEWER: frozenset[Scope] = frozenset({"units:read", "indices:read"})

ROLES: Mapping[Role, frozenset[Scope]] = {
    # everything, everywhere; alone in what the whole nation shares: questionnaires and procedures
    "system_admin": frozenset(SCOPES),
    # everything within a branch of the tree, its people and partner systems among it
    "unit_admin": frozenset(SCOPES) - {"questionnaires:manage"},
    # reads figures and single responses, takes them along
    "analyst": _VIEWER | {"responses:read", "exports:create"},
    # answers citizens
    "case_officer": _VIEWER | {"responses:read", "complaints:read", "complaints:manage"},
    # reads figures
    "viewer": _VIEWER,
}


def scopes_of(role: str) -> frozenset[str]:
    """What a role allows; nothing for a name this release does not know."""
    return next((scopes for name, scopes in ROLES.items() if name == role), frozenset())
