"""Responses as they were given, planted with every column: what an export of them must hold, and must not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import insert

from app.models.response import Response
from tests.support.said import device
from tests.support.world import World

DAY = date(2026, 10, 5)
MOMENT = datetime(2026, 10, 5, 3, 17, 41, tzinfo=UTC)
FORM = {"questionnaire": "quick-5", "version": "1"}
ADDRESS = "/api/v1/exports/responses"
ORDERS = "/api/v1/exports"
RESPONSES = ("exports:create", "responses:read")
OCTOBER: dict[str, str] = {"from": "2026-10-01", "to": "2026-10-31", **FORM}
ORDER: dict[str, Any] = {**OCTOBER, "version": 1, "what": "responses"}
NAMES = ["unit", "local_day", "questionnaire", "version", "channel", "verdict", "verdict_reason", "procedure"]
CRITERIA = ["A1", "B1", "C1", "D1", "E1"]
TOLD = ["gender", "age_band", "education", "occupation"]
HEADER = [*NAMES, *CRITERIA, *TOLD, "language", "complete"]


@dataclass(frozen=True, slots=True)
class Planted:
    """A response as it was given."""

    unit: str
    day: date = DAY
    answers: tuple[int, ...] = (5, 4, 0, 1, 2)
    channel: str = "kiosk"
    verdict: str = "counted"
    reason: str | None = None
    procedure: str | None = None
    comment: str | None = None
    told: dict[str, str] | None = None
    language: str | None = "vi"
    complete: bool = True
    questionnaire: str = "quick-5"

    def row(self) -> dict[str, Any]:
        """What its row must hold, as JSON says it."""
        given = [answer or None for answer in self.answers]
        told = self.told or {}
        return {
            "unit": self.unit,
            "local_day": self.day.isoformat(),
            "questionnaire": self.questionnaire,
            "version": 1,
            "channel": self.channel,
            "verdict": self.verdict,
            "verdict_reason": self.reason,
            "procedure": self.procedure,
            **dict(zip(CRITERIA, given, strict=True)),
            **{name: told.get(name) for name in TOLD},
            "language": self.language,
            "complete": self.complete,
        }


NASTY = (
    '=HYPERLINK("https://evil.example","Bấm vào đây")',
    "+84 912 345 678",
    "-2+3",
    "@SUM(A1)",
    "\tẩn",
    'Dòng một\nDòng hai, có phẩy; và "ngoặc kép"\r\nDòng ba',
    "Cán bộ hướng dẫn tận tình 😀👩‍👩‍👧",
    "'=đã có dấu nháy",
    "\\. \\N \x01 \x02",
    "",
    "NULL",
    "Ph\u01b0\u1eddng \u0110\u1ed1ng \u0110a",
)
OURS = (
    *(
        Planted("09001", comment=comment, answers=(1 + at % 5, 4, 0, 1, 2))
        for at, comment in enumerate(NASTY)
    ),
    Planted("09001", DAY - timedelta(days=1), channel="link", procedure="1.001193"),
    Planted("09002", verdict="quarantined", reason="late", told={"gender": "female", "age_band": "65+"}),
    Planted("09002", verdict="void", reason="=cmd|' /C calc'!A0", complete=False, language=None),
    Planted("24", channel="import", told={"gender": "male"}),
)
NOISE = (
    Planted("09101", comment="=láng giềng"),
    Planted("27"),
    Planted("09001", date(2026, 11, 1)),
    Planted("09001", date(2026, 9, 30)),
    Planted("09001", answers=(5,) * 16, questionnaire="service-16"),
)


async def plant(world: World, planted: Sequence[Planted]) -> UUID:
    """Store responses; the tablet that all of them name."""
    tablet, _ = await device(world)
    rows = [
        {
            "unit_id": world.units[each.unit],
            "id": uuid4(),
            "questionnaire_id": world.questionnaires[each.questionnaire],
            "local_day": each.day,
            "channel": each.channel,
            "verdict": each.verdict,
            "verdict_reason": each.reason,
            "procedure_id": world.procedures[each.procedure] if each.procedure else None,
            "counter": "Quầy bí mật",
            "device_id": tablet,
            "answers": bytes(each.answers),
            "comment": each.comment,
            "respondent": each.told,
            "language": each.language,
            "submitted_at": MOMENT,
            "duration_seconds": 40_017,
            "received_at": MOMENT,
            "content_digest": uuid4().bytes,
            "complete": each.complete,
        }
        for each in planted
    ]
    async with world.database.transaction() as session:
        await session.execute(insert(Response), rows)
    return tablet
