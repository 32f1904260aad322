"""Citizens, tablets and a dossier system that go on whatever happens, and remember what they were told.

Each is a real client on a connection of its own. A doubtful answer (none, a torn one, 503) is what it is to a
tablet: the same response is sent again, with the same id, after the time the service asks for, until
something is said of it. So after a storm nothing is unknown, and what was said can be held against the
database.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from tests.faults.client import Answer, Broken, Line
from tests.faults.ground import COMMUNES, PROVINCE, Ground
from tests.support.visits import day

CRITERIA = ("A1", "B1", "C1", "D1", "E1")
SHORTEST_PAUSE = 0.05
LINKS_AHEAD = 60
THINKING = 0.05
"""Between two responses of one sender: what is tested is not speed, and machines that test are busy."""
SAID_SECONDS = 180.0
"""After a storm everything doubtful is settled within this time, or something is wrong."""


@dataclass
class Kept:
    """A response as its sender keeps it; `said` is `accepted`, the code of a refusal, or nothing yet."""

    id: str
    unit: str
    body: dict[str, Any]
    dossier: str | None = None
    said: str | None = None
    received_at: str | None = None
    doubts: int = 0


@dataclass
class Memory:
    """All that was sent, by id, and what no client should ever meet."""

    sent: dict[str, Kept] = field(default_factory=dict)
    registered: set[tuple[str, str]] = field(default_factory=set)
    """(unit, dossier) of every visit whose link we hold."""
    surprises: list[str] = field(default_factory=list)
    counted: "Counter[str]" = field(default_factory=Counter)
    """How often what was answered, for reports."""

    @property
    def accepted(self) -> dict[str, Kept]:
        """What was acknowledged."""
        return {id_: kept for id_, kept in self.sent.items() if kept.said == "accepted"}

    def hear(self, kept: Kept, status: str, body: dict[str, Any]) -> None:
        """Note what was said of a response; saying something else the second time is a surprise."""
        accepted = status in {"accepted", "replayed"}
        said = "accepted" if accepted else str(body.get("code"))
        if kept.said is not None and (kept.said, kept.received_at) != (said, body.get("received_at")):
            self.surprises.append(f"{kept.id} was {kept.said} {kept.received_at}, then {said}: {body}")
        if not accepted and kept.said is None and kept.dossier is None:
            self.surprises.append(f"a tablet's {kept.id} was refused: {body}")
        kept.said, kept.received_at = said, body.get("received_at")
        self.counted[status if accepted else said] += 1


class Load:
    """Who sends. Runs as tasks between `start` and `finish`; the memory outlives many storms."""

    def __init__(self, ground: Ground, memory: Memory, dice: random.Random) -> None:
        self._ground = ground
        self.memory = memory
        self._dice = dice
        self._links: asyncio.Queue[tuple[str, str, str]] = asyncio.Queue(LINKS_AHEAD)
        self._over = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._run = f"{dice.getrandbits(48):012x}"
        self._dossiers = 0

    def start(self, citizens: int, tablets: int) -> None:
        """Begin."""
        people = [self._citizen() for _ in range(citizens)]
        desks = [self._tablet(COMMUNES[place % len(COMMUNES)]) for place in range(tablets)]
        self._tasks = [
            asyncio.create_task(one) for one in (self._dossier_system(), self._clerk(), *people, *desks)
        ]

    async def finish(self) -> None:
        """Nobody begins anything new; returns when of everything sent something was said."""
        self._over.set()
        async with asyncio.timeout(SAID_SECONDS):
            await asyncio.gather(*self._tasks)

    async def cancel(self) -> None:
        """Stop in the middle, when the test has failed anyway."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- who sends

    async def _citizen(self) -> None:
        with Line(self._ground.port) as line:
            while not self._over.is_set():
                try:
                    link, unit, dossier = await asyncio.wait_for(self._links.get(), 0.5)
                except TimeoutError:
                    continue  # while the dossier system cannot register, there is nobody to answer
                kept = self._response(unit, dossier)
                kept.body["link"] = link
                await self._give(line, kept)
                await asyncio.sleep(THINKING)
                if self._dice.random() < 0.1:  # pressed twice
                    await self._give(line, kept)
                if self._dice.random() < 0.05:  # and somebody else scans the receipt
                    second = self._response(unit, dossier)
                    second.body["link"] = link
                    await self._give(line, second)
                    if second.said != "link_used":
                        self.memory.surprises.append(f"a used link took {second.id}: {second.said}")

    async def _tablet(self, unit: str) -> None:
        token = self._ground.tablets[unit]
        with Line(self._ground.port) as line:
            while not self._over.is_set():
                if self._dice.random() < 0.7:
                    await self._give(line, self._response(unit), token)
                else:
                    outbox = [self._response(unit) for _ in range(self._dice.randint(2, 20))]
                    await self._give_batch(line, outbox, token)
                await asyncio.sleep(THINKING)

    async def _dossier_system(self) -> None:
        with Line(self._ground.port) as line:
            while not self._over.is_set():
                visits = [self._visit() for _ in range(20)]
                path = "/api/v1/visits"
                while (answer := await self._ask(line, "POST", path, {"visits": visits})) is None:
                    if self._over.is_set():
                        return
                if answer.status != 200:
                    self.memory.surprises.append(f"visits: {answer}")
                    return
                for visit, item in zip(visits, answer.json()["items"], strict=True):
                    key = visit["unit_code"], visit["dossier_code"]
                    self.memory.registered.add(key)
                    while not self._over.is_set():
                        try:
                            await asyncio.wait_for(self._links.put((item["link"]["code"], *key)), 0.5)
                            break
                        except TimeoutError:
                            continue

    async def _clerk(self) -> None:
        with Line(self._ground.port) as line:
            path = f"/api/v1/indices/{PROVINCE}?from={day(1)}&to={day()}"
            while not self._over.is_set():
                answer = await self._ask(line, "GET", path)
                if answer is not None and answer.status != 200:
                    self.memory.surprises.append(f"index: {answer}")
                await asyncio.sleep(0.3)

    # --- how they send

    async def _give(self, line: Line, kept: Kept, token: str | None = None) -> None:
        while True:
            kept.body["sent_at"] = _now()
            answer = await self._try(line, "POST", "/api/v1/responses", kept.body, token)
            if answer is None:
                kept.doubts += 1
            elif answer.status in {200, 201}:
                self.memory.hear(kept, "accepted" if answer.status == 201 else "replayed", answer.json())
                return
            else:
                self._refused(answer)
                self.memory.hear(kept, "rejected", answer.json())
                return

    async def _give_batch(self, line: Line, outbox: list[Kept], token: str) -> None:
        while outbox:
            for kept in outbox:
                kept.body["sent_at"] = _now()
            sent = {"responses": [kept.body for kept in outbox]}
            answer = await self._try(line, "POST", "/api/v1/responses/batch", sent, token)
            if answer is None:
                for kept in outbox:
                    kept.doubts += 1
                continue
            if answer.status != 200:
                self.memory.surprises.append(f"batch: {answer}")
                return
            again = []
            for kept, item in zip(outbox, answer.json()["items"], strict=True):
                problem = item["problem"]
                if problem is not None and problem["status"] == 503:
                    kept.doubts += 1
                    again.append(kept)
                else:
                    self.memory.hear(kept, item["status"], problem or item)
            outbox = again
            if again:
                await asyncio.sleep(SHORTEST_PAUSE)

    async def _ask(self, line: Line, method: str, path: str, body: object = None) -> Answer | None:
        """As the administrator; None when it is to be tried again."""
        try:
            token = await self._ground.bearer(line)
        except Broken:
            token = ""
        if not token:
            await asyncio.sleep(SHORTEST_PAUSE)
            return None
        return await self._try(line, method, path, body, token)

    async def _try(
        self, line: Line, method: str, path: str, body: object, token: str | None
    ) -> Answer | None:
        """One try; None, after the pause a client makes, when nobody knows what became of it."""
        try:
            answer = await line.ask(method, path, body, bearer=token)
        except Broken as broken:
            self.memory.counted[f"broken, {str(broken).partition(':')[0]}"] += 1
            await asyncio.sleep(self._dice.uniform(1, 4) * SHORTEST_PAUSE)
            return None
        if answer.status == 503:
            self.memory.counted["503"] += 1
            await asyncio.sleep(answer.retry_after)
            return None
        return answer

    def _refused(self, answer: Answer) -> None:
        if answer.status != 410:
            self.memory.surprises.append(f"response: {answer}")

    # --- what they send

    def _response(self, unit: str, dossier: str | None = None) -> Kept:
        now = _now()
        body = {
            "id": str(UUID(int=self._dice.getrandbits(128), version=4)),
            "questionnaire": {"code": "quick-5", "version": 1},
            "answers": {code: self._dice.randint(1, 5) for code in CRITERIA},
            "submitted_at": now,
            "sent_at": now,
        }
        kept = Kept(str(body["id"]), unit, body, dossier)
        self.memory.sent[kept.id] = kept
        return kept

    def _visit(self) -> dict[str, str]:
        self._dossiers += 1
        unit = self._dice.choice(COMMUNES)
        return {
            "dossier_code": f"H-{self._run}-{self._dossiers}",
            "unit_code": unit,
            "served_on": day(),
        }


def _now() -> str:
    return datetime.now(UTC).isoformat()


@asynccontextmanager
async def storm(
    ground: Ground, memory: Memory, dice: random.Random, *, citizens: int = 3, tablets: int = 2
) -> AsyncIterator[Load]:
    """Load for the length of a block; after it, nothing that was sent is in doubt."""
    load = Load(ground, memory, dice)
    load.start(citizens, tablets)
    try:
        yield load
    except BaseException:
        await load.cancel()
        raise
    await load.finish()
