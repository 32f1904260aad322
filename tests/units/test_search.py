"""A unit is found however its name was typed, kept or left behind by an older release."""

import unicodedata

import httpx
import pytest
from sqlalchemy import select, text

from app.core.database import Database
from app.core.searching import matches
from app.core.text import search_key
from app.models.unit import Unit
from app.units.forest import search_text
from tests.support.world import World


async def found(http: httpx.AsyncClient, world: World, q: str) -> list[str]:
    answer = await http.get("/api/v1/units", params={"q": q}, headers=world.admin)
    return [item["code"] for item in answer.json()["items"]]


@pytest.mark.parametrize("name", ["Phường Ðông Hoà", "Phường Đông Hòa", "Phuờng Ɖông Hòa"])
async def test_a_unit_imported_with_look_alike_letters_is_found_and_stored_with_our_own(
    http: httpx.AsyncClient, world: World, name: str
) -> None:
    table = f"code,name,kind,parent_code\n09003,{name},commune,24\n".encode()
    await http.post("/api/v1/units/import", files={"file": ("x.csv", table)}, headers=world.admin)
    for q in ("đông hoà", "Ðông Hòa", "dong hoa", "ĐÔNG\u00a0HOÀ", unicodedata.normalize("NFD", "đông hòa")):
        assert await found(http, world, q) == ["09003"], q
    assert "Đông" in (await http.get("/api/v1/units/09003", headers=world.admin)).json()["name"]


async def test_a_unit_added_by_itself_is_stored_with_our_own_letters(
    http: httpx.AsyncClient, world: World
) -> None:
    body = {"code": "09003", "name": "Xã Ea\u00a0H’leo Ðông", "kind": "commune", "parent_code": "24"}
    added = await http.post("/api/v1/units", json=body, headers=world.admin)
    assert added.json()["name"] == "Xã Ea H'leo Đông"


@pytest.mark.parametrize(
    "kept", ["phuong ðong ha 09002", "phuong d\u200bong\u00a0ha 09002", "phuong đong h\u0430 09002"]
)
async def test_a_row_that_an_older_release_folded_is_found(
    http: httpx.AsyncClient, world: World, database: Database, kept: str
) -> None:
    async with database.transaction() as session:
        await session.execute(
            text("UPDATE units SET search_text = :kept WHERE code = '09002'"), {"kept": kept}
        )
    assert await found(http, world, "Đông Hà") == ["09002"]


async def test_what_has_no_letters_is_in_nothing(http: httpx.AsyncClient, world: World) -> None:
    assert await found(http, world, "-'") == []


async def test_the_database_keys_every_letter_as_the_code_does(world: World, database: Database) -> None:
    marked = "áàảãạăắằẳẵặâấầẩẫậéèẻẽẹêếềểễệíìỉĩịóòỏõọôốồổỗộơớờởỡợúùủũụưứừửữựýỳỷỹỵđðɖ"
    other = "ＡＺ０９‘’ʼ′´`‐‑–—−аеорсухіѕјвкмнтabcyz0%_\\/.24"
    assert search_key(marked) == "a" * 17 + "e" * 11 + "i" * 5 + "o" * 17 + "u" * 11 + "i" * 5 + "ddd"
    async with database.transaction() as session:
        unit = await session.get_one(Unit, world.units["09002"])
        for one in dict.fromkeys(marked + marked.upper() + other + other.upper()):
            for kept in (f"wq{one}w", search_text("", f"wq{one}w")):
                unit.search_text = kept
                await session.flush()
                query = select(Unit.code).where(matches(Unit.search_text, f"wq{one}w"))
                assert list(await session.scalars(query)) == ["09002"], (one, kept)
