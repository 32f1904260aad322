"""What the record says of units that change: one line for each, with what it was before and is after.

Who reads a line reaches one of the units it is about. A unit that opens is also its parent's affair, and one
that moves also that of the parent it leaves: they read the line, too.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app import audit
from app.audit import Deed, changed
from app.models.reorganisation import Reorganisation
from app.units.forest import Forest, State
from app.units.plan import Plan, Standing

_HEIRS = """
    SELECT s.from_unit, former.code, s.to_unit, heir.code
    FROM unit_successions s
    JOIN units former ON former.id = s.from_unit JOIN units heir ON heir.id = s.to_unit
    WHERE s.reorganisation_id = :id AND s.kind = 'merge'
"""
_ROLES = "SELECT id, user_id, role FROM user_roles WHERE id = ANY(CAST(:ids AS int[]))"
_FACTS = ("name", "kind", "parent", "valid_from")
CodeOf = Callable[[int | None], str | None]


async def record_import(
    session: AsyncSession, actor: str, plan: Plan, standing: Mapping[str, Standing], ids: Mapping[str, int]
) -> None:
    """A line for each unit that a file made or changed."""

    def facts(name: str, kind: str, parent: str | None, first: date | None) -> dict[str, object]:
        return dict(zip(_FACTS, (name, kind, parent, str(first) if first else None), strict=True))

    made, altered = [], []
    for unit in plan.created:
        after = facts(unit.name, unit.kind, unit.parent_code, unit.valid_from)
        made.append(Deed(f"unit:{unit.code}", (ids[unit.code],), {"after": after}))
    for unit in plan.updated:
        was = standing[unit.code]
        details = changed(
            facts(was.name, was.kind, was.parent_code, was.valid_from),
            facts(unit.name, unit.kind, unit.parent_code, unit.valid_from),
        )
        left = ids.get(was.parent_code or "") if was.parent_code != unit.parent_code else None
        altered.append(Deed(f"unit:{unit.code}", (ids[unit.code], left), details or {}))
    await audit.record_many(session, actor, "unit.create", made)
    await audit.record_many(session, actor, "unit.change", altered)


def touched(
    forest: Forest, created: Mapping[int, State], ahead: Mapping[int, State], existing: Iterable[int]
) -> list[dict[str, Any]]:
    """Every unit of a reorganisation as it was and becomes, as JSON: what taking back goes by."""
    return [
        *({"id": unit, "was": None, "becomes": _becomes(state)} for unit, state in created.items()),
        *(
            {
                "id": unit,
                "was": {
                    **_becomes(forest[unit].now),
                    "valid_from": str(forest[unit].first) if forest[unit].first else None,
                    "valid_to": str(forest[unit].last) if forest[unit].last else None,
                    "search_text": forest[unit].now.searched,
                },
                "becomes": _becomes(ahead.get(unit, forest[unit].now)),
            }
            for unit in existing
        ),
    ]


def parts(row: Reorganisation) -> set[int]:
    """All units a reorganisation is about."""
    return {one["id"] for one in row.touched} | set(row.unit_ids)


async def record_decision(
    session: AsyncSession, row: Reorganisation, forest: Forest, closed: Collection[int]
) -> None:
    """The reorganisation, and a line for each unit that opens, ends or changes by it."""
    code_of = _codes(forest, row.touched)
    opened, ended, altered = [], [], []
    said = {"reorganisation": row.id, "effective_on": str(row.effective_on)}
    for one in row.touched:
        was, becomes, unit = one["was"], one["becomes"], one["id"]
        if was is None:
            about = unit, becomes["parent_id"]
            opened.append(Deed(f"unit:{becomes['code']}", about, {"after": _facts(becomes, code_of), **said}))
        elif unit in closed:
            last = str(row.effective_on - timedelta(days=1))
            details = {"before": {"valid_to": was["valid_to"]}, "after": {"valid_to": last}, **said}
            ended.append(Deed(f"unit:{was['code']}", (unit, was["parent_id"]), details))
        else:
            about = unit, was["parent_id"]
            differs = changed(_facts(was, code_of), _facts(becomes, code_of)) or {}
            altered.append(Deed(f"unit:{was['code']}", about, {**differs, **said}))
    target = f"reorganisation:{row.id}"
    audit.record(
        session,
        row.actor,
        "reorganisation.decide",
        target,
        parts(row),
        decision=row.decision,
        effective_on=str(row.effective_on),
    )
    await session.flush()
    for action, deeds in (("unit.open", opened), ("unit.close", ended), ("unit.change", altered)):
        await audit.record_many(session, row.actor, action, deeds)


async def record_effect(session: AsyncSession, row: Reorganisation, actor: str) -> None:
    """That it is in force, and a line for each tablet, partner system and role that went to a successor."""
    audit.record(session, actor, "reorganisation.in_force", f"reorganisation:{row.id}", parts(row))
    await session.flush()
    rows = await session.execute(text(_HEIRS), {"id": row.id})
    heirs = {former: (code, heir, heir_code) for former, code, heir, heir_code in rows}

    def deed(target: str, unit: int, **more: object) -> Deed:
        code, heir, heir_code = heirs[unit]
        moved = {"before": {"unit": code}, "after": {"unit": heir_code}}
        return Deed(target, (unit, heir), {**more, **moved, "reorganisation": row.id})

    for kind in ("device", "client"):
        moves = [deed(f"{kind}:{one['id']}", one["unit"]) for one in row.moved.get(f"{kind}s", ())]
        await audit.record_many(session, actor, f"{kind}.move", moves)
    places = {int(one["id"]): one["unit"] for one in row.moved.get("roles", ())}
    held = await session.execute(text(_ROLES), {"ids": list(places)})
    roles = [deed(f"user:{user}", places[number], role=role) for number, user, role in held]
    await audit.record_many(session, actor, "user.move_role", roles)


async def record_return(session: AsyncSession, row: Reorganisation, forest: Forest, actor: str) -> None:
    """That it was taken back, and a line for each unit that is as it was, or gone."""
    code_of = _codes(forest, row.touched)
    gone, restored = [], []
    for one in row.touched:
        was, becomes, unit = one["was"], one["becomes"], one["id"]
        if was is None:
            about = unit, becomes["parent_id"]
            details = {"before": _facts(becomes, code_of), "reorganisation": row.id}
            gone.append(Deed(f"unit:{becomes['code']}", about, details))
        else:
            differs = changed(_facts(becomes, code_of), _facts(was, code_of)) or {"after": {}}
            after = {**differs["after"], "valid_to": was["valid_to"]}
            details = {**differs, "after": after, "reorganisation": row.id}
            restored.append(Deed(f"unit:{was['code']}", (unit, was["parent_id"]), details))
    audit.record(
        session,
        actor,
        "reorganisation.revert",
        f"reorganisation:{row.id}",
        parts(row),
        decision=row.decision,
    )
    await session.flush()
    await audit.record_many(session, actor, "unit.remove", gone)
    await audit.record_many(session, actor, "unit.restore", restored)


def _codes(forest: Forest, touched: Iterable[Mapping[str, Any]]) -> CodeOf:
    fresh = {one["id"]: one["becomes"]["code"] for one in touched if one["was"] is None}

    def code_of(unit: int | None) -> str | None:
        if unit is None:
            return None
        return fresh[unit] if unit in fresh else forest[unit].now.code

    return code_of


def _facts(state: Mapping[str, Any], code_of: CodeOf) -> dict[str, object]:
    return {**{name: state[name] for name in ("code", "name", "kind")}, "parent": code_of(state["parent_id"])}


def _becomes(state: State) -> dict[str, object]:
    return {"code": state.code, "name": state.name, "kind": state.kind, "parent_id": state.parent}
