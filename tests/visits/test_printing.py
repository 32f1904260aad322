import re
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import update

from app.core.clock import utc_now
from app.core.database import Database
from app.models.unit import Unit
from app.models.visit import ANSWERED, Visit
from app.visits import qr
from tests.support.visits import day, register, statements, today, visit
from tests.support.world import World

WRITE = "visits:write"
SHEET = "/api/v1/visits/receipts"
PAGE = "https://sipas.example.vn/s/"


async def new_codes(http: httpx.AsyncClient, world: World, *visits: dict[str, object]) -> list[str]:
    return [item["link"]["code"] for item in await register(http, world.admin, *visits)]


async def change(database: Database, dossier: str, **values: object) -> None:
    async with database.transaction() as session:
        await session.execute(update(Visit).where(Visit.dossier_code == dossier).values(**values))


async def rename(database: Database, code: str, name: str) -> None:
    async with database.transaction() as session:
        await session.execute(update(Unit).where(Unit.code == code).values(name=name))


async def sheet(http: httpx.AsyncClient, auth: dict[str, str], **body: object) -> httpx.Response:
    return await http.post(SHEET, json=body, headers={**auth, "Accept-Language": "en"})


def faults(answer: httpx.Response) -> list[tuple[str, str]]:
    assert answer.status_code == 422, answer.text
    body: dict[str, Any] = answer.json()
    return [(fault["pointer"], fault["code"]) for fault in body["errors"]]


# --- lines for a thermal printer ----------------------------------------------------------------


async def test_a_receipt_is_lines_of_text(http: httpx.AsyncClient, world: World) -> None:
    (code,) = await new_codes(http, world, visit(procedure_code="1.001193"))
    answer = await http.get(f"/q/{code}.txt")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    printed = [line.strip() for line in answer.text.split("\n")]
    assert printed[:3] == ["Phường A", "Đăng ký khai sinh", f"{today():%d/%m/%Y}"]
    assert printed[-3:] == [PAGE, "-".join(re.findall("....", code)), ""]
    assert f"{today() + timedelta(days=30):%d/%m/%Y}" in answer.text


@pytest.mark.parametrize("width", [32, 42, 48])
async def test_the_width_is_kept_whatever_the_name(http: httpx.AsyncClient, world: World, width: int) -> None:
    (code,) = await new_codes(http, world, visit())
    await rename(world.database, "09001", "Trung tâm Phục vụ hành chính công " * 8 + "x" * 100)
    answer = await http.get(f"/q/{code}.txt?width={width}")
    lengths = {len(line) for line in answer.text.splitlines()}
    assert max(lengths) == width


async def test_plain_lines_hold_no_diacritics(http: httpx.AsyncClient, world: World) -> None:
    (code,) = await new_codes(http, world, visit(procedure_code="1.001193"))
    answer = await http.get(f"/q/{code}.txt?plain=true")
    assert answer.text.isascii()
    assert [line.strip() for line in answer.text.splitlines()[:2]] == ["Phuong A", "Dang ky khai sinh"]


@pytest.mark.parametrize("query", ["width=31", "width=0", "width=x", "width=", "width=32.5", "width=%00"])
async def test_another_width_is_a_fault(http: httpx.AsyncClient, world: World, query: str) -> None:
    (code,) = await new_codes(http, world, visit())
    answer = await http.get(f"/q/{code}.txt?{query}")
    assert [pointer for pointer, _ in faults(answer)] == ["/width"]


async def test_plain_is_yes_or_no(http: httpx.AsyncClient, world: World) -> None:
    (code,) = await new_codes(http, world, visit())
    assert faults(await http.get(f"/q/{code}.txt?plain=perhaps")) == [("/plain", "invalid_type")]


async def test_a_code_we_did_not_sign_never_reaches_the_database(
    http: httpx.AsyncClient, app: FastAPI, world: World
) -> None:
    (code,) = await new_codes(http, world, visit())
    with statements(app.state.database) as sent:
        answer = await http.get(f"/q/{code[::-1]}.txt")
    assert (answer.status_code, answer.json()["code"], sent) == (404, "link_unknown", [])


async def test_no_receipt_is_given_of_a_link_that_leads_nowhere(
    http: httpx.AsyncClient, app: FastAPI, world: World
) -> None:
    used, expired = await new_codes(http, world, visit("H-1"), visit("H-2"))
    await change(world.database, "H-1", answer_state=ANSWERED)
    await change(world.database, "H-2", expires_at=utc_now() - timedelta(seconds=1))
    nobodys = app.state.links.mint(world.units["09001"], 5)
    answers = [await http.get(f"/q/{code}.txt") for code in (used, expired, nobodys)]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (410, "link_used"),
        (410, "link_expired"),
        (404, "link_unknown"),
    ]


# --- a sheet of receipts ------------------------------------------------------------------------


async def test_a_sheet_holds_every_receipt_in_the_order_sent(http: httpx.AsyncClient, world: World) -> None:
    auth = await world.client("24", WRITE)
    codes = await new_codes(
        http, world, visit("H-1", procedure_code="1.001193"), visit("H-2", "09002", served_on=day(3))
    )
    answer = await sheet(http, auth, codes=codes[::-1])
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    places = [answer.text.index(qr.svg(PAGE + code).decode()) for code in codes]
    assert places == sorted(places, reverse=True)
    assert re.findall(r"<h2>(.*)</h2>", answer.text) == ["Xã B", "Phường A"]
    assert answer.text.count("Đăng ký khai sinh") == 1
    for code in codes:
        assert "-".join(re.findall("....", code)) in answer.text


async def test_a_code_may_be_typed_and_may_come_twice(http: httpx.AsyncClient, world: World) -> None:
    (code,) = await new_codes(http, world, visit())
    typed = "-".join(re.findall("....", code)).lower()
    answer = await sheet(http, world.admin, codes=[code, typed])
    assert answer.text.count("<h2>") == 2
    assert answer.text.count(qr.svg(PAGE + code).decode()) == 2


@pytest.mark.parametrize(("columns", "rows"), [(1, 5), (2, 3), (3, 2), (4, 2)])
async def test_receipts_stand_in_rows(http: httpx.AsyncClient, world: World, columns: int, rows: int) -> None:
    codes = await new_codes(http, world, *(visit(f"H-{number}") for number in range(5)))
    answer = await sheet(http, world.admin, codes=codes, columns=columns)
    assert answer.text.count('<div class="row">') == rows
    assert answer.text.count('<section class="receipt">') == 5


async def test_the_page_loads_and_runs_nothing(http: httpx.AsyncClient, world: World) -> None:
    (code,) = await new_codes(http, world, visit())
    answer = await sheet(http, world.admin, codes=[code])
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "script" not in answer.text
    assert not re.search(r"\s(style|src|href|on\w+)=", answer.text)
    assert answer.text.count("<style>") == 1


async def test_a_name_is_text_and_never_markup(http: httpx.AsyncClient, world: World) -> None:
    (code,) = await new_codes(http, world, visit())
    await rename(world.database, "09001", "<script>alert('x')</script> & {{ 7 * 7 }}")
    answer = await sheet(http, world.admin, codes=[code])
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; {{ 7 * 7 }}" in answer.text
    assert "<script" not in answer.text


async def test_every_symbol_is_well_formed(http: httpx.AsyncClient, world: World) -> None:
    codes = await new_codes(http, world, visit("H-1"), visit("H-2"))
    answer = await sheet(http, world.admin, codes=codes)
    found = [ET.fromstring(one) for one in re.findall(r"<svg.*?</svg>", answer.text)]  # noqa: S314  our own
    assert len(found) == 2


async def test_all_bad_codes_are_named_at_once(http: httpx.AsyncClient, app: FastAPI, world: World) -> None:
    auth = await world.client("24", WRITE)
    good, used, expired, beyond = await new_codes(
        http, world, visit("H-1"), visit("H-2"), visit("H-3"), visit("H-4", "09101")
    )
    await change(world.database, "H-2", answer_state=ANSWERED)
    await change(world.database, "H-3", expires_at=utc_now() - timedelta(seconds=1))
    nobodys = app.state.links.mint(world.units["09001"], 5)
    answer = await sheet(http, auth, codes=[good, used, "nonsense", expired, beyond, nobodys, good])
    assert faults(answer) == [
        ("/codes/1", "link_used"),
        ("/codes/2", "link_unknown"),
        ("/codes/3", "link_expired"),
        ("/codes/4", "link_unknown"),
        ("/codes/5", "link_unknown"),
    ]


async def test_beyond_the_reach_used_and_expired_links_are_unknown_too(
    http: httpx.AsyncClient, world: World
) -> None:
    auth = await world.client("24", WRITE)
    used, expired, open_ = await new_codes(http, world, *(visit(f"H-{n}", "09101") for n in range(3)))
    await change(world.database, "H-0", answer_state=ANSWERED)
    await change(world.database, "H-1", expires_at=utc_now() - timedelta(days=1))
    answer = await sheet(http, auth, codes=[used, expired, open_])
    assert {code for _, code in faults(answer)} == {"link_unknown"}
    assert len({error["detail"] for error in answer.json()["errors"]}) == 1


async def test_a_stranger_prints_nothing(http: httpx.AsyncClient, world: World) -> None:
    (code,) = await new_codes(http, world, visit())
    assert (await http.post(SHEET, json={"codes": [code]})).status_code == 401
    refused = await sheet(http, await world.client("24", "units:read"), codes=[code])
    assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")


async def test_a_sheet_of_many_costs_as_many_statements_as_one(
    http: httpx.AsyncClient, app: FastAPI, world: World
) -> None:
    auth = await world.client("24", WRITE)
    codes = await new_codes(http, world, *(visit(f"H-{number}") for number in range(40)))

    async def cost(wanted: list[str]) -> int:
        with statements(app.state.database) as sent:
            assert (await sheet(http, auth, codes=wanted)).status_code == 200
        return len(sent)

    assert await cost(codes) == await cost(codes[:1])


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({}, [("/codes", "missing")]),
        ({"codes": []}, [("/codes", "too_short")]),
        ({"codes": ["x"] * 1001}, [("/codes", "too_long")]),
        ({"codes": "7H3K"}, [("/codes", "invalid_type")]),
        ({"codes": [None, 7, "", "x" * 65]}, [(f"/codes/{n}", None) for n in range(4)]),
        ({"codes": ["x\u0000"]}, [("/codes/0", "invalid_character")]),
        ({"codes": ["x"], "columns": 0}, [("/columns", "too_small")]),
        ({"codes": ["x"], "columns": 5}, [("/columns", "too_large")]),
        ({"codes": ["x"], "columns": "2"}, [("/columns", "invalid_type")]),
        ({"codes": ["x"], "colour": "red"}, [("/colour", "unknown_field")]),
    ],
)
async def test_faults_in_what_is_sent_are_named(
    http: httpx.AsyncClient, world: World, body: dict[str, object], found: list[tuple[str, str | None]]
) -> None:
    answer = await sheet(http, world.admin, **body)
    named = faults(answer)
    assert [pointer for pointer, _ in named] == [pointer for pointer, _ in found]
    assert all(code in {None, got} for (_, code), (_, got) in zip(found, named, strict=True))
