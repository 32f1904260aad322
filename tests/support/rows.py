"""Responses and visits straight into the tables, and what their cells should be, counted in plain Python.

The counting here is written for the reader, from the definitions alone, and uses nothing of the product: it
is the other opinion that the roll-up is held against.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import insert, text, update

from app.core.database import Database
from app.models.response import Response
from app.models.rollup import stale_unit_days
from app.models.visit import ANSWERED, Visit
from app.rollups import stale

INSTANT = datetime(2026, 11, 20, 2, 14, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Said:
    """What matters of a response to the figures; `answers` one a criterion, 0 for none."""

    unit_id: int
    local_day: date
    questionnaire_id: int
    answers: tuple[int, ...]
    channel: str = "kiosk"
    verdict: str = "counted"
    procedure_id: int | None = None
    id: UUID = field(default_factory=uuid4)

    def judged(self, verdict: str) -> "Said":
        """The same response with another verdict."""
        return replace(self, verdict=verdict)


async def insert_responses(database: Database, said: Iterable[Said], *, mark: bool = True) -> None:
    """Store responses with every column, and their marks as intake makes them, in one transaction."""
    said = list(said)
    rows = [
        {
            "unit_id": one.unit_id,
            "id": one.id,
            "questionnaire_id": one.questionnaire_id,
            "local_day": one.local_day,
            "channel": one.channel,
            "verdict": one.verdict,
            "verdict_reason": None if one.verdict == "counted" else "late",
            "procedure_id": one.procedure_id,
            "counter": "Quầy 1",
            "device_id": None,
            "answers": bytes(one.answers),
            "comment": None,
            "respondent": {"gender": "female"},
            "language": "vi",
            "submitted_at": INSTANT,
            "duration_seconds": 39,
            "received_at": INSTANT,
            "content_digest": one.id.bytes,
        }
        for one in said
    ]
    async with database.transaction() as session:
        if rows:
            await session.execute(insert(Response), rows)
        if rows and mark:
            arrivals = defaultdict[tuple[int, date], list[UUID]](list)
            for one in said:
                arrivals[one.unit_id, one.local_day].append(one.id)
            marked = [
                {"unit_id": unit, "local_day": day, "arrivals": ids} for (unit, day), ids in arrivals.items()
            ]
            await session.execute(insert(stale_unit_days), marked)


async def judge(database: Database, one: Said, verdict: str) -> Said:
    """Change a stored response's verdict and mark its unit-day; the response as it is now."""
    reason = None if verdict == "counted" else "duplicate"
    async with database.transaction() as session:
        await session.execute(
            update(Response)
            .where(Response.unit_id == one.unit_id, Response.id == one.id)
            .values(verdict=verdict, verdict_reason=reason)
        )
        await stale.mark(session, [(one.unit_id, one.local_day)])
    return one.judged(verdict)


async def insert_visits(
    database: Database, unit_id: int, day: date, questionnaire_id: int, visits: int, answered: int = 0
) -> None:
    """Visits of one unit-day, some of them answered, with their mark."""
    async with database.transaction() as session:
        await session.execute(
            insert(Visit),
            [
                {
                    "unit_id": unit_id,
                    "dossier_code": uuid4().hex,
                    "served_on": day,
                    "questionnaire_id": questionnaire_id,
                    "expires_at": INSTANT,
                    "answer_state": ANSWERED if number < answered else 0,
                }
                for number in range(visits)
            ],
        )
        await stale.mark_visits(session, [(unit_id, day)])


class Form(NamedTuple):
    """A questionnaire as far as counting goes: how many criteria each component has, in order."""

    components: tuple[int, ...]

    @property
    def width(self) -> int:
        return sum(self.components)

    def parts(self) -> list[range]:
        """The places of each component's criteria."""
        ends = [sum(self.components[: at + 1]) for at in range(len(self.components))]
        return [range(end - length, end) for end, length in zip(ends, self.components, strict=True)]


FORMS: Mapping[str, Form] = {
    "quick-5": Form((1, 1, 1, 1, 1)),
    "service-16": Form((3, 4, 3, 3, 3)),
}


class Figures(NamedTuple):
    """What a set of responses comes to."""

    responses: int
    held_back: int
    counts: tuple[tuple[int, ...], ...]
    """For each criterion how many gave none, 1, 2, 3, 4, 5."""
    sums: tuple[tuple[int, ...], ...]
    """(n, Sx, Sy, Sxx, Sxy, Syy) of the whole, then of each component."""


def figures(said: Sequence[Said], form: Form) -> Figures:
    """Count by the book."""
    counted = [one for one in said if one.verdict == "counted"]
    held = sum(one.verdict == "quarantined" for one in said)
    counts = tuple(
        tuple(sum(one.answers[at] == answer for one in counted) for answer in range(6))
        for at in range(form.width)
    )
    sums = []
    for places in [range(form.width), *form.parts()]:
        pairs = []
        for one in counted:
            given = [one.answers[at] for at in places if one.answers[at] != 0]
            if given:
                pairs.append((len(given), sum(answer >= 4 for answer in given)))
        sums.append(
            (
                len(pairs),
                sum(x for x, _ in pairs),
                sum(y for _, y in pairs),
                sum(x * x for x, _ in pairs),
                sum(x * y for x, y in pairs),
                sum(y * y for _, y in pairs),
            )
        )
    return Figures(len(counted), held, counts, tuple(sums))


def by_cell(said: Iterable[Said]) -> dict[tuple[int, date, int, str], list[Said]]:
    """Responses by unit, day, questionnaire and channel: those of one cell together; void ones left out."""
    cells = defaultdict(list)
    for one in said:
        if one.verdict != "void":
            cells[one.unit_id, one.local_day, one.questionnaire_id, one.channel].append(one)
    return dict(cells)


async def marks(database: Database) -> Counter[tuple[int, date]]:
    """Unit-days still to be counted, with how many marks each."""
    async with database.read() as session:
        rows = await session.execute(text("SELECT unit_id, local_day FROM stale_unit_days"))
        return Counter((unit, day) for unit, day in rows)
