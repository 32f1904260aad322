from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event, text

from app.auth.known import REMEMBERED, KnownSubjects
from app.auth.roles import ROLES
from app.core.clock import utc_now
from app.core.database import Database
from app.models.subject import Client, User, UserRole


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class LookUps:
    """Counts what reaches the tables of accounts."""

    def __init__(self, database: Database) -> None:
        self.count = 0
        event.listen(database.engine.sync_engine, "before_cursor_execute", self._count)

    def _count(self, _conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        self.count += "FROM users" in statement or "FROM clients" in statement


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def known(database: Database, clock: Clock) -> KnownSubjects:
    return KnownSubjects(database, clock)


@pytest.fixture
async def client_id(database: Database) -> UUID:
    async with database.transaction() as session:
        client = Client(name="Bảng tin", secret_hash=b"x", scopes=["indices:read"], unit_id=None)
        session.add(client)
        await session.flush()
        return client.id


async def close(database: Database, client_id: UUID) -> None:
    async with database.transaction() as session:
        await session.execute(
            text("UPDATE clients SET closed_at = :now WHERE id = :id"), {"now": utc_now(), "id": client_id}
        )


async def test_people_and_partner_systems_are_found_by_the_name_in_their_token(
    database: Database, known: KnownSubjects, client_id: UUID
) -> None:
    async with database.transaction() as session:
        user = User(username="lan", password_hash="x")
        session.add(user)
        await session.flush()
        session.add(UserRole(user_id=user.id, role="viewer", unit_id=None))
        user_id = user.id
    person, system = await known.find(f"user:{user_id}"), await known.find(f"client:{client_id}")
    assert person is not None
    assert system is not None
    assert (person.kind, person.name, person.scopes) == ("user", "lan", ROLES["viewer"])
    assert (system.kind, system.name, system.scopes) == ("client", "Bảng tin", frozenset({"indices:read"}))


@pytest.mark.parametrize("actor", ["", "user", "user:", "user:1", "client:lan", "system", "robot:{id}"])
async def test_what_is_no_name_of_an_account_is_nobody(
    known: KnownSubjects, client_id: UUID, actor: str
) -> None:
    assert await known.find(actor.format(id=client_id)) is None


async def test_a_client_is_no_person_of_the_same_id(known: KnownSubjects, client_id: UUID) -> None:
    assert await known.find(f"user:{client_id}") is None
    assert await known.find(f"client:{client_id}") is not None


async def test_an_account_is_looked_up_once_in_a_while(
    database: Database, known: KnownSubjects, clock: Clock, client_id: UUID
) -> None:
    asked = LookUps(database)
    for _ in range(5):
        assert await known.find(f"client:{client_id}")
    assert asked.count == 1
    clock.now = REMEMBERED
    assert await known.find(f"client:{client_id}")
    assert asked.count == 2


async def test_an_account_closed_elsewhere_is_out_after_a_moment(
    database: Database, known: KnownSubjects, clock: Clock, client_id: UUID
) -> None:
    assert await known.find(f"client:{client_id}")
    await close(database, client_id)
    assert await known.find(f"client:{client_id}")
    clock.now = REMEMBERED
    assert await known.find(f"client:{client_id}") is None


async def test_an_account_closed_here_is_out_at_once(
    database: Database, known: KnownSubjects, client_id: UUID
) -> None:
    assert await known.find(f"client:{client_id}")
    await close(database, client_id)
    known.forget(f"client:{client_id}")
    assert await known.find(f"client:{client_id}") is None


async def test_strangers_are_not_remembered(database: Database, known: KnownSubjects) -> None:
    asked, nobody = LookUps(database), f"user:{uuid4()}"
    for _ in range(3):
        assert await known.find(nobody) is None
    assert asked.count == 3
