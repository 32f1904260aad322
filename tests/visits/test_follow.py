import random
import struct
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import update

from app.core.clock import utc_now
from app.core.database import Database
from app.core.limits import RateLimiter
from app.models.visit import ANSWERED, SETTLED, Visit
from app.questionnaires.catalogue import load_shipped
from tests.support import said
from tests.support.recorded import recorded
from tests.support.visits import day, register, statements, visit
from tests.support.world import World

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


async def new_code(http: httpx.AsyncClient, world: World, **more: object) -> str:
    (item,) = await register(http, world.admin, visit(**more))
    return str(item["link"]["code"])


async def change(database: Database, **values: object) -> None:
    async with database.transaction() as session:
        await session.execute(update(Visit).values(**values))


async def test_a_link_tells_the_visit_and_the_whole_questionnaire(
    http: httpx.AsyncClient, world: World
) -> None:
    code = await new_code(http, world, procedure_code="1.001193", served_on=day(1))
    answer = await http.get(f"/api/v1/links/{code}")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    shown = answer.json()
    quick_5 = next(one for one in load_shipped() if one.code == "quick-5")
    assert shown.pop("questionnaire") == quick_5.model_dump(mode="json")
    assert shown.pop("expires_at").endswith("T00:00:00+07:00")
    assert shown == {
        "unit": {"code": "09001", "name": "Phường A"},
        "procedure": {"code": "1.001193", "name": "Đăng ký khai sinh"},
        "served_on": day(1),
    }


async def test_a_visit_without_procedure_says_so(http: httpx.AsyncClient, world: World) -> None:
    answer = await http.get(f"/api/v1/links/{await new_code(http, world)}")
    assert answer.json()["procedure"] is None


async def test_a_code_may_be_typed_as_people_type(http: httpx.AsyncClient, world: World) -> None:
    code = await new_code(http, world)
    typed = "-".join(code[at : at + 4] for at in range(0, 20, 4)).lower()
    assert (await http.get(f"/api/v1/links/{typed}")).status_code == 200
    assert (await http.get(f"/q/{typed}.svg")).content == (await http.get(f"/q/{code}.svg")).content


@pytest.mark.parametrize("state", [ANSWERED, SETTLED])
async def test_an_answered_link_is_used(http: httpx.AsyncClient, world: World, state: int) -> None:
    code = await new_code(http, world)
    await change(world.database, answer_state=state, expires_at=utc_now() - timedelta(days=1))
    answer = await http.get(f"/api/v1/links/{code}")
    assert (answer.status_code, answer.json()["code"]) == (410, "link_used")


async def test_a_link_expires(http: httpx.AsyncClient, world: World) -> None:
    code = await new_code(http, world)
    await change(world.database, expires_at=utc_now() - timedelta(seconds=1))
    answer = await http.get(f"/api/v1/links/{code}")
    assert (answer.status_code, answer.json()["code"]) == (410, "link_expired")


async def test_a_visit_long_past_has_an_expired_link(http: httpx.AsyncClient, world: World) -> None:
    code = await new_code(http, world, served_on=day(31))
    assert (await http.get(f"/api/v1/links/{code}")).json()["code"] == "link_expired"
    code = await new_code(http, world, dossier="H-2", served_on=day(30))
    assert (await http.get(f"/api/v1/links/{code}")).status_code == 200


DOORS = {
    "GET /api/v1/links/{code}": 404,
    "GET /q/{code}.svg": 404,
    "GET /q/{code}.png": 404,
    "GET /q/{code}.txt": 404,
    "GET /s/{code}": 404,
    "POST /s/{code}": 404,
    "POST /api/v1/responses": 404,
}
"""Where a stranger may try a code."""


async def knock(http: httpx.AsyncClient, door: str, code: str) -> httpx.Response:
    method, path = door.split()
    body: dict[str, Any] = {}
    if path.startswith("/s/") and method == "POST":
        body = {"data": {"version": "1", "A1": "5"}}
    elif method == "POST":
        body = {"json": said.body(link=code)}
    return await http.request(method, path.format(code=code), **body)


@pytest.mark.parametrize("door", DOORS)
async def test_wrong_codes_never_reach_the_database(
    http: httpx.AsyncClient, app: FastAPI, world: World, door: str
) -> None:
    code = await new_code(http, world)
    chance = random.Random(20261120)
    wrong = ["".join(chance.choices(ALPHABET, k=20)) for _ in range(200)]
    wrong += [code[:at] + ALPHABET[(ALPHABET.index(code[at]) + 1) % 32] + code[at + 1 :] for at in range(20)]
    wrong += ["x", code[:-1], code + "0"]
    if "{code}" in door:
        wrong += ["%00", "%ff", "đ" * 20, "0" * 5000]
    with statements(app.state.database) as sent, recorded() as sent_by_intake:
        statuses = {(await knock(http, door, one)).status_code for one in wrong}
    assert statuses == {DOORS[door]}
    assert [*sent, *sent_by_intake] == []
    if door not in {"GET /q/{code}.svg", "GET /q/{code}.png"}:  # which need it for no code at all
        with statements(app.state.database) as sent, recorded() as sent_by_intake:
            await knock(http, door, code)
        assert any("visits" in statement for statement in (*sent, *sent_by_intake))


async def test_a_signed_code_of_no_visit_is_unknown(
    http: httpx.AsyncClient, app: FastAPI, world: World
) -> None:
    for unit, number in ((world.units["09001"], 5), (2**20 - 1, 2**35 - 1), (0, 0)):
        answer = await http.get(f"/api/v1/links/{app.state.links.mint(unit, number)}")
        assert (answer.status_code, answer.json()["code"]) == (404, "link_unknown")


async def test_qr_codes_are_drawn_without_the_database(
    http: httpx.AsyncClient, app: FastAPI, world: World
) -> None:
    code = await new_code(http, world)
    with statements(app.state.database) as sent:
        svg, png = await http.get(f"/q/{code}.svg"), await http.get(f"/q/{code}.png")
        for suffix in ("svg", "png"):
            answer = await http.get(f"/q/{code[::-1]}.{suffix}")
            assert (answer.status_code, answer.json()["code"]) == (404, "link_unknown")
    assert sent == []
    assert svg.headers["content-type"] == "image/svg+xml"
    assert png.headers["content-type"] == "image/png"
    assert (
        svg.headers["cache-control"] == png.headers["cache-control"] == "public, max-age=31536000, immutable"
    )
    assert f"https://sipas.example.vn/s/{code}" in "".join(ET.fromstring(svg.text).itertext())  # noqa: S314  our own
    assert png.content.startswith(b"\x89PNG")


async def test_the_scale_is_pixels_a_module(http: httpx.AsyncClient, world: World) -> None:
    code = await new_code(http, world)

    async def width(query: str) -> int:
        content = (await http.get(f"/q/{code}.png{query}")).content
        (pixels,) = struct.unpack(">I", content[16:20])
        return int(pixels)

    one = await width("?scale=1")
    assert await width("?scale=40") == 40 * one
    assert await width("") == 8 * one


@pytest.mark.parametrize("scale", ["0", "41", "-1", "x", "1.5", "", "9" * 400, "%00"])
async def test_an_impossible_scale_is_a_fault(http: httpx.AsyncClient, world: World, scale: str) -> None:
    answer = await http.get(f"/q/{await new_code(http, world)}.png?scale={scale}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/scale"


async def test_one_link_is_limited_and_its_neighbour_is_not(
    http: httpx.AsyncClient, app: FastAPI, world: World
) -> None:
    code, other = await new_code(http, world), await new_code(http, world, dossier="H-2")
    app.state.limiter = RateLimiter(per_minute=10)
    spellings = [code, code.lower()]
    statuses = [(await http.get(f"/api/v1/links/{one}")).status_code for one in spellings]
    assert statuses == [200, 429]
    assert (await http.get(f"/api/v1/links/{other}")).status_code == 200
