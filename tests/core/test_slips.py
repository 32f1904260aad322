"""Slips of those who call for the first time: a slash too many, a body packed or in another encoding."""

import gzip

import httpx
import pytest

from tests.support.world import World


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/api/v1/visits/", "/api/v1/visits"),
        ("/api/v1/units/24/?on=2026-11-20", "/api/v1/units/24?on=2026-11-20"),
        ("/s/7H3K%3F/", "/s/7H3K%3F"),
        ("/healthz//", "/healthz"),
    ],
)
async def test_a_slash_too_many_leads_to_the_address_without_it_on_the_same_host(
    http: httpx.AsyncClient, path: str, location: str
) -> None:
    answer = await http.post(path, headers={"Host": "elsewhere.example"})
    assert (answer.status_code, answer.headers["location"]) == (307, location)


@pytest.mark.parametrize(
    "path", ["/", "//", "/nowhere/", "//api/v1/visits/", "//evil.example/", "/api/v1/visits%2F", "/%2F/"]
)
async def test_no_other_address_is_led_anywhere(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.get(f"https://sipas.example.vn{path}")
    assert answer.status_code != 307
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/api/v1/visits", "/api/v1/units", "/api/v1/responses"])
async def test_a_packed_body_is_to_be_sent_unpacked(http: httpx.AsyncClient, world: World, path: str) -> None:
    headers = {**world.admin, "Content-Type": "application/json", "Content-Encoding": "gzip"}
    answer = await http.post(path, content=gzip.compress(b'{"visits": []}'), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert "Content-Encoding: identity" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/api/v1/visits", "/api/v1/units", "/api/v1/responses"])
async def test_json_in_another_encoding_is_no_json(http: httpx.AsyncClient, world: World, path: str) -> None:
    content = b'{"name": "\xd0\xf4ng V\xe2n"}'  # as Windows writes it in the west
    headers = {**world.admin, "Content-Type": "application/json"}
    answer = await http.post(path, content=content, headers=headers)
    assert answer.status_code == 422
    assert [fault["code"] for fault in answer.json()["errors"]] == ["invalid_json"]
    assert "UTF-8" in answer.json()["errors"][0]["detail"]
