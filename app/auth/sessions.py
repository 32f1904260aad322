"""Sessions: one for each sign-in, seen and ended by their owner.

A session is a family of refresh tokens. An access token names its session, so that ending one ends the access
token too, within the moment for which an account is remembered.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Network, ip_address
from uuid import UUID

from sqlalchemy import and_, delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.text import visible
from app.models.account import SignInSession
from app.models.subject import RefreshToken

REFRESH_LIFETIME = timedelta(days=14)
KEPT_AFTER = timedelta(days=30)
MAX_USER_AGENT = 200


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request comes from, as a person recognises it."""

    address: str
    user_agent: str = ""
    devices: Mapping[UUID, str] = field(default_factory=dict)
    """The device that each person is known by on this browser, as its cookies say."""

    @property
    def network(self) -> str:
        """What guesses from here count for: the address; of IPv6 the 64 bits that one line has to itself."""
        try:
            address = ip_address(self.address)
        except ValueError:  # a socket's name
            return self.address
        if isinstance(address, IPv4Address) or address.ipv4_mapped is not None:
            return str(address)
        return str(IPv6Network((address, 64), strict=False))

    @property
    def turn(self) -> str:
        """Whose turn it is when several wait: the device's, or else the network's."""
        return min(self.devices.values(), default=self.network)


async def use(
    session: AsyncSession, family: UUID, user_id: UUID, origin: Origin, now: datetime, oldest: datetime
) -> bool:
    """Begin a session, or note that it is used; False when it has been ended or began before `oldest`.

    A family that began under the release before has no session yet: it gets one.
    """
    seen = {
        "last_used_at": now,
        "address": origin.address,
        "user_agent": visible(origin.user_agent)[:MAX_USER_AGENT],
    }
    row = insert(SignInSession).values(id=family, user_id=user_id, created_at=now, **seen)
    row = row.on_conflict_do_update(
        index_elements=[SignInSession.id],
        set_=seen,
        where=and_(SignInSession.ended_at.is_(None), SignInSession.created_at > oldest),
    )
    return await session.scalar(row.returning(SignInSession.id)) is not None


async def listed(
    session: AsyncSession, user_id: UUID, now: datetime, oldest: datetime
) -> Sequence[SignInSession]:
    """Sessions that can still go on, the last used first."""
    rows = await session.scalars(
        select(SignInSession)
        .where(
            SignInSession.user_id == user_id,
            SignInSession.ended_at.is_(None),
            SignInSession.last_used_at > now - REFRESH_LIFETIME,
            SignInSession.created_at > oldest,
        )
        .order_by(SignInSession.last_used_at.desc(), SignInSession.id)
    )
    return rows.all()


async def end(
    session: AsyncSession,
    user_id: UUID,
    now: datetime,
    *,
    only: UUID | None = None,
    but: UUID | None = None,
) -> int:
    """End a person's sessions: all, one of them, or all but one. How many there were to end.

    Tokens first: whoever refreshes at this moment holds the token's lock and takes the session's after it.
    """
    tokens = update(RefreshToken).where(RefreshToken.user_id == user_id, RefreshToken.expires_at > now)
    rows = update(SignInSession).where(SignInSession.user_id == user_id, SignInSession.ended_at.is_(None))
    if only is not None:
        tokens, rows = tokens.where(RefreshToken.family == only), rows.where(SignInSession.id == only)
    if but is not None:
        tokens, rows = tokens.where(RefreshToken.family != but), rows.where(SignInSession.id != but)
    await session.execute(tokens.values(expires_at=now))
    ended = await session.scalars(rows.values(ended_at=now).returning(SignInSession.id))
    return len(ended.all())


async def purge(session: AsyncSession, now: datetime) -> None:
    """Forget sessions long unused: they hold an address and a browser's name."""
    await session.execute(delete(SignInSession).where(SignInSession.last_used_at < now - KEPT_AFTER))
