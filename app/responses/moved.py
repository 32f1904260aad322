"""Responses of a tablet that was moved: which unit had served, and where the same response stands already.

What waited on a tablet counts for the unit that had served when the citizen answered. A response is known
by its unit and its id, and each sending is worked out anew: by then the tablet may have been moved again, or
its times be corrected by a second more. So before a response from around a move is stored, its id is looked
for in every unit the tablet stood in; where it stands, there it is sent again. What was said a day after the
last move or later, almost everything, is not looked for at all. On the day after a large reform it is
everything, so the units a tablet stood in are known then, as its own unit is (`devices.known`), and one
statement is all that is asked for each sending.

What is known may be of before a further move: then the row goes by another move than the tablet's, and is not
written (`queries.write`).

One hole is left: a sending that is being written in the very moment of a move, and comes a second time before
that is done. Closing it would take a lock on the tablet's row for each response.
"""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.database import Database
from app.devices import moves
from app.devices.known import KnownDevice
from app.devices.moves import NEAR, Stay
from app.models.response import Response
from app.responses.submission import Submission, served_by


def is_near(row: Submission) -> bool:
    """Whether a row may be of before its tablet's move, or was worked out so at an earlier sending."""
    return row.moved_at is not None and row.submitted_at < row.moved_at + NEAR


async def settle(database: Database, device: KnownDevice, rows: Sequence[Submission]) -> list[Submission]:
    """The rows for the units that had served; one that is stored already for the unit it is stored for."""
    stays = device.stays
    if stays is None:
        async with database.read() as session:
            stays = (await moves.stays(session, [device.id])).get(device.id, ())
    async with database.alone() as connection:
        stored = await _stored(connection, {device.unit_id, *(stay.unit_id for stay in stays)}, rows)
    return [_settled(row, device, stays, stored) for row in rows]


def _settled(
    row: Submission, device: KnownDevice, stays: Sequence[Stay], stored: Mapping[UUID, int]
) -> Submission:
    if row.id in stored:
        return row._replace(unit_id=stored[row.id])
    for stay in stays:
        if row.submitted_at < stay.until:
            return served_by(row, stay.unit_id, stay.closed_after)
    return served_by(row, device.unit_id, device.closed_after)


async def _stored(
    connection: AsyncConnection, units: Collection[int], rows: Sequence[Submission]
) -> Mapping[UUID, int]:
    query = select(Response.id, Response.unit_id)
    same = query.where(Response.unit_id.in_(units), Response.id.in_([row.id for row in rows]))
    return {row[0]: row[1] for row in await connection.execute(same)}
