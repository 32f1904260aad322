"""Where each table lies when one database is not enough: on a Citus cluster, after `sipas distribute`.

    distributed   large: cut into shards by `unit_id`, all alike, so that what is of one unit lies together
    reference     small, and asked for beside the large ones: whole on every node
    local         whole on the coordinator alone: no statement joins it with a large one

A new table is given its line here; a house test sees to it, and to what follows for keys and statements
(docs/decisions/0013-one-database-and-beyond.md).
"""

from collections.abc import Mapping
from typing import Literal

Place = Literal["distributed", "reference", "local"]

KEY = "unit_id"
FIRST = "visits"
"""The distributed table that the others are laid beside."""

PLACES: Mapping[str, Place] = {
    # grows with citizens
    "visits": "distributed",
    "responses": "distributed",
    # grows with units and days
    "stale_unit_days": "distributed",
    "channel_day": "distributed",
    "channel_month": "distributed",
    "unit_day": "distributed",
    "unit_month": "distributed",
    "procedure_day": "distributed",
    "procedure_month": "distributed",
    "visit_day": "distributed",
    "visit_month": "distributed",
    # what those point at, and what their statements join
    "units": "reference",
    "procedures": "reference",
    "questionnaires": "reference",
    "devices": "reference",
    "samples": "reference",
    # people and partner systems
    "account_links": "local",
    "client_secrets": "local",
    "clients": "local",
    "oidc_identities": "local",
    "pairing_failures": "local",
    "recovery_codes": "local",
    "refresh_tokens": "local",
    "sign_in_codes": "local",
    "sign_in_failures": "local",
    "sign_in_sessions": "local",
    "totp_secrets": "local",
    "user_roles": "local",
    "users": "local",
    # decisions, publications and files: thousands of rows, not millions
    "audit_lines": "local",
    "deployment_facts": "local",
    "export_parts": "local",
    "exports": "local",
    "external_figures": "local",
    "job_states": "local",
    "par_scores": "local",
    "par_sheets": "local",
    "period_reissues": "local",
    "period_snapshots": "local",
    "periods": "local",
    "questionnaire_mappings": "local",
    "reorganisations": "local",
    "sample_links": "local",
    "sample_responses": "local",
    "sample_strata": "local",
    "unit_successions": "local",
    "unit_versions": "local",
}


EVERY_UNIT = "/* every unit */"
"""Stands in each statement that asks for large tables without naming units: on a cluster it goes to every
node, and that is meant. For jobs and whole files, never for what a person waits for.
"""


def tables(place: Place) -> list[str]:
    """The tables of one place, in the order of the table above."""
    return [name for name, where in PLACES.items() if where == place]


def statements(found: Mapping[str, str]) -> list[str]:
    """What makes a Citus cluster of the tables, in order; `found` is what `citus_tables` says they are now.

    Small tables go first, as foreign keys point at them; then the one that the others are laid beside.
    """
    wanted = [f"SELECT create_reference_table('{name}')" for name in tables("reference") if name not in found]
    large = [name for name in tables("distributed") if name not in found]
    for name in large:
        beside = "" if name == FIRST else f", colocate_with := '{FIRST}'"
        wanted.append(f"SELECT create_distributed_table('{name}', '{KEY}'{beside})")
    return wanted
