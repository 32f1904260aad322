"""What hangs on the units of a reorganisation: what moves with them, and what keeps it from being undone."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_DEVICES = text(
    """
    SELECT id, name, unit_id FROM devices
    WHERE unit_id = ANY(CAST(:units AS int[])) AND revoked_at IS NULL ORDER BY unit_id, name, id
    """
)
_ACCOUNTS = text(
    """
    SELECT unit_id, sum(people)::int, sum(clients)::int FROM (
        SELECT r.unit_id, count(DISTINCT r.user_id) AS people, 0 AS clients
        FROM user_roles r JOIN users u ON u.id = r.user_id AND u.closed_at IS NULL
        WHERE r.unit_id = ANY(CAST(:units AS int[])) GROUP BY r.unit_id
        UNION ALL
        SELECT unit_id, 0, count(*) FROM clients
        WHERE unit_id = ANY(CAST(:units AS int[])) AND closed_at IS NULL GROUP BY unit_id) held
    GROUP BY unit_id ORDER BY unit_id
    """
)
_VISITS = text(
    """
    SELECT unit_id, count(*) FILTER (WHERE answer_state = 0 AND expires_at > :now),
        count(*) FILTER (WHERE served_on >= :day)
    FROM visits WHERE unit_id = ANY(CAST(:units AS int[])) GROUP BY unit_id ORDER BY unit_id
    """
)
_DEPENDING = text(
    """
    WITH opened AS (SELECT unnest(CAST(:opened AS int[])) AS id),
    touched AS (SELECT unnest(CAST(:touched AS int[])) AS id)
    SELECT unit_id, 'visits', count(*) FROM visits WHERE unit_id IN (SELECT id FROM opened)
    GROUP BY unit_id
    UNION ALL
    SELECT unit_id, 'responses', count(*) FROM responses WHERE unit_id IN (SELECT id FROM opened)
    GROUP BY unit_id
    UNION ALL
    SELECT unit_id, 'devices', count(*) FROM devices
    WHERE unit_id IN (SELECT id FROM opened) AND id <> ALL(CAST(:devices AS uuid[])) GROUP BY unit_id
    UNION ALL
    SELECT unit_id, 'accounts', count(*) FROM (
        SELECT unit_id FROM clients WHERE id <> ALL(CAST(:clients AS uuid[]))
        UNION ALL SELECT unit_id FROM user_roles WHERE id <> ALL(CAST(:roles AS int[]))) held
    WHERE unit_id IN (SELECT id FROM opened) GROUP BY unit_id
    UNION ALL
    SELECT parent_id, 'children', count(*) FROM units
    WHERE parent_id IN (SELECT id FROM opened) AND id NOT IN (SELECT id FROM touched) GROUP BY parent_id
    UNION ALL
    SELECT unit_id, 'later', count(DISTINCT reorganisation_id) FROM (
        SELECT unit_id, reorganisation_id FROM unit_versions
        UNION ALL SELECT from_unit, reorganisation_id FROM unit_successions
        UNION ALL SELECT to_unit, reorganisation_id FROM unit_successions
        UNION ALL SELECT parent_id, reorganisation_id FROM unit_versions WHERE valid_to IS NULL) later
    WHERE unit_id IN (SELECT id FROM touched) AND reorganisation_id > :id GROUP BY unit_id
    UNION ALL
    SELECT id, 'parent', 1 FROM units
    WHERE id = ANY(CAST(:parents AS int[])) AND id NOT IN (SELECT id FROM touched) AND valid_to IS NOT NULL
    ORDER BY 1, 2
    """
)


_CODES = {
    "visits": "has_visits",
    "responses": "has_responses",
    "devices": "has_devices",
    "accounts": "has_accounts",
    "children": "has_children",
    "later": "reorganised_since",
    "parent": "parent_closed_since",
}


class Standing(NamedTuple):
    """A tablet at a unit that closes."""

    id: str
    name: str
    unit: int


class Held(NamedTuple):
    """How many people and partner systems have their reach at a unit that closes."""

    unit: int
    people: int
    clients: int


class Served(NamedTuple):
    """Links of a closing unit that can still be answered, and visits it registered after its end."""

    unit: int
    links: int
    after_end: int


class Depending(NamedTuple):
    """Something that stands on a unit: a fault's code and how many."""

    unit: int
    code: str
    many: int


async def devices_at(session: AsyncSession, units: Collection[int]) -> list[Standing]:
    """The tablets of these units that are in use."""
    rows = await session.execute(_DEVICES, {"units": list(units)})
    return [Standing(str(row[0]), row[1], row[2]) for row in rows]


async def accounts_at(session: AsyncSession, units: Collection[int]) -> list[Held]:
    """People and partner systems whose reach begins at these units."""
    return [Held(*row) for row in await session.execute(_ACCOUNTS, {"units": list(units)})]


async def visits_at(session: AsyncSession, units: Collection[int], day: date, now: datetime) -> list[Served]:
    """Open links of these units, and visits of theirs from a day on."""
    rows = await session.execute(_VISITS, {"units": list(units), "day": day, "now": now})
    return [Served(*row) for row in rows]


async def depending(
    session: AsyncSession,
    reorganisation_id: int,
    opened: Collection[int],
    touched: Collection[int],
    parents: Collection[int],
    moved: Mapping[str, Sequence[str]],
) -> list[Depending]:
    """What stands on the units a reorganisation opened or touched, its own moves left out."""
    given = {
        "id": reorganisation_id,
        "opened": list(opened),
        "touched": list(touched),
        "parents": list(parents),
        "devices": list(moved.get("devices", ())),
        "clients": list(moved.get("clients", ())),
        "roles": [int(one) for one in moved.get("roles", ())],
    }
    rows = await session.execute(_DEPENDING, given)
    return [Depending(unit, _CODES[what], many) for unit, what, many in rows]
