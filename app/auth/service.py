"""Signing in: the three grants of RFC 6749 that we offer, and the slowing down after failures.

A refusal is returned, not raised: the failure it counts, or the family of tokens it ends, must be
committed with it.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from app import audit
from app.auth import queries, second, sessions
from app.auth.known import person_of, subject_of
from app.auth.networks import lies_within
from app.auth.sessions import Origin
from app.auth.subjects import Subject
from app.auth.totp import Seal
from app.core.locks import try_hold
from app.core.problems import TooManyRequests
from app.core.tokens import check_password, check_secret, hash_secret, make_secret
from app.models.subject import Client, RefreshToken, SignInFailure, User

VOUCHED_FOR = timedelta(hours=12)
"""How long we go on with whom the sign-on provider let in: who leaves there is out here next morning."""
FREE_TRIES = 5
FREE_TRIES_ANYWHERE = 50
LONGEST_WAIT_HERE = timedelta(seconds=60)
LONGEST_WAIT_ANYWHERE = timedelta(seconds=5)


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


def wait_after(failures: int, free: int, longest: timedelta) -> timedelta:
    """How long after the last of so many failures the next try may come: 0, then 1, 2, 4... seconds."""
    if failures < free:
        return timedelta(0)
    return min(longest, timedelta(seconds=2 ** min(failures - free, 10)))


async def sign_in(
    session: AsyncSession, seal: Seal, username: str, password: str, totp: str, origin: Origin, now: datetime
) -> Granted | Refusal:
    """The password grant. Raises TooManyRequests while a name must wait."""
    await _slow_down(session, username, origin.address, now)
    person = await queries.user_by_name(session, username)
    # Argon2 takes its time: in a thread, so that nobody else waits for it
    fits = await asyncio.to_thread(check_password, password, person[0].password_hash if person else None)
    if person is None or not fits:
        session.add(SignInFailure(name=username, address=origin.address, failed_at=now))
        return Refusal("invalid_grant", "The username or the password is not right.")
    if await second.is_on(session, person[0].id):
        if not totp:
            return Refusal("invalid_grant", "A one-time code is needed: send it as totp.", code="totp_needed")
        if not await second.accept(session, person[0].id, totp, seal, now):
            # counted like a wrong password: six digits are soon guessed
            session.add(SignInFailure(name=username, address=origin.address, failed_at=now))
            return Refusal("invalid_grant", "The one-time code is not right.", code="totp_wrong")
    await queries.forget_failures(session, username, origin.address)
    return await start_session(session, person, origin, now)


async def is_own_password(
    session: AsyncSession, user: User, password: str, address: str, now: datetime
) -> bool:
    """Whether somebody signed in knows the account's password; wrong ones slow down as they do signing in."""
    await _slow_down(session, user.username, address, now)
    if await asyncio.to_thread(check_password, password, user.password_hash):
        return True
    failed(session, user, address, now)
    return False


def failed(session: AsyncSession, user: User, address: str, now: datetime) -> None:
    """Count a wrong password or code."""
    session.add(SignInFailure(name=user.username, address=address, failed_at=now))


async def _slow_down(session: AsyncSession, username: str, address: str, now: datetime) -> None:
    """Raise TooManyRequests where failures ask for a pause.

    Failures count for a name from one address, and much more mildly for the name from anywhere: someone who
    guesses from outside slows themselves down. An address without failures is always heard, so that no crowd
    of guessers can keep out the office that signs in every morning.
    """
    here, anywhere = await queries.failures(session, username, address, now)
    if here[0] >= FREE_TRIES:
        # one at a time from now on: guesses sent side by side would not see each other's failures
        if not await try_hold(session, "sign-in", username, address):
            raise TooManyRequests(retry_after=1)
        here, anywhere = await queries.failures(session, username, address, now)
    waits = [(here, FREE_TRIES, LONGEST_WAIT_HERE)]
    if here[0]:
        waits.append((anywhere, FREE_TRIES_ANYWHERE, LONGEST_WAIT_ANYWHERE))
    for (count, last), free, longest in waits:
        if last is not None and (left := last + wait_after(count, free, longest) - now) > timedelta(0):
            raise TooManyRequests(retry_after=int(left.total_seconds()) + 1)


async def refresh(session: AsyncSession, token: str, origin: Origin, now: datetime) -> Granted | Refusal:
    """The refresh grant: the token is exchanged for a new one; a token used twice ends its session."""
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
    if not await sessions.use(session, known.family, known.user_id, origin, now):
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
    if client is None or not await _fits(session, client, secret, now):
        return refused
    subject = subject_of(client)
    if subject.networks and not lies_within(address, subject.networks):
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
    session: AsyncSession, person: queries.Person, origin: Origin, now: datetime
) -> Granted:
    """A new session for somebody who has proven who they are."""
    family = uuid4()
    await sessions.use(session, family, person[0].id, origin, now)
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
