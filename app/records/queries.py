"""The record in the database: within somebody's reach, and in the order of its chain."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Integer, Select, exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.reach import subtree, subtrees, within_reach
from app.auth.subjects import Subject
from app.models.record import AuditLine
from app.models.subject import Client, User, UserRole
from app.models.unit import Unit


class Wanted(NamedTuple):
    """Which lines somebody asks for: instants from `since` to before `until`; actions by their beginning."""

    since: datetime | None = None
    until: datetime | None = None
    actor: str | None = None
    action: str | None = None
    target: str | None = None
    unit_id: int | None = None


async def listed(
    session: AsyncSession, subject: Subject, wanted: Wanted, before: int | None, limit: int
) -> Sequence[AuditLine]:
    """Lines within the reach, the newest first: at most `limit`, older than the line `before`."""
    query = _visible(subject).order_by(AuditLine.id.desc()).limit(limit)
    conditions = [
        wanted.since is None or AuditLine.at >= wanted.since,
        wanted.until is None or AuditLine.at < wanted.until,
        wanted.actor is None or AuditLine.actor == wanted.actor,
        wanted.action is None or AuditLine.action.startswith(wanted.action, autoescape=True),
        wanted.target is None or AuditLine.target == wanted.target,
        wanted.unit_id is None or _about(subtree(wanted.unit_id)),
        before is None or AuditLine.id < before,
    ]
    for condition in conditions:
        if condition is not True:
            query = query.where(condition)
    return (await session.scalars(query)).all()


def _visible(subject: Subject) -> Select[AuditLine]:
    """Lines about a unit that is reached; those about no unit are for who reaches every one."""
    query = select(AuditLine)
    return query if subject.unit_ids is None else query.where(_about(subtrees(subject.unit_ids)))


def _about(units: Select[int]) -> ColumnElement[bool]:
    ids = func.array(units.scalar_subquery(), type_=ARRAY(Integer))
    return AuditLine.unit_ids.op("&&", is_comparison=True)(ids)


async def codes(session: AsyncSession, subject: Subject, unit_ids: Collection[int]) -> dict[int, str]:
    """The codes of these units, by id, as far as they are reached."""
    rows = await session.execute(
        select(Unit.id, Unit.code).where(Unit.id.in_(unit_ids), within_reach(Unit.id, subject))
    )
    return {row[0]: row[1] for row in rows}


async def reached(session: AsyncSession, subject: Subject, named: Collection[str]) -> set[str]:
    """Which of these codes are codes of units that are reached."""
    rows = await session.scalars(
        select(Unit.code).where(Unit.code.in_(named), within_reach(Unit.id, subject))
    )
    return set(rows)


async def names(session: AsyncSession, subject: Subject, actors: Collection[str]) -> dict[str, str]:
    """The names of actors that lie within the reach, by how the record calls them."""
    split = [actor.partition(":") for actor in actors]
    users = [UUID(number) for kind, _, number in split if kind == "user"]
    clients = [UUID(number) for kind, _, number in split if kind == "client"]
    found: dict[str, str] = {}
    if users:
        query = select(User.id, User.username).where(User.id.in_(users))
        if subject.unit_ids is not None:
            query = query.where(
                exists().where(UserRole.user_id == User.id, within_reach(UserRole.unit_id, subject))
            )
        found.update({f"user:{number}": name for number, name in await session.execute(query)})
    if clients:
        named = select(Client.id, Client.name).where(
            Client.id.in_(clients), within_reach(Client.unit_id, subject)
        )
        found.update({f"client:{number}": name for number, name in await session.execute(named)})
    return found


async def head(session: AsyncSession, before: date | None = None) -> AuditLine | None:
    """The last line of the chain, or of its days before a day."""
    query = select(AuditLine).where(AuditLine.seal.is_not(None))
    if before is not None:
        query = query.where(AuditLine.day < before)
    return await session.scalar(query.order_by(AuditLine.day.desc(), AuditLine.number.desc()).limit(1))


async def first_after(session: AsyncSession, day: date) -> AuditLine | None:
    """The first line of the chain behind a day."""
    query = select(AuditLine).where(AuditLine.day > day)
    return await session.scalar(query.order_by(AuditLine.day, AuditLine.number).limit(1))


async def unsealed(session: AsyncSession, limit: int) -> Sequence[AuditLine]:
    """Lines that have no place in the chain yet, in the order they were written."""
    query = select(AuditLine).where(AuditLine.seal.is_(None)).order_by(AuditLine.id).limit(limit)
    return (await session.scalars(query)).all()


async def count_unsealed(session: AsyncSession) -> int:
    """How many lines have no place in the chain yet."""
    return await session.scalar(select(func.count(AuditLine.id)).where(AuditLine.seal.is_(None))) or 0


async def days(session: AsyncSession, only: date | None) -> list[tuple[date, int]]:
    """The days of the chain, in order, with how many lines each has."""
    query = select(AuditLine.day, func.count(AuditLine.id)).where(AuditLine.day.is_not(None))
    if only is not None:
        query = query.where(AuditLine.day == only)
    rows = await session.execute(query.group_by(AuditLine.day).order_by(AuditLine.day))
    return [(day, count) for day, count in rows if day is not None]


async def of_day(session: AsyncSession, day: date) -> Sequence[AuditLine]:
    """A day's lines in the order of the chain."""
    query = select(AuditLine).where(AuditLine.day == day).order_by(AuditLine.number, AuditLine.id)
    return (await session.scalars(query)).all()
