"""One-time links by which people set their own password: the first one, or another after a reset.

An administrator hands the link over and never learns the password. Only the token's hash is kept; a new link
voids the older ones.
"""

from datetime import datetime, timedelta
from typing import Literal, NamedTuple
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app import audit
from app.auth import queries, sessions
from app.auth.passwords import password_faults
from app.auth.proofs import Proofs
from app.core.account_problems import InvitationExpired, InvitationUnknown, InvitationUsed
from app.core.hashing import GATE
from app.core.problems import InvalidRequest
from app.core.tokens import hash_password, hash_secret, make_secret
from app.models.account import AccountLink
from app.models.subject import User, UserRole

INVITATION_LIFETIME = timedelta(days=7)


class Invitation(NamedTuple):
    """What the person is given; the token is shown this once."""

    token: str
    expires_at: datetime


async def invite(
    session: AsyncSession, user_id: UUID, kind: Literal["invitation", "reset"], now: datetime
) -> Invitation:
    """A new link for an account; older ones end."""
    await void(session, user_id, now)
    token, expires_at = make_secret(), now + INVITATION_LIFETIME
    session.add(AccountLink(token_hash=hash_secret(token), user_id=user_id, kind=kind, expires_at=expires_at))
    return Invitation(token, expires_at)


async def void(session: AsyncSession, user_id: UUID, now: datetime) -> None:
    """The account's links end."""
    pending = update(AccountLink).where(AccountLink.user_id == user_id, AccountLink.used_at.is_(None))
    await session.execute(pending.where(AccountLink.expires_at > now).values(expires_at=now))


async def accept(proofs: Proofs, token: str, password: str, now: datetime) -> User:
    """Set the password a link is for; whoever was signed in with the old one is not any more.

    Raises InvitationUnknown, InvitationUsed, InvitationExpired; InvalidRequest for a password that is soon
    guessed, Unavailable when too many are being hashed. Looked up, hashed with no transaction open, and
    looked up again: a link works once.
    """
    async with proofs.transaction() as session:
        _, user = await _find(session, token, now)
        about = await queries.names_about(session, user.id)
    if faults := await GATE.run(password_faults, password, "/password", about):
        raise InvalidRequest(faults=faults)
    hashed = await GATE.run(hash_password, password)
    async with proofs.transaction() as session:
        link, user = await _find(session, token, now, lock=True)
        user.password_hash = hashed
        link.used_at = now
        await sessions.end(session, user.id, now)
        units = await session.scalars(select(UserRole.unit_id).where(UserRole.user_id == user.id))
        audit.record(session, f"user:{user.id}", "user.password", f"user:{user.id}", units, by=link.kind)
    return user


async def _find(
    session: AsyncSession, token: str, now: datetime, *, lock: bool = False
) -> tuple[AccountLink, User]:
    query = select(AccountLink).where(AccountLink.token_hash == hash_secret(token))
    link = await session.scalar(query.with_for_update() if lock else query)
    if link is None:
        raise InvitationUnknown
    if link.used_at is not None:
        raise InvitationUsed
    user = await session.get_one(User, link.user_id, with_for_update=lock)
    if link.expires_at <= now or user.closed_at is not None:
        raise InvitationExpired
    return link, user
