"""Reorganisations in the database: the whole tree with its history, writing a change, putting it into force.

A change is written in two steps. What holds by day (a unit opens, a unit ends, who follows whom) is written
at once, whenever the day is. What `units` and others hold as of now (names, parents, devices, roles) waits as
a state "ahead" and is put in place on the day, by the same statements whether that is today or next year.
"""

# ruff: noqa: S608  statements are made of names of our own, never of what somebody sent

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Boolean, cast, func, insert, select, text, true, update
from sqlalchemy.dialects.postgresql import ARRAY, INTEGER
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from app.auth.reach import within_reach
from app.auth.subjects import Subject
from app.models.reorganisation import Reorganisation, UnitSuccession, UnitVersion
from app.models.unit import Unit
from app.units.forest import Former, Node, State, Succession

ONE_DAY = timedelta(days=1)
Forest = dict[int, Node]

_SWAP = (
    """
    INSERT INTO unit_versions
        (unit_id, valid_from, valid_to, code, name, kind, parent_id, search_text, reorganisation_id)
    SELECT u.id, coalesce(
            (SELECT max(past.valid_to) + 1 FROM unit_versions past WHERE past.unit_id = u.id), u.valid_from),
        ahead.valid_from - 1, u.code, u.name, u.kind, u.parent_id, u.search_text, ahead.reorganisation_id
    FROM unit_versions ahead JOIN units u ON u.id = ahead.unit_id
    WHERE ahead.reorganisation_id = :id AND ahead.valid_to IS NULL
    """,
    # codes may move in a ring: each is let go before any is given
    """
    UPDATE units u SET code = '~' || u.id FROM unit_versions ahead
    WHERE u.id = ahead.unit_id AND ahead.reorganisation_id = :id AND ahead.valid_to IS NULL
        AND ahead.code <> u.code
    """,
    """
    UPDATE units u SET code = ahead.code, name = ahead.name, kind = ahead.kind, parent_id = ahead.parent_id,
        search_text = ahead.search_text
    FROM unit_versions ahead
    WHERE u.id = ahead.unit_id AND ahead.reorganisation_id = :id AND ahead.valid_to IS NULL
    """,
    "DELETE FROM unit_versions WHERE reorganisation_id = :id AND valid_to IS NULL",
)
_LET_GO = "UPDATE units SET code = '~' || id WHERE id = ANY(CAST(:ids AS int[]))"
_LOOPED = """
    WITH RECURSIVE placed AS (
        SELECT u.id, CASE WHEN ahead.id IS NULL THEN u.parent_id ELSE ahead.parent_id END AS parent_id
        FROM units u LEFT JOIN unit_versions ahead
            ON ahead.unit_id = u.id AND ahead.reorganisation_id = :id AND ahead.valid_to IS NULL),
    up AS (
        SELECT ahead.unit_id AS start, ahead.parent_id AS above FROM unit_versions ahead
        WHERE ahead.reorganisation_id = :id AND ahead.valid_to IS NULL
        UNION
        SELECT up.start, placed.parent_id FROM up JOIN placed ON placed.id = up.above)
    SELECT u.code FROM up JOIN units u ON u.id = up.start WHERE up.above = up.start ORDER BY u.code
"""
_MERGED = """
    WITH heirs AS (
        SELECT from_unit, to_unit FROM unit_successions WHERE reorganisation_id = :id AND kind = 'merge')
"""
_MOVES = {
    "devices": f"""{_MERGED}
        UPDATE devices d SET unit_id = heirs.to_unit, former_unit_id = heirs.from_unit, moved_at = :now
        FROM heirs, devices was WHERE d.unit_id = heirs.from_unit AND was.id = d.id
        RETURNING d.id::text, heirs.from_unit, was.former_unit_id, was.moved_at::text
    """,
    "clients": f"""{_MERGED}
        UPDATE clients c SET unit_id = heirs.to_unit FROM heirs WHERE c.unit_id = heirs.from_unit
        RETURNING c.id::text, heirs.from_unit
    """,
    # a role held at several units that become one moves once; the others stay with the history
    "roles": f"""{_MERGED}
        UPDATE user_roles r SET unit_id = heirs.to_unit FROM heirs
        WHERE r.unit_id = heirs.from_unit AND NOT EXISTS (
            SELECT FROM user_roles same LEFT JOIN heirs too ON too.from_unit = same.unit_id
            WHERE same.user_id = r.user_id AND same.role = r.role
              AND (same.unit_id = heirs.to_unit OR (too.to_unit = heirs.to_unit AND same.id < r.id)))
        RETURNING r.id::text, heirs.from_unit
    """,
}
_HEIR = "(SELECT to_unit FROM unit_successions WHERE from_unit = m.unit AND reorganisation_id = :id)"
_RESTORE = {
    "devices": f"""
        UPDATE devices d SET unit_id = m.unit, former_unit_id = m.former, moved_at = m.at
        FROM jsonb_to_recordset(CAST(:moved AS jsonb)) AS m(id uuid, unit int, former int, at timestamptz)
        WHERE d.id = m.id AND d.unit_id = {_HEIR}
    """,
    "clients": f"""
        UPDATE clients c SET unit_id = m.unit
        FROM jsonb_to_recordset(CAST(:moved AS jsonb)) AS m(id uuid, unit int)
        WHERE c.id = m.id AND c.unit_id = {_HEIR}
    """,
    "roles": f"""
        UPDATE user_roles r SET unit_id = m.unit
        FROM jsonb_to_recordset(CAST(:moved AS jsonb)) AS m(id int, unit int)
        WHERE r.id = m.id AND r.unit_id = {_HEIR}
    """,
}


async def read_forest(connection: AsyncConnection | AsyncSession, subject: Subject | None = None) -> Forest:
    """Every unit with all its states; `reached` says which the subject may see (without one: all)."""
    former: defaultdict[int, list[Former]] = defaultdict(list)
    ahead: dict[int, tuple[date, State]] = {}
    versions = UnitVersion.__table__.c
    states = select(
        versions.unit_id,
        versions.valid_from,
        versions.valid_to,
        versions.code,
        versions.name,
        versions.kind,
        versions.parent_id,
    ).order_by(versions.unit_id, versions.valid_to)
    for unit, first, last, *state in await connection.execute(states):
        if last is None:
            ahead[unit] = first, State(*state)
        else:
            former[unit].append(Former(last, State(*state)))
    units = Unit.__table__.c
    reached = true() if subject is None else within_reach(units.id, subject)
    columns = units.id, units.valid_from, units.valid_to, units.code, units.name, units.kind, units.parent_id
    found: Forest = {}
    rows = await connection.execute(select(*columns, cast(reached, Boolean)))
    for unit, opened, closed, code, name, kind, parent, seen in rows:
        now = State(code, name, kind, parent)
        found[unit] = Node(unit, opened, closed, now, tuple(former[unit]), ahead.get(unit), seen)
    return found


async def read_successions(connection: AsyncConnection | AsyncSession) -> list[Succession]:
    """Who took over from whom, ever, in order of time."""
    columns = UnitSuccession.__table__.c
    rows = await connection.execute(
        select(columns.from_unit, columns.to_unit, columns.effective_on, columns.kind).order_by(
            columns.effective_on, columns.from_unit, columns.to_unit
        )
    )
    return [Succession(former, heir, day, kind == "split") for former, heir, day, kind in rows]


async def new_ids(session: AsyncSession, count: int) -> list[int]:
    """Ids for units to come."""
    sequence = func.nextval(func.pg_get_serial_sequence("units", "id"))
    return list(await session.scalars(select(sequence).select_from(func.generate_series(1, count))))


async def write(
    session: AsyncSession,
    reorganisation: Reorganisation,
    created: Mapping[int, State],
    ahead: Mapping[int, State],
    closed: Sequence[int],
    successions: Sequence[Succession],
) -> None:
    """Write what holds by day, and the states ahead. New units get their parents last: any order will do."""
    session.add(reorganisation)
    await session.flush()
    day, mine = reorganisation.effective_on, reorganisation.id
    if created:
        rows = [{"id": unit, "valid_from": day, **_columns(state)} for unit, state in created.items()]
        await session.execute(insert(Unit), [{**row, "parent_id": None} for row in rows])
        below = [{"id": row["id"], "parent_id": row["parent_id"]} for row in rows if row["parent_id"]]
        if below:
            await session.execute(update(Unit), below)
    if ahead:
        states = [
            {"unit_id": unit, "valid_from": day, "reorganisation_id": mine, **_columns(state)}
            for unit, state in ahead.items()
        ]
        await session.execute(insert(UnitVersion), states)
    if closed:
        await session.execute(
            update(Unit)
            .where(Unit.id == func.any(cast(list(closed), ARRAY(INTEGER))))
            .values(valid_to=day - ONE_DAY)
            .execution_options(synchronize_session=False)
        )
    if successions:
        follow = [
            {
                "from_unit": one.former,
                "to_unit": one.heir,
                "effective_on": day,
                "kind": "split" if one.split else "merge",
                "reorganisation_id": mine,
            }
            for one in successions
        ]
        await session.execute(insert(UnitSuccession), follow)


async def put_in_force(session: AsyncSession, reorganisation: Reorganisation, now: datetime) -> None:
    """The day has come: states ahead become present ones, devices and accounts go to the one successor."""
    given = {"id": reorganisation.id}
    for statement in _SWAP:
        await session.execute(text(statement), given)
    moved: dict[str, list[dict[str, Any]]] = {}
    for what, statement in _MOVES.items():
        rows = await session.execute(
            text(statement), {**given, **({"now": now} if what == "devices" else {})}
        )
        moved[what] = [dict(zip(("id", "unit", "former", "at"), row, strict=False)) for row in rows]
    reorganisation.moved = moved
    reorganisation.state = "in_force"
    reorganisation.in_force_at = now


async def in_loops(session: AsyncSession, reorganisation_id: int) -> Sequence[str]:
    """The codes of units that would stand above themselves were it put into force."""
    return (await session.scalars(text(_LOOPED), {"id": reorganisation_id})).all()


async def take_back(session: AsyncSession, reorganisation: Reorganisation, moved: Mapping[str, str]) -> None:
    """Put everything back as it was; `moved` are the moves as JSON, by what moved."""
    given = {"id": reorganisation.id}
    for what, rows in moved.items():
        await session.execute(text(_RESTORE[what]), {**given, "moved": rows})
    for table in ("unit_successions", "unit_versions"):
        await session.execute(text(f"DELETE FROM {table} WHERE reorganisation_id = :id"), given)
    restored = [{"id": one["id"], **_dated(one["was"])} for one in reorganisation.touched if one["was"]]
    moved_codes = [
        one["id"]
        for one in reorganisation.touched
        if one["was"] and one["was"]["code"] != one["becomes"]["code"]
    ]
    if moved_codes:  # in a ring, perhaps: each is let go before any is given back
        await session.execute(text(_LET_GO), {"ids": moved_codes})
    if restored:
        await session.execute(update(Unit), restored)
    opened = [one["id"] for one in reorganisation.touched if not one["was"]]
    ids = {"ids": opened}
    await session.execute(text("UPDATE units SET parent_id = NULL WHERE id = ANY(CAST(:ids AS int[]))"), ids)
    await session.execute(text("DELETE FROM units WHERE id = ANY(CAST(:ids AS int[]))"), ids)


def _columns(state: State) -> dict[str, Any]:
    return {
        "code": state.code,
        "name": state.name,
        "kind": state.kind,
        "parent_id": state.parent,
        "search_text": state.searched,
    }


def _dated(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `units` as JSON keeps it, with its days as days."""
    days = {name: date.fromisoformat(row[name]) if row[name] else None for name in ("valid_from", "valid_to")}
    return {**row, **days}
