"""What the record shows."""

from datetime import date, datetime
from typing import Any

from pydantic import ConfigDict

from app.core.schema import Out

EXAMPLE: dict[str, Any] = {
    "id": 4711,
    "at": "2026-11-20T02:14:07.120394Z",
    "actor": "user:0d6e8a2c-6f0b-4f0e-9a51-5b8c5c1f7c11",
    "actor_name": "lan.nguyen",
    "action": "device.change",
    "target": "device:7b0c6c0e-58f5-4b1e-8c1c-3a4bb0cf2a90",
    "units": ["07210"],
    "address": "203.0.113.7",
    "request_id": "5f0c9a3be1d24d77",
    "details": {"before": {"name": "Quầy 1"}, "after": {"name": "Quầy 2"}},
    "seal": {
        "day": "2026-11-20",
        "number": 12,
        "previous": "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8",
        "hash": "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
    },
}


class SealOut(Out):
    """A line's place in the chain: its day, its number there, the hash before it and its own."""

    day: date
    number: int
    previous: str
    hash: str


class LineOut(Out):
    """Who did what, when and from where.

    `actor` is `user:<id>`, `client:<id>` or `system`; its name is shown where it lies within your reach.
    `units` are those within your reach that the line is about; none: the whole deployment. `address` is null
    for the command line and for jobs. `seal` is null for a moment, until the line has its place.
    """

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE})

    id: int
    at: datetime
    actor: str
    actor_name: str | None
    action: str
    target: str
    units: list[str]
    address: str | None
    request_id: str | None
    details: dict[str, Any]
    seal: SealOut | None
