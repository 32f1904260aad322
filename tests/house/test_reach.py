"""Every guarded route, walked by those who have no business there: nothing outside one's reach exists.

A new route is given its row in WALK: how it is asked about things of a branch, and what a neighbour hears.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from app.core.clock import utc_now
from app.core.database import Database
from app.models.unit import Unit
from tests.house.test_routes import OPEN, ROUTES
from tests.support import said
from tests.support.branches import Branch, count, furnish, newcomer, plant
from tests.support.par import sheet
from tests.support.people import PASSWORD, USERS, accept, bearer, let_in, sign_in
from tests.support.sampling import wanted
from tests.support.visits import today
from tests.support.world import World

Outcome = Literal["refused", "faulted", "rejected", "mine"]
"""What a neighbour's administrator hears: 401, 403 or 404; a 422 that names the unit; a call whose every item
is rejected; or an answer about their own things and the nation's, with nothing of the branch in it."""


class Ask(NamedTuple):
    """One way to ask a route about a branch: the request, and what a neighbour hears."""

    request: Callable[[Branch], dict[str, Any]]
    heard: Outcome = "refused"


def at(**path: str) -> Callable[[Branch], dict[str, Any]]:
    """Path parameters, each the name of something of the branch."""
    return lambda branch: {"path": {name: getattr(branch, of) for name, of in path.items()}}


def nothing(_: Branch) -> dict[str, Any]:
    return {}


def body(**of: object) -> Callable[[Branch], dict[str, Any]]:
    """A body; callables are given the branch."""
    return lambda branch: {
        "json": {name: value(branch) if callable(value) else value for name, value in of.items()}
    }


def both(*parts: Callable[[Branch], dict[str, Any]]) -> Callable[[Branch], dict[str, Any]]:
    return lambda branch: {name: value for part in parts for name, value in part(branch).items()}


def query(**of: str) -> Callable[[Branch], dict[str, Any]]:
    return lambda branch: {"params": {name: getattr(branch, what) for name, what in of.items()}}


def period(_: Branch) -> dict[str, Any]:
    return {"params": {"from": str(today()), "to": str(today())}}


def period_of(**of: str) -> Callable[[Branch], dict[str, Any]]:
    return lambda branch: {"params": {**period(branch)["params"], **query(**of)(branch)["params"]}}


def export(**of: str) -> Callable[[Branch], dict[str, Any]]:
    return lambda branch: {"params": {**period_of(**of)(branch)["params"], **FORM}}


def order(branch: Branch) -> dict[str, object]:
    return {"what": "responses", **period(branch)["params"], **FORM, "unit": branch.leaf}


def figures(*more: tuple[str, str], **of: str) -> Callable[[Branch], dict[str, Any]]:
    """A question about figures of one questionnaire; `of` as in `query`, `more` as it stands."""

    def ask(branch: Branch) -> dict[str, Any]:
        named = {"questionnaire": "quick-5", **dict(more)}
        return {"params": {**period(branch)["params"], **named, **query(**of)(branch)["params"]}}

    return ask


def compared(_: Branch) -> dict[str, Any]:
    return {"params": {"year": 2020, "kind": "commune"}}


def compared_beneath(**of: str) -> Callable[[Branch], dict[str, Any]]:
    return lambda branch: {"params": {**compared(branch)["params"], **query(**of)(branch)["params"]}}


def table(header: str, row: str) -> Callable[[Branch], dict[str, Any]]:
    return lambda branch: {
        "files": {"file": ("table.csv", f"{header}\n{row.format(branch=branch)}\n".encode(), "text/csv")}
    }


def leaf(branch: Branch) -> str:
    return branch.leaf


def top(branch: Branch) -> str:
    return branch.top


DEFINITION = {"title": {"vi": "Phiếu", "en": "Form"}, "components": [], "criteria": [], "formula": "pooled"}
FORM = {"questionnaire": "quick-5", "version": 1}
VERSION = {"path": {"code": "quick-5", "version": "1"}}
DECISION = {"effective_on": str(today()), "decision": "NQ"}
BEAT = {"sent_at": utc_now().isoformat(), "queue_length": 0, "app_version": "1"}

WALK: Mapping[str, list[Ask]] = {
    # tablets' own: a member of staff is no tablet
    "POST /api/v1/responses/batch": [Ask(lambda _: {"json": {"responses": [said.body()]}})],
    "GET /api/v1/device/config": [Ask(nothing)],
    "POST /api/v1/device/heartbeat": [Ask(lambda _: {"json": BEAT})],
    # people and partner systems
    "GET /api/v1/users": [Ask(nothing, "mine"), Ask(query(q="username"), "mine"), Ask(query(unit="leaf"))],
    "POST /api/v1/users": [Ask(lambda branch: {"json": newcomer("new", branch.leaf)}, "faulted")],
    "GET /api/v1/users/{user_id}": [Ask(at(user_id="user"))],
    "PATCH /api/v1/users/{user_id}": [Ask(both(at(user_id="user"), body(display_name="X")))],
    "POST /api/v1/users/{user_id}/roles": [
        Ask(both(at(user_id="user"), body(role="viewer", unit_code=leaf)))
    ],
    "DELETE /api/v1/users/{user_id}/roles/{role}": [
        Ask(
            lambda branch: {
                "path": {"user_id": branch.user, "role": "viewer"},
                "params": {"unit": branch.leaf},
            }
        )
    ],
    "POST /api/v1/users/{user_id}/reset": [Ask(at(user_id="user"))],
    "POST /api/v1/users/{user_id}/close": [Ask(at(user_id="user"))],
    "GET /api/v1/clients": [Ask(nothing, "mine")],
    "POST /api/v1/clients": [Ask(body(name="x", unit_code=leaf, scopes=["units:read"]))],
    "GET /api/v1/clients/{client_id}": [Ask(at(client_id="client"))],
    "PATCH /api/v1/clients/{client_id}": [Ask(both(at(client_id="client"), body(name="x")))],
    "POST /api/v1/clients/{client_id}/secrets": [Ask(both(at(client_id="client"), body()))],
    "DELETE /api/v1/clients/{client_id}/secrets/{secret_id}": [
        Ask(at(client_id="client", secret_id="secret"))
    ],
    "POST /api/v1/clients/{client_id}/close": [Ask(at(client_id="client"))],
    # the tree
    "GET /api/v1/units": [
        Ask(nothing, "mine"),
        Ask(query(q="mark"), "mine"),
        Ask(query(parent="top")),
    ],
    "POST /api/v1/units": [Ask(body(code="NEW", name="x", kind="commune", parent_code=top))],
    "POST /api/v1/units/import": [
        Ask(table("code,name,kind,parent_code", "{branch.leaf},Taken,commune,"), "faulted"),
        Ask(table("code,name,kind,parent_code", "NEW,New,commune,{branch.top}"), "faulted"),
    ],
    "GET /api/v1/units/{code}": [Ask(at(code="top")), Ask(at(code="leaf"))],
    "PATCH /api/v1/units/{code}": [Ask(both(at(code="leaf"), body(require_totp=True)))],
    "GET /api/v1/units/{code}/history": [Ask(at(code="top")), Ask(at(code="leaf"))],
    "GET /api/v1/units/reorganisations": [Ask(nothing, "mine")],
    "GET /api/v1/units/reorganisations/{reorganisation_id}": [Ask(at(reorganisation_id="reorganisation"))],
    "POST /api/v1/units/reorganisations/{reorganisation_id}/revert": [
        Ask(at(reorganisation_id="reorganisation"))
    ],
    "POST /api/v1/units/reorganisations": [
        Ask(
            lambda branch: {"json": {**DECISION, "changes": [{"kind": "close", "from": [branch.leaf]}]}},
            "faulted",
        ),
        Ask(
            lambda branch: {
                "json": {
                    **DECISION,
                    "changes": [
                        {
                            "kind": "create",
                            "to": [{"code": "N", "name": "x", "kind": "centre", "parent_code": branch.top}],
                        }
                    ],
                }
            },
            "faulted",
        ),
    ],
    "POST /api/v1/units/reorganisations/import": [
        Ask(lambda branch: {**table("kind,from", "close,{branch.leaf}")(branch), "data": DECISION}, "faulted")
    ],
    # what the whole nation shares
    "GET /api/v1/procedures": [Ask(nothing, "mine")],
    "GET /api/v1/procedures/{code}": [Ask(lambda _: {"path": {"code": "1.001193"}}, "mine")],
    "POST /api/v1/procedures": [Ask(body(code="9.9", name="x", field="x", level="commune"))],
    "POST /api/v1/procedures/import": [Ask(table("code,name,field,level", "9.9,x,x,commune"))],
    "POST /api/v1/questionnaires": [Ask(body(code="q", version=1, **DEFINITION))],
    "PUT /api/v1/questionnaires/{code}/{version}": [
        Ask(both(lambda _: VERSION, body(code="quick-5", version=1, **DEFINITION)))
    ],
    "POST /api/v1/questionnaires/{code}/{version}/publish": [Ask(lambda _: VERSION)],
    "POST /api/v1/questionnaires/{code}/{version}/mappings": [
        Ask(both(lambda _: VERSION, body(earlier_version=1, criteria={"A1": "A1"})))
    ],
    "POST /api/v1/questionnaires/{code}/{version}/retire": [Ask(lambda _: VERSION)],
    # the record
    "GET /api/v1/audit": [
        Ask(nothing, "mine"),
        Ask(lambda branch: {"params": {"target": f"device:{branch.device}"}}, "mine"),
        Ask(query(unit="leaf")),
    ],
    "GET /api/v1/audit/export": [Ask(nothing, "mine"), Ask(query(unit="leaf"))],
    # visits, tablets, responses, figures
    "POST /api/v1/visits": [
        Ask(
            lambda branch: {
                "json": {
                    "visits": [
                        {"dossier_code": branch.dossier, "unit_code": branch.leaf, "served_on": str(today())}
                    ]
                }
            },
            "rejected",
        )
    ],
    "POST /api/v1/visits/receipts": [
        Ask(lambda branch: {"json": {"codes": [branch.link]}}, "faulted"),
    ],
    "GET /api/v1/devices": [Ask(nothing, "mine"), Ask(query(unit="leaf"))],
    "POST /api/v1/devices": [Ask(body(unit_code=leaf, name="x"))],
    "GET /api/v1/devices/{device_id}": [Ask(at(device_id="device"))],
    "PATCH /api/v1/devices/{device_id}": [Ask(both(at(device_id="device"), body(name="x")))],
    "POST /api/v1/devices/{device_id}/revoke": [Ask(at(device_id="device"))],
    "POST /api/v1/devices/{device_id}/pairing-code": [Ask(at(device_id="device"))],
    "GET /api/v1/responses": [Ask(period, "mine"), Ask(period_of(unit="leaf"))],
    "POST /api/v1/responses/{ref}/verdict": [
        Ask(both(at(ref="response"), body(unit_code=leaf, verdict="void", reason="duplicate")))
    ],
    "GET /api/v1/indices/{unit_code}": [
        Ask(both(at(unit_code="top"), period)),
        Ask(both(at(unit_code="leaf"), period)),
    ],
    # what is taken along
    "GET /api/v1/exports/responses": [Ask(export(), "mine"), Ask(export(unit="leaf"))],
    "GET /api/v1/exports/indices": [Ask(export(), "mine"), Ask(export(unit="top"))],
    "GET /api/v1/exports/codebook": [Ask(lambda _: {"params": FORM}, "mine")],
    "POST /api/v1/exports": [Ask(lambda branch: {"json": order(branch)})],
    "GET /api/v1/exports": [Ask(nothing, "mine")],
    "GET /api/v1/exports/{export_id}": [Ask(at(export_id="export"))],
    "GET /api/v1/exports/{export_id}/file": [Ask(at(export_id="export"))],
    "GET /api/v1/samples": [Ask(nothing, "mine"), Ask(query(unit="leaf"))],
    "POST /api/v1/samples": [Ask(lambda branch: {"json": wanted(unit_code=branch.leaf, size=5)})],
    "GET /api/v1/samples/{sample_id}": [Ask(at(sample_id="sample"))],
    "POST /api/v1/samples/{sample_id}/close": [Ask(at(sample_id="sample"))],
    "GET /api/v1/samples/{sample_id}/links": [Ask(at(sample_id="sample"))],
    "GET /api/v1/samples/{sample_id}/links.csv": [Ask(at(sample_id="sample"))],
    "GET /api/v1/samples/{sample_id}/result": [Ask(at(sample_id="sample"))],
    "GET /api/v1/samples/{sample_id}/verify": [Ask(at(sample_id="sample"))],
    "GET /api/v1/rankings": [
        Ask(figures(("kind", "commune")), "mine"),
        Ask(figures(("kind", "commune"), parent="top")),
    ],
    **{
        f"GET /api/v1/indices/{{unit_code}}/{what}": [
            Ask(both(at(unit_code="top"), figures(*more))),
            Ask(both(at(unit_code="leaf"), figures(*more))),
        ]
        for what, *more in (
            ("series", ("grain", "day")),
            ("channels",),
            ("procedures",),
            ("fields",),
            ("counters",),
            ("drivers",),
        )
    },
    # the PAR Index
    "GET /api/v1/par/templates": [Ask(nothing, "mine")],
    "GET /api/v1/par/sheets": [Ask(compared, "mine"), Ask(compared_beneath(parent="top"))],
    "POST /api/v1/par/sheets/import": [
        Ask(
            lambda branch: {
                **table("unit_code,domain,points", "{branch.leaf},1,1")(branch),
                "params": {"year": 2020, "template": "provinces-2020"},
            },
            "faulted",
        )
    ],
    "GET /api/v1/par/sheets/{unit_code}/{year}": [
        Ask(lambda branch: {"path": {"unit_code": branch.leaf, "year": 2020}})
    ],
    "PUT /api/v1/par/sheets/{unit_code}/{year}": [
        Ask(lambda branch: {"path": {"unit_code": branch.leaf, "year": 2020}, "json": sheet(50)})
    ],
    "GET /api/v1/par/reports/last-places": [
        Ask(compared, "mine"),
        Ask(compared_beneath(parent="top")),
    ],
    "GET /api/v1/par/external/{unit_code}": [Ask(at(unit_code="leaf"))],
    "PUT /api/v1/par/external/{unit_code}/{instrument}": [
        Ask(
            lambda branch: {
                "path": {"unit_code": branch.leaf, "instrument": "papi"},
                "json": {"figures": []},
            }
        )
    ],
    # periods
    "GET /api/v1/periods": [Ask(nothing, "mine"), Ask(query(unit="top"), "mine")],
    "POST /api/v1/periods": [
        Ask(
            lambda branch: {
                "json": {
                    "unit": branch.top,
                    "from": "2026-01-01",
                    "to": "2026-01-31",
                    "questionnaire": "quick-5",
                    "version": 1,
                    "name": "x",
                }
            }
        )
    ],
    "GET /api/v1/periods/{period_id}": [Ask(at(period_id="period"))],
    "GET /api/v1/periods/{period_id}/snapshot": [Ask(at(period_id="period"))],
    "POST /api/v1/periods/{period_id}/close": [Ask(at(period_id="period"))],
    "POST /api/v1/periods/{period_id}/revisions": [Ask(both(at(period_id="period"), body(reason="x")))],
    "POST /api/v1/periods/{period_id}/publish": [Ask(both(at(period_id="period"), body(revision=1)))],
    # one's own account
    "GET /api/v1/me": [Ask(nothing, "mine")],
    "POST /api/v1/auth/password": [Ask(body(current="x", new=PASSWORD), "mine")],
    "POST /api/v1/auth/proof": [Ask(body(password="x"), "mine")],
    "POST /api/v1/auth/totp": [Ask(nothing, "mine")],
    "POST /api/v1/auth/totp/confirm": [Ask(body(code="000000"), "mine")],
    "POST /api/v1/auth/totp/remove": [Ask(body(password="x", code="000000"), "mine")],
    "GET /api/v1/auth/sessions": [Ask(nothing, "mine")],
    "DELETE /api/v1/auth/sessions/{session_id}": [Ask(at(session_id="user_session"))],
    "DELETE /api/v1/auth/sessions": [Ask(nothing, "mine")],  # last: nothing can be asked after it
}
MARK, OTHERS = "ZZOURS", "QQTHEIRS"


def asks() -> Iterator[tuple[str, Ask]]:
    for name, ways in WALK.items():
        for way in ways:
            yield name, way


async def send(
    http: httpx.AsyncClient, name: str, way: Ask, branch: Branch, headers: Mapping[str, str]
) -> httpx.Response:
    method, path = name.split(" ")
    given = dict(way.request(branch))
    address = path.format(**given.pop("path", {}))
    return await http.request(method, address, headers=dict(headers), **given)


def wrong(name: str, way: Ask, branch: Branch, answer: httpx.Response) -> str | None:
    """What is wrong with what a neighbour hears; None when it is as it must be."""
    said = f"{name} {way.request(branch)}: {answer.status_code} {answer.text[:300]}"
    match way.heard:
        case "refused":
            good = answer.status_code in {401, 403, 404}
        case "faulted":
            known = {"unit_unknown", "code_taken", "unknown_parent", "link_unknown"}
            found = {fault["code"] for fault in answer.json().get("errors", [])}
            good = answer.status_code == 422 and bool(found) and found <= known
        case "rejected":
            good = answer.status_code == 200 and all(
                item["status"] == "rejected" for item in answer.json()["items"]
            )
        case _:
            good = answer.status_code < 300 or answer.status_code == 422
    if not good:
        return said
    echoed = name in {"POST /api/v1/visits", "POST /api/v1/units/import"} or answer.status_code >= 400
    traces = [] if echoed else branch.seen_in(answer.text)
    return f"{said} shows {traces}" if traces else None


@pytest.fixture
async def ours(http: httpx.AsyncClient, app: FastAPI, world: World) -> Branch:
    return await plant(http, app, world, MARK)


@pytest.fixture
async def neighbour(http: httpx.AsyncClient, app: FastAPI, world: World) -> dict[str, str]:
    """The administrator of another branch, which has one of everything, too."""
    branch = await plant(http, app, world, OTHERS)
    world.units[branch.top] = await unit_id(world, branch.top)
    return await world.person("neighbour", ("unit_admin", branch.top))


async def unit_id(world: World, code: str) -> int:
    async with world.database.read() as session:
        found = await session.scalar(select(Unit.id).where(Unit.code == code))
    assert found is not None
    return found


def test_every_guarded_route_is_walked() -> None:
    assert WALK.keys() == ROUTES.keys() - OPEN.keys()


async def test_a_stranger_is_refused_everywhere(http: httpx.AsyncClient, ours: Branch) -> None:
    heard = {
        (name, token): (await send(http, name, way, ours, headers)).status_code
        for name, way in asks()
        for token, headers in (("none", {}), ("made up", bearer("made.up.token")))
    }
    assert {key: status for key, status in heard.items() if status != 401} == {}


async def test_a_former_member_is_refused_everywhere(
    http: httpx.AsyncClient, world: World, ours: Branch
) -> None:
    made = await let_in(http, world.admin, "former", ("unit_admin", ours.top))
    await accept(http, made["invitation"]["token"])
    former = bearer((await sign_in(http, "former")).json()["access_token"])
    assert (await http.get(f"/api/v1/units/{ours.top}", headers=former)).status_code == 200
    await http.post(f"{USERS}/{made['id']}/close", headers=world.admin)
    heard = {name: (await send(http, name, way, ours, former)).status_code for name, way in asks()}
    assert {name: status for name, status in heard.items() if status != 401} == {}


async def test_to_a_neighbours_administrator_nothing_of_ours_exists(
    http: httpx.AsyncClient, ours: Branch, neighbour: dict[str, str]
) -> None:
    found = [wrong(name, way, ours, await send(http, name, way, ours, neighbour)) for name, way in asks()]
    assert [one for one in found if one] == []


async def test_who_has_moved_to_the_neighbours_finds_nothing_of_ours_any_more(
    http: httpx.AsyncClient, app: FastAPI, world: World, ours: Branch
) -> None:
    theirs = await plant(http, app, world, OTHERS)
    made = await let_in(http, world.admin, "mover", ("unit_admin", ours.top), ("unit_admin", theirs.top))
    await accept(http, made["invitation"]["token"])
    mover = bearer((await sign_in(http, "mover")).json()["access_token"])
    assert (await http.get(f"/api/v1/users/{ours.user}", headers=mover)).status_code == 200
    await http.delete(
        f"{USERS}/{made['id']}/roles/unit_admin", params={"unit": ours.top}, headers=world.admin
    )
    found = [wrong(name, way, ours, await send(http, name, way, ours, mover)) for name, way in asks()]
    assert [one for one in found if one] == []


async def test_administering_there_does_not_make_a_viewer_here_more_than_a_viewer(
    http: httpx.AsyncClient, app: FastAPI, world: World, ours: Branch
) -> None:
    theirs = await plant(http, app, world, OTHERS)
    for code in (ours.top, theirs.top):
        world.units[code] = await unit_id(world, code)
    guest = await world.person("guest", ("viewer", ours.top), ("unit_admin", theirs.top))
    allowed = {
        "GET /api/v1/me",
        "GET /api/v1/units",
        "GET /api/v1/units/{code}",
        "GET /api/v1/units/{code}/history",
        "GET /api/v1/indices/{unit_code}",
        "GET /api/v1/samples",
        "GET /api/v1/samples/{sample_id}",
        "GET /api/v1/samples/{sample_id}/result",
        "GET /api/v1/samples/{sample_id}/verify",
        *(name for name in WALK if name.startswith("GET /api/v1/indices/{unit_code}/")),
        "GET /api/v1/rankings",
        "GET /api/v1/par/templates",
        "GET /api/v1/par/sheets",
        "GET /api/v1/par/sheets/{unit_code}/{year}",
        "GET /api/v1/par/reports/last-places",
        "GET /api/v1/par/external/{unit_code}",
        "GET /api/v1/periods",
        "GET /api/v1/periods/{period_id}",
        "GET /api/v1/periods/{period_id}/snapshot",
    }
    for name, way in asks():
        answer = await send(http, name, way, ours, guest)
        if name in allowed:
            assert answer.status_code == 200, name
        else:
            assert wrong(name, way, ours, answer) is None


def lists() -> Iterator[tuple[str, Ask]]:
    """What a neighbour reads without naming anything of ours."""
    return (
        (name, way)
        for name, way in asks()
        if name.startswith("GET ") and way.heard == "mine" and name != "GET /api/v1/exports"
    )  # that one tells of what this very test takes along


def lasting(answer: httpx.Response) -> object:
    """What an answer says, but for the moment of asking and what the record says of asking for an export."""
    if answer.headers["content-type"] != "application/json":
        return [line for line in answer.text.splitlines() if "export.stream" not in line]
    said = {name: value for name, value in answer.json().items() if name != "as_of"}
    if "items" in said:
        said["items"] = [one for one in said["items"] if one.get("action") != "export.stream"]
    return said


async def test_no_list_and_no_figure_changes_for_a_neighbour_with_what_happens_here(
    http: httpx.AsyncClient, app: FastAPI, world: World, database: Database, ours: Branch
) -> None:
    theirs = await plant(http, app, world, OTHERS)
    world.units[theirs.top] = await unit_id(world, theirs.top)
    neighbour = await world.person("neighbour", ("unit_admin", theirs.top))
    index = Ask(both(at(unit_code="top"), period), "mine")

    async def read() -> dict[str, object]:
        seen = {
            f"{name} {number}": lasting(await send(http, name, way, theirs, neighbour))
            for number, (name, way) in enumerate(lists())
        }
        figures = (await send(http, "GET /api/v1/indices/{unit_code}", index, theirs, neighbour)).json()
        assert figures.pop("as_of")
        return {**seen, "figures": figures}

    await count(database)
    before = await read()
    assert before["figures"]["visits"] == 3  # type: ignore[index]  # a JSON object
    await furnish(http, app, world, MARK, f"{MARK}B")
    assert await read() == before
    await count(database)
    assert await read() == before
