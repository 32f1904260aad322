"""Branches of the tree with one real thing of every kind in each, and a mark by which each is known again."""

from dataclasses import dataclass

import httpx
from fastapi import FastAPI

from app.core.database import Database
from app.rollups.jobs import refresh
from tests.support import said
from tests.support.par import put, sheet
from tests.support.people import colleague, person
from tests.support.sampling import drawn_from
from tests.support.visits import register, visit
from tests.support.world import World


@dataclass(frozen=True, slots=True)
class Branch:
    """A province with a commune. Every name and code in it holds the mark; ids are listed."""

    mark: str
    top: str
    leaf: str
    device: str
    client: str
    secret: str
    user: str
    username: str
    user_session: str
    link: str
    dossier: str
    reorganisation: str
    export: str
    sample: str
    period: str
    response: str
    """`ref` of the response, as staff name it."""

    def seen_in(self, text: str) -> list[str]:
        """What of this branch stands in a text."""
        traces = (
            self.mark,
            self.device,
            self.client,
            self.user,
            self.user_session,
            self.link,
            self.export,
            self.response,
        )
        return [trace for trace in traces if trace.casefold() in text.casefold()]


async def plant(http: httpx.AsyncClient, app: FastAPI, world: World, mark: str) -> Branch:
    """A new branch, with one thing of every kind."""
    top, leaf = f"{mark}-TOP", f"{mark}-LEAF"
    await make(http, world, "/api/v1/units", {"code": top, "name": f"Tỉnh {mark}", "kind": "province"})
    await make(
        http,
        world,
        "/api/v1/units",
        {"code": leaf, "name": f"Xã {mark}", "kind": "commune", "parent_code": top},
    )
    return await furnish(http, app, world, mark, mark)


async def furnish(http: httpx.AsyncClient, app: FastAPI, world: World, mark: str, name: str) -> Branch:
    """One more thing of every kind in a branch that stands."""
    top, leaf = f"{mark}-TOP", f"{mark}-LEAF"
    device = await make(http, world, "/api/v1/devices", {"unit_code": leaf, "name": f"Quầy {name}"})
    client = await make(
        http,
        world,
        "/api/v1/clients",
        {"name": f"Một cửa {name}", "unit_code": leaf, "scopes": ["visits:write"]},
    )
    shown = (await http.get(f"/api/v1/clients/{client['client_id']}", headers=world.admin)).json()
    opened = {"code": f"{name}-NEW", "name": f"Điểm {name}", "kind": "centre", "parent_code": top}
    reorganised = await make(
        http,
        world,
        "/api/v1/units/reorganisations",
        {
            "effective_on": str(visit()["served_on"]),
            "decision": f"NQ {name}",
            "changes": [{"kind": "create", "to": [opened]}],
        },
    )
    period = await closed_period(http, world, top, name)
    username = f"{name.lower()}.lan"
    user, headers = await colleague(http, world.admin, username, ("viewer", leaf))
    sessions = (await http.get("/api/v1/auth/sessions", headers=headers)).json()["items"]
    registered = await register(
        http, world.admin, visit(f"{name}-1", leaf), visit(f"{name}-2", leaf), visit(f"{name}-3", top)
    )
    links = [item["link"]["code"] for item in registered]
    answered = await http.post("/api/v1/responses", json=said.body(link=links[0], comment=f"Tốt {name}"))
    assert answered.status_code == 201, answered.text
    sample = await drawn_from(world, top, leaf, f"Mẫu {name}")
    for unit, points in ((leaf, 50), (top, 60)):
        scored = await put(http, world.admin, unit, 2020, sheet(points, final=False, source=f"Phiếu {name}"))
        assert scored.status_code == 200, scored.text
    day = visit()["served_on"]
    listed = await http.get(
        "/api/v1/responses", params={"unit": leaf, "from": str(day), "to": str(day)}, headers=world.admin
    )
    order = {"what": "responses", "unit": leaf, "from": str(day), "to": str(day)}
    ordered = await make(
        http, world, "/api/v1/exports", {**order, "questionnaire": "quick-5", "version": 1}, status=202
    )
    return Branch(
        mark=mark,
        top=top,
        leaf=leaf,
        device=device["id"],
        client=client["client_id"],
        secret=shown["secrets"][0]["id"],
        user=user,
        username=username,
        user_session=sessions[0]["id"],
        link=links[1],
        dossier=f"{name}-2",
        reorganisation=str(reorganised["id"]),
        export=ordered["id"],
        sample=str(sample),
        period=period,
        response=listed.json()["items"][0]["ref"],
    )


async def closed_period(http: httpx.AsyncClient, world: World, unit: str, name: str) -> str:
    """The id of a closed period, by its unit and a day of long ago that no other has."""
    day = f"2025-01-{1 + sum(map(ord, name)) % 28:02}"
    new = {
        "unit": unit,
        "from": day,
        "to": day,
        "questionnaire": "quick-5",
        "version": 1,
        "name": f"Ngày {name}",
    }
    made = await make(http, world, "/api/v1/periods", new)
    answer = await http.post(f"/api/v1/periods/{made['id']}/close", headers=world.admin)
    assert answer.status_code == 200, answer.text
    return str(made["id"])


async def make(
    http: httpx.AsyncClient, world: World, address: str, body: dict[str, object], status: int = 201
) -> dict[str, str]:
    """Make something as the administrator of everything."""
    answer = await http.post(address, json=body, headers=world.admin)
    assert answer.status_code == status, answer.text
    made: dict[str, str] = answer.json()
    return made


async def count(database: Database) -> None:
    """Count every figure that is due."""
    while await refresh(database):
        pass


def newcomer(name: str, unit: str) -> dict[str, object]:
    """The body that lets somebody in at a unit."""
    return person(name, ("viewer", unit))
