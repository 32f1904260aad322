"""Documents that carry a testable hash are issued anew, with a salted commitment and the same figures.

A release that published the hash of the snapshot alone let everybody test guesses of hidden figures. What was
published so is known and cannot be taken back; a reissue ends that the service itself goes on telling it.
"""

import asyncio
import secrets
from typing import NamedTuple
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from app import audit
from app.core.clock import utc_now
from app.models.period import Period, Reissue, Snapshot
from app.periods.commitment import SALT_BYTES, commitment_of, reissued
from app.periods.figures import canonical, digest_of
from app.periods.service import record


class Reissued(NamedTuple):
    """A document that was issued anew."""

    period: int
    revision: int
    sha256: str
    """Of the new document."""


async def reissue(session: AsyncSession, zone: ZoneInfo, period_id: int, snapshot_id: int) -> Reissued | None:
    """Issue a snapshot's document anew and put it on record; None where somebody else has just done so."""
    period = await session.get_one(Period, period_id, with_for_update=True)
    if await session.get(Reissue, snapshot_id) is not None:
        return None
    snapshot = await session.get_one(Snapshot, snapshot_id)
    salt, now = secrets.token_bytes(SALT_BYTES), utc_now().replace(microsecond=0)
    written = now.astimezone(zone).isoformat()
    # of the nation it takes a second
    body = await asyncio.to_thread(_write_document, snapshot, salt, written)
    row = Reissue(
        snapshot_id=snapshot_id,
        salt=salt,
        body=body,
        digest=digest_of(body),
        issued_by=audit.SYSTEM,
        issued_at=now,
    )
    session.add(row)
    record(
        session,
        audit.SYSTEM,
        "period.reissue",
        period,
        revision=snapshot.revision,
        commitment=commitment_of(snapshot.body, salt),
        public_digest=row.digest,
    )
    return Reissued(period_id, snapshot.revision, row.digest)


def _write_document(snapshot: Snapshot, salt: bytes, issued_at: str) -> str:
    document = orjson.loads(snapshot.public_body or "")
    return canonical(reissued(document, commitment_of(snapshot.body, salt), issued_at))
