"""Scopes: what a subject may do, within the units it reaches. Pure."""

from typing import Literal, get_args

Scope = Literal[
    "units:read",
    "units:manage",
    "questionnaires:manage",
    "devices:manage",
    "visits:write",
    "responses:read",
    "responses:review",
    "indices:read",
    "periods:publish",
    "complaints:read",
    "complaints:manage",
    "exports:create",
    "users:manage",
    "clients:manage",
    "audit:read",
]
SCOPES: tuple[Scope, ...] = get_args(Scope)
