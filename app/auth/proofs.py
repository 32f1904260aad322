"""This file judges passwords: it counts each guess before judging it, and judges it with no transaction open.

What is counted first cannot be outrun: of a hundred guesses sent side by side five are judged. A guess counts
for the name and the browser that signed in before, else for the name and the address; more mildly for the
name from anywhere. An address without failures is always heard, so that no crowd of guessers can keep out
the office that signs in every morning, and nothing counts for an address alone: a hall shares one.

Names that nobody has are kept as keyed hashes: one of them may be a password in the wrong field.
"""

import hmac
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app import audit
from app.auth import queries
from app.auth.device_cookie import DeviceCookies
from app.auth.sessions import Origin
from app.core.database import Database
from app.core.hashing import GATE
from app.core.locks import hold_named
from app.core.problems import TooManyRequests
from app.core.settings import Settings
from app.core.tokens import check_password, derive_key

FREE_TRIES = 5
FREE_TRIES_ANYWHERE = 50
LONGEST_WAIT_HERE = timedelta(seconds=60)
LONGEST_WAIT_ANYWHERE = timedelta(seconds=5)

PASSWORD_REFUSED = "sign_in.refused"  # noqa: S105  an action's name
CODE_REFUSED = "sign_in.code_refused"
THROTTLED = "sign_in.throttled"
NOBODY = "sign_in"
"""The target of lines about names that nobody has: they are counted together."""


@dataclass(frozen=True, slots=True)
class Guess:
    """One counted guess at a password or a code."""

    id: int
    name: str
    """The account's name, or the keyed hash of a name that nobody has."""
    place: str
    """What it counts for beside the name: a browser that signed in before, or an address."""
    failures: int
    """Guesses at this name of late from anywhere, this one among them."""
    user_id: UUID | None
    password_hash: str | None
    fits: bool = False


def wait_after(failures: int, free: int, longest: timedelta) -> timedelta:
    """How long after the last of so many failures the next try may come: 0, then 1, 2, 4... seconds."""
    if failures < free:
        return timedelta(0)
    return min(longest, timedelta(seconds=2 ** min(failures - free, 10)))


class Proofs:
    """One a process."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self.transaction: Callable[[], AbstractAsyncContextManager[AsyncSession]] = database.transaction
        self._names = derive_key(settings.secret, "sign-in-names")
        self.cookies = DeviceCookies(
            derive_key(settings.secret, "device-cookies"), secure=settings.public_url.startswith("https://")
        )

    async def judge_password(
        self, account: str | UUID, password: str, origin: Origin, now: datetime
    ) -> Guess:
        """Count a guess at the password of an account, named or by its id, then judge it.

        Unavailable while too many passwords are being judged, TooManyRequests while the name must wait.
        """
        async with GATE.place(origin.turn, known=bool(origin.devices)):
            guess = await self.count(account, origin, now)
            return replace(guess, fits=await GATE.call(check_password, password, guess.password_hash))

    async def count(self, account: str | UUID, origin: Origin, now: datetime) -> Guess:
        """Count a guess that is about to be judged. TooManyRequests while the name must wait."""
        async with self.transaction() as session:
            counted = await self._count(session, account, origin, now)
        if isinstance(counted, timedelta):
            raise TooManyRequests(retry_after=int(counted.total_seconds()) + 1)
        return counted

    async def _count(
        self, session: AsyncSession, account: str | UUID, origin: Origin, now: datetime
    ) -> Guess | timedelta:
        found = await queries.password_of(session, account)
        user_id, name, kept = found or (None, self._hide(str(account)), None)
        device = origin.devices.get(user_id) if user_id else None
        place = f"device:{device}" if device else origin.network
        await hold_named(session, "sign-in", name, place)
        here, anywhere = await queries.failures(session, name, place, now)
        waits = [(here, FREE_TRIES, LONGEST_WAIT_HERE)]
        if here[0] and device is None:
            waits.append((anywhere, FREE_TRIES_ANYWHERE, LONGEST_WAIT_ANYWHERE))
        for (count, last), free, longest in waits:
            wait = wait_after(count, free, longest)
            # the last may be later than `now`: this guess has waited for its place while others were counted
            if wait and last is not None and (left := last + wait - now) > timedelta(0):
                await self._note(session, THROTTLED, user_id, anywhere[0], now)
                return left
        guess_id = await queries.keep_failure(session, name, place, now)
        return Guess(guess_id, name, place, anywhere[0] + 1, user_id, kept)

    async def refuse(
        self, session: AsyncSession, guess: Guess, now: datetime, action: str = PASSWORD_REFUSED
    ) -> None:
        """Note in the record that a guess was wrong; it has been counted already."""
        await self._note(session, action, guess.user_id, guess.failures, now)

    async def accept(self, session: AsyncSession, guess: Guess) -> None:
        """Forget the failures from here up to this guess: it was right."""
        await queries.forget_failures(session, guess.name, guess.place, guess.id)

    async def withdraw(self, session: AsyncSession, guess: Guess) -> None:
        """Count a guess no longer that was neither wrong nor all there is to prove."""
        await queries.forget_failure(session, guess.id)

    async def _note(
        self, session: AsyncSession, action: str, user_id: UUID | None, failures: int, now: datetime
    ) -> None:
        if user_id is None:
            failures = await queries.failures_of_nobody(session, now)
        units = [] if user_id is None else await queries.role_units(session, user_id)
        target = NOBODY if user_id is None else f"user:{user_id}"
        await note_failures(session, action, target, units, failures, now)

    def _hide(self, name: str) -> str:
        # longer than any account's name
        return "?" + hmac.digest(self._names, name.encode("utf-8", "surrogatepass"), "sha256").hex()


async def note_failures(
    session: AsyncSession,
    action: str,
    target: str,
    units: list[int | None],
    failures: int,
    now: datetime,
) -> None:
    """Add a line about refusals unless there was one of late; another as often as their number doubles.

    An attacker who is refused all day writes a handful of lines each quarter of an hour.
    """
    noted = await queries.noted_failures(session, action, target, now)
    if noted is None or failures >= 2 * noted:
        audit.record(session, audit.SYSTEM, action, target, units, failures=failures)
