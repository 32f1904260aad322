"""Advisory locks: each job that must not run twice at once has a number here, so that no two share one.

A lock is held until the transaction ends. Waiting for it has the session's `lock_timeout` as its end.
"""

from enum import IntEnum

from sqlalchemy import Function, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession


class Lock(IntEnum):
    """What is being kept to one transaction at a time."""

    UNITS = 7237101
    """Changes of the tree: two changes that are sound alone can make a loop together."""
    PROCEDURES = 7237102
    """Imports of procedures: two files at once would trip over each other's new codes."""
    FIRST_ADMINISTRATOR = 7237103
    """Several processes start on one new database."""
    SHIPPED_QUESTIONNAIRES = 7237104
    """The same start: the second process finds them published."""
    PAIRING_HANDLES = 7237105
    """Two new pairing codes must not pick the same free handle."""
    ROLLUP_MONTHS = 7237106
    """Cells of one month: with the month's number as second key; a rebuild shares it, a pulse does not."""
    SPENT_LINKS = 7237107
    """Spending links: whoever spends some shares it, a backup that is about to take its snapshot does not."""
    SETTLING = 7237108
    """Sweeps: one that overlooks what another is moving would leave the few it sees apart from the rest."""
    ADMINISTRATORS = 7237111
    """Of two last administrators who leave at once, one must stay."""


_GIVE_TIME = text(
    "SELECT set_config('idle_in_transaction_session_timeout', '300s', true),"
    " set_config('statement_timeout', '300s', true)"
)


async def hold(session: AsyncSession, lock: Lock) -> None:
    """Take the lock for the rest of the transaction."""
    await session.execute(select(func.pg_advisory_xact_lock(int(lock))))


async def give_time(session: AsyncSession) -> None:
    """Let the rest of the transaction take five minutes, and idle as long.

    A nation's table is read and planned between two statements, for a minute on a busy machine.
    """
    await session.execute(_GIVE_TIME)


async def share(session: AsyncSession, lock: Lock) -> None:
    """Take the lock for the rest of the transaction together with others that share it."""
    await session.execute(select(func.pg_advisory_xact_lock_shared(int(lock))))


async def hold_named(session: AsyncSession, purpose: str, *names: str) -> None:
    """Take a lock named by texts for the rest of the transaction."""
    await session.execute(select(func.pg_advisory_xact_lock(_key(purpose, *names))))


async def try_hold(session: AsyncSession, purpose: str, *names: str) -> bool:
    """Take a lock named by texts for the rest of the transaction; False, at once, when another holds it."""
    return bool(await session.scalar(select(func.pg_try_advisory_xact_lock(_key(purpose, *names)))))


def _key(*names: str) -> Function[int]:
    return func.hashtextextended("\0".join(names).replace("\0", "\x1f"), 0)
