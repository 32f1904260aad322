"""Responses for tests: what a client sends, and rows ready for the batch writer."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from app.core.clock import utc_now
from app.core.tokens import hash_secret
from app.models.device import Device
from app.models.visit import Visit
from app.responses.submission import Submission
from tests.support.world import World

ANSWERS = {"A1": 5, "B1": 4, "C1": 5, "D1": 3, "E1": None}


def body(**changes: Any) -> dict[str, Any]:
    """A body of POST /api/v1/responses, sent right now."""
    now = utc_now().isoformat()
    sent: dict[str, Any] = {
        "id": str(uuid4()),
        "questionnaire": {"code": "quick-5", "version": 1},
        "answers": dict(ANSWERS),
        "language": "vi",
        "submitted_at": now,
        "sent_at": now,
    }
    return {**sent, **changes}


async def device(world: World, unit: str = "09001", *, revoked: bool = False) -> tuple[UUID, dict[str, str]]:
    """A paired device of a unit and its Authorization header."""
    identity, secret = uuid4(), "s" * 43
    token = f"sdt_{identity.hex}_{secret}"
    async with world.database.transaction() as session:
        session.add(
            Device(
                id=identity,
                unit_id=world.units[unit],
                name="Quầy 1",
                questionnaire_code="quick-5",
                token_hash=hash_secret(token),
                paired_at=utc_now(),
                revoked_at=utc_now() if revoked else None,
            )
        )
    return identity, {"Authorization": f"Bearer {token}"}


async def visit(world: World, unit: str = "09001", **changes: Any) -> tuple[int, int]:
    """An open visit of yesterday; its (unit id, visit id)."""
    values: dict[str, Any] = {
        "unit_id": world.units[unit],
        "dossier_code": uuid4().hex,
        "served_on": (utc_now() - timedelta(days=1)).date(),
        "questionnaire_id": world.questionnaires["quick-5"],
        "expires_at": utc_now() + timedelta(days=10),
        **changes,
    }
    async with world.database.transaction() as session:
        row = Visit(**values)
        session.add(row)
        await session.flush()
        return row.unit_id, row.id


def submission(world: World, **changes: Any) -> Submission:
    """A row for the batch writer: by default of a device, counted, of today."""
    now = datetime.now(UTC)
    row = Submission(
        unit_id=world.units["09001"],
        id=uuid4(),
        questionnaire_id=world.questionnaires["quick-5"],
        local_day=date(2026, 11, 20),
        channel="kiosk",
        verdict="counted",
        verdict_reason=None,
        device_id=None,
        visit_id=None,
        answers=bytes([5, 4, 5, 3, 0]),
        comment=None,
        respondent=None,
        language="vi",
        submitted_at=now,
        duration_seconds=None,
        received_at=now,
        content_digest=b"\1" * 16,
    )
    return row._replace(**changes)
