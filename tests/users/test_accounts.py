import asyncio

import pytest
from sqlalchemy import func, select

from app.auth.roles import scopes_of
from app.auth.scopes import SCOPES
from app.core.database import Database
from app.core.problems import InvalidRequest, UsernameTaken
from app.core.tokens import check_password, check_secret
from app.models.record import AuditLine
from app.models.subject import Client, User, UserRole
from app.users.service import account_faults, create_administrator, create_client, create_first_administrator

PASSWORD = "một mật khẩu dài"


async def test_the_first_administrator_may_do_everything_everywhere(database: Database) -> None:
    async with database.transaction() as session:
        assert await create_first_administrator(session, "quantri", PASSWORD)
    async with database.read() as session:
        user = await session.scalar(select(User))
        held = await session.scalar(select(UserRole))
    assert user is not None
    assert held is not None
    assert (user.username, held.user_id, held.role, held.unit_id) == (
        "quantri",
        user.id,
        "system_admin",
        None,
    )
    assert scopes_of(held.role) == set(SCOPES)
    assert check_password(PASSWORD, user.password_hash)


async def test_a_short_password_in_the_settings_does_not_keep_the_service_from_starting(
    database: Database,
) -> None:
    async with database.transaction() as session:
        assert await create_first_administrator(session, "admin", "short")


async def test_there_is_only_one_first_administrator(database: Database) -> None:
    async with database.transaction() as session:
        assert await create_first_administrator(session, "one", PASSWORD)
    async with database.transaction() as session:
        assert not await create_first_administrator(session, "two", PASSWORD)


async def test_of_processes_that_start_together_one_makes_the_account(database: Database) -> None:
    async def start(number: int) -> bool:
        async with database.transaction() as session:
            return await create_first_administrator(session, f"admin-{number}", PASSWORD)

    made = await asyncio.gather(*(start(number) for number in range(5)))
    assert sorted(made) == [False, False, False, False, True]
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(User)) == 1


async def test_a_name_in_use_is_taken_however_it_is_typed(database: Database) -> None:
    async with database.transaction() as session:
        await create_administrator(session, "system", "Bắc", PASSWORD)
    with pytest.raises(UsernameTaken):
        async with database.transaction() as session:
            await create_administrator(session, "system", " Ba\u0306\u0301c ", PASSWORD)


async def test_names_and_passwords_have_rules(database: Database) -> None:
    with pytest.raises(InvalidRequest) as caught:
        async with database.transaction() as session:
            await create_administrator(session, "system", "", "short")
    assert [(fault.pointer, fault.code) for fault in caught.value.faults] == [
        ("/username", "missing"),
        ("/password", "too_short"),
    ]


GOOD = ("xK9#mq2vLp" * 100)[:1000]


@pytest.mark.parametrize(
    ("username", "password", "codes"),
    [
        ("a", GOOD[:10], []),
        ("x" * 64, GOOD, []),
        ("x" * 65, GOOD, ["too_long"]),
        ("a\u200bb", GOOD, ["invalid_character"]),
        ("a\0", GOOD, ["invalid_character"]),
        ("a", GOOD[:9], ["too_short"]),
        ("a", GOOD + "x", ["too_long"]),
    ],
)
def test_the_edges_of_the_rules(username: str, password: str, codes: list[str]) -> None:
    assert [fault.code for fault in account_faults(username, password)] == codes


async def test_a_client_keeps_no_secret_that_can_be_read(database: Database) -> None:
    async with database.transaction() as session:
        client_id, secret = await create_client(session, "system", "iGate", None, ["visits:write"])
    async with database.read() as session:
        client = await session.get(Client, client_id)
        line = await session.scalar(select(AuditLine))
    assert client is not None
    assert check_secret(secret, client.secret_hash)
    assert not check_secret(secret + "x", client.secret_hash)
    assert line is not None
    assert secret not in str(line.details)
    assert (line.action, line.target) == ("client.create", f"client:{client_id}")


@pytest.mark.parametrize("scopes", [[], ["visits:write", "everything"]])
async def test_scopes_of_a_client_must_exist(database: Database, scopes: list[str]) -> None:
    with pytest.raises(InvalidRequest):
        async with database.transaction() as session:
            await create_client(session, "system", "iGate", None, scopes)
