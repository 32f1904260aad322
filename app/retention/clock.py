"""A clock that has jumped ahead takes nothing out before there was time to notice it.

What is old is judged by this machine's clock, and what was taken out is gone. A clock that is years ahead for
one night would take out what is to be kept for years. So each night leaves the time at which it was let go
on, and the next one that finds it long ago is held back first: it fails, with the reason, and is let go on
by itself when half a day has passed by the same clock. Whoever knows that the clock is right need not wait.

Not the heartbeats of the job runner: a clock that jumps at noon has written a fresh one long before night.
A jump of fewer days than `LONGEST_GAP` is not seen; it takes out what would have gone within those days.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.jobs.failures import SomeFailed
from app.models.record import DeploymentFact

LONGEST_GAP = timedelta(days=40)
"""Longer than holidays and repairs; what is taken out so much too early is nobody's loss."""
NOTICE = timedelta(hours=12)
"""What is held back at night goes on the night after, and so does what is held back in the morning."""


class HeldBack(SomeFailed):
    """Nothing was taken out: the clock has gone further than a service is ever away."""


class Nights(NamedTuple):
    """When it was last let go on, and since when it is held back."""

    last: datetime | None = None
    held: datetime | None = None


def judge(known: Nights, now: datetime) -> Nights:
    """What is to be remembered of this night; with `held`, it must not go on. Pure.

    Where nothing is known, as in a new deployment, there is nothing to hold back for. A time that lies ahead
    was written by a clock that has been put right.
    """
    if known.last is None or now - known.last <= LONGEST_GAP:
        return Nights(now)
    if known.held is None or not timedelta(0) <= now - known.held <= LONGEST_GAP:
        return Nights(known.last, now)
    return Nights(now) if now - known.held >= NOTICE else known


def say(nights: Nights) -> str:
    """Why a night is held back, and what to do."""
    last, held = nights.last, nights.held
    return (
        f"held back: it last went on at {last:%Y-%m-%d} and the clock said {held:%Y-%m-%d %H:%M} UTC. If that"
        f" is wrong, set the clock right; if it is right, it goes on by itself {NOTICE.seconds // 3600} hours"
        " later, or after `sipas retention --clock-is-right`"
    )


async def read_nights(session: AsyncSession, action: str) -> Nights:
    """What is remembered of a job's nights."""
    fact = await session.get(DeploymentFact, _name(action))
    if fact is None:
        return Nights()
    return Nights(
        *(said and datetime.fromisoformat(said) for said in (fact.value["last"], fact.value["held"]))
    )


async def write_nights(session: AsyncSession, action: str, nights: Nights) -> None:
    """Remember them."""
    value = {name: said and said.isoformat() for name, said in nights._asdict().items()}
    statement = insert(DeploymentFact).values(name=_name(action), value=value)
    await session.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"value": value}))


def _name(action: str) -> str:
    return f"clock.{action}"
