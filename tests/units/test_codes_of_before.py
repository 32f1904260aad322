"""Codes that units had: known on the days they were in use, and answered with the new one afterwards."""

from datetime import timedelta

import httpx
import pytest

from tests.support import par
from tests.support.reorganised import decide
from tests.support.visits import today
from tests.support.world import World

YESTERDAY = today() - timedelta(days=1)


@pytest.fixture
async def renumbered(http: httpx.AsyncClient, world: World) -> World:
    """Province 24 is H24 and its commune 09001 is H001, from today on."""
    for old, new in (("24", "H24"), ("09001", "H001")):
        await decide(http, world, {"kind": "rename", "from": [old], "to": [{"code": new}]})
    return world


async def children(http: httpx.AsyncClient, headers: dict[str, str], query: str) -> list[tuple[str, str]]:
    answer = await http.get(f"/api/v1/units?{query}", headers=headers)
    assert answer.status_code == 200, answer.text
    return [(item["code"], item["parent_code"]) for item in answer.json()["items"]]


async def test_the_tree_of_a_day_is_asked_for_by_the_codes_of_that_day(
    http: httpx.AsyncClient, renumbered: World
) -> None:
    then = [("09001", "24"), ("09002", "24"), ("SNV", "24")]
    now = [("09002", "H24"), ("H001", "H24"), ("SNV", "H24")]
    assert await children(http, renumbered.admin, f"on={YESTERDAY}&parent=24") == then
    assert await children(http, renumbered.admin, f"on={YESTERDAY}&parent=H24") == then, "it is the same unit"
    assert await children(http, renumbered.admin, f"on={today()}&parent=H24") == now
    assert await children(http, renumbered.admin, "parent=H24") == now


@pytest.mark.parametrize(
    ("address", "pointer", "code"),
    [
        ("units/09001", "/code", "H001"),
        ("units/09001/history", "/code", "H001"),
        ("units?parent=24", "/parent", "H24"),
        ("devices?unit=24", "/unit", "H24"),
        ("indices/09001?from=2026-01-01&to=2026-01-31", "/unit_code", "H001"),
        ("indices/09001/channels?from=2026-01-01&to=2026-01-31&questionnaire=quick-5", "/unit_code", "H001"),
        ("indices/09001/drivers?from=2026-01-01&to=2026-01-31&questionnaire=quick-5", "/unit_code", "H001"),
    ],
)
async def test_a_code_of_before_is_told_the_new_one(
    http: httpx.AsyncClient, renumbered: World, address: str, pointer: str, code: str
) -> None:
    asked = {**renumbered.admin, "Accept-Language": "en"}
    answer = await http.get(f"/api/v1/{address}", headers=asked)
    assert (answer.status_code, answer.json()["code"]) == (404, "unit_unknown"), answer.text
    (fault,) = answer.json()["errors"]
    assert (fault["pointer"], fault["code"]) == (pointer, "unit_renumbered")
    assert f"it is {code} now" in fault["detail"]


@pytest.mark.parametrize(
    ("method", "address", "sent"),
    [
        ("POST", f"responses/{'0' * 32}/verdict", {"verdict": "void", "reason": "Thử thiết bị"}),
        ("POST", "clients", {"name": "Một cửa", "scopes": ["visits:write"]}),
        (
            "POST",
            "samples",
            {
                "name": "Mẫu",
                "from": "2026-01-01",
                "to": "2026-01-31",
                "size": 10,
                "questionnaire": {"code": "quick-5", "version": 1},
            },
        ),
        ("POST", "devices", {"name": "Quầy 1"}),
        ("PUT", "par/sheets/09001/2025", par.sheet("50")),
        ("GET", "par/sheets/09001/2025", None),
        ("PUT", "par/external/09001/papi", {"figures": []}),
        ("GET", "par/external/09001", None),
    ],
)
async def test_whoever_writes_with_a_code_of_before_is_pointed_to_the_place_of_it(
    http: httpx.AsyncClient, renumbered: World, method: str, address: str, sent: dict[str, object] | None
) -> None:
    body = {"unit_code": "09001", **sent} if method == "POST" and sent else sent
    answer = await http.request(method, f"/api/v1/{address}", json=body, headers=renumbered.admin)
    assert (answer.status_code, answer.json()["code"]) == (404, "unit_unknown"), answer.text
    assert [(one["pointer"], one["code"]) for one in answer.json()["errors"]] == [
        ("/unit_code", "unit_renumbered")
    ]


async def test_a_code_that_is_only_decided_is_not_taken_for_one_of_before(
    http: httpx.AsyncClient, world: World
) -> None:
    rename = {"kind": "rename", "from": ["09001"], "to": [{"code": "H001"}]}
    await decide(http, world, rename, on=today() + timedelta(days=30))
    answer = await http.get("/api/v1/units/H001", headers=world.admin)
    assert (answer.status_code, answer.json()["code"]) == (404, "unit_unknown")
    assert "errors" not in answer.json()


async def test_the_new_code_of_a_unit_is_told_within_the_reach_only(
    http: httpx.AsyncClient, renumbered: World
) -> None:
    neighbour = await renumbered.client("27", "units:read", "indices:read", "devices:manage")
    for address in (
        "units/{}",
        "units/{}/history",
        "units?parent={}",
        "units?on=" + str(YESTERDAY) + "&parent={}",
        "devices?unit={}",
        "indices/{}?from=2026-01-01&to=2026-01-31",
    ):
        heard = []
        for code in ("09001", "NEVER"):
            body = (await http.get(f"/api/v1/{address.format(code)}", headers=neighbour)).json()
            del body["request_id"]
            heard.append({**body, "detail": body["detail"].replace(code, "?")})
        assert heard[0] == heard[1], address
        assert "errors" not in heard[0]
