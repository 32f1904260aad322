"""What a storm needs of a service: two provinces, communes, a tablet in each. Made by HTTP."""

import time
from dataclasses import dataclass, field

from tests.faults.client import Answer, Line

USERNAME, PASSWORD = "quantri", "mat-khau-rat-dai"
PROVINCE, NEIGHBOUR = "24", "27"
COMMUNES = ("09001", "09002", "09003", "09101")
UNITS = (
    {"code": PROVINCE, "name": "Bắc Ninh", "kind": "province"},
    {"code": NEIGHBOUR, "name": "Tỉnh Láng Giềng", "kind": "province"},
    *(
        {
            "code": code,
            "name": f"Phường {code}",
            "kind": "commune",
            "parent_code": NEIGHBOUR if code == COMMUNES[-1] else PROVINCE,
        }
        for code in COMMUNES
    ),
)
TOKEN_SECONDS = 600  # a token lasts a quarter of an hour


@dataclass
class Ground:
    """Where the service is, and who may ask."""

    port: int
    tablets: dict[str, str] = field(default_factory=dict)
    """Device token by commune."""
    _token: str = ""
    _signed_in: float = 0

    async def furnish(self) -> None:
        """Make the units and pair the tablets."""
        line = Line(self.port)
        for unit in UNITS:
            await self._made(line, "/api/v1/units", unit)
        for code in COMMUNES:
            device = (await self._made(line, "/api/v1/devices", {"unit_code": code, "name": "Quầy 1"})).json()
            paired = await self._made(line, "/api/v1/devices/pair", {"pairing_code": device["pairing_code"]})
            self.tablets[code] = paired.json()["device_token"]
        line.close()

    async def bearer(self, line: Line) -> str:
        """The administrator's token, renewed before it ends; empty when it cannot be had at the moment."""
        if not self._token or time.monotonic() - self._signed_in > TOKEN_SECONDS:
            form = f"grant_type=password&username={USERNAME}&password={PASSWORD}"
            answer = await line.ask("POST", "/api/v1/auth/token", form=form)
            if answer.status != 200:
                return ""
            self._token, self._signed_in = answer.json()["access_token"], time.monotonic()
        return self._token

    async def _made(self, line: Line, path: str, body: object) -> Answer:
        answer = await line.ask("POST", path, body, bearer=await self.bearer(line))
        assert answer.status in {200, 201}, (path, answer)
        return answer
