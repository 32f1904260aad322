"""Signing in: the three grants of RFC 6749 that we offer. `proofs` judges and counts passwords.

A refusal is returned, not raised: the line it leaves, or the family of tokens it ends, must be committed
with it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from app import audit
from app.auth import queries, second, sessions
from app.auth.known import person_of, subject_of
from app.auth.networks import lies_within
from app.auth.proofs import CODE_REFUSED, Proofs, note_failures
from app.auth.sessions import Origin
from app.auth.subjects import Subject
from app.auth.totp import Seal
from app.core.tokens import check_secret, hash_secret, make_secret
from app.models.subject import Client, RefreshToken

VOUCHED_FOR = timedelta(hours=12)
"""How long we go on with whom the sign-on provider let in: who leaves there is out here next morning."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why no token is given, in RFC 6749's words."""

    error: str
    description: str
    status: int = 400
    code: str | None = None
    """A finer name where RFC 6749's is too coarse to act upon."""


@dataclass(frozen=True, slots=True)
class Granted:
    """Who gets a token, and the refresh token for next time (people only)."""

    subject: Subject
    refresh_token: str | None = None
    sid: UUID | None = None


async def sign_in(
    proofs: Proofs, seal: Seal, username: str, password: str, totp: str, origin: Origin, now: datetime
) -> Granted | Refusal:
    """The password grant. Raises TooManyRequests while a name must wait, Unavailable when too many wait."""
    guess = await proofs.judge_password(username, password, origin, now)
    async with proofs.transaction() as session:
        person = await queries.open_user(session, guess.user_id) if guess.fits and guess.user_id else None
        if person is None or person[0].password_hash != guess.password_hash:
            await proofs.refuse(session, guess, now)
            return Refusal("invalid_grant", "The username or the password is not right.")
        by = "password"
        if await second.is_on(session, person[0].id):
            if not totp:
                await proofs.withdraw(session, guess)
                asked = "A one-time code is needed: send it as totp."
                return Refusal("invalid_grant", asked, code="totp_needed")
            if not await second.accept(session, person[0].id, totp, seal, now):
                # counted like a wrong password: six digits are soon guessed
                await proofs.refuse(session, guess, now, CODE_REFUSED)
                return Refusal("invalid_grant", "The one-time code is not right.", code="totp_wrong")
            by = "password_and_code"
        await proofs.accept(session, guess)
        return await start_session(session, person, origin, now, by)


async def refresh(
    session: AsyncSession, token: str, origin: Origin, now: datetime, max_age: timedelta
) -> Granted | Refusal:
    """The refresh grant: the token is exchanged for a new one; a token used twice ends its session.

    So does its age: a session older than `max_age` goes on for nobody.
    """
    known = await queries.refresh_token(session, hash_secret(token))
    refused = Refusal("invalid_grant", "The refresh token is not valid any more: sign in again.")
    if known is None or known.expires_at <= now:
        return refused
    person = await queries.open_user(session, known.user_id)
    vouched = await queries.vouched_at(session, known.user_id)
    stale = vouched is not None and vouched + VOUCHED_FOR <= now
    if known.used_at is not None or person is None or stale:
        await sessions.end(session, known.user_id, now, only=known.family)
        if known.used_at is not None and person is not None:
            user = f"user:{known.user_id}"
            units = [role.unit_id for role in person[1]]
            audit.record(session, audit.SYSTEM, "session.end", user, units, sessions=1, reason="token_reused")
        return refused
    if not await sessions.use(session, known.family, known.user_id, origin, now, now - max_age):
        await sessions.end(session, known.user_id, now, only=known.family)
        return refused
    known.used_at = now
    return _grant(session, person, known.family, now)


async def client_credentials(
    session: AsyncSession, client_id: str, secret: str, address: str, now: datetime
) -> Granted | Refusal:
    """The client credentials grant: any of the client's secrets will do, from where it may call."""
    refused = Refusal("invalid_client", "The client or its secret is not right.", 401)
    try:
        client = await queries.open_client(session, UUID(client_id), now)
    except ValueError:
        return refused
    if client is None:
        return refused
    target = f"client:{client.id}"
    if not await _fits(session, client, secret, now):
        await note_failures(session, "client.secret_refused", target, [client.unit_id], 1, now)
        return refused
    subject = subject_of(client)
    if subject.networks and not lies_within(address, subject.networks):
        await note_failures(session, "client.address_refused", target, [client.unit_id], 1, now)
        # said only to who has the secret: the partner's administrator must know which address we see
        return Refusal("unauthorized_client", f"The client may not call from the address {address}.")
    await queries.note_use(session, client.id, hash_secret(secret), now)
    return Granted(subject)


async def _fits(session: AsyncSession, client: Client, secret: str, now: datetime) -> bool:
    kept = await queries.secrets_of(session, client.id)
    fitting = [one for one in kept if check_secret(secret, one.secret_hash)]
    if fitting:
        return any(one.expires_at is None or one.expires_at > now for one in fitting)
    if check_secret(secret, client.secret_hash):
        # made by the previous release while both were running: from now on a secret like any other
        await queries.keep_secret(session, client.id, client.secret_hash)
        return True
    return False


async def start_session(
    session: AsyncSession, person: queries.Person, origin: Origin, now: datetime, by: str
) -> Granted:
    """A new session for somebody who has proven who they are, and its line; `by` says how they have."""
    family, units = uuid4(), [role.unit_id for role in person[1]]
    await sessions.use(session, family, person[0].id, origin, now, now)
    audit.record(session, f"user:{person[0].id}", "sign_in.accepted", f"session:{family}", units, by=by)
    return _grant(session, person, family, now)


def _grant(session: AsyncSession, person: queries.Person, family: UUID, now: datetime) -> Granted:
    token = make_secret()
    expires_at = now + sessions.REFRESH_LIFETIME
    session.add(
        RefreshToken(
            token_hash=hash_secret(token), family=family, user_id=person[0].id, expires_at=expires_at
        )
    )
    return Granted(person_of(*person), token, family)
