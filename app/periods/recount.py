"""Verification of a snapshot: its fingerprint, and every figure against a count of the responses themselves.

The snapshot was summed from cells that PostgreSQL counted; here plain Python counts what was received until
the snapshot was taken. Figures differ when somebody changed the snapshot, when a cell was wrong, and when a
verdict was changed afterwards, for which there are revisions. What arrived afterwards is only told.

Three things cannot be held against the past: visits say whether they are answered but never when, so the
stored number may be smaller than today's, never larger; the tree is taken from the snapshot, since units
move; and of responses received in the minute before it, it may hold some and lack others (see `underway`).
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.database import Database
from app.core.period_problems import PeriodUnknown
from app.models.period import Period, Reissue, Snapshot
from app.periods import documents, queries
from app.periods.commitment import commitment_of, is_testable
from app.periods.figures import Cell, Frame, Ground, Place, build, digest_of, method_of
from app.periods.underway import Numbers, less, numbers, own_numbers, some_of
from app.questionnaires.published import Published, PublishedQuestionnaires
from app.rollups.compare import tally_of
from app.rollups.lanes import Shape

Json = dict[str, Any]
MAX_DIFFERENCES = 100


@dataclass(slots=True)
class Checked:
    """What was found of one revision. `differences`: (figure, stored, counted again)."""

    period: int
    revision: int
    units: int = 0
    arrived_since: int = 0
    differences: list[tuple[str, object, object]] = field(default_factory=list)
    further: int = 0
    """How many more differences there are than are listed."""
    testable: bool = False
    """Whether its public document carries the hash of the snapshot alone."""

    @property
    def sound(self) -> bool:
        return not self.differences


async def verify(database: Database, period_id: int | None) -> list[Checked]:
    """Check every revision of a period, or of all; PeriodUnknown when it has none."""
    questionnaires = PublishedQuestionnaires(database)
    found = []
    async with database.read() as session:
        ids = await queries.all_ids(session)
        if period_id is not None:
            if period_id not in ids:
                raise PeriodUnknown
            ids = [period_id]
        for one in ids:
            period = await session.get_one(Period, one)
            published = await questionnaires.by_id(period.questionnaire_id)
            snapshots = await queries.snapshots(session, one)
            reissues = await documents.reissues(session, one)
            found += [
                await _check(session, period, snapshot, reissues.get(snapshot.id), published)
                for snapshot in snapshots
            ]
    return found


@dataclass(frozen=True, slots=True)
class _Document:
    """A public document as it is stored; all None of a snapshot that is not published."""

    name: str
    body: str | None
    digest: str | None
    salt: bytes | None

    @property
    def is_testable(self) -> bool:
        return self.body is not None and is_testable(orjson.loads(self.body))


def _unlike_fingerprints(
    snapshot: Snapshot, documents: list[_Document]
) -> Iterator[tuple[str, object, object]]:
    """(Name, stored, computed) of each hash that is not of what it is said to be."""
    digest = digest_of(snapshot.body)
    if digest != snapshot.digest:
        yield "sha256", snapshot.digest, digest
    for document in documents:
        if document.body is None:
            continue
        if digest_of(document.body) != document.digest:
            yield f"{document.name} sha256", document.digest, digest_of(document.body)
        if document.salt is None or document.is_testable:
            committed = digest
        else:
            committed = commitment_of(snapshot.body, document.salt)
        told = orjson.loads(document.body)["snapshot_sha256"]
        if told != committed:
            yield f"{document.name} snapshot_sha256", told, committed


async def _check(
    session: AsyncSession, period: Period, snapshot: Snapshot, reissue: Reissue | None, published: Published
) -> Checked:
    checked = Checked(period.id, snapshot.revision)
    issued = [_Document("public", snapshot.public_body, snapshot.public_digest, snapshot.salt)]
    if reissue is not None:
        issued.append(_Document("reissued", reissue.body, reissue.digest, reissue.salt))
    checked.differences += _unlike_fingerprints(snapshot, issued)
    checked.testable = issued[-1].is_testable
    stored: Json = orjson.loads(snapshot.body)
    ids = {unit["code"]: unit["id"] for unit in stored["units"]}
    places = [
        Place(unit["id"], unit["code"], unit["name"], unit["kind"], ids.get(unit["parent"]))
        for unit in stored["units"]
    ]
    units = [place.id for place in places]
    ground = await _count(session, period, snapshot, published, places, stored)
    frame = Frame(stored["name"], period.first_day, period.last_day, stored["min_n"], method_of(stored))
    counted = build(frame, published.definition, published.layout, ground)
    checked.units = len(units)
    checked.arrived_since = await queries.arrived(session, snapshot, period, units)
    for path, was, now in _unlike(_keyed(stored), _keyed(counted), ""):
        if path.endswith("response_rate") or (path.endswith("visits_answered") and was <= now):
            continue
        if len(checked.differences) == MAX_DIFFERENCES:
            checked.further += 1
        else:
            checked.differences.append((path, was, now))
    return checked


async def _count(
    session: AsyncSession,
    period: Period,
    snapshot: Snapshot,
    published: Published,
    places: list[Place],
    stored: Json,
) -> Ground:
    units = [place.id for place in places]
    shape = Shape.of(published.layout)
    cells: dict[int, Cell] = defaultdict(Cell)
    reasons: dict[int, dict[str, int]] = defaultdict(dict)
    told: dict[int, Numbers] = defaultdict(Counter)
    fresh: dict[int, list[tuple[str, str | None, bytes, int]]] = defaultdict(list)

    def add(unit: int, verdict: str, reason: str | None, answers: bytes, times: int) -> None:
        if verdict == "counted":
            cells[unit] += Cell(responses=times, tally=times * tally_of(shape, answers)[0])
        else:
            cells[unit] += Cell(held_back=times)
            reasons[unit][reason or ""] = reasons[unit].get(reason or "", 0) + times

    async for unit, verdict, reason, answers, late, times in queries.said(session, snapshot, period, units):
        if late:
            fresh[unit].append((verdict, reason, answers, times))
        else:
            add(unit, verdict, reason, answers, times)
            told[unit].update({name: times * by for name, by in numbers(verdict, reason, answers).items()})
    own = own_numbers(stored) if fresh else {}
    for unit, rows in fresh.items():
        parts = [(numbers(*row[:3]), row[3]) for row in rows]
        some = some_of(parts, less(own[unit], told[unit]))
        for at, (verdict, reason, answers, times) in enumerate(rows):
            add(unit, verdict, reason, answers, times if some is None else some[at])
    visits_of = {unit["id"]: unit["visits"] for unit in stored["units"]}
    below: dict[int, int] = defaultdict(int)
    for place in places:
        if place.parent_id is not None:
            below[place.parent_id] += visits_of[place.id]
    for unit, (least, most, answered) in (await queries.visited(session, snapshot, period, units)).items():
        visits = max(least, min(most, visits_of[unit] - below[unit]))
        cells[unit] += Cell(visits=visits, answered=min(answered, visits))
    return Ground(places, cells, reasons)


def _keyed(body: Json) -> Json:
    """Units, components and criteria by their codes, so that a difference is named by them."""

    def keyed(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: keyed(one) for name, one in value.items()}
        if (
            isinstance(value, list)
            and value
            and all(isinstance(one, dict) and "code" in one for one in value)
        ):
            return {one["code"]: keyed(one) for one in value}
        return value

    found: Json = keyed(body)
    return found


def _unlike(stored: Any, counted: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(stored, dict) and isinstance(counted, dict):
        for name in sorted(stored.keys() | counted.keys()):
            below = f"{path}.{name}" if path else name
            yield from _unlike(stored.get(name), counted.get(name), below)
    elif stored != counted:
        yield path, stored, counted
