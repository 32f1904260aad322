from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event, text

from app.core.database import Database
from app.core.problems import DeviceRevoked, Unauthorized
from app.core.tokens import hash_secret
from app.devices.known import REMEMBERED, DeviceTokens
from app.devices.pairing import new_token
from app.models.device import Device
from app.models.unit import Unit


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Queries:
    """Counts what reaches the table of devices."""

    def __init__(self, database: Database) -> None:
        self.count = 0
        event.listen(database.engine.sync_engine, "before_cursor_execute", self._count)

    def _count(self, _conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        self.count += "FROM devices" in statement


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def known(database: Database, clock: Clock) -> DeviceTokens:
    return DeviceTokens(database, clock)


@pytest.fixture
async def device_id(database: Database) -> UUID:
    async with database.transaction() as session:
        unit = Unit(code="09001", name="Phường A", kind="commune", search_text="phuong a")
        session.add(unit)
        await session.flush()
        device = Device(unit_id=unit.id, name="Quầy 1", questionnaire_code="quick-5")
        session.add(device)
        await session.flush()
        return device.id


async def give_token(database: Database, device_id: UUID) -> str:
    token = new_token(device_id)
    async with database.transaction() as session:
        await session.execute(
            text("UPDATE devices SET token_hash = :hash, paired_at = now() WHERE id = :id"),
            {"hash": hash_secret(token), "id": device_id},
        )
    return token


async def revoke(database: Database, device_id: UUID) -> None:
    async with database.transaction() as session:
        await session.execute(text("UPDATE devices SET revoked_at = now() WHERE id = :id"), {"id": device_id})


async def test_a_device_is_read_once_and_then_known(
    database: Database, known: DeviceTokens, device_id: UUID
) -> None:
    token = await give_token(database, device_id)
    queries = Queries(database)
    found = await known.find(token)
    assert (found.id, found.questionnaire_code, found.revoked) == (device_id, "quick-5", False)
    assert await known.find(token) is found
    assert queries.count == 1


async def test_a_revocation_elsewhere_is_felt_when_the_memory_ends(
    database: Database, known: DeviceTokens, clock: Clock, device_id: UUID
) -> None:
    token = await give_token(database, device_id)
    await known.find(token)
    await revoke(database, device_id)
    assert (await known.find(token)).revoked is False
    clock.now = REMEMBERED
    with pytest.raises(DeviceRevoked):
        await known.find(token)
    assert (await known.recognise(token)).revoked is True


async def test_what_is_forgotten_is_read_again(
    database: Database, known: DeviceTokens, device_id: UUID
) -> None:
    token = await give_token(database, device_id)
    await known.find(token)
    await revoke(database, device_id)
    known.forget(device_id)
    with pytest.raises(DeviceRevoked):
        await known.find(token)


async def test_a_new_token_counts_at_once_and_ends_the_old(
    database: Database, known: DeviceTokens, device_id: UUID
) -> None:
    old = await give_token(database, device_id)
    await known.find(old)
    new = await give_token(database, device_id)
    assert (await known.find(new)).id == device_id
    with pytest.raises(Unauthorized):
        await known.find(old)


async def test_a_wrong_secret_is_nobody_and_does_not_disturb_the_right_one(
    database: Database, known: DeviceTokens, device_id: UUID
) -> None:
    token = await give_token(database, device_id)
    with pytest.raises(Unauthorized):
        await known.find(new_token(device_id))
    assert (await known.find(token)).id == device_id


async def test_a_device_that_was_never_paired_has_no_token(known: DeviceTokens, device_id: UUID) -> None:
    with pytest.raises(Unauthorized):
        await known.find(new_token(device_id))


async def test_an_unknown_device_is_nobody(known: DeviceTokens) -> None:
    with pytest.raises(Unauthorized):
        await known.find(new_token(uuid4()))


@pytest.mark.parametrize("token", ["", "nonsense", "sdt_x_y", "eyJhbGciOiJIUzI1NiJ9.e30.x"])
async def test_what_is_no_device_token_does_not_reach_the_database(
    database: Database, known: DeviceTokens, token: str
) -> None:
    queries = Queries(database)
    with pytest.raises(Unauthorized):
        await known.find(token)
    assert queries.count == 0
