"""Whatever dies at whatever moment: what was acknowledged is there, once, and figures agree with it.

`make faults` is the long form. `SIPAS_FAULT_ROUNDS` says how many rounds, `SIPAS_FAULT_SEED` repeats a run:
what is killed and when follows from it. Start times are printed; only a generous deadline is asserted.
"""

import asyncio
import os
import random
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from statistics import median

from tests.faults.auditor import audit
from tests.faults.deployment import Deployment, deployed, kill
from tests.faults.load import Memory, storm

SHORT = 4
ROUNDS = int(os.environ.get("SIPAS_FAULT_ROUNDS", SHORT))
ANY = random.SystemRandom().randrange(10**9) if "SIPAS_FAULT_ROUNDS" in os.environ else SHORT
SEED = int(os.environ.get("SIPAS_FAULT_SEED", ANY))
"""The long form throws new dice each time, the short one the same."""


async def a_web_process(deployment: Deployment, dice: random.Random) -> None:
    """One of them; the other goes on."""
    kill([dice.choice(deployment.web())])


async def the_job_runner(deployment: Deployment, dice: random.Random) -> None:
    """In the middle of a re-count, perhaps."""
    kill(deployment.jobs())


async def everything(deployment: Deployment, dice: random.Random) -> None:
    """As when the machine loses its power; then somebody starts it again."""
    kill([deployment.supervisor])  # first, or it would start again what dies
    kill(deployment.everything())
    await asyncio.to_thread(deployment.start)


async def postgres(deployment: Deployment, dice: random.Random) -> None:
    """All of it at once, in any order."""
    processes = deployment.postgres()
    dice.shuffle(processes)
    kill(processes)


async def postgres_stopped_at_once(deployment: Deployment, dice: random.Random) -> None:
    """As `pg_ctl stop -m immediate` does."""
    kill(deployment.postgres()[:1], signal.SIGQUIT)


async def the_supervisor(deployment: Deployment, dice: random.Random) -> None:
    """Alone: its children leave by themselves, and the next start takes the port over."""
    kill([deployment.supervisor])
    await asyncio.to_thread(deployment.start)


async def the_nursery(deployment: Deployment, dice: random.Random) -> None:
    """What web processes and job runner were forked from: others take their places, then they leave."""
    kill(deployment.nursery())


async def one_connection(deployment: Deployment, dice: random.Random) -> None:
    """A part of PostgreSQL, which then ends every other and recovers."""
    kill([dice.choice(deployment.postgres()[1:])])


Fault = Callable[[Deployment, random.Random], Awaitable[None]]
FAULTS: tuple[Fault, ...] = (
    a_web_process,
    the_job_runner,
    everything,
    postgres,
    postgres_stopped_at_once,
    the_supervisor,
    one_connection,
    the_nursery,
)


async def test_nothing_acknowledged_is_lost_or_doubled_whatever_is_killed() -> None:
    # the load throws its dice in an order that no seed repeats: it has its own
    dice, loads, memory = random.Random(SEED), random.Random(SEED), Memory()
    took: dict[str, list[float]] = defaultdict(list)
    tell(f"seed {SEED}, {ROUNDS} rounds")
    async with deployed() as (deployment, ground):
        await deployment.ready()
        for round_ in range(ROUNDS):
            fault = FAULTS[round_ % len(FAULTS)]
            async with storm(ground, memory, loads):
                await asyncio.sleep(dice.uniform(0.3, 2.0))
                struck = time.monotonic()
                await fault(deployment, dice)
                await deployment.ready()
                took[fault.__name__].append(time.monotonic() - struck)
            findings = await audit(deployment.database_url, ground, memory)
            tell(
                f"{round_ + 1:4} {fault.__name__:26} ready after {took[fault.__name__][-1]:5.1f} s,"
                f" {len(memory.accepted)} acknowledged"
            )
            assert not str(findings), f"seed {SEED}, round {round_ + 1}: {findings}\n{deployment.said()}"
    tell(report(memory, took))
    assert memory.counted["accepted"] > ROUNDS


def report(memory: Memory, took: dict[str, list[float]]) -> str:
    """What the rounds came to."""
    lines = [f"missing 0, twice 0; {dict(Counter(memory.counted))}"]
    lines += [
        f"{name:26} ready after {min(each):.1f} to {max(each):.1f} s, half of them by {median(each):.1f} s"
        for name, each in took.items()
    ]
    return "\n".join(lines)


def tell(line: str) -> None:
    """Say how far it is; `make faults` shows it while it runs."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
