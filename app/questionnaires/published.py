"""Published questionnaires, kept at hand: what intake asks for with every response.

A published version never changes, so one that was found is kept for good and finding it again is a look into
a dict. What may still change is remembered for seconds only: that a version is not known, and which version
of a code is the newest. Another process therefore hears of a publication within REMEMBERED seconds.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from app.core.database import Database
from app.models.questionnaire import Questionnaire
from app.questionnaires import queries
from app.questionnaires.definition import Definition, Layout

REMEMBERED = 5.0
MAX_REMEMBERED = 2_000
MAX_CODE = 40

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Published:
    """A version that may be answered. `status` is as first read: it may have been retired since."""

    id: int
    code: str
    version: int
    status: str
    definition: Definition
    layout: Layout


class PublishedQuestionnaires:
    """One a process. Never gives out drafts."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._by_key: dict[tuple[str, int], Published] = {}
        self._by_id: dict[int, Published] = {}
        self._unknown: _Brief[tuple[str, int], None] = _Brief(clock)
        self._latest: _Brief[str, Published | None] = _Brief(clock)
        self._asking = asyncio.Lock()  # a crowd that misses the same version asks once

    async def get(self, code: str, version: int) -> Published | None:
        """A published or retired version; None for drafts and for what there is not."""
        found = self._by_key.get((code, version))
        return found if found is not None else await self._look_up(code, version)

    async def by_id(self, questionnaire_id: int) -> Published:
        """The version behind a foreign key; LookupError when there is none, which is our own mistake."""
        found = self._by_id.get(questionnaire_id)
        return found if found is not None else (await self.by_ids([questionnaire_id]))[questionnaire_id]

    async def by_ids(self, ids: Collection[int]) -> dict[int, Published]:
        """The versions behind some foreign keys, by id; LookupError names those there are not."""
        if missing := {one for one in ids if one not in self._by_id}:
            async with self._database.aside() as session:
                for row in await queries.by_ids(session, missing):
                    self._keep(row)
        if lost := sorted(missing - self._by_id.keys()):
            raise LookupError(f"no published questionnaires with the ids {lost}")
        return {one: self._by_id[one] for one in ids}

    async def latest(self, code: str) -> Published | None:
        """The newest version of a code that is published and not retired."""
        if not _possible(code):
            return None
        if code not in self._latest:
            async with self._asking:
                if code not in self._latest:
                    async with self._database.aside() as session:
                        row = await queries.newest_published(session, code)
                    self._latest.keep(code, self._keep(row) if row is not None else None)
        return self._latest.get(code)

    def forget(self, code: str) -> None:
        """A version of this code was published or retired: ask again next time."""
        self._latest.drop(code)
        for key in [key for key in self._unknown if key[0] == code]:
            self._unknown.drop(key)

    async def _look_up(self, code: str, version: int) -> Published | None:
        key = code, version
        if not _possible(code) or not 1 <= version <= 9999 or key in self._unknown:
            return None
        async with self._asking:
            if key not in self._by_key and key not in self._unknown:
                async with self._database.aside() as session:
                    row = await queries.find(session, code, version)
                if row is None or row.status == "draft":
                    self._unknown.keep(key, None)
                else:
                    self._keep(row)
        return self._by_key.get(key)

    def _keep(self, row: Questionnaire) -> Published:
        known = self._by_id.get(row.id)
        if known is not None:
            return known
        definition = Definition.model_validate(row.definition)
        layout = Layout.of(definition)
        found = Published(row.id, row.code, row.version, row.status, definition, layout)
        self._by_id[found.id] = self._by_key[found.code, found.version] = found
        return found


def _possible(code: str) -> bool:
    """Whether a code could be one at all; keeps what PostgreSQL cannot even store away from it."""
    return len(code) <= MAX_CODE and code.isascii() and code.isprintable()


class _Brief(Generic[K, V]):
    """Things remembered for REMEMBERED seconds; the oldest go first when there are too many."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: OrderedDict[K, tuple[float, V]] = OrderedDict()

    def __contains__(self, key: K) -> bool:
        entry = self._kept.get(key)
        return entry is not None and entry[0] > self._clock()

    def get(self, key: K) -> V:
        return self._kept[key][1]

    def __iter__(self) -> Iterator[K]:
        return iter(self._kept)

    def keep(self, key: K, value: V) -> None:
        self._kept[key] = self._clock() + REMEMBERED, value
        self._kept.move_to_end(key)
        if len(self._kept) > MAX_REMEMBERED:
            self._kept.popitem(last=False)

    def drop(self, key: K) -> None:
        self._kept.pop(key, None)
