"""Making and closing accounts: administrators (people) and clients (partner systems)."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app import audit
from app.auth.heirs import closed_fault, has_ended
from app.auth.passwords import password_faults
from app.auth.reach import chain_of, find_unit
from app.auth.roles import Role
from app.auth.scopes import SCOPES
from app.auth.subjects import Subject
from app.core.clock import utc_now
from app.core.faults import Fault, pointer
from app.core.hashing import GATE
from app.core.locks import Lock, hold
from app.core.problems import ClientUnknown, InvalidRequest, UsernameTaken
from app.core.text import clean, first_hidden
from app.core.tokens import hash_password, hash_secret, make_secret
from app.models.subject import Client, ClientSecret, User, UserRole
from app.users import queries
from app.users.schemas import NewClient

ADMINISTRATOR: Role = "system_admin"
MAX_USERNAME = 64


async def create_first_administrator(session: AsyncSession, username: str, password: str) -> bool:
    """Make an administrator if there is no account at all; False when there is one.

    Two processes may try at once: the second waits for the first and finds its account. Name and password
    are the operator's settings, taken as they are: a rule broken here would keep the service from starting.
    """
    await hold(session, Lock.FIRST_ADMINISTRATOR)
    if await queries.any_user(session):
        return False
    await _add_administrator(session, audit.SYSTEM, clean(username), password)
    return True


async def create_administrator(session: AsyncSession, actor: str, username: str, password: str) -> UUID:
    """Make an account with every scope that reaches every unit.

    Raises InvalidRequest with all faults of name and password, UsernameTaken for a name in use.
    """
    username = clean(username)
    if faults := await GATE.run(account_faults, username, password):
        raise InvalidRequest(faults=faults)
    if await queries.user_exists(session, username):
        raise UsernameTaken
    return await _add_administrator(session, actor, username, password)


async def _add_administrator(session: AsyncSession, actor: str, username: str, password: str) -> UUID:
    hashed = await GATE.run(hash_password, password)
    user = User(username=username, password_hash=hashed)
    session.add(user)
    await session.flush()
    session.add(UserRole(user_id=user.id, role=ADMINISTRATOR, unit_id=None))
    audit.record(
        session, actor, "user.create", f"user:{user.id}", [], roles=[{"role": ADMINISTRATOR, "unit": None}]
    )
    return user.id


def account_faults(username: str, password: str) -> list[Fault]:
    """What is wrong with a name (1 to 64 visible characters) and a password (10 to 1,000)."""
    faults = []
    if not username:
        faults.append(Fault("/username", "missing"))
    elif len(username) > MAX_USERNAME:
        faults.append(Fault("/username", "too_long", {"limit": MAX_USERNAME}))
    elif first_hidden(username) is not None:
        faults.append(Fault("/username", "invalid_character"))
    return faults + password_faults(password, about=[username])


async def create_client(
    session: AsyncSession,
    actor: str,
    name: str,
    unit_id: int | None,
    scopes: Sequence[str],
    *,
    expires_at: datetime | None = None,
    networks: Sequence[str] = (),
) -> tuple[UUID, str]:
    """Make a client; its id, and its secret, which nobody can read again. InvalidRequest names bad scopes."""
    unknown = [
        Fault(pointer("scopes", index), "not_allowed", {"allowed": ", ".join(SCOPES)})
        for index, scope in enumerate(scopes)
        if scope not in SCOPES
    ]
    if unknown or not scopes:
        raise InvalidRequest(faults=unknown or [Fault("/scopes", "missing")])
    secret = make_secret()
    client = Client(
        name=name,
        secret_hash=hash_secret(secret),
        scopes=sorted(set(scopes)),
        unit_id=unit_id,
        expires_at=expires_at,
        networks=list(networks),
    )
    session.add(client)
    await session.flush()
    session.add(ClientSecret(client_id=client.id, secret_hash=client.secret_hash))
    audit.record(
        session,
        actor,
        "client.create",
        f"client:{client.id}",
        [unit_id],
        name=name,
        scopes=client.scopes,
        expires_at=expires_at.isoformat() if expires_at else None,
        networks=client.networks,
    )
    return client.id, secret


async def grant_client(
    session: AsyncSession, subject: Subject, new: NewClient, today: date
) -> tuple[UUID, str]:
    """`create_client` on somebody's behalf: nobody gives away scopes or units they do not have themselves.

    A unit that has ended takes no new client: its successor does.
    """
    unit = None if new.unit_code is None else await find_unit(session, subject, new.unit_code, "/unit_code")
    unreached = unit is None and subject.unit_ids is not None
    # over every unit, where that is the reach; where it is not, the missing unit is one fault, and scopes
    # held nowhere are others
    held = (
        subject.scopes if unreached else subject.scopes_at(await chain_of(session, unit.id) if unit else ())
    )
    faults = [
        Fault(pointer("scopes", index), "scope_not_held", {"scope": scope})
        for index, scope in enumerate(new.scopes)
        if scope not in held
    ]
    if unreached:
        faults.append(Fault("/unit_code", "unit_needed"))
    if unit is not None and has_ended(unit, today):
        faults.append(await closed_fault(session, unit, "/unit_code", today))
    if faults:
        raise InvalidRequest(faults=faults)
    return await create_client(
        session,
        subject.actor,
        new.name,
        unit.id if unit else None,
        new.scopes,
        expires_at=new.expires_at,
        networks=new.allowed_networks,
    )


async def close_client(session: AsyncSession, subject: Subject, client_id: UUID) -> None:
    """End a client and its tokens; ClientUnknown outside the reach. Closing twice changes nothing."""
    client = await queries.client_for_update(session, subject, client_id)
    if client is None:
        raise ClientUnknown
    if client.closed_at is None:
        client.closed_at = utc_now()
        audit.record(session, subject.actor, "client.close", f"client:{client.id}", [client.unit_id])
