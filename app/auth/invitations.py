"""One-time links by which people set their own password: the first one, or another after a reset.

An administrator hands the link over and never learns the password. Only the token's hash is kept; a new link
voids the older ones.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Literal, NamedTuple
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app import audit
from app.auth import sessions
from app.core.account_problems import InvitationExpired, InvitationUnknown, InvitationUsed
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


async def accept(session: AsyncSession, token: str, password: str, now: datetime) -> User:
    """Set the password a link is for; whoever was signed in with the old one is not any more.

    Raises InvitationUnknown, InvitationUsed, InvitationExpired.
    """
    link = await session.scalar(
        select(AccountLink).where(AccountLink.token_hash == hash_secret(token)).with_for_update()
    )
    if link is None:
        raise InvitationUnknown
    if link.used_at is not None:
        raise InvitationUsed
    user = await session.get_one(User, link.user_id, with_for_update=True)
    if link.expires_at <= now or user.closed_at is not None:
        raise InvitationExpired
    # Argon2 takes its time: in a thread, so that nobody else waits for it
    user.password_hash = await asyncio.to_thread(hash_password, password)
    link.used_at = now
    await sessions.end(session, user.id, now)
    units = await session.scalars(select(UserRole.unit_id).where(UserRole.user_id == user.id))
    audit.record(session, f"user:{user.id}", "user.password", f"user:{user.id}", units, by=link.kind)
    return user
