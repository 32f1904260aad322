from base64 import b64decode, b64encode
from hashlib import pbkdf2_hmac
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app.core.database import Database
from app.devices.pin import new_pin, seal
from tests.support.world import World

URL = "/api/v1/devices"
PAIR = f"{URL}/pair"
CONFIG = "/api/v1/device/config"
TABLET = {"unit_code": "09001", "name": "Quầy 1"}


def opens(check: dict[str, Any], pin: str) -> bool:
    """What a tablet does, written from the contract."""
    assert check["algorithm"] == "PBKDF2-SHA256"
    made = pbkdf2_hmac("sha256", pin.encode(), b64decode(check["salt"], validate=True), check["iterations"])
    return b64encode(made).decode() == str(check["hash"])


async def set_up(
    http: httpx.AsyncClient, world: World, **more: object
) -> tuple[dict[str, Any], dict[str, str]]:
    """A new device and its tablet's header."""
    made = await http.post(URL, json={**TABLET, **more}, headers=world.admin)
    assert made.status_code == 201, made.text
    device: dict[str, Any] = made.json()
    paired = await http.post(PAIR, json={"pairing_code": device["pairing_code"]})
    return device, {"Authorization": f"Bearer {paired.json()['device_token']}"}


async def check_of(http: httpx.AsyncClient, tablet: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = (await http.get(CONFIG, headers=tablet)).json()["pin"]
    return found


def test_a_made_up_pin_has_six_digits() -> None:
    made = {new_pin() for _ in range(200)}
    assert all(len(pin) == 6 and pin.isdecimal() for pin in made)
    assert len(made) > 150


@settings(max_examples=8, deadline=None)
@given(st.text("0123456789", min_size=4, max_size=12))
def test_a_sealed_pin_is_opened_by_itself_alone(pin: str) -> None:
    sealed = seal(pin)
    assert (sealed.iterations, len(sealed.salt), len(sealed.hash)) == (100_000, 16, 32)
    assert pbkdf2_hmac("sha256", pin.encode(), sealed.salt, 100_000) == sealed.hash
    assert pbkdf2_hmac("sha256", pin.encode() + b"0", sealed.salt, 100_000) != sealed.hash
    assert seal(pin) != sealed


@pytest.mark.parametrize("pin", ["0000", "204816", "123456789012"])
async def test_a_tablet_checks_the_pin_that_was_chosen(
    http: httpx.AsyncClient, world: World, pin: str
) -> None:
    device, tablet = await set_up(http, world, pin=pin)
    assert device["pin"] == pin
    check = await check_of(http, tablet)
    assert (check["iterations"], len(b64decode(check["salt"])), len(b64decode(check["hash"]))) == (
        100_000,
        16,
        32,
    )
    assert opens(check, pin)
    assert not opens(check, pin[:-1] + str((int(pin[-1]) + 1) % 10))


async def test_a_pin_is_made_up_where_none_was_chosen(http: httpx.AsyncClient, world: World) -> None:
    for more in ({}, {"pin": None}):
        device, tablet = await set_up(http, world, **more)
        assert len(device["pin"]) == 6
        assert opens(await check_of(http, tablet), device["pin"])


async def test_a_new_pin_reaches_the_tablet(http: httpx.AsyncClient, world: World) -> None:
    device, tablet = await set_up(http, world, pin="1111")
    before = (await http.get(CONFIG, headers=tablet)).headers["etag"]
    changed = await http.patch(f"{URL}/{device['id']}", json={"pin": "2222"}, headers=world.admin)
    assert changed.status_code == 200
    fresh = await http.get(CONFIG, headers={**tablet, "If-None-Match": before})
    assert fresh.status_code == 200
    assert opens(fresh.json()["pin"], "2222")
    assert not opens(fresh.json()["pin"], "1111")


async def test_a_pin_is_shown_once_and_stored_nowhere(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    device, tablet = await set_up(http, world, pin="90817263")
    await http.patch(f"{URL}/{device['id']}", json={"pin": "53627180"}, headers=world.admin)
    shown = [
        (await http.get(f"{URL}/{device['id']}", headers=world.admin)).text,
        (await http.get(URL, headers=world.admin)).text,
        (await http.post(f"{URL}/{device['id']}/pairing-code", headers=world.admin)).text,
        (await http.get(CONFIG, headers=tablet)).text,
    ]
    async with database.read() as session:
        shown.append(str((await session.execute(text("SELECT * FROM devices"))).all()))
        shown.append(str((await session.execute(text("SELECT * FROM audit_lines"))).all()))
        lines = (await session.execute(text("SELECT action, details FROM audit_lines ORDER BY id"))).all()
    assert not any(pin in page for page in shown for pin in ("90817263", "53627180"))
    assert ("device.change", {"pin": "changed"}) in [tuple(line) for line in lines]


async def test_a_device_of_old_has_no_pin_until_one_is_set(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    device, tablet = await set_up(http, world)
    async with database.transaction() as session:
        await session.execute(
            text("UPDATE devices SET pin_iterations = NULL, pin_salt = NULL, pin_hash = NULL")
        )
    assert await check_of(http, tablet) is None
    await http.patch(f"{URL}/{device['id']}", json={"pin": "1234"}, headers=world.admin)
    assert opens(await check_of(http, tablet), "1234")
