"""A served deployment for browser tests: a few units, and calls to make visits and read what was stored."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx

from tests.support.server import Server
from tests.support.visits import day

PROVINCE = "24"
COMMUNE = "07210"
UNITS = (
    {"code": PROVINCE, "name": "Bắc Ninh", "kind": "province"},
    {"code": COMMUNE, "name": "Phường Bắc Giang", "kind": "commune", "parent_code": PROVINCE},
)
PROCEDURES = "code,name,field,level\n1.001193,Đăng ký khai sinh,Hộ tịch,commune\n".encode()

BRIEF = httpx.Limits(keepalive_expiry=2)
"""The service closes connections that are idle for five seconds: whoever asks seldom opens a new one."""


@dataclass
class Site:
    """Where the service is, and its administrator's Authorization header."""

    server: Server
    http: httpx.AsyncClient
    admin: dict[str, str]
    _numbers: "count[int]" = field(default_factory=count)

    @classmethod
    async def furnish(cls, server: Server, http: httpx.AsyncClient) -> "Site":
        """Sign in and add the units and a procedure."""
        username, password = server.admin
        form = {"grant_type": "password", "username": username, "password": password}
        answer = await http.post("/api/v1/auth/token", data=form)
        site = cls(server, http, {"Authorization": f"Bearer {answer.json()['access_token']}"})
        for unit in UNITS:
            await site.post("/api/v1/units", unit)
        files = {"file": ("procedures.csv", PROCEDURES)}
        imported = await http.post("/api/v1/procedures/import", files=files, headers=site.admin)
        assert imported.status_code == 200, imported.text
        return site

    @property
    def url(self) -> str:
        """Where the service listens."""
        return self.server.url

    async def post(self, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        """A call that must succeed."""
        answer = await self.http.post(path, json=body, headers=self.admin)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json() if answer.content else {}
        return found

    async def patch(self, path: str, body: Mapping[str, object]) -> None:
        """A change that must succeed."""
        answer = await self.http.patch(path, json=body, headers=self.admin)
        assert answer.is_success, answer.text

    async def unit(self) -> str:
        """The code of a new commune: what is stored of it is this test's alone."""
        code = f"T{next(self._numbers)}"
        commune = {"code": code, "name": f"Phường {code}", "kind": "commune", "parent_code": PROVINCE}
        await self.post("/api/v1/units", commune)
        return code

    async def link(self, questionnaire: str = "quick-5", unit: str = COMMUNE, **more: object) -> str:
        """The code of a new visit's link."""
        visit = {
            "dossier_code": f"H-{next(self._numbers)}",
            "unit_code": unit,
            "served_on": day(),
            "procedure_code": "1.001193",
            "questionnaire": questionnaire,
            **more,
        }
        item = (await self.post("/api/v1/visits", {"visits": [visit]}))["items"][0]
        assert item["status"] == "created", item
        code: str = item["link"]["code"]
        return code

    async def responses(self, unit: str = COMMUNE, **wanted: str) -> list[dict[str, Any]]:
        """What is stored of a unit today, as staff read it."""
        query = {"unit": unit, "from": day(1), "to": day(), "limit": "200", **wanted}
        answer = await self.http.get("/api/v1/responses", params=query, headers=self.admin)
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items
