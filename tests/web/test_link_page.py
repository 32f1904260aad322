import gzip
import re
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.core.clock import utc_now
from app.core.database import Database
from app.core.limits import RateLimiter
from app.visits.links import LinkCodes
from tests.support import said
from tests.support.visits import register, visit
from tests.support.world import World

ANSWERS = {"a.A1": "5", "a.B1": "4", "a.C1": "5", "a.D1": "3", "a.E1": "none"}


async def link(http: httpx.AsyncClient, world: World, **more: object) -> str:
    """The code of a new visit's link."""
    (item,) = await register(http, world.admin, visit(**more))
    code: str = item["link"]["code"]
    return code


def hidden(page: str) -> dict[str, str]:
    """The fields a browser sends back unseen."""
    found = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))
    assert found.keys() == {"id", "opened_at"}
    return found


async def open_form(http: httpx.AsyncClient, code: str) -> dict[str, str]:
    answer = await http.get(f"/s/{code}")
    assert answer.status_code == 200, answer.text
    return {**hidden(answer.text), "language": "vi", **ANSWERS}


async def stored(http: httpx.AsyncClient, world: World) -> list[dict[str, Any]]:
    day = utc_now().date()
    query = {"from": str(day - timedelta(days=9)), "to": str(day + timedelta(days=1))}
    answer = await http.get("/api/v1/responses", params=query, headers=world.admin)
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_the_page_says_what_it_is_about_in_both_languages(
    http: httpx.AsyncClient, world: World
) -> None:
    answer = await http.get(f"/s/{await link(http, world, procedure_code='1.001193')}")
    assert answer.status_code == 200
    for text in ("Phường A", "Đăng ký khai sinh", "Tự nguyện", "Voluntary", "Rất hài lòng", "Very satisfied"):
        assert text in answer.text
    assert 'name="a.E1" value="none"' in answer.text
    assert 'name="a.A1" value="none"' not in answer.text, "a required question has no such answer"


async def test_the_page_is_guarded_and_never_kept(http: httpx.AsyncClient, world: World) -> None:
    answer = await http.get(f"/s/{await link(http, world)}")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "geolocation=()" in answer.headers["permissions-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers
    assert " style=" not in answer.text
    assert re.findall(r"<script(?![^>]* src=)", answer.text) == []
    assert re.findall(r"""(?:src|href)=["'](?:https?:)?//""", answer.text) == [], "nothing from elsewhere"


async def test_the_code_may_be_typed_as_it_is_printed(http: httpx.AsyncClient, world: World) -> None:
    code = await link(http, world)
    answer = await http.get(f"/s/{code[:4].lower()} {code[4:].lower()}")
    assert f'action="/s/{code}"' in answer.text


@pytest.mark.parametrize(
    ("accept", "query", "language"), [("en", "", "en"), ("en", "?lang=vi", "vi"), ("", "", "vi")]
)
async def test_the_page_opens_in_the_language_of_its_reader(
    http: httpx.AsyncClient, world: World, accept: str, query: str, language: str
) -> None:
    answer = await http.get(f"/s/{await link(http, world)}{query}", headers={"Accept-Language": accept})
    assert f'<html lang="{language}">' in answer.text
    assert re.search(rf'value="{language}"[^>]* checked>', answer.text)


async def test_a_posted_form_is_stored_and_leads_to_the_thanks(http: httpx.AsyncClient, world: World) -> None:
    code = await link(http, world, procedure_code="1.001193", counter="3")
    form = await open_form(http, code) | {
        "comment": "Tốt.\r\nCảm ơn.",
        "r.gender": "female",
        "r.age_band": "",
    }
    answer = await http.post(f"/s/{code}", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/s/{code}/thanks?lang=vi")
    (one,) = await stored(http, world)
    assert one["answers"] == {"A1": 5, "B1": 4, "C1": 5, "D1": 3, "E1": None}
    assert (one["comment"], one["respondent"]) == ("Tốt.\nCảm ơn.", {"gender": "female"})
    assert (one["channel"], one["verdict"], one["language"]) == ("link", "counted", "vi")
    thanks = await http.get(answer.headers["location"])
    assert thanks.status_code == 200
    assert "Xin cảm ơn" in thanks.text


async def test_pressing_twice_stores_once_and_is_thanked_twice(http: httpx.AsyncClient, world: World) -> None:
    code = await link(http, world)
    form = await open_form(http, code)
    answers = [await http.post(f"/s/{code}", data=form) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [303, 303, 303]
    assert len(await stored(http, world)) == 1


async def test_other_content_under_the_same_id_changes_nothing(http: httpx.AsyncClient, world: World) -> None:
    code = await link(http, world)
    form = await open_form(http, code)
    await http.post(f"/s/{code}", data=form)
    again = await http.post(f"/s/{code}", data=form | {"a.A1": "1"})
    assert again.status_code == 409
    assert "Liên kết này đã được trả lời" in again.text
    assert [one["answers"]["A1"] for one in await stored(http, world)] == [5]


async def test_a_form_opened_twice_stores_once(http: httpx.AsyncClient, world: World) -> None:
    code = await link(http, world)
    first, second = await open_form(http, code), await open_form(http, code)
    assert first["id"] != second["id"]
    assert (await http.post(f"/s/{code}", data=first)).status_code == 303
    assert (await http.post(f"/s/{code}", data=second)).status_code == 410
    assert len(await stored(http, world)) == 1


async def test_faults_stand_beside_their_questions_and_answers_are_kept(
    http: httpx.AsyncClient, world: World
) -> None:
    code = await link(http, world)
    form = await open_form(http, code) | {"comment": "<i>Chậm</i>", "r.gender": "other", "language": "en"}
    del form["a.B1"], form["a.D1"]
    answer = await http.post(f"/s/{code}", data=form)
    assert answer.status_code == 422
    shown = re.findall(r'<li data-fault="(\w+)"><a', answer.text)
    assert shown == ["B1", "D1"]
    assert re.findall(r'<fieldset class="question wrong" id="q-(\w+)"', answer.text) == ["B1", "D1"]
    assert hidden(answer.text) == {name: form[name] for name in ("id", "opened_at")}
    assert re.search(r'name="a.A1" value="5" checked', answer.text)
    assert re.search(r'name="a.E1" value="none" checked', answer.text)
    assert re.search(r'name="r.gender" value="other" checked', answer.text)
    assert "&lt;i&gt;Chậm&lt;/i&gt;</textarea>" in answer.text
    assert '<html lang="en">' in answer.text
    assert await stored(http, world) == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"comment": "x" * 2001}, "comment"),
        ({"id": "nonsense"}, "other"),
        ({"opened_at": "yesterday"}, "other"),
        ({"opened_at": "20261120T091402+0700"}, "other"),
        ({"a.Z9": "5"}, "other"),
        ({"r.salary": "high"}, "other"),
        ({"a.A1": "9"}, "A1"),
        ({f"a.{code}": "none" for code in ("A1", "B1", "C1", "D1")}, "empty"),
    ],
)
async def test_every_other_fault_is_said_too(
    http: httpx.AsyncClient, world: World, changes: dict[str, str], fault: str
) -> None:
    code = await link(http, world)
    answer = await http.post(f"/s/{code}", data=await open_form(http, code) | changes)
    assert answer.status_code == 422
    assert re.findall(r'<li data-fault="(\w+)">', answer.text) == [fault]
    assert await stored(http, world) == []


async def test_a_used_link_says_so_kindly(http: httpx.AsyncClient, world: World) -> None:
    code = await link(http, world)
    await http.post(f"/s/{code}", data=await open_form(http, code))
    answer = await http.get(f"/s/{code}", headers={"Accept-Language": "en"})
    assert answer.status_code == 410
    assert "This link has been answered" in answer.text
    assert answer.headers["cache-control"] == "no-store"


async def test_an_expired_link_says_so_kindly(http: httpx.AsyncClient, world: World, app: FastAPI) -> None:
    ids = await said.visit(world, expires_at=utc_now() - timedelta(minutes=1))
    links: LinkCodes = app.state.links
    for path in (f"/s/{links.mint(*ids)}", f"/s/{links.mint(*ids)}/thanks?lang=vi"):
        answer = await http.get(path, follow_redirects=True)
        assert answer.status_code == 410
        assert "Đã hết thời gian đánh giá" in answer.text


async def test_a_form_that_comes_after_the_link_has_expired_is_told_so(
    http: httpx.AsyncClient, world: World, app: FastAPI
) -> None:
    open_code = await link(http, world)
    ids = await said.visit(world, expires_at=utc_now() - timedelta(minutes=1))
    links: LinkCodes = app.state.links
    answer = await http.post(f"/s/{links.mint(*ids)}", data=await open_form(http, open_code))
    assert answer.status_code == 410
    assert "Đã hết thời gian đánh giá" in answer.text


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/s/7H3KQ0ZV9XM2P4C8RT5W", "/s/x", "/s/%F0%9F%98%80"])
async def test_an_unknown_link_says_what_to_do(
    http: httpx.AsyncClient, world: World, method: str, path: str
) -> None:
    answer = await http.request(method, path, content=b"id=1" if method == "POST" else None)
    assert answer.status_code == 404
    assert "Không tìm thấy liên kết này" in answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


async def test_a_signed_code_of_no_visit_is_unknown(
    http: httpx.AsyncClient, world: World, app: FastAPI
) -> None:
    links: LinkCodes = app.state.links
    code = links.mint(1, 987654321)
    form = {"id": "1", **ANSWERS}
    assert (await http.get(f"/s/{code}")).status_code == 404
    assert (await http.get(f"/s/{code}/thanks")).status_code == 404
    assert (await http.post(f"/s/{code}", data=form)).status_code == 404


async def test_too_many_requests_for_one_link_are_told_to_wait(
    http: httpx.AsyncClient, world: World, app: FastAPI
) -> None:
    code = await link(http, world)
    app.state.limiter = RateLimiter(10)
    answers = [await http.get(f"/s/{code}") for _ in range(3)]
    assert answers[-1].status_code == 429
    assert answers[-1].headers["retry-after"]
    assert "Hệ thống đang bận" in answers[-1].text


async def test_a_database_that_is_away_is_a_service_that_is_busy(
    http: httpx.AsyncClient, world: World, app: FastAPI
) -> None:
    code = await link(http, world)
    form = await open_form(http, code)
    app.state.database = away = Database("postgresql://nobody@127.0.0.1:1/nothing")
    for answer in (await http.get(f"/s/{code}"), await http.post(f"/s/{code}", data=form)):
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert "Hệ thống đang bận" in answer.text
    await away.close()


async def test_our_own_mistake_shows_a_kind_page_and_nothing_of_what_is_inside(
    http: httpx.AsyncClient, world: World, app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    code = await link(http, world)
    del app.state.questionnaires
    answer = await http.get(f"/s/{code}")
    assert answer.status_code == 500
    assert "Có trục trặc ở phía chúng tôi" in answer.text
    assert "questionnaires" not in answer.text
    assert "unexpected error" in caplog.text
    assert code not in caplog.text


async def test_a_body_that_is_no_form_is_refused_kindly(http: httpx.AsyncClient, world: World) -> None:
    answer = await http.post(f"/s/{await link(http, world)}", content=b"\xff\xfe")
    assert answer.status_code == 400
    assert "Có trục trặc ở phía chúng tôi" in answer.text


async def test_thanks_before_an_answer_lead_to_the_questions(http: httpx.AsyncClient, world: World) -> None:
    code = await link(http, world)
    answer = await http.get(f"/s/{code}/thanks?lang=en")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/s/{code}?lang=en")


async def test_the_thanks_name_the_units_contact_or_that_of_the_unit_above(
    http: httpx.AsyncClient, world: World
) -> None:
    contact = {
        "phone": "0204 3854 123",
        "email": "motcua@bacninh.gov.vn",
        "url": "https://bacninh.gov.vn/hoi",
    }
    await http.patch("/api/v1/units/24", json={"contact": contact}, headers=world.admin)
    code = await link(http, world)
    answer = await http.post(f"/s/{code}", data=await open_form(http, code), follow_redirects=True)
    assert 'href="tel:02043854123"' in answer.text
    assert 'href="mailto:motcua@bacninh.gov.vn"' in answer.text
    assert 'href="https://bacninh.gov.vn/hoi" rel="noopener noreferrer"' in answer.text
    assert "Phường A" in answer.text


async def test_without_a_contact_the_thanks_name_the_desk(http: httpx.AsyncClient, world: World) -> None:
    code = await link(http, world)
    answer = await http.post(f"/s/{code}", data=await open_form(http, code), follow_redirects=True)
    assert "xin hỏi tại quầy tiếp nhận của Phường A" in answer.text


@pytest.mark.parametrize("questionnaire", ["quick-5", "service-16", "service-22"])
async def test_page_and_all_it_loads_weigh_little(
    http: httpx.AsyncClient, world: World, questionnaire: str
) -> None:
    """Packed bytes with their headers; the browser tests count what really crosses the wire."""
    answer = await http.get(
        f"/s/{await link(http, world, questionnaire=questionnaire)}", headers={"Accept-Encoding": "gzip"}
    )
    assert answer.headers["content-encoding"] == "gzip"
    names = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', answer.text))
    assert any(name.endswith("link.js") for name in names)
    weight = len(gzip.compress(answer.content, 5)) + sum(
        [len(gzip.compress((await http.get(name)).content)) for name in names]
    )
    assert weight < 40_000
