"""What hangs on the units that a reorganisation would close: what moves with them, and what stays."""

from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

LONGEST_LINK = timedelta(days=367)
"""A link ends at most 365 days after its visit's day: older visits need not be looked at."""
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
    SELECT unit_id, sum(links)::int, sum(after_end)::int FROM (
        SELECT unit_id, count(*) AS links, 0 AS after_end FROM visits
        WHERE unit_id = ANY(CAST(:units AS int[])) AND answer_state = 0 AND expires_at > :now
            AND served_on >= :oldest GROUP BY unit_id
        UNION ALL
        SELECT unit_id, 0, count(*) FROM visits
        WHERE unit_id = ANY(CAST(:units AS int[])) AND served_on >= :day GROUP BY unit_id) found
    GROUP BY unit_id ORDER BY unit_id
    """
)


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


async def devices_at(session: AsyncSession, units: Collection[int]) -> list[Standing]:
    """The tablets of these units that are in use."""
    rows = await session.execute(_DEVICES, {"units": list(units)})
    return [Standing(str(row[0]), row[1], row[2]) for row in rows]


async def accounts_at(session: AsyncSession, units: Collection[int]) -> list[Held]:
    """People and partner systems whose reach begins at these units."""
    return [Held(*row) for row in await session.execute(_ACCOUNTS, {"units": list(units)})]


async def visits_at(session: AsyncSession, units: Collection[int], day: date, now: datetime) -> list[Served]:
    """Open links of these units, and visits of theirs from a day on."""
    given = {"units": list(units), "day": day, "now": now, "oldest": (now - LONGEST_LINK).date()}
    rows = await session.execute(_VISITS, given)
    return [Served(*row) for row in rows]
