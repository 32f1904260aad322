"""A parameter that is not known: what its sender hears, beside what else, and where it is let through."""

from typing import Any

import httpx
import pytest

from tests.support import said
from tests.support.visits import register, visit
from tests.support.world import World

INDEX = "/api/v1/indices/24"
PERIOD = {"from": "2026-10-01", "to": "2026-10-31"}
ADDED = {"fbclid": "IwAR0x", "utm_source": "zalo", "zarsrc": "30", "gidzl": "a-b", "_": "1"}
"""What messengers and search engines put behind a link that somebody passes on."""


def faults(answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 422, answer.text
    return {fault["pointer"]: fault["code"] for fault in answer.json()["errors"]}


def details(answer: httpx.Response) -> list[str]:
    return [fault["detail"] for fault in answer.json()["errors"]]


async def test_a_misspelt_filter_counts_nothing_and_names_the_right_one(
    http: httpx.AsyncClient, world: World
) -> None:
    params = {**PERIOD, "chanel": "link"}
    for language, sentence in (
        ("vi", "Không có trường hay tham số nào tên như vậy. Tên gần nhất: channel."),
        ("en", "There is no field or parameter of this name. The nearest name: channel."),
    ):
        headers = {**world.admin, "Accept-Language": language}
        answer = await http.get(INDEX, params=params, headers=headers)
        assert faults(answer) == {"/chanel": "unknown_field"}
        assert details(answer) == [sentence]


async def test_all_faults_are_said_at_once(http: httpx.AsyncClient, world: World) -> None:
    params = [("from", "2026-10-31"), ("to", "x"), ("version", "0"), ("chanel", "link"), ("channel", "link")]
    answer = await http.get(INDEX, params=[*params, ("channel", "kiosk"), ("Scope", "")], headers=world.admin)
    assert faults(answer) == {
        "/chanel": "unknown_field",
        "/Scope": "unknown_field",
        "/channel": "repeated_parameter",
        "/to": "invalid_date",
        "/version": "too_small",
    }


async def test_what_a_dependency_finds_is_said_beside_it(http: httpx.AsyncClient, world: World) -> None:
    reversed_ = {"from": "2026-10-31", "to": "2026-10-01", "chanel": "link"}
    answer = await http.get(INDEX, params=reversed_, headers=world.admin)
    assert faults(answer) == {"/chanel": "unknown_field", "/from": "period_reversed"}


async def test_nothing_is_said_twice_of_a_name_that_a_model_refuses_too(
    http: httpx.AsyncClient, world: World
) -> None:
    params = {**PERIOD, "questionnaire": "quick-5", "version": "1", "formatt": "csv"}
    answer = await http.get("/api/v1/exports/responses", params=params, headers=world.admin)
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/formatt"]
    assert details(answer)[0].endswith(": format.")


async def test_who_may_not_ask_hears_that_and_nothing_else(http: httpx.AsyncClient, world: World) -> None:
    params = {**PERIOD, "chanel": "link"}
    assert (await http.get(INDEX, params=params)).status_code == 401
    partner = await world.client("24", "visits:write")
    assert (await http.get(INDEX, params=params, headers=partner)).status_code == 403


async def test_many_and_monstrous_names_are_answered_shortly(http: httpx.AsyncClient) -> None:
    query = "&".join(f"{number}{'x' * 100}=1" for number in range(500))
    answer = await http.get(f"/healthz?{query}&%FF%00=1&=2")
    assert answer.status_code == 422
    assert len(answer.json()["errors"]) <= 100
    assert len(answer.content) < 50_000


async def test_a_response_is_stored_only_without_parameters(http: httpx.AsyncClient, world: World) -> None:
    partner = await world.client("24", "visits:write")
    code = (await register(http, partner, visit("H-1")))[0]["link"]["code"]
    body = said.body(link=code)
    answer = await http.post("/api/v1/responses", params={"dry_run": "true"}, json=body)
    assert faults(answer) == {"/dry_run": "unknown_field"}
    answer = await http.post("/api/v1/responses", json=body)
    assert answer.status_code == 201, "nothing of the refused one was stored"


async def test_a_change_is_made_only_without_parameters(http: httpx.AsyncClient, world: World) -> None:
    unit = {"code": "09003", "name": "Xã C", "kind": "commune", "parent_code": "24"}
    answer = await http.post("/api/v1/units", params={"check": "true"}, json=unit, headers=world.admin)
    assert faults(answer) == {"/check": "unknown_field"}
    answer = await http.post("/api/v1/units", json=unit, headers=world.admin)
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize("name", ["check_only", "File"])
async def test_a_field_of_an_upload_that_nobody_reads_is_refused(
    http: httpx.AsyncClient, world: World, name: str
) -> None:
    table = {"file": ("units.csv", b"code,name,kind\n09003,C,commune\n", "text/csv")}
    answer = await http.post("/api/v1/units/import", files=table, data={name: "1"}, headers=world.admin)
    assert faults(answer) == {f"/{name}": "unknown_field"}
    assert details(answer)[0].endswith(": file.")
    assert (await http.get("/api/v1/units/09003", headers=world.admin)).status_code == 404


@pytest.mark.parametrize(
    ("change", "place", "near"),
    [
        ({"Require_TOTP": True}, "/Require_TOTP", "require_totp"),
        ({"contact": {"phon": "0222 3822 333"}}, "/contact/phon", "phone"),
        ({"opening_hours": {"mo": []}}, "/opening_hours/mo", "mon"),
    ],
)
async def test_an_unknown_field_of_a_body_hears_the_nearest_of_its_place(
    http: httpx.AsyncClient, world: World, change: dict[str, Any], place: str, near: str
) -> None:
    answer = await http.patch("/api/v1/units/09001", json=change, headers=world.admin)
    assert faults(answer)[place] == "unknown_field"
    assert any(detail.endswith(f": {near}.") for detail in details(answer)), details(answer)


async def test_a_link_of_a_citizen_opens_whatever_a_messenger_added(
    http: httpx.AsyncClient, world: World
) -> None:
    partner = await world.client("24", "visits:write")
    code = (await register(http, partner, visit("H-1")))[0]["link"]["code"]
    opened = await http.get(f"/s/{code}", params={**ADDED, "lang": "en"})
    assert opened.status_code == 200
    assert 'lang="en"' in opened.text
    assert (await http.get("/invitation", params=ADDED)).status_code == 200
    assert (await http.get("/kiosk", params=ADDED)).status_code == 200
    assert (await http.get(f"/s/{code}/thanks", params=ADDED)).status_code == 303


@pytest.mark.parametrize(
    "body",
    [b"", b"--x\r\nbroken", b'--x\r\nContent-Disposition: form-data; name="\xff\xfe"\r\n\r\n1\r\n--x--\r\n'],
)
async def test_an_upload_that_cannot_be_read_is_refused_as_ever(
    http: httpx.AsyncClient, world: World, body: bytes
) -> None:
    headers = {**world.admin, "Content-Type": "multipart/form-data; boundary=x"}
    answer = await http.post("/api/v1/units/import", content=body, headers=headers)
    assert answer.status_code in {400, 422}, answer.text


async def test_what_a_parameter_may_be_is_listed_without_an_english_word(
    http: httpx.AsyncClient, world: World
) -> None:
    headers = {**world.admin, "Accept-Language": "vi"}
    answer = await http.get(INDEX, params={**PERIOD, "boundaries": "now"}, headers=headers)
    assert details(answer) == ["Giá trị phải là một trong: as_was, as_now."]
