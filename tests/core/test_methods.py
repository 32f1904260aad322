"""A method that an address does not know: 405 names every method that it does."""

import httpx
import pytest


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/api/v1/clients", "GET, HEAD, POST"),
        ("PUT", "/api/v1/units/24", "GET, HEAD, PATCH"),
        ("POST", "/readyz", "GET, HEAD"),
        ("DELETE", "/s/ABC", "GET, HEAD, POST"),
    ],
)
async def test_405_names_all_methods_of_the_address(
    http: httpx.AsyncClient, method: str, path: str, allowed: str
) -> None:
    answer = await http.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == allowed
