"""Accounts in the database."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import Select, exists, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.reach import within_reach
from app.auth.subjects import Subject
from app.models.subject import Client, ClientSecret, User
from app.models.unit import Unit

Found = tuple[Client, str | None]
"""A client and the code of the unit at the top of its reach; None reaches every unit."""


async def any_user(session: AsyncSession) -> bool:
    """Whether there is any account of a person, open or closed."""
    return bool(await session.scalar(select(exists().select_from(User))))


async def user_exists(session: AsyncSession, username: str) -> bool:
    """Whether an account, open or closed, has this name."""
    return bool(await session.scalar(select(exists().where(User.username == username))))


def _visible(subject: Subject) -> Select[Client, str]:
    # a client that reaches every unit has no unit: nobody with a unit sees it
    reached = within_reach(Client.unit_id, subject)
    return select(Client, Unit.code).outerjoin(Unit, Client.unit_id == Unit.id).where(reached)


async def client(session: AsyncSession, subject: Subject, client_id: UUID) -> Found | None:
    """A client within the reach."""
    row = (await session.execute(_visible(subject).where(Client.id == client_id))).one_or_none()
    return None if row is None else (row[0], row[1])


async def secrets(session: AsyncSession, client_ids: Iterable[UUID]) -> dict[UUID, list[ClientSecret]]:
    """The secrets of clients, oldest first; every client asked for has its list."""
    by_client: dict[UUID, list[ClientSecret]] = {client_id: [] for client_id in client_ids}
    query = select(ClientSecret).where(ClientSecret.client_id.in_(by_client))
    for secret in await session.scalars(query.order_by(ClientSecret.created_at, ClientSecret.id)):
        by_client[secret.client_id].append(secret)
    return by_client


async def client_for_update(session: AsyncSession, subject: Subject, client_id: UUID) -> Client | None:
    """The client within the reach, locked."""
    query = _visible(subject).where(Client.id == client_id).with_for_update(of=Client)
    row = (await session.execute(query)).one_or_none()
    return None if row is None else row[0]


async def clients(
    session: AsyncSession, subject: Subject, after: tuple[str, UUID] | None, limit: int
) -> Sequence[Found]:
    """Clients within the reach by name: `limit` and one more, behind the key `after`."""
    query = _visible(subject).order_by(Client.name, Client.id).limit(limit + 1)
    if after is not None:
        query = query.where(tuple_(Client.name, Client.id) > tuple_(*after))
    return [(row[0], row[1]) for row in await session.execute(query)]
