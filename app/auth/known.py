"""Known subjects: who is behind a token? Asked with every request, so answers are kept for a moment.

What was read of an account serves for REMEMBERED seconds: one closed in another process is felt here after
that long at most, in the process that closed it at once. So an account's tokens end with the account, not a
quarter of an hour later, and a dashboard that asks a hundred times a second costs no hundred look-ups.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from uuid import UUID

from app.auth import queries
from app.auth.roles import scopes_of
from app.auth.subjects import Grant, Subject
from app.core.database import Database
from app.models.subject import Client, User, UserRole

REMEMBERED = 2.0
MAX_REMEMBERED = 10_000


def subject_of(client: Client) -> Subject:
    """The subject a partner system acts as."""
    return Subject("client", client.id, client.name, (Grant(frozenset(client.scopes), client.unit_id),))


def person_of(user: User, roles: Iterable[UserRole]) -> Subject:
    """The subject a member of staff acts as."""
    grants = tuple(Grant(scopes_of(held.role), held.unit_id, held.role) for held in roles)
    return Subject("user", user.id, user.username, grants)


class KnownSubjects:
    """One a process."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._kept: OrderedDict[str, tuple[float, Subject]] = OrderedDict()

    async def find(self, actor: str) -> Subject | None:
        """The subject of an open account, named as a token names it (`user:<id>`); None for anything else."""
        until, kept = self._kept.get(actor, (0.0, None))
        if kept is not None and until > self._clock():
            return kept
        self._kept.pop(actor, None)
        subject = await self._read(actor)
        if subject is None:
            return None
        self._kept[actor] = self._clock() + REMEMBERED, subject
        if len(self._kept) > MAX_REMEMBERED:
            self._kept.popitem(last=False)
        return subject

    def forget(self, actor: str) -> None:
        """The account has changed: read it again next time."""
        self._kept.pop(actor, None)

    async def _read(self, actor: str) -> Subject | None:
        kind, _, identity = actor.partition(":")
        try:
            account_id = UUID(identity)
        except ValueError:
            return None
        async with self._database.read() as session:
            if kind == "user":
                found = await queries.open_user(session, account_id)
                return None if found is None else person_of(*found)
            client = await queries.open_client(session, account_id) if kind == "client" else None
            return None if client is None else subject_of(client)
