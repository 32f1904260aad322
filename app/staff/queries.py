"""Staff in the database, within somebody's reach.

A person is seen by whoever manages people where one of their roles is held; of their roles only those within
the reach are shown.
"""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, Select, exists, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.auth.reach import subtree, within_reach
from app.auth.subjects import Subject
from app.core.searching import matches
from app.models.account import TotpSecret
from app.models.subject import User, UserRole
from app.models.unit import Unit

Held = tuple[UserRole, str | None]
"""A role and the code of its unit; None for every unit."""


def _visible(subject: Subject) -> Select[User]:
    query = select(User)
    if subject.unit_ids is None:
        return query
    return query.where(exists().where(UserRole.user_id == User.id, within_reach(UserRole.unit_id, subject)))


async def one(session: AsyncSession, subject: Subject, user_id: UUID, *, lock: bool = False) -> User | None:
    """The person of this id within the reach."""
    query = _visible(subject).where(User.id == user_id)
    return await session.scalar(query.with_for_update(of=User) if lock else query)


async def listed(
    session: AsyncSession,
    subject: Subject,
    *,
    unit_id: int | None,
    q: str | None,
    after: str | None,
    limit: int,
) -> Sequence[User]:
    """People within the reach by username: `limit` and one more, behind the name `after`."""
    query = _visible(subject).order_by(User.username).limit(limit + 1)
    if unit_id is not None:
        here = UserRole.unit_id.in_(subtree(unit_id))
        query = query.where(exists().where(UserRole.user_id == User.id, here))
    if q is not None:
        names = (User.username, User.display_name)
        query = query.where(or_(*(matches(name, q) for name in names)))
    if after is not None:
        query = query.where(User.username > after)
    return (await session.scalars(query)).all()


async def roles(
    session: AsyncSession, user_ids: Collection[UUID], subject: Subject | None = None
) -> dict[UUID, list[Held]]:
    """The roles of these people by unit and name; with a subject, only those within its reach."""
    seen: ColumnElement[bool] = true() if subject is None else within_reach(UserRole.unit_id, subject)
    rows = await session.execute(
        select(UserRole, Unit.code)
        .outerjoin(Unit, Unit.id == UserRole.unit_id)
        .where(UserRole.user_id.in_(user_ids), seen)
        .order_by(Unit.code.nulls_first(), UserRole.role)
    )
    held: dict[UUID, list[Held]] = {user_id: [] for user_id in user_ids}
    for role, code in rows:
        held[role.user_id].append((role, code))
    return held


async def with_totp(session: AsyncSession, user_ids: Collection[UUID]) -> set[UUID]:
    """Those of them who have a second factor."""
    confirmed = select(TotpSecret.user_id).where(
        TotpSecret.user_id.in_(user_ids), TotpSecret.confirmed_at.is_not(None)
    )
    return set((await session.scalars(confirmed)).all())


async def another_holds(session: AsyncSession, role: str, user_id: UUID) -> bool:
    """Whether somebody else who can sign in holds the role everywhere."""
    other = aliased(User)
    found = exists().where(
        UserRole.role == role,
        UserRole.unit_id.is_(None),
        UserRole.user_id == other.id,
        other.id != user_id,
        other.closed_at.is_(None),
        other.password_hash.is_not(None),
    )
    return bool(await session.scalar(select(found)))


async def units(session: AsyncSession, subject: Subject, codes: Collection[str]) -> dict[str, Unit]:
    """Units within the reach, by code."""
    rows = await session.scalars(select(Unit).where(Unit.code.in_(codes), within_reach(Unit.id, subject)))
    return {unit.code: unit for unit in rows}
