"""The record of deeds: written in the caller's transaction, so that no change stands without its line.

A line says who, when, from where, what, and what was before and after. It names the units it is about, and
whoever reaches one of them may read it: so its details hold nothing that only some of them may know, or it is
written once for each. A line about no unit is about the whole deployment and read by who reaches everything.

Lines are inserted plainly: nobody who changes something waits for anybody else who does. The chain that shows
a removal is made a moment later, in `records`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import caller, logs
from app.models.record import AuditLine

SYSTEM = "system"


class Deed(NamedTuple):
    """One of many deeds of one kind: what it was done to, the units it is about, and its details."""

    target: str
    units: tuple[int | None, ...]
    details: Mapping[str, Any]


def record(
    session: AsyncSession,
    actor: str,
    action: str,
    target: str,
    units: Iterable[int | None],
    **details: Any,
) -> None:
    """Add one line: actor `user:<id>`, `client:<id>` or `system`; action `unit.create`; target `unit:24`.

    `units` are the ids of the units it is about; None among them, every unit, narrows nothing and widens
    nothing. Details are JSON values, a change as `before` and `after`; never put a secret or a person's data
    into them.
    """
    session.add(
        AuditLine(
            actor=actor,
            action=action,
            target=target,
            unit_ids=_ids(units),
            details=details,
            **_from_where(),
        )
    )


async def record_many(session: AsyncSession, actor: str, action: str, deeds: Sequence[Deed]) -> None:
    """The same for many at once, in one statement."""
    if not deeds:
        return
    shared = {"actor": actor, "action": action, **_from_where()}
    rows = [
        {**shared, "target": deed.target, "unit_ids": _ids(deed.units), "details": dict(deed.details)}
        for deed in deeds
    ]
    await session.execute(insert(AuditLine), rows)


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, dict[str, Any]] | None:
    """What differs, as details say it: `before` and `after`; None where nothing does."""
    names = [name for name in after if before.get(name) != after[name]]
    if not names:
        return None
    return {
        "before": {name: before.get(name) for name in names},
        "after": {name: after[name] for name in names},
    }


def _ids(units: Iterable[int | None]) -> list[int]:
    return sorted({unit for unit in units if unit is not None})


def _from_where() -> dict[str, str | None]:
    address = caller.address.get()
    # without an address there is no request: an id left over from one would mislead
    return {"address": address, "request_id": None if address is None else logs.request_id.get()}
