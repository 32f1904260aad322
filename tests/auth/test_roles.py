from uuid import uuid4

import httpx
import pytest

from app.auth.reach import chain_of
from app.auth.roles import NAMES, ROLES, scopes_of
from app.auth.scopes import SCOPES
from app.auth.subjects import Grant, Subject
from app.core.database import Database
from tests.support.world import World

UNITS = "/api/v1/units"


def subject(*grants: tuple[set[str], int | None]) -> Subject:
    return Subject("user", uuid4(), "lan", tuple(Grant(frozenset(scopes), unit) for scopes, unit in grants))


def test_every_role_has_its_scopes_and_none_has_one_that_does_not_exist() -> None:
    assert set(ROLES) == set(NAMES)
    assert all(scopes and scopes <= set(SCOPES) for scopes in ROLES.values())


def test_roles_go_from_everything_to_looking_on() -> None:
    assert ROLES["system_admin"] == set(SCOPES)
    assert ROLES["system_admin"] > ROLES["unit_admin"]
    for role in ("analyst", "case_officer"):
        assert ROLES["unit_admin"] > ROLES[role] > ROLES["viewer"]


def test_a_role_this_release_does_not_know_allows_nothing() -> None:
    assert scopes_of("emperor") == frozenset()


def test_a_subject_reaches_with_each_scope_what_it_was_given_that_scope_for() -> None:
    both = subject(({"units:read", "users:manage"}, 1), ({"units:read"}, 2))
    assert both.scopes == {"units:read", "users:manage"}
    assert both.unit_ids == frozenset({1, 2})
    assert both.narrowed("units:read").unit_ids == frozenset({1, 2})
    assert both.narrowed("users:manage").unit_ids == frozenset({1})
    assert both.narrowed("audit:read").unit_ids == frozenset()


def test_one_grant_for_every_unit_is_enough_to_reach_every_unit_with_its_scopes() -> None:
    both = subject(({"units:read"}, None), ({"units:read", "users:manage"}, 2))
    assert both.narrowed("units:read").unit_ids is None
    assert both.narrowed("users:manage").unit_ids == frozenset({2})


def test_without_a_grant_nothing_is_reached() -> None:
    assert subject().unit_ids == frozenset()
    assert subject().scopes == frozenset()


def test_what_holds_at_a_unit_is_what_was_given_there_or_above() -> None:
    both = subject(({"units:read"}, None), ({"users:manage"}, 2), ({"audit:read"}, 3))
    assert both.scopes_at(()) == {"units:read"}
    assert both.scopes_at({3, 2, 1}) == {"units:read", "users:manage", "audit:read"}
    assert both.scopes_at({2, 1}) == {"units:read", "users:manage"}
    assert both.scopes_at({1}) == {"units:read"}


async def codes(http: httpx.AsyncClient, headers: dict[str, str], **params: str) -> list[str]:
    answer = await http.get(UNITS, params=params, headers=headers)
    return [item["code"] for item in answer.json()["items"]]


async def test_a_person_with_several_roles_reaches_the_units_of_each(
    http: httpx.AsyncClient, world: World
) -> None:
    lan = await world.person("lan", ("viewer", "09001"), ("unit_admin", "27"), ("viewer", "24"))
    assert await codes(http, lan) == ["09001", "09002", "09101", "24", "27", "SNV"]
    hoa = await world.person("hoa", ("viewer", "09001"), ("analyst", "09101"))
    assert await codes(http, hoa) == ["09001", "09101"]


async def test_what_one_role_allows_does_not_hold_where_the_other_one_does(
    http: httpx.AsyncClient, world: World
) -> None:
    lan = await world.person("lan", ("viewer", "24"), ("unit_admin", "27"))
    body = {"name": "x", "kind": "commune"}
    mine = await http.post(UNITS, json=body | {"code": "A", "parent_code": "27"}, headers=lan)
    theirs = await http.post(UNITS, json=body | {"code": "B", "parent_code": "24"}, headers=lan)
    assert (mine.status_code, theirs.status_code) == (201, 404)
    client = {"name": "iGate", "unit_code": "24", "scopes": ["units:read"]}
    assert (await http.post("/api/v1/clients", json=client, headers=lan)).status_code == 404


@pytest.mark.parametrize(("unit", "status"), [("09001", 200), ("27", 200), ("09101", 200), ("24", 404)])
async def test_an_index_is_read_within_every_unit_reached(
    http: httpx.AsyncClient, world: World, unit: str, status: int
) -> None:
    lan = await world.person("lan", ("viewer", "09001"), ("analyst", "27"))
    period = {"from": "2026-10-01", "to": "2026-10-31"}
    answer = await http.get(f"/api/v1/indices/{unit}", params=period, headers=lan)
    assert answer.status_code == status


async def test_me_tells_my_roles_apart(http: httpx.AsyncClient, world: World) -> None:
    async def me(headers: dict[str, str]) -> dict[str, object]:
        body: dict[str, object] = (await http.get("/api/v1/me", headers=headers)).json()
        return {name: body[name] for name in ("unit", "roles")}

    one = await world.person("lan", ("viewer", "09001"), ("case_officer", "09001"))
    assert await me(one) == {
        "unit": "09001",
        "roles": [{"role": "case_officer", "unit": "09001"}, {"role": "viewer", "unit": "09001"}],
    }
    several = await world.person("hoa", ("viewer", "09001"), ("analyst", None))
    assert await me(several) == {
        "unit": None,
        "roles": [{"role": "analyst", "unit": None}, {"role": "viewer", "unit": "09001"}],
    }
    assert await me(await world.person("mai")) == {"unit": None, "roles": []}
    assert await me(await world.client("24", "units:read")) == {"unit": "24", "roles": []}


async def test_a_person_without_a_role_enters_no_guarded_room(http: httpx.AsyncClient, world: World) -> None:
    mai = await world.person("mai")
    assert (await http.get(UNITS, headers=mai)).status_code == 403


async def test_a_chain_leads_from_a_unit_to_the_top(database: Database, world: World) -> None:
    async with database.read() as session:
        chain = await chain_of(session, world.units["09001"])
        assert chain == {world.units["09001"], world.units["24"]}
        assert await chain_of(session, 0) == frozenset()
