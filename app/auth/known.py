"""Known subjects: who is behind a token? Asked with every request, so answers are kept for a moment.

What was read of an account serves for REMEMBERED seconds: one closed in another process is felt here after
that long at most, in the process that closed it at once. So an account's tokens end with the account, not a
quarter of an hour later, and a dashboard that asks a hundred times a second costs no hundred look-ups.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from uuid import UUID

from app.auth import queries
from app.auth.subjects import Subject
from app.core.database import Database
from app.models.subject import Client, User

REMEMBERED = 2.0
MAX_REMEMBERED = 10_000


def subject_of(account: User | Client) -> Subject:
    """The subject an account acts as."""
    if isinstance(account, User):
        return Subject("user", account.id, account.username, frozenset(account.scopes), account.unit_id)
    return Subject("client", account.id, account.name, frozenset(account.scopes), account.unit_id)


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
        account = await self._read(actor)
        if account is None:
            return None
        subject = subject_of(account)
        self._kept[actor] = self._clock() + REMEMBERED, subject
        if len(self._kept) > MAX_REMEMBERED:
            self._kept.popitem(last=False)
        return subject

    def forget(self, actor: str) -> None:
        """The account has changed: read it again next time."""
        self._kept.pop(actor, None)

    async def _read(self, actor: str) -> User | Client | None:
        kind, _, identity = actor.partition(":")
        try:
            account_id = UUID(identity)
        except ValueError:
            return None
        async with self._database.read() as session:
            if kind == "user":
                return await queries.open_user(session, account_id)
            return await queries.open_client(session, account_id) if kind == "client" else None
