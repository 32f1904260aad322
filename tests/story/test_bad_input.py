"""Whatever is thrown at any operation: no 5xx, and no answer that the OpenAPI does not describe."""

import base64
import json
import os
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from fastapi.routing import APIRoute, iter_route_contexts
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation.hypothesis.builder import HypothesisTestConfig, HypothesisTestMode, create_test
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.auth.scopes import SCOPES
from tests.support import said
from tests.support.application import NOWHERE, application
from tests.support.server import Server

EXAMPLES = int(os.environ.get("SIPAS_TEST_EXAMPLES", "6"))
"""Random ones of each operation, beside some sixty that follow from what its OpenAPI says."""
OTHER_METHODS = {"DELETE", "TRACE"}
"""One that some path knows and one that none does: all are refused in the same place."""
PROMISES: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
# A token of a device that exists, so that what lies behind the door is reached, too
DEVICE_PATHS = ("/api/v1/device/", "/api/v1/responses/batch")
# A person of their own: what is done to one's own account may end one's session
OWN_PATHS = ("/api/v1/auth/password", "/api/v1/auth/totp", "/api/v1/auth/sessions")


@pytest.fixture(scope="module")
def http(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def admin(server: Server, http: httpx.Client) -> dict[str, str]:
    username, password = server.admin
    form = {"grant_type": "password", "username": username, "password": password}
    token = http.post("/api/v1/auth/token", data=form).raise_for_status().json()["access_token"]
    unit = {"code": "24", "name": "Bắc Ninh", "kind": "province"}
    http.post("/api/v1/units", json=unit, headers={"Authorization": f"Bearer {token}"}).raise_for_status()
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture(scope="module")
def tablet(http: httpx.Client, admin: dict[str, str]) -> dict[str, str]:
    device = http.post("/api/v1/devices", json={"unit_code": "24", "name": "Quầy"}, headers=admin)
    code = {"pairing_code": device.raise_for_status().json()["pairing_code"]}
    token = http.post("/api/v1/devices/pair", json=code).raise_for_status().json()["device_token"]
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture(scope="module")
def person(http: httpx.Client, admin: dict[str, str]) -> dict[str, str]:
    new = {"username": "lan", "display_name": "Lan", "roles": [{"role": "viewer", "unit_code": "24"}]}
    made = http.post("/api/v1/users", json=new, headers=admin).raise_for_status().json()
    word = {"token": made["invitation"]["token"], "password": "một mật khẩu đủ dài"}
    http.post("/api/v1/auth/invitations/accept", json=word).raise_for_status()
    form = {"grant_type": "password", "username": "lan", "password": word["password"]}
    token = http.post("/api/v1/auth/token", data=form).raise_for_status().json()["access_token"]
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture(scope="module")
def partner(http: httpx.Client, admin: dict[str, str]) -> dict[str, str]:
    """Who may do all that a client may, and whose many calls use up nobody else's share."""
    new = {"name": "Thử", "unit_code": "24", "scopes": list(SCOPES)}
    made = http.post("/api/v1/clients", json=new, headers=admin).raise_for_status().json()
    form = {"grant_type": "client_credentials"} | {
        name: made[name] for name in ("client_id", "client_secret")
    }
    token = http.post("/api/v1/auth/token", data=form).raise_for_status().json()["access_token"]
    return {"Authorization": f"Bearer {token}"}


FOR_PEOPLE = {"app.web.routes", "app.web.kiosk"}
"""Pages, which the OpenAPI does not list."""

# What is sent follows from an operation's schema and takes seconds to find: it is found when the test runs,
# so that no other worker has to that collects this file.
OPERATIONS = [
    f"{method} {context.path_format}"
    for context in iter_route_contexts(application(NOWHERE).routes)
    if isinstance(context.original_route, APIRoute) and context.endpoint.__module__ not in FOR_PEOPLE
    for method in sorted(context.methods or ())
]


@pytest.fixture(scope="module")
def schema() -> schemathesis.BaseSchema:
    """The schema as the application makes it; what is called is the real server."""
    schema = schemathesis.openapi.from_dict(application(NOWHERE).openapi())
    schema.config.phases.coverage.unexpected_methods = OTHER_METHODS
    return schema


def example_of(schema: dict[str, Any], components: dict[str, Any]) -> Any:
    """The example of a schema: its own, or put together from those of its fields."""
    while "$ref" in schema:
        schema = components[schema["$ref"].rpartition("/")[2]]
    if "examples" in schema:
        return schema["examples"][0]
    if "example" in schema:
        return schema["example"]
    if "properties" in schema:
        return {name: example_of(field, components) for name, field in schema["properties"].items()}
    return schema.get("default")


@pytest.fixture(scope="module")
def examples() -> dict[str, Any]:
    """Of each operation that takes JSON, a body it might take."""
    described = application(NOWHERE).openapi()
    found = {}
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if content is not None:
                body = content.get("example") or example_of(
                    content["schema"], described["components"]["schemas"]
                )
                found[f"{method.upper()} {path}"] = body
    return found


@pytest.fixture(scope="module")
def calls() -> Iterator[requests.Session]:
    """Calls over a connection that stays open."""
    with requests.Session() as session:
        yield session


def test_every_operation_is_called(schema: schemathesis.BaseSchema) -> None:
    listed = [f"{method.upper()} {path}" for path, methods in schema.items() for method in methods]
    assert sorted(listed) == sorted(OPERATIONS)


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_operation_breaks_its_promises(
    name: str,
    schema: schemathesis.BaseSchema,
    calls: requests.Session,
    server: Server,
    admin: dict[str, str],
    tablet: dict[str, str],
    person: dict[str, str],
) -> None:
    method, path = name.split()
    credentials = admin
    if path.startswith(DEVICE_PATHS):
        credentials = tablet
    elif path.startswith(OWN_PATHS):
        credentials = person
    called = 0

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def call(case: schemathesis.Case[Any]) -> None:
        nonlocal called
        called += 1
        case.call_and_validate(base_url=server.url, session=calls, headers=credentials, checks=PROMISES)

    create_test(
        operation=schema[path][method],
        test_func=call,
        config=HypothesisTestConfig(modes=list(HypothesisTestMode), project=schema.config),
    )()
    assert called


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/responses",
        "/api/v1/responses/batch",
        "/api/v1/visits",
        "/api/v1/units",
        "/api/v1/auth/token",
    ],
)
@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"", "application/json"),
        (b"null", "application/json"),
        (b"[]", "application/json"),
        (b"{", "application/json"),
        (b"\xff\xfe\x00", "application/json"),
        (b'{"id": "\xed\xa0\x80"}', "application/json"),
        (b'{"comment": "\\ud800"}', "application/json"),
        (b"[" * 100_000, "application/json"),
        (b'{"a":' * 50_000, "application/json"),
        (b'{"id": 1e999999}', "application/json"),
        (b'{"id": ' + b"9" * 5000 + b"}", "application/json"),
        (b'{"visits": NaN}', "application/json"),
        (b"<xml/>", "application/xml"),
        (b"{}", "text/plain"),
        (b"{}", "application/json; charset=utf-16"),
        (b"--x\r\n", "multipart/form-data; boundary=x"),
        (b"--x\r\n", "multipart/form-data"),
        (b"a=%00&b=%ff", "application/x-www-form-urlencoded"),
        (b"{}", "\xff"),
        (b"{}", ""),
    ],
)
def test_a_broken_body_is_the_callers_fault(
    http: httpx.Client,
    admin: dict[str, str],
    tablet: dict[str, str],
    path: str,
    content: bytes,
    content_type: str,
) -> None:
    who = tablet if path.startswith(DEVICE_PATHS) else admin
    headers = [(b"authorization", who["Authorization"].encode())]
    headers.append((b"content-type", content_type.encode("latin-1")))
    answer = http.post(path, content=content, headers=headers)
    assert 400 <= answer.status_code < 500
    assert "error" in answer.json() or answer.json()["code"]


POISON = {
    "half a surrogate pair": r'"\ud800"',
    "NUL": r'"a\u0000b"',
    "doubled keys": r'{"\udfff": "\udfff", "a": 1, "a": 2}',
    "an integer of 100 bits": "9" * 30,
    "an integer of 65 bits": "-9223372036854775809",
    "not a number": "NaN",
    "infinity": "-1e999",
    "two thousand lists": "[" * 2000 + "]" * 2000,
}
"""What Python reads as JSON and what others choke on: PostgreSQL, UTF-8, 64 bits, a stack."""


def leaves(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The places in a JSON value where something else might stand."""
    parts: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        parts = list(value.items())
    elif isinstance(value, list):
        parts = list(enumerate(value[:1]))
    for key, part in parts:
        yield from leaves(part, (*path, key))
    if path and not parts:
        yield path


def planted(value: Any, path: tuple[str | int, ...], poison: str) -> bytes:
    """The value as JSON, with a text that may be no JSON in this place."""
    copy = json.loads(json.dumps(value))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = "@planted@"
    return json.dumps(copy).replace('"@planted@"', poison).encode()


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
def test_what_others_choke_on_breaks_no_operation_wherever_it_stands(
    http: httpx.Client,
    partner: dict[str, str],
    tablet: dict[str, str],
    person: dict[str, str],
    examples: dict[str, Any],
    poison: str,
) -> None:
    assert "POST /api/v1/responses/batch" in examples
    broken = []
    for name, example in examples.items():
        method, path = name.split()
        who = tablet if path.startswith(DEVICE_PATHS) else person if path.startswith(OWN_PATHS) else partner
        address = re.sub(r"\{[^}]*\}", "none", path)
        for place in leaves(example):
            content = planted(example, place, poison)
            answer = http.request(
                method, address, content=content, headers={**who, "Content-Type": "application/json"}
            )
            if answer.status_code >= 500:
                broken.append((name, place, answer.status_code))
    assert broken == []


@pytest.mark.parametrize("path", ["/api/v1/responses", "/api/v1/auth/token", "/api/v1/nowhere"])
def test_ten_megabytes_are_too_much(http: httpx.Client, path: str) -> None:
    announced = http.post(path, content=b"x" * 10_000_000, headers={"Content-Type": "application/json"})
    assert (announced.status_code, announced.json()["code"]) == (413, "body_too_large")


def test_a_body_that_does_not_say_its_length_is_cut_off_too(http: httpx.Client) -> None:
    def drops() -> Iterator[bytes]:
        for _ in range(40):
            yield b"x" * 50_000

    answer = http.post("/api/v1/responses", content=drops(), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize(
    "day", ["0000-01-01", "0001-01-01", "9999-12-31", "10000-01-01", "2026-02-30", "1", ""]
)
def test_days_at_the_ends_of_the_calendar(http: httpx.Client, admin: dict[str, str], day: str) -> None:
    for query in (
        {"from": day, "to": day},
        {"from": "2026-01-01", "to": day},
        {"from": day, "to": "2026-01-01"},
    ):
        for path in ("/api/v1/indices/24", "/api/v1/responses"):
            assert http.get(path, params=query, headers=admin).status_code in {200, 422}
    visit = {"dossier_code": f"D{day}", "unit_code": "24", "served_on": day}
    answer = http.post("/api/v1/visits", json={"visits": [visit]}, headers=admin)
    assert answer.status_code == 200
    assert answer.json()["items"][0]["status"] == "rejected"


@pytest.mark.parametrize(
    "instant",
    [
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "9999-12-31T23:59:59.999999Z",
        "2026-11-20T09:00:00+23:59",
        "0000-00-00T00:00:00Z",
        "2026-11-20",
        "now",
    ],
)
@pytest.mark.parametrize("name", ["started_at", "submitted_at", "sent_at"])
def test_instants_at_the_ends_of_the_calendar(
    http: httpx.Client, tablet: dict[str, str], name: str, instant: str
) -> None:
    answer = http.post("/api/v1/responses", json=said.body(**{name: instant}), headers=tablet)
    assert answer.status_code in {201, 422}


@pytest.mark.parametrize("code", ["%00", "%ff", "a%2Fb", "..%2f..", "x" * 5000, "%F0%9F%98%80", "'--", "%25"])
@pytest.mark.parametrize("path", ["units", "links", "indices", "procedures", "questionnaires/{}", "devices"])
def test_strange_codes_in_the_path(http: httpx.Client, admin: dict[str, str], path: str, code: str) -> None:
    url = f"/api/v1/{path.format(code)}/{code}"
    answer = http.get(url, params={"from": "2026-01-01", "to": "2026-01-02"}, headers=admin)
    assert answer.status_code in {404, 422}, answer.text


@pytest.mark.parametrize("value", ["-1", "0", "201", "9" * 400, "1e3", "\0", "NaN", "１２"])
@pytest.mark.parametrize("name", ["limit", "cursor"])
def test_strange_pages(http: httpx.Client, admin: dict[str, str], name: str, value: str) -> None:
    for path in ("units", "procedures", "devices"):
        answer = http.get(f"/api/v1/{path}", params={name: value}, headers=admin)
        assert answer.status_code in {200, 422}


@pytest.mark.parametrize(
    "key",
    [
        [2**31],
        [-(2**31) - 1],
        [2**63],
        [2**31, "x"],
        ["x", 2**31],
        ["x", "y"],
        ["x"],
        ["9999-99-99", 1],
        [2**31, "2026-01-01", "0" * 32],
        ["2026-01-01T00:00:00+07:00", "x"],
    ],
)
def test_made_up_cursors(http: httpx.Client, admin: dict[str, str], key: list[str | int]) -> None:
    cursor = base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")
    described = application(NOWHERE).openapi()["paths"]
    lists = [
        path
        for path, methods in described.items()
        if any(one["name"] == "cursor" for one in methods.get("get", {}).get("parameters", ()))
    ]
    assert len(lists) > 10
    query = {"from": "2026-01-01", "to": "2026-01-31", "year": "2026", "cursor": cursor}
    broken = []
    for path in lists:
        answer = http.get(re.sub(r"\{[^}]*\}", "1", path), params=query, headers=admin)
        if answer.status_code >= 500:
            broken.append(path)
    assert broken == []
