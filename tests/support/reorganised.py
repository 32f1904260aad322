"""Reorganisations for tests: a decision over HTTP, and a merger as one asks for it."""

from datetime import date
from typing import Any
from uuid import uuid4

import httpx

from tests.support.visits import today
from tests.support.world import World


async def decide(
    http: httpx.AsyncClient, world: World, *changes: object, on: date | None = None
) -> dict[str, Any]:
    """Decide changes for a day, today if none is named; the reorganisation."""
    sent = {"effective_on": str(on or today()), "decision": uuid4().hex, "changes": changes}
    answer = await http.post("/api/v1/units/reorganisations", json=sent, headers=world.admin)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def merger(*codes: str, to: str) -> dict[str, object]:
    """These units become one new one."""
    return {"kind": "merge", "from": codes, "to": [{"code": to, "name": f"Phường {to}", "parent_code": "24"}]}
