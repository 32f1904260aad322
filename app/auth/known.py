"""Known subjects: who is behind a token? Asked with every request, so answers are kept for a moment.

What was read of an account serves for REMEMBERED seconds: one closed in another process is felt here after
that long at most, in the process that closed it at once. So an account's tokens end with the account, and a
session's with the session, not a quarter of an hour later, and a dashboard that asks a hundred times a second
costs no hundred look-ups.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Literal
from uuid import UUID

from app.auth import queries
from app.auth.networks import stored_networks
from app.auth.roles import scopes_of
from app.auth.subjects import Grant, Subject
from app.core.account_problems import AccountClosed, SessionEnded
from app.core.clock import utc_now
from app.core.database import Database
from app.core.errors import Problem
from app.core.problems import Unauthorized
from app.core.remembered import Remembered
from app.models.subject import Client, User, UserRole

REMEMBERED = 2.0
MAX_REMEMBERED = 10_000
ACCOUNTS: Mapping[Literal["user", "client"], type[User | Client]] = {"user": User, "client": Client}


def subject_of(client: Client) -> Subject:
    """The subject a partner system acts as."""
    grants = (Grant(frozenset(client.scopes), client.unit_id),)
    return Subject("client", client.id, client.name, grants, stored_networks(client.networks))


def person_of(user: User, roles: Iterable[UserRole]) -> Subject:
    """The subject a member of staff acts as."""
    grants = tuple(Grant(scopes_of(held.role), held.unit_id, held.role) for held in roles)
    return Subject("user", user.id, user.username, grants)


class KnownSubjects:
    """One a process."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._kept = Remembered(self._read, seconds=REMEMBERED, most=MAX_REMEMBERED, clock=clock)

    async def find(self, actor: str, sid: str | None = None) -> Subject | None:
        """The subject of an open account, named as a token names it (`user:<id>`); None for anything else.

        With `sid`, the id of a sign-in, only while that goes on.
        """
        return await self._kept.get((actor, sid))

    async def why_unknown(self, actor: str, sid: str | None) -> Problem:
        """What to tell the holder of a good token whom `find` does not find."""
        kind, account_id = _parts(actor)
        if kind is None or account_id is None:
            return Unauthorized()
        async with self._database.read() as session:
            if await queries.is_closed(session, ACCOUNTS[kind], account_id):
                return AccountClosed()
        return Unauthorized() if sid is None else SessionEnded()

    def forget(self, actor: str) -> None:
        """The account has changed: read it again next time, in whichever session."""
        self._kept.forget_where(lambda key: key[0] == actor)

    async def _read(self, key: tuple[str, str | None]) -> Subject | None:
        actor, sid = key
        kind, account_id = _parts(actor)
        family = None if sid is None else _uuid(sid)
        if kind is None or account_id is None or (sid is not None and family is None):
            return None
        async with self._database.read() as session:
            if kind == "client":
                client = await queries.open_client(session, account_id, utc_now())
                return None if client is None else subject_of(client)
            found = await queries.acting(session, account_id, family)
        if found is None or not found.session_open:
            return None
        person = person_of(found.user, found.roles)
        return replace(person, session_id=family, totp_due=found.totp_due)


def _parts(actor: str) -> tuple[Literal["user", "client"] | None, UUID | None]:
    kind, _, identity = actor.partition(":")
    if kind == "user":
        return "user", _uuid(identity)
    return ("client", _uuid(identity)) if kind == "client" else (None, None)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
