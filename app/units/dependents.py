"""What keeps a reorganisation from being undone: what stands on units it opened, and what its heirs took.

At a unit it opened everything depends, because the unit goes. An heir that stood already stays, and had
visits of its own before; what it took from the moment on in which the others could take nothing any more
cannot be told apart, so that depends, too: it would stay with the heir, and the restored units would lack it.
"""

# ruff: noqa: S608  statements are made of names of our own, never of what somebody sent

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_OTHERS = {
    ("devices", "unit_id"): "id <> ALL(CAST(:devices AS uuid[]))",
    ("clients", "unit_id"): "id <> ALL(CAST(:clients AS uuid[]))",
    ("user_roles", "unit_id"): "id <> ALL(CAST(:roles AS int[]))",
}
"""Without those that it moved there itself. None of them has come *from* there: a tablet whose former unit it
opened was taken on by hand, wherever it was before."""
STANDING: Mapping[tuple[str, str], str] = {
    ("visits", "unit_id"): "visits",
    ("responses", "unit_id"): "responses",
    ("devices", "unit_id"): "devices",
    ("devices", "former_unit_id"): "devices",
    ("clients", "unit_id"): "accounts",
    ("user_roles", "unit_id"): "accounts",
    ("samples", "unit_id"): "samples",
    ("sample_links", "unit_id"): "samples",
    ("periods", "unit_id"): "periods",
    ("par_sheets", "unit_id"): "par_sheets",
    ("external_figures", "unit_id"): "external_figures",
}
"""Columns that may lead to a unit it opened -> what is told. A test keeps this and `OTHERWISE` complete."""
OTHERWISE: Mapping[tuple[str, str], str] = {
    ("units", "parent_id"): "told as children",
    ("unit_versions", "unit_id"): "only a later reorganisation writes it",
    ("unit_versions", "parent_id"): "only a later reorganisation writes it",
    ("unit_successions", "from_unit"): "only a later reorganisation writes it",
    ("unit_successions", "to_unit"): "only a later reorganisation writes it",
    ("users", "unit_id"): "what the release before the roles read: nobody writes it any more",
}
_TAKEN = {
    ("visits", "visits"): "served_on >= :day AND created_at >= :since",
    ("responses", "responses"): "local_day >= :day AND received_at >= :received_since",
    ("devices", "devices"): "created_at >= :since AND revoked_at IS NULL",
    ("clients", "accounts"): "created_at >= :since AND closed_at IS NULL",
    ("user_roles", "accounts"): "created_at >= :since",
}
"""What an heir took, by table and by what is told. When a response came says the service's clock, all else
the database's: the two need not agree."""


def _counts() -> str:
    opened = "ANY(CAST(:opened AS int[]))"
    parts = [
        f"SELECT {column}, '{what}', count(*) FROM {table} WHERE {column} = {opened}"
        f" AND {_OTHERS.get((table, column), 'true')} GROUP BY {column}"
        for (table, column), what in STANDING.items()
    ]
    parts += [
        f"SELECT unit_id, '{what}', count(*) FROM {table} WHERE unit_id = ANY(ARRAY(SELECT id FROM heirs))"
        f" AND {since} AND {_OTHERS.get((table, 'unit_id'), 'true')} GROUP BY unit_id"
        for (table, what), since in _TAKEN.items()
    ]
    return " UNION ALL ".join(parts)


_DEPENDING = text(
    f"""
    WITH touched AS (SELECT unnest(CAST(:touched AS int[])) AS id),
    heirs AS (
        SELECT to_unit AS id FROM unit_successions
        WHERE reorganisation_id = :id AND to_unit <> from_unit AND to_unit <> ALL(CAST(:opened AS int[])))
    SELECT unit_id, what, sum(many)::int FROM (
        {_counts()}
        UNION ALL
        SELECT parent_id, 'children', count(*) FROM units
        WHERE parent_id = ANY(CAST(:opened AS int[])) AND id NOT IN (SELECT id FROM touched)
        GROUP BY parent_id
        UNION ALL
        SELECT unit_id, 'later', count(DISTINCT reorganisation_id) FROM (
            SELECT unit_id, reorganisation_id FROM unit_versions
            UNION ALL SELECT from_unit, reorganisation_id FROM unit_successions
            UNION ALL SELECT to_unit, reorganisation_id FROM unit_successions
            UNION ALL SELECT parent_id, reorganisation_id FROM unit_versions WHERE valid_to IS NULL
            -- a unit that ends without a successor leaves neither a version nor a succession
            UNION ALL SELECT CAST(one ->> 'id' AS int), r.id
                FROM reorganisations r, jsonb_array_elements(r.touched) one
                WHERE r.id > :id AND r.state <> 'reverted') later
        WHERE unit_id IN (SELECT id FROM touched) AND reorganisation_id > :id GROUP BY unit_id
        UNION ALL
        SELECT id, 'parent', 1 FROM units
        WHERE id = ANY(CAST(:parents AS int[])) AND id NOT IN (SELECT id FROM touched)
            AND valid_to IS NOT NULL) found (unit_id, what, many)
    GROUP BY unit_id, what ORDER BY unit_id, what
    """
)
_CODES = {
    "visits": "has_visits",
    "responses": "has_responses",
    "devices": "has_devices",
    "accounts": "has_accounts",
    "samples": "has_samples",
    "periods": "has_periods",
    "par_sheets": "has_par_sheets",
    "external_figures": "has_external_figures",
    "children": "has_children",
    "later": "reorganised_since",
    "parent": "parent_closed_since",
}


class Parts(NamedTuple):
    """Units of a reorganisation: those it opened, all it involves, and the former parents of its units."""

    opened: Collection[int]
    involved: Collection[int]
    parents: Collection[int]


class Since(NamedTuple):
    """From then on the units that ended could take nothing of `day` and later: by the database's clock and
    by the service's."""

    day: date
    stored: datetime
    received: datetime


class Depending(NamedTuple):
    """Something that stands on a unit: a fault's code and how many."""

    unit: int
    code: str
    many: int


async def depending(
    session: AsyncSession,
    reorganisation_id: int,
    parts: Parts,
    since: Since,
    moved: Mapping[str, Sequence[str]],
) -> list[Depending]:
    """What depends on a reorganisation, its own moves left out."""
    given = {
        "id": reorganisation_id,
        "opened": list(parts.opened),
        "touched": list(parts.involved),
        "parents": list(parts.parents),
        "day": since.day,
        "since": since.stored,
        "received_since": since.received,
        "devices": list(moved.get("devices", ())),
        "clients": list(moved.get("clients", ())),
        "roles": [int(one) for one in moved.get("roles", ())],
    }
    rows = await session.execute(_DEPENDING, given)
    return [Depending(unit, _CODES[what], many) for unit, what, many in rows]
