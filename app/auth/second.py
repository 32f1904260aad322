"""The second factor of an account: set up, confirmed, asked for, taken off.

What is typed is checked and spent in one statement each, so that of two uses of one code at the same moment
only one succeeds.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.totp import Seal, address_of, new_recovery_codes, new_secret, plain_recovery_code, step_of
from app.core.account_problems import TotpOn
from app.core.tokens import hash_secret
from app.models.account import RecoveryCode, TotpSecret


async def is_on(session: AsyncSession, user_id: UUID) -> bool:
    """Whether signing in asks for a code."""
    confirmed = await session.scalar(select(TotpSecret.confirmed_at).where(TotpSecret.user_id == user_id))
    return confirmed is not None


async def prepare(session: AsyncSession, user_id: UUID, username: str, seal: Seal) -> tuple[str, str]:
    """A new secret and its address, to be confirmed by a code; TotpOn where one is confirmed already."""
    secret = new_secret()
    sealed = seal.close(user_id, secret)
    row = insert(TotpSecret).values(user_id=user_id, sealed=sealed)
    row = row.on_conflict_do_update(
        index_elements=[TotpSecret.user_id],
        set_={"sealed": sealed, "last_step": None},
        where=TotpSecret.confirmed_at.is_(None),
    )
    if await session.scalar(row.returning(TotpSecret.user_id)) is None:
        raise TotpOn
    return secret, address_of(secret, username)


async def confirm(
    session: AsyncSession, user_id: UUID, code: str, seal: Seal, now: datetime
) -> list[str] | None:
    """Turn the second factor on: the recovery codes, shown this once; None for a wrong code.

    TotpOn where it is on already.
    """
    if await is_on(session, user_id):
        raise TotpOn
    if not await _spend_code(session, user_id, code, seal, now):
        return None
    await session.execute(update(TotpSecret).where(TotpSecret.user_id == user_id).values(confirmed_at=now))
    codes = new_recovery_codes()
    await session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    session.add_all(RecoveryCode(user_id=user_id, code_hash=_hash(user_id, code)) for code in codes)
    return codes


async def accept(session: AsyncSession, user_id: UUID, typed: str, seal: Seal, now: datetime) -> bool:
    """Whether this is a good code of the app, or a recovery code; either is spent."""
    return await _spend_code(session, user_id, typed, seal, now) or await _spend_recovery(
        session, user_id, typed, now
    )


async def take_off(session: AsyncSession, user_id: UUID) -> bool:
    """No second factor any more, and no recovery codes; whether there was one."""
    await session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    gone = delete(TotpSecret).where(TotpSecret.user_id == user_id)
    return await session.scalar(gone.returning(TotpSecret.user_id)) is not None


async def _spend_code(session: AsyncSession, user_id: UUID, code: str, seal: Seal, now: datetime) -> bool:
    kept = await session.execute(
        select(TotpSecret.sealed, TotpSecret.last_step).where(TotpSecret.user_id == user_id)
    )
    row = kept.one_or_none()
    secret = None if row is None else seal.open(user_id, row[0])
    if row is None or secret is None:
        return False
    step = step_of(secret, code, now, row[1])
    if step is None:
        return False
    as_read = TotpSecret.sealed == row[0], TotpSecret.last_step.is_not_distinct_from(row[1])
    spent = update(TotpSecret).where(TotpSecret.user_id == user_id, *as_read)
    returned = spent.values(last_step=step).returning(TotpSecret.user_id)
    return await session.scalar(returned) is not None


async def _spend_recovery(session: AsyncSession, user_id: UUID, typed: str, now: datetime) -> bool:
    plain = plain_recovery_code(typed)
    if plain is None:
        return False
    spent = update(RecoveryCode).where(
        RecoveryCode.user_id == user_id,
        RecoveryCode.code_hash == _hash(user_id, plain),
        RecoveryCode.used_at.is_(None),
    )
    returned = spent.values(used_at=now).returning(RecoveryCode.user_id)
    return await session.scalar(returned) is not None


def _hash(user_id: UUID, code: str) -> bytes:
    # eighty random bits each: a plain hash keeps them; the owner's id keeps equal codes of two people apart
    return hash_secret(f"{user_id}:{plain_recovery_code(code)}")
