"""Shorthand of tests about the PAR Index."""

from typing import Any

import httpx

PAR = "/api/v1/par"
DOMAINS = (
    {"code": "A", "title": {"vi": "Chỉ đạo", "en": "Steering"}, "max_points": 60},
    {"code": "B", "title": {"vi": "Tác động", "en": "Impact"}, "max_points": "40.00"},
)


def sheet(first: object, second: object = "30", *, final: bool = True, **more: object) -> dict[str, Any]:
    """The body of a sheet with two domains of its own."""
    domains = [{**DOMAINS[0], "points": first}, {**DOMAINS[1], "points": second}]
    return {"template": "own", "domains": domains, "final": final, **more}


async def put(
    http: httpx.AsyncClient, headers: dict[str, str], unit: str, year: int, body: dict[str, Any]
) -> httpx.Response:
    return await http.put(f"{PAR}/sheets/{unit}/{year}", json=body, headers=headers)
