"""Every route names who may enter, and OpenAPI says all that it can answer."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts

from app.auth.deps import ScopeGuard, current_subject, get_proofs, person_setting_up
from app.core.deps import _figure_session, _read_session, _write_session, anyone, get_reader
from app.core.errors import PROBLEMS
from app.devices.deps import any_device, current_device
from app.responses.deps import get_intake
from tests.support.application import NOWHERE, application

# Whoever opens a route to the world writes it down here, with the reason.
OPEN = {
    "GET /healthz": "asked by load balancers",
    "GET /readyz": "asked by load balancers",
    "GET /metrics": "asked by Prometheus; the proxy keeps it from the world",
    "POST /api/v1/auth/token": "this is where one signs in",
    "POST /api/v1/auth/invitations/accept": "the one-time link is the key",
    "GET /api/v1/auth/oidc": "what the page to sign in with shows",
    "GET /api/v1/auth/oidc/start": "this is where one signs in through the provider",
    "GET /api/v1/auth/oidc/callback": "this is where one comes back from it",
    "GET /api/v1/questionnaires": "what citizens are asked is public",
    "GET /api/v1/questionnaires/{code}/{version}": "what citizens are asked is public",
    "GET /api/v1/questionnaires/{code}/{version}/mappings": "what citizens are asked is public",
    "GET /api/v1/links/{code}": "the link is the key",
    "GET /q/{code}.svg": "the link is the key",
    "GET /q/{code}.png": "the link is the key",
    "GET /q/{code}.txt": "the link is the key",
    "GET /api/v1/public/periods": "published figures are for everybody",
    "GET /api/v1/public/periods/{period_id}": "published figures are for everybody",
    "GET /api/v1/public/periods/{period_id}/units/{code}": "published figures are for everybody",
    "POST /api/v1/devices/pair": "the pairing code is the key",
    "POST /api/v1/responses": "a device token or a link is the key",
    "GET /s/{code}": "the link is the key",
    "GET /invitation": "the same page for everybody; what it may do, the one-time link says",
    "POST /s/{code}": "the link is the key",
    "GET /s/{code}/thanks": "the link is the key",
    "GET /kiosk": "the same page for everybody; what it may do, the tablet's token says",
    "GET /kiosk/sw.js": "the page's worker",
    "GET /kiosk/manifest.webmanifest": "the page's name and icons",
    "GET /static/{version}/{name}": "what the pages load holds nothing of anybody",
}
# Whoever asks by POST without changing anything writes it down here, with the reason.
ASKED_BY_POST = {
    "POST /api/v1/visits/receipts": "a thousand codes are too long and too secret for an address"
}
# Whoever changes something by GET writes it down here, with the reason.
CHANGED_BY_GET = {
    "GET /api/v1/auth/oidc/callback": "the provider sends the browser back by GET; a cookie says it is ours"
}
# FastAPI's own pages, which say what the service offers and nothing of what it holds.
PAGES = {"/openapi.json", "/docs", "/docs/oauth2-redirect"}
FOR_PEOPLE = {"app.web.routes", "app.web.kiosk"}
"""Rooms whose addresses are opened by people, not called by programs: OpenAPI does not list them."""
FEWEST = 40
PROBLEM_JSON = "application/problem+json"
METHODS = {"get", "post", "put", "patch", "delete"}


APP = application(NOWHERE)
ROUTES = {
    f"{method} {context.path_format}": context
    for context in iter_route_contexts(APP.routes)
    if context.path_format not in PAGES
    for method in sorted(context.methods or {"ANY"})
    if method != "HEAD"
}
OPENAPI: dict[str, Any] = APP.openapi()
OPERATIONS: dict[str, dict[str, Any]] = {
    f"{method.upper()} {path}": operation
    for path, item in OPENAPI["paths"].items()
    for method, operation in item.items()
    if method in METHODS
}


def calls(dependant: Dependant) -> Iterator[object]:
    """Everything that is called before the route is."""
    for below in dependant.dependencies:
        yield below.call
        yield from calls(below)


def called_before(context: RouteContext) -> set[object]:
    return set(calls(context.dependant))


def scope_of(context: RouteContext) -> str | None:
    return next((call.scope for call in called_before(context) if isinstance(call, ScopeGuard)), None)


def resolve(schema: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").removeprefix("#/components/schemas/")
    found: dict[str, Any] = OPENAPI["components"]["schemas"][name] if name else schema
    return found


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_the_walk_finds_every_route() -> None:
    assert len(ROUTES) >= FEWEST
    pages = {name for name, found in ROUTES.items() if found.endpoint.__module__ in FOR_PEOPLE}
    assert ROUTES.keys() - pages == OPERATIONS.keys(), "a route hides from the documentation"


@pytest.mark.parametrize("name", ROUTES)
def test_a_route_names_who_may_enter(name: str) -> None:
    before = called_before(ROUTES[name])
    known = {current_subject, person_setting_up, any_device, current_device}
    guards = {call for call in before if call in known or isinstance(call, ScopeGuard)}
    if anyone in before:
        assert name in OPEN, "an open route is written down in the table OPEN, with its reason"
        assert not guards, "a route is open or guarded, not both"
    else:
        assert guards, "a route without a guard"
        assert name not in OPEN, "the table OPEN is out of date"


def test_no_open_route_is_written_down_that_does_not_exist() -> None:
    assert OPEN.keys() - ROUTES.keys() == set()


def test_the_pages_beside_the_routes_are_the_known_ones() -> None:
    assert {context.path for context in iter_route_contexts(APP.routes)} & PAGES == PAGES


@pytest.mark.parametrize("name", ROUTES)
def test_what_changes_things_writes_and_what_reads_cannot_write(name: str) -> None:
    before = called_before(ROUTES[name])
    if (name.startswith("GET ") and name not in CHANGED_BY_GET) or name in ASKED_BY_POST:
        assert _write_session not in before
        assert get_intake not in before
    else:
        assert before & {_write_session, get_intake, get_proofs}, "a change that nobody commits"


@pytest.mark.parametrize("name", ROUTES)
def test_a_scope_that_reads_never_guards_a_change(name: str) -> None:
    scope = scope_of(ROUTES[name])
    if scope is not None and scope.endswith(":read"):
        assert name.startswith("GET ")
        assert called_before(ROUTES[name]) & {_read_session, _figure_session, get_reader}


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_says_what_it_is_for(name: str) -> None:
    operation = OPERATIONS[name]
    assert operation["summary"]
    assert operation["summary"] != operation["operationId"]
    assert operation.get("description"), "the route's docstring is its description"
    assert operation["tags"]


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_guarded_operation_documents_being_refused(name: str) -> None:
    answers = OPERATIONS[name]["responses"].keys()
    if name not in OPEN:
        assert {"401", "429", "503"} <= answers
        assert OPERATIONS[name]["security"], "OpenAPI does not say how to sign in"
    if scope_of(ROUTES[name]) is not None:
        assert "403" in answers


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_that_takes_something_documents_faults_in_it(name: str) -> None:
    operation = OPERATIONS[name]
    checked = [
        parameter
        for parameter in operation.get("parameters", [])
        if resolve(parameter["schema"]).keys() - {"type", "title", "description", "examples"}
    ]
    if checked or "requestBody" in operation:
        assert "422" in operation["responses"]
    if "requestBody" in operation:
        assert {"400", "413"} <= operation["responses"].keys()


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_error_is_a_problem_of_the_catalogue_with_its_example(name: str) -> None:
    for status, answer in OPERATIONS[name]["responses"].items():
        if int(status) < 400 or name == "GET /readyz":
            continue
        assert answer["description"]
        if name == "POST /api/v1/auth/token" and status == "401":
            continue  # RFC 6749 says how this one looks
        examples = answer["content"][PROBLEM_JSON]["examples"]
        assert examples, f"{status} without an example"
        for code, example in examples.items():
            assert PROBLEMS[code].status == int(status)
            assert example["value"]["code"] == code
        assert "HTTPValidationError" not in str(answer), "FastAPI's own 422, which we never answer"


@pytest.mark.parametrize("name", [name for name, found in OPERATIONS.items() if "requestBody" in found])
def test_a_body_has_an_example(name: str) -> None:
    for kind, content in OPERATIONS[name]["requestBody"]["content"].items():
        schema = resolve(content["schema"])
        given = {"example", "examples"} & (content.keys() | content["schema"].keys() | schema.keys())
        by_field = all(
            {"example", "examples", "default"} & field.keys()
            for field in schema.get("properties", {}).values()
        )
        assert given or by_field or kind == "multipart/form-data", f"{kind} without an example"


def test_every_reference_in_openapi_leads_somewhere() -> None:
    names = {reference.removeprefix("#/components/schemas/") for reference in references(OPENAPI)}
    assert names - OPENAPI["components"]["schemas"].keys() == set()


def test_every_operation_has_an_id_of_its_own() -> None:
    ids = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(ids) == len(set(ids))
