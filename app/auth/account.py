"""One's own account: another password, a second factor on or off, sessions ended.

What a wrong password or code asks for is returned as faults, not raised: the line it leaves must be
committed. Each change leaves its line, without a word of any secret.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app import audit
from app.auth import invitations, queries, second, sessions
from app.auth.passwords import password_faults
from app.auth.proofs import CODE_REFUSED, Proofs
from app.auth.sessions import Origin
from app.auth.subjects import Subject
from app.auth.totp import Seal
from app.core.account_problems import SessionUnknown
from app.core.faults import Fault
from app.core.hashing import GATE
from app.core.tokens import hash_password
from app.models.subject import User


async def change_password(
    proofs: Proofs, subject: Subject, current: str, new: str, origin: Origin, now: datetime
) -> list[Fault]:
    """Another password; the other sessions and any open link end. Faults, and then nothing has changed."""
    guess = await proofs.judge_password(subject.id, current, origin, now)
    async with proofs.transaction() as session:
        about = await queries.names_about(session, subject.id)
    faults = await GATE.run(password_faults, new, "/new", about)
    hashed = await GATE.run(hash_password, new) if guess.fits and not faults else None
    async with proofs.transaction() as session:
        user = await session.get_one(User, subject.id, with_for_update=True)
        if not guess.fits or user.password_hash != guess.password_hash:
            await proofs.refuse(session, guess, now)
            return [Fault("/current", "password_wrong"), *faults]
        if await second.is_on(session, user.id):
            await proofs.withdraw(session, guess)
        else:
            await proofs.accept(session, guess)
        if hashed is not None:
            user.password_hash = hashed
            await sessions.end(session, user.id, now, but=subject.session_id)
            await invitations.void(session, user.id, now)
            _record(session, subject, "user.password", by="self")
    return faults


async def prove(
    proofs: Proofs,
    subject: Subject,
    password: str | None,
    code: str | None,
    seal: Seal,
    origin: Origin,
    now: datetime,
) -> list[Fault]:
    """Judge a password, or else a one-time code, of somebody signed in; the faults of what is wrong."""
    if password is not None:
        guess = await proofs.judge_password(subject.id, password, origin, now)
    else:
        guess = await proofs.count(subject.id, origin, now)
    async with proofs.transaction() as session:
        if password is not None and not guess.fits:
            await proofs.refuse(session, guess, now)
            return [Fault("/password", "password_wrong")]
        if code is not None and not await second.accept(session, subject.id, code, seal, now):
            await proofs.refuse(session, guess, now, CODE_REFUSED)
            return [Fault("/code", "totp_wrong")]
        if code is None and await second.is_on(session, subject.id):
            await proofs.withdraw(session, guess)  # the password alone wipes no wrong codes
        else:
            await proofs.accept(session, guess)
    return []


async def confirm_totp(
    session: AsyncSession, subject: Subject, code: str, seal: Seal, now: datetime
) -> list[str] | None:
    """Turn the second factor on by its first code: the recovery codes; None for a wrong one."""
    codes = await second.confirm(session, subject.id, code, seal, now)
    if codes is not None:
        _record(session, subject, "user.totp_on")
    return codes


async def remove_totp(
    proofs: Proofs, subject: Subject, password: str, code: str, seal: Seal, origin: Origin, now: datetime
) -> list[Fault]:
    """Take the second factor off; whoever only found the session open can do that with neither alone."""
    guess = await proofs.judge_password(subject.id, password, origin, now)
    async with proofs.transaction() as session:
        if not guess.fits:
            await proofs.refuse(session, guess, now)
            return [Fault("/password", "password_wrong")]
        if await second.is_on(session, subject.id) and not await second.accept(
            session, subject.id, code, seal, now
        ):
            await proofs.refuse(session, guess, now, CODE_REFUSED)
            return [Fault("/code", "totp_wrong")]
        await proofs.accept(session, guess)
        if await second.take_off(session, subject.id):
            _record(session, subject, "user.totp_off", by="self")
    return []


async def end_session(session: AsyncSession, subject: Subject, session_id: UUID, now: datetime) -> None:
    """End one of one's own sessions; SessionUnknown for any other."""
    if not await sessions.end(session, subject.id, now, only=session_id):
        raise SessionUnknown
    _record(session, subject, "session.end", sessions=1)


async def end_sessions(session: AsyncSession, subject: Subject, now: datetime) -> None:
    """End them all, the one that asks among them."""
    ended = await sessions.end(session, subject.id, now)
    _record(session, subject, "session.end", sessions=ended)


def _record(session: AsyncSession, subject: Subject, action: str, **details: object) -> None:
    units = [grant.unit_id for grant in subject.grants]
    audit.record(session, subject.actor, action, subject.actor, units, **details)
