"""The record of deeds: written in the caller's transaction, so that no change stands without its line."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.models.record import AuditLine

SYSTEM = "system"


def record(session: AsyncSession, actor: str, action: str, target: str, **details: Any) -> None:
    """Add one line: actor `user:<id>`, `client:<id>` or `system`; action `unit.create`; target `unit:24`.

    Details are JSON values; never put a secret or a person's data into them.
    """
    session.add(AuditLine(actor=actor, action=action, target=target, details=details))
