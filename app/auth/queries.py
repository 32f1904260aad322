"""What signing in reads and writes: accounts, refresh tokens, failures."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.subject import Client, RefreshToken, SignInFailure, User, UserRole

FAILURE_MEMORY = timedelta(minutes=15)


Person = tuple[User, list[UserRole]]
"""An account of a person and the roles it holds."""


async def user_by_name(session: AsyncSession, username: str) -> Person | None:
    """An open account by its name."""
    return await _open_user(session, User.username == username)


async def open_user(session: AsyncSession, user_id: UUID) -> Person | None:
    """An open account by its id."""
    return await _open_user(session, User.id == user_id)


async def _open_user(session: AsyncSession, condition: ColumnElement[bool]) -> Person | None:
    """One query for both: this is asked every few seconds for everybody at work."""
    query = select(User, UserRole).outerjoin(UserRole, UserRole.user_id == User.id)
    found = (
        await session.execute(query.where(condition, User.closed_at.is_(None)).order_by(UserRole.id))
    ).all()
    roles: list[UserRole | None] = [row[1] for row in found]
    return (found[0][0], [role for role in roles if role is not None]) if found else None


async def open_client(session: AsyncSession, client_id: UUID) -> Client | None:
    """An open client by its id."""
    return await session.scalar(select(Client).where(Client.id == client_id, Client.closed_at.is_(None)))


async def refresh_token(session: AsyncSession, token_hash: bytes) -> RefreshToken | None:
    """A refresh token, locked so that of two uses at once only one is the first."""
    return await session.scalar(
        select(RefreshToken).where(RefreshToken.token_hash == token_hash).with_for_update()
    )


async def end_family(session: AsyncSession, family: UUID, now: datetime) -> None:
    """No token of the family is good any more."""
    await session.execute(update(RefreshToken).where(RefreshToken.family == family).values(expires_at=now))


async def failures(
    session: AsyncSession, name: str, address: str, now: datetime
) -> tuple[tuple[int, datetime | None], tuple[int, datetime | None]]:
    """Failed sign-ins of late, as (count, last): for the name from this address, and from anywhere."""
    recent = SignInFailure.name == name, SignInFailure.failed_at > now - FAILURE_MEMORY
    here = SignInFailure.address == address
    row = (
        await session.execute(
            select(
                func.count().filter(here),
                func.max(SignInFailure.failed_at).filter(here),
                func.count(),
                func.max(SignInFailure.failed_at),
            ).where(*recent)
        )
    ).one()
    return (row[0], row[1]), (row[2], row[3])


async def forget_failures(session: AsyncSession, name: str, address: str) -> None:
    """A success wipes the failures of this name from this address."""
    await session.execute(
        delete(SignInFailure).where(SignInFailure.name == name, SignInFailure.address == address)
    )


async def purge(session: AsyncSession, now: datetime) -> None:
    """Drop failures nobody counts any more and refresh tokens long expired."""
    await session.execute(delete(SignInFailure).where(SignInFailure.failed_at < now - FAILURE_MEMORY))
    await session.execute(delete(RefreshToken).where(RefreshToken.expires_at < now - timedelta(days=1)))
