"""What signing in reads and writes: accounts, refresh tokens, failures."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.account import SignInSession, TotpSecret
from app.models.record import AuditLine
from app.models.sign_on import OidcIdentity, SignInCode
from app.models.subject import Client, ClientSecret, RefreshToken, SignInFailure, User, UserRole
from app.models.unit import Unit

FAILURE_MEMORY = timedelta(minutes=15)
MAX_NAME = 64
USE_GRAIN = timedelta(minutes=1)


Person = tuple[User, list[UserRole]]
"""An account of a person and the roles it holds."""


async def password_of(session: AsyncSession, account: str | UUID) -> tuple[UUID, str, str | None] | None:
    """Id, name and hash of the password of an open account, named or by its id."""
    chosen = User.id == account if isinstance(account, UUID) else User.username == account
    columns = select(User.id, User.username, User.password_hash)
    row = (await session.execute(columns.where(chosen, User.closed_at.is_(None)))).one_or_none()
    return None if row is None else (row[0], row[1], row[2])


async def role_units(session: AsyncSession, user_id: UUID) -> list[int | None]:
    """Where a person's roles are held: whom a line about them concerns."""
    return list(await session.scalars(select(UserRole.unit_id).where(UserRole.user_id == user_id)))


async def open_user(session: AsyncSession, user_id: UUID) -> Person | None:
    """An open account by its id."""
    return await _open_user(session, User.id == user_id)


async def _open_user(session: AsyncSession, condition: ColumnElement[bool]) -> Person | None:
    """The account and its roles in one query."""
    query = select(User, UserRole).outerjoin(UserRole, UserRole.user_id == User.id)
    found = (
        await session.execute(query.where(condition, User.closed_at.is_(None)).order_by(UserRole.id))
    ).all()
    roles: list[UserRole | None] = [row[1] for row in found]
    return (found[0][0], [role for role in roles if role is not None]) if found else None


async def names_about(session: AsyncSession, user_id: UUID) -> list[str]:
    """What must not make up a person's password: their names, their address, their units' names and codes."""
    columns = select(User.username, User.display_name, User.email).where(User.id == user_id)
    person = (await session.execute(columns)).one()
    units = select(Unit.name, Unit.code).join(UserRole, UserRole.unit_id == Unit.id)
    rows = await session.execute(units.where(UserRole.user_id == user_id))
    return [name for row in (person, *rows) for name in row if name]


async def open_client(session: AsyncSession, client_id: UUID, now: datetime) -> Client | None:
    """A client by its id that is neither closed nor past its end."""
    lasting = or_(Client.expires_at.is_(None), Client.expires_at > now)
    return await session.scalar(
        select(Client).where(Client.id == client_id, Client.closed_at.is_(None), lasting)
    )


async def secrets_of(session: AsyncSession, client_id: UUID) -> Sequence[ClientSecret]:
    """All secrets of a client, those past their end too."""
    return (await session.scalars(select(ClientSecret).where(ClientSecret.client_id == client_id))).all()


async def keep_secret(session: AsyncSession, client_id: UUID, secret_hash: bytes) -> None:
    """Keep a secret, unless it is kept already."""
    values = {"client_id": client_id, "secret_hash": secret_hash}
    await session.execute(insert(ClientSecret).values(values).on_conflict_do_nothing())


async def note_use(session: AsyncSession, client_id: UUID, secret_hash: bytes, now: datetime) -> None:
    """Write down when a client and its secret were last used, at most once a minute each."""
    stale = now - USE_GRAIN
    await session.execute(
        update(Client)
        .where(Client.id == client_id, or_(Client.last_used_at.is_(None), Client.last_used_at < stale))
        .values(last_used_at=now)
    )
    await session.execute(
        update(ClientSecret)
        .where(
            ClientSecret.client_id == client_id,
            ClientSecret.secret_hash == secret_hash,
            or_(ClientSecret.last_used_at.is_(None), ClientSecret.last_used_at < stale),
        )
        .values(last_used_at=now)
    )


class Acting(NamedTuple):
    """A person at work, as a token names them: with the sign-in it comes from, if it says so."""

    user: User
    roles: list[UserRole]
    session_open: bool
    totp_due: bool


async def acting(session: AsyncSession, user_id: UUID, family: UUID | None) -> Acting | None:
    """An open account at work. One query, because it is asked every few seconds for everybody at work."""
    up = select(UserRole.unit_id.label("id")).where(UserRole.user_id == user_id).cte(recursive=True)
    up = up.union(select(Unit.parent_id).join(up, Unit.id == up.c.id))
    required = exists().where(Unit.id == up.c.id, Unit.require_totp)
    confirmed = exists().where(TotpSecret.user_id == user_id, TotpSecret.confirmed_at.is_not(None))
    # who comes through single sign-on has the second factor of the provider
    vouched = exists().where(OidcIdentity.user_id == user_id)
    going_on: ColumnElement[bool] = true()
    if family is not None:
        going_on = exists().where(
            SignInSession.id == family, SignInSession.user_id == user_id, SignInSession.ended_at.is_(None)
        )
    query = select(User, UserRole, going_on, and_(required, ~confirmed, ~vouched))
    query = query.outerjoin(UserRole, UserRole.user_id == User.id)
    found = await session.execute(
        query.where(User.id == user_id, User.closed_at.is_(None)).order_by(UserRole.id)
    )
    rows = found.all()
    roles: list[UserRole | None] = [row[1] for row in rows]
    if not rows:
        return None
    return Acting(rows[0][0], [role for role in roles if role is not None], rows[0][2], rows[0][3])


async def is_closed(session: AsyncSession, table: type[User | Client], account_id: UUID) -> bool:
    """Whether there is such an account, and it has been closed."""
    closed = await session.scalar(select(table.closed_at).where(table.id == account_id))
    return closed is not None


async def refresh_token(session: AsyncSession, token_hash: bytes) -> RefreshToken | None:
    """A refresh token, locked so that of two uses at once only one is the first."""
    return await session.scalar(
        select(RefreshToken).where(RefreshToken.token_hash == token_hash).with_for_update()
    )


async def vouched_at(session: AsyncSession, user_id: UUID) -> datetime | None:
    """When the sign-on provider last let this person in; None for accounts with a password of their own."""
    return await session.scalar(select(OidcIdentity.signed_in_at).where(OidcIdentity.user_id == user_id))


async def failures(
    session: AsyncSession, name: str, place: str, now: datetime
) -> tuple[tuple[int, datetime | None], tuple[int, datetime | None]]:
    """Failed sign-ins of late, as (count, last): for the name from this place, and from anywhere."""
    here = SignInFailure.address == place
    row = (
        await session.execute(
            select(
                func.count().filter(here),
                func.max(SignInFailure.failed_at).filter(here),
                func.count(),
                func.max(SignInFailure.failed_at),
            ).where(SignInFailure.name == name, _of_late(now))
        )
    ).one()
    return (row[0], row[1]), (row[2], row[3])


async def failures_of_nobody(session: AsyncSession, now: datetime) -> int:
    """How many sign-ins of late named nobody: their names are kept as hashes, longer than any name."""
    unknown = func.length(SignInFailure.name) > MAX_NAME
    return await session.scalar(select(func.count()).where(unknown, _of_late(now))) or 0


def _of_late(now: datetime) -> ColumnElement[bool]:
    # those far ahead were written while the clock was wrong: nobody waits for it to come there again
    return SignInFailure.failed_at.between(now - FAILURE_MEMORY, now + FAILURE_MEMORY)


async def keep_failure(session: AsyncSession, name: str, place: str, now: datetime) -> int:
    """Keep a failed sign-in, or one that is about to be judged; its id."""
    failure = SignInFailure(name=name, address=place, failed_at=now)
    session.add(failure)
    await session.flush()
    return failure.id


async def forget_failures(session: AsyncSession, name: str, place: str, last: int) -> None:
    """A success wipes the failures of this name from this place, up to the one of this id."""
    await session.execute(
        delete(SignInFailure).where(
            SignInFailure.name == name, SignInFailure.address == place, SignInFailure.id <= last
        )
    )


async def forget_failure(session: AsyncSession, failure_id: int) -> None:
    """Forget one failure."""
    await session.execute(delete(SignInFailure).where(SignInFailure.id == failure_id))


async def noted_failures(session: AsyncSession, action: str, target: str, now: datetime) -> int | None:
    """The failures that the last line of this action and target of late speaks of; None without one."""
    kind = AuditLine.action == action, AuditLine.target == target
    last = select(AuditLine.details["failures"].as_integer()).where(*kind)
    last = last.where(AuditLine.at > now - FAILURE_MEMORY)
    return await session.scalar(last.order_by(AuditLine.id.desc()).limit(1))


async def purge(session: AsyncSession, now: datetime) -> None:
    """Drop failures nobody counts any more and refresh tokens long expired."""
    await session.execute(delete(SignInFailure).where(SignInFailure.failed_at < now - FAILURE_MEMORY))
    await session.execute(delete(RefreshToken).where(RefreshToken.expires_at < now - timedelta(days=1)))
    await session.execute(delete(SignInCode).where(SignInCode.expires_at < now))
