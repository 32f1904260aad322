from datetime import date

import httpx
import pytest
from sqlalchemy import select

from app.core.database import Database
from app.models.record import AuditLine
from tests.support.world import World

NEW = {"code": "09003", "name": "Xã Đông Tiến", "kind": "commune", "parent_code": "24"}


async def codes(http: httpx.AsyncClient, headers: dict[str, str], query: str = "") -> list[str]:
    answer = await http.get(f"/api/v1/units?{query}", headers=headers)
    assert answer.status_code == 200, answer.text
    return [item["code"] for item in answer.json()["items"]]


async def test_a_unit_is_added_and_read_again(http: httpx.AsyncClient, world: World) -> None:
    added = await http.post("/api/v1/units", json=NEW | {"valid_from": "2025-07-01"}, headers=world.admin)
    assert added.status_code == 201
    nothing_said: dict[str, object] = {
        "contact": None,
        "opening_hours": None,
        "inherited": [],
        "require_totp": False,
    }
    expected = NEW | {"valid_from": "2025-07-01", "valid_to": None} | nothing_said
    assert added.json() == expected
    read = await http.get("/api/v1/units/09003", headers=world.admin)
    assert (read.status_code, read.json()) == (200, expected)


async def test_adding_a_unit_leaves_one_line_in_the_audit(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    headers = await world.client("24", "units:manage")
    await http.post("/api/v1/units", json=NEW, headers=headers)
    async with database.read() as session:
        (line,) = (await session.scalars(select(AuditLine))).all()
    assert (line.action, line.target) == ("unit.create", "unit:09003")
    assert line.actor.startswith("client:")


async def test_a_taken_code_is_a_conflict_even_outside_the_reach(
    http: httpx.AsyncClient, world: World
) -> None:
    headers = await world.client("24", "units:manage")
    for code in ("09001", "27"):
        answer = await http.post("/api/v1/units", json=NEW | {"code": code}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (409, "unit_exists")


async def test_every_fault_of_a_body_is_named_at_once(http: httpx.AsyncClient, world: World) -> None:
    body = {"code": "a/b", "name": "", "kind": "village", "valid_from": "2025-02-30", "colour": "red"}
    answer = await http.post("/api/v1/units", json=body, headers=world.admin)
    assert answer.status_code == 422
    assert {(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]} == {
        ("/code", "invalid_character"),
        ("/name", "too_short"),
        ("/kind", "not_allowed"),
        ("/valid_from", "invalid_date"),
        ("/colour", "unknown_field"),
    }


@pytest.mark.parametrize("code", ["a\0b", "a\u200bb", "x" * 65, "", " ", "..", "a\nb", "a\\b"])
async def test_codes_nobody_could_use_are_refused(http: httpx.AsyncClient, world: World, code: str) -> None:
    answer = await http.post("/api/v1/units", json=NEW | {"code": code}, headers=world.admin)
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/code"]


@pytest.mark.parametrize("code", ["000.00.00.H38", "H55.242", "24-01", "Sở_1", "a b"])
async def test_codes_of_any_register_are_text(http: httpx.AsyncClient, world: World, code: str) -> None:
    added = await http.post("/api/v1/units", json=NEW | {"code": code}, headers=world.admin)
    assert added.status_code == 201
    assert (await http.get(f"/api/v1/units/{code}", headers=world.admin)).json()["code"] == code


async def test_names_are_stored_composed_however_they_were_typed(
    http: httpx.AsyncClient, world: World
) -> None:
    decomposed = NEW | {"name": " Ba\u0306\u0301c Ninh "}
    answer = await http.post("/api/v1/units", json=decomposed, headers=world.admin)
    assert answer.json()["name"] == "Bắc Ninh"


async def test_a_parent_outside_the_reach_does_not_exist(http: httpx.AsyncClient, world: World) -> None:
    headers = await world.client("24", "units:manage")
    for parent in ("27", "09101", "nowhere"):
        answer = await http.post("/api/v1/units", json=NEW | {"parent_code": parent}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "unit_unknown")


async def test_only_who_reaches_every_unit_adds_one_at_the_top(http: httpx.AsyncClient, world: World) -> None:
    top = NEW | {"parent_code": None}
    refused = await http.post("/api/v1/units", json=top, headers=await world.client("24", "units:manage"))
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["code"] == "parent_needed"
    assert (await http.post("/api/v1/units", json=top, headers=world.admin)).json()["parent_code"] is None


async def test_a_neighbour_sees_nothing_of_us(http: httpx.AsyncClient, world: World) -> None:
    neighbour = await world.client("27", "units:read")
    for code in ("24", "09001", "nowhere"):
        answer = await http.get(f"/api/v1/units/{code}", headers=neighbour)
        assert (answer.status_code, answer.json()["code"]) == (404, "unit_unknown")
    assert await codes(http, neighbour) == ["09101", "27"]
    assert (await http.get("/api/v1/units?parent=24", headers=neighbour)).status_code == 404


async def test_the_unit_above_the_reach_is_not_named(http: httpx.AsyncClient, world: World) -> None:
    headers = await world.client("09001", "units:read")
    assert (await http.get("/api/v1/units/09001", headers=headers)).json()["parent_code"] is None
    above = await world.client("24", "units:read")
    assert (await http.get("/api/v1/units/09001", headers=above)).json()["parent_code"] == "24"


async def test_scopes_are_asked_for(http: httpx.AsyncClient, world: World) -> None:
    reader, writer = await world.client("24", "units:read"), await world.client("24", "units:manage")
    assert (await http.post("/api/v1/units", json=NEW, headers=reader)).status_code == 403
    assert (await http.post("/api/v1/units/import", files={"file": b""}, headers=reader)).status_code == 403
    assert (await http.get("/api/v1/units", headers=writer)).status_code == 403
    assert (await http.get("/api/v1/units/24", headers=writer)).status_code == 403
    assert (await http.get("/api/v1/units")).status_code == 401


async def test_lists_are_filtered(http: httpx.AsyncClient, world: World) -> None:
    assert await codes(http, world.admin) == ["09001", "09002", "09101", "24", "27", "SNV"]
    assert await codes(http, world.admin, "parent=24") == ["09001", "09002", "SNV"]
    assert await codes(http, world.admin, "parent=24&kind=department") == ["SNV"]
    assert await codes(http, world.admin, "kind=province") == ["24", "27"]
    assert (await http.get("/api/v1/units?kind=village", headers=world.admin)).status_code == 422


async def test_search_ignores_diacritics_and_case(http: httpx.AsyncClient, world: World) -> None:
    await http.post("/api/v1/units", json=NEW | {"name": "Phường Đồng Nguyên"}, headers=world.admin)
    for q in ("dong nguyen", "ĐỒNG NGUYÊN", "đồng  nguyên", "Do\u0302\u0300ng", "09003", "phuong dong"):
        answer = await http.get("/api/v1/units", params={"q": q}, headers=world.admin)
        assert [item["code"] for item in answer.json()["items"]] == ["09003"], q


async def test_search_takes_wildcards_for_what_they_are(http: httpx.AsyncClient, world: World) -> None:
    await http.post("/api/v1/units", json=NEW | {"name": "100% Xã_Mới /"}, headers=world.admin)
    for q in ("%", "_", "/", "100%", "xa_moi"):
        answer = await http.get("/api/v1/units", params={"q": q}, headers=world.admin)
        assert [item["code"] for item in answer.json()["items"]] == ["09003"], q


async def test_units_are_listed_as_of_a_day(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    body = NEW | {"valid_from": "2025-07-01"}
    await http.post("/api/v1/units", json=body, headers=world.admin)
    async with database.transaction() as session:
        row = await session.connection()
        await row.exec_driver_sql("UPDATE units SET valid_to = '2025-06-30' WHERE code = '09002'")
    for day, expected in (
        (date(2025, 6, 30), ["09001", "09002"]),
        (date(2025, 7, 1), ["09001", "09003"]),
        (date(1, 1, 1), ["09001", "09002"]),
        (date(9999, 12, 31), ["09001", "09003"]),
    ):
        assert await codes(http, world.admin, f"parent=24&kind=commune&on={day.isoformat()}") == expected


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 6, 7])
async def test_pages_hold_every_unit_once(http: httpx.AsyncClient, world: World, limit: int) -> None:
    seen: list[str] = []
    params: dict[str, str | int] = {"limit": limit}
    while True:
        body = (await http.get("/api/v1/units", params=params, headers=world.admin)).json()
        assert len(body["items"]) <= limit
        seen += [item["code"] for item in body["items"]]
        if body["next"] is None:
            break
        params["cursor"] = body["next"]
    assert seen == ["09001", "09002", "09101", "24", "27", "SNV"]


@pytest.mark.parametrize(
    "query",
    [
        "cursor=%00",
        "cursor=xx",
        "cursor=WzFd",
        "q=%00",
        "parent=%00",
        "on=0000-01-01",
        "on=0",
        "on=20250701",
        "limit=0",
        "limit=201",
    ],
)
async def test_nonsense_in_the_query_is_a_fault(http: httpx.AsyncClient, world: World, query: str) -> None:
    assert (await http.get(f"/api/v1/units?{query}", headers=world.admin)).status_code == 422


async def test_a_strange_code_in_the_path_is_no_failure_of_ours(
    http: httpx.AsyncClient, world: World
) -> None:
    for path, status in (("%00", 422), ("%ff", 404), ("x" * 65, 422), ("a%2Fb", 404), ("%F0%9F%98%80", 404)):
        answer = await http.get(f"/api/v1/units/{path}", headers=world.admin)
        assert answer.status_code == status, path
