"""Identities at the provider and sign-in codes in the database."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from sqlalchemy import delete, exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.reorganisation import UnitVersion
from app.models.sign_on import OidcIdentity, SignInCode
from app.models.subject import User, UserRole
from app.models.unit import Unit


async def identity(session: AsyncSession, issuer: str, subject: str) -> tuple[OidcIdentity, User] | None:
    """The identity and the account behind it, open or closed."""
    query = select(OidcIdentity, User).join(User, User.id == OidcIdentity.user_id)
    row = (
        await session.execute(query.where(OidcIdentity.issuer == issuer, OidcIdentity.subject == subject))
    ).one_or_none()
    return None if row is None else (row[0], row[1])


async def name_taken(session: AsyncSession, username: str) -> bool:
    """Whether an account, open or closed, has this name."""
    return bool(await session.scalar(select(exists().where(User.username == username))))


async def bearers(session: AsyncSession, codes: Iterable[str]) -> Mapping[str, int]:
    """The ids of the units that have these codes, or had them: of whoever has one now, where both are."""
    wanted = list(codes)
    had = select(UnitVersion.code, UnitVersion.unit_id)
    ended = had.where(UnitVersion.code.in_(wanted), UnitVersion.valid_to.is_not(None))
    former = await session.execute(ended.order_by(UnitVersion.valid_to))
    present = await session.execute(select(Unit.code, Unit.id).where(Unit.code.in_(wanted)))
    return {row[0]: row[1] for row in (*former, *present)}


async def roles(session: AsyncSession, user_id: UUID) -> list[UserRole]:
    """The roles an account holds."""
    query = select(UserRole).where(UserRole.user_id == user_id).order_by(UserRole.id)
    return list((await session.scalars(query)).all())


async def unit_codes(session: AsyncSession, unit_ids: Iterable[int]) -> Mapping[int, str]:
    """Codes of units by id."""
    rows = await session.execute(select(Unit.id, Unit.code).where(Unit.id.in_(list(unit_ids))))
    return {row[0]: row[1] for row in rows}


async def take_code(session: AsyncSession, code_hash: bytes) -> SignInCode | None:
    """A code, which is gone with this: of two who bring it at once, one finds it."""
    query = delete(SignInCode).where(SignInCode.code_hash == code_hash).returning(SignInCode)
    return await session.scalar(query)


async def end_codes(session: AsyncSession, user_id: UUID) -> None:
    """No code of this account is good any more."""
    await session.execute(delete(SignInCode).where(SignInCode.user_id == user_id))
