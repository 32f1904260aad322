"""Every operation refuses parameters that it does not take, and names the one that was probably meant."""

import re
from difflib import SequenceMatcher
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.core.parameters import StrictRoute
from tests.house.test_routes import FOR_PEOPLE, OPERATIONS, ROUTES
from tests.support.visits import register, visit
from tests.support.world import World

# Whoever lets an address take what it does not know writes it down here, with the reason.
OPEN_TO_ALL = {
    "GET /api/v1/auth/oidc/callback": "RFC 6749, 4.1.2: what a provider adds is ignored",
}
FIELDS = {"unit_code": "24", "version": "1", "questionnaire": "quick-5"}
TABLET = re.compile(r"\w+ /api/v1/(device/.*|responses/batch)|POST /api/v1/responses")


def taken(name: str) -> list[str]:
    """The query parameters that OpenAPI says an operation takes."""
    return [each["name"] for each in OPERATIONS[name].get("parameters", []) if each["in"] == "query"]


def misspelt(name: str) -> str:
    """A parameter that the operation does not take, as near to its first as can be."""
    known = taken(name)
    return known[0][:-1] + "x" if known else "chanel"


def nearest(sent: str, known: list[str]) -> str:
    return max(known, key=lambda one: SequenceMatcher(None, one, sent).ratio())


def said_of(answer: httpx.Response, pointer: str) -> dict[str, Any]:
    if answer.status_code != 422:
        return {"code": answer.status_code}
    found: list[dict[str, Any]] = answer.json().get("errors", [])
    return next((fault for fault in found if fault["pointer"] == pointer), {})


def address(name: str, link: str) -> tuple[str, str]:
    method, path = name.split(" ")
    one = link if path.startswith(("/q/", "/api/v1/links/")) else "24"
    path = path.replace("{code}", one)
    return method, re.sub(r"{(\w+)}", lambda found: FIELDS.get(found[1], str(UUID(int=7))), path)


@pytest.fixture
async def link(http: httpx.AsyncClient, world: World) -> str:
    partner = await world.client("24", "visits:write")
    code: str = (await register(http, partner, visit("H-1")))[0]["link"]["code"]
    return code


@pytest.fixture
async def tablet(http: httpx.AsyncClient, world: World) -> dict[str, str]:
    device = {"unit_code": "09001", "name": "Quầy 1"}
    made = (await http.post("/api/v1/devices", json=device, headers=world.admin)).json()
    paired = await http.post("/api/v1/devices/pair", json={"pairing_code": made["pairing_code"]})
    return {"Authorization": f"Bearer {paired.json()['device_token']}"}


def test_every_operation_is_of_the_strict_kind() -> None:
    lenient = {
        name
        for name, found in ROUTES.items()
        if found.endpoint.__module__ not in FOR_PEOPLE and not isinstance(found.original_route, StrictRoute)
    }
    assert lenient == OPEN_TO_ALL.keys()


async def test_every_operation_refuses_an_unknown_parameter_and_names_the_nearest(
    http: httpx.AsyncClient, world: World, link: str, tablet: dict[str, str]
) -> None:
    wrong: dict[str, object] = {}
    for name in OPERATIONS.keys() - OPEN_TO_ALL.keys():
        method, path = address(name, link)
        sent, known = misspelt(name), taken(name)
        headers = {**(tablet if TABLET.fullmatch(name) else world.admin), "Accept-Language": "en"}
        answer = await http.request(method, path, params={sent: "1"}, headers=headers)
        fault = said_of(answer, f"/{sent}")
        if fault.get("code") != "unknown_field":
            wrong[name] = answer.text or answer.status_code
        elif known and not fault["detail"].endswith(f": {nearest(sent, known)}."):
            wrong[name] = fault
    assert wrong == {}


async def test_every_operation_refuses_a_parameter_that_is_given_twice(
    http: httpx.AsyncClient, world: World, link: str, tablet: dict[str, str]
) -> None:
    wrong: dict[str, object] = {}
    for name in OPERATIONS.keys() - OPEN_TO_ALL.keys():
        method, path = address(name, link)
        headers = tablet if TABLET.fullmatch(name) else world.admin
        for parameter in OPERATIONS[name].get("parameters", []):
            if parameter["in"] != "query" or parameter["schema"].get("type") == "array":
                continue
            twice = {parameter["name"]: ["1", "2"]}
            answer = await http.request(method, path, params=twice, headers=headers)
            found = [] if answer.status_code != 422 else answer.json().get("errors", [])
            at = f"/{parameter['name']}"
            if not any(one["pointer"] == at and one["code"] == "repeated_parameter" for one in found):
                wrong[f"{name} {at}"] = answer.text
    assert wrong == {}


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_openapi_says_that_unknown_parameters_are_refused(name: str) -> None:
    assert "422" in OPERATIONS[name]["responses"]
