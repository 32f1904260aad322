"""The link page as a citizen meets it, with and without JavaScript, in both languages."""

import asyncio

import pytest
from playwright.async_api import Browser, Route, expect

from tests.support.phone import Phone, phone
from tests.support.site import Site

THANKS = {"vi": "Đã gửi. Xin cảm ơn ông/bà!", "en": "Sent. Thank you!"}
USED = {"vi": "Liên kết này đã được trả lời", "en": "This link has been answered"}
KEPT = {"vi": "Đã giữ lại trên máy này, chưa gửi đi", "en": "Kept on this phone, not sent yet"}
FAULT = {"vi": "Chưa gửi được. Xin xem lại:", "en": "Not sent yet. Please look at this again:"}

both_ways = pytest.mark.parametrize("scripted", [True, False], ids=["script", "plain"])
both_languages = pytest.mark.parametrize("language", ["vi", "en"])


async def stored(site: Site, unit: str) -> list[dict[str, int | None]]:
    return [one["answers"] for one in await site.responses(unit)]


@both_ways
@both_languages
async def test_the_whole_way_from_the_link_to_the_thanks(
    browser: Browser, site: Site, language: str, scripted: bool
) -> None:
    unit = await site.unit()
    async with phone(browser, site, language=language, scripted=scripted) as one:
        await one.open(await site.link(unit=unit))
        await one.fill({"A1": 5, "B1": 4, "C1": 5, "D1": 2, "E1": None})
        await one.page.locator("#comment").fill("Chờ lâu.\nCảm ơn.")
        await one.page.locator("details.about summary").tap()
        await one.page.locator('label:has(> input[name="r.gender"][value="female"])').tap()
        await one.send()
        await one.sees(THANKS[language])
        assert await one.context.cookies() == []
        if scripted:
            assert await one.kept() == [0, 0]
            assert await one.page.evaluate("document.referrer") == ""
            assert await one.page.evaluate("document.documentElement.lang") == language
    (response,) = await site.responses(unit)
    assert response["answers"] == {"A1": 5, "B1": 4, "C1": 5, "D1": 2, "E1": None}
    assert response["comment"] == "Chờ lâu.\nCảm ơn."
    assert response["respondent"] == {"gender": "female"}
    assert (response["language"], response["channel"]) == (language, "link")


@both_ways
async def test_the_longest_questionnaire_can_be_answered(
    browser: Browser, site: Site, scripted: bool
) -> None:
    unit = await site.unit()
    async with phone(browser, site, scripted=scripted) as one:
        await one.open(await site.link("service-22", unit=unit))
        required = await one.page.locator("[data-required]").count()
        for number in range(required):
            await one.page.locator("[data-required]").nth(number).locator("label").nth(3).tap()
        await one.send()
        await one.sees(THANKS["vi"])
    (answers,) = await stored(site, unit)
    assert sum(answer == 4 for answer in answers.values()) == required >= 10


@both_ways
async def test_switching_the_language_loses_no_answer(browser: Browser, site: Site, scripted: bool) -> None:
    unit = await site.unit()
    async with phone(browser, site, scripted=scripted) as one:
        await one.open(await site.link(unit=unit))
        await one.fill()
        await one.page.locator("#comment").fill("Tốt")
        await one.sees("Rất hài lòng")
        await one.speak("en")
        await one.sees("Very satisfied")
        await expect(one.page.locator('.t:visible:text-is("Rất hài lòng")')).to_have_count(0)
        await expect(one.page.locator('input[name="a.D1"][value="2"]')).to_be_checked()
        await one.speak("vi")
        await one.speak("en")
        await one.send()
        await one.sees(THANKS["en"])
    (response,) = await site.responses(unit)
    assert (response["language"], response["comment"]) == ("en", "Tốt")


@both_ways
@both_languages
async def test_a_question_left_out_is_pointed_out_and_nothing_is_lost(
    browser: Browser, site: Site, language: str, scripted: bool
) -> None:
    unit = await site.unit()
    async with phone(browser, site, language=language, scripted=scripted) as one:
        await one.open(await site.link(unit=unit))
        await one.fill({"A1": 5, "C1": 3})
        await one.page.locator("#comment").fill("Còn thiếu")
        await one.send()
        await one.sees(FAULT[language])
        assert await one.page.locator(".question.wrong").count() == 2
        await expect(one.page.locator("#faults li:visible")).to_have_count(2)
        await one.fill({"B1": 1, "D1": 1})
        await one.send()
        await one.sees(THANKS[language])
    (response,) = await site.responses(unit)
    assert response["answers"] == {"A1": 5, "B1": 1, "C1": 3, "D1": 1, "E1": None}
    assert response["comment"] == "Còn thiếu"


@both_ways
async def test_pressing_twice_makes_one_response(browser: Browser, site: Site, scripted: bool) -> None:
    unit = await site.unit()
    async with phone(browser, site, scripted=scripted) as one:
        await one.open(await site.link(unit=unit))
        await one.fill()
        await one.page.locator("#send").dblclick(no_wait_after=True)
        await one.sees(THANKS["vi"])
    assert len(await stored(site, unit)) == 1


async def test_pressing_until_the_thanks_are_there_makes_one_response(browser: Browser, site: Site) -> None:
    unit = await site.unit()
    async with phone(browser, site) as one:
        await one.open(await site.link(unit=unit))

        async def slowly(route: Route) -> None:
            await asyncio.sleep(1)
            await route.continue_()

        await one.page.route("**/thanks?*", slowly)
        await one.fill()
        await one.page.evaluate("setInterval(() => document.querySelector('#send').click(), 20)")
        await one.sees(THANKS["vi"])
    assert len(await stored(site, unit)) == 1


async def lose_first_answer(one: Phone, path: str) -> list[str]:
    """The network carries the first sending there, and its answer not back."""
    lost: list[str] = []

    async def handle(route: Route) -> None:
        if route.request.method != "POST" or lost:
            await route.continue_()
            return
        lost.append(route.request.url)
        answer = await route.fetch(max_redirects=0)
        assert answer.status in {201, 303}
        await route.abort("connectionreset")

    await one.page.route(path, handle)
    return lost


async def test_a_lost_answer_is_asked_for_again_and_makes_one_response(browser: Browser, site: Site) -> None:
    unit = await site.unit()
    async with phone(browser, site) as one:
        await one.open(await site.link(unit=unit))
        lost = await lose_first_answer(one, "**/api/v1/responses")
        await one.fill()
        await one.send()
        await one.sees(THANKS["vi"])
        assert len(lost) == 1
        assert await one.kept() == [0, 0]
    assert len(await stored(site, unit)) == 1


async def test_without_a_script_a_lost_answer_and_a_second_look_make_one_response(
    browser: Browser, site: Site
) -> None:
    unit = await site.unit()
    async with phone(browser, site, scripted=False) as one:
        code = await site.link(unit=unit)
        await one.open(code)
        lost = await lose_first_answer(one, f"**/s/{code}")
        await one.fill()
        await one.send()
        await expect(one.page.locator("#survey")).to_have_count(0)  # the browser's own page of errors
        await one.open(code)
        await one.sees(USED["vi"])
    assert len(lost) == len(await stored(site, unit)) == 1


async def test_a_lost_answer_and_a_closed_page_still_end_in_thanks(browser: Browser, site: Site) -> None:
    unit = await site.unit()
    async with phone(browser, site) as one:
        code = await site.link(unit=unit)
        await one.open(code)
        lost = await lose_first_answer(one, "**/api/v1/responses")
        await one.fill()
        await one.send()
        await one.sees(KEPT["vi"])
        assert len(lost) == 1
        again = await one.tab()
        await one.page.close()
        await again.open(code)
        await again.sees(THANKS["vi"])
        assert await again.kept() == [0, 0]
    assert len(await stored(site, unit)) == 1


@both_ways
async def test_going_back_after_sending_never_leads_to_a_second_response(
    browser: Browser, site: Site, scripted: bool
) -> None:
    unit = await site.unit()
    async with phone(browser, site, scripted=scripted) as one:
        await one.page.goto(f"{site.url}/healthz")
        await one.open(await site.link(unit=unit))
        await one.fill()
        await one.send()
        await one.sees(THANKS["vi"])
        await one.page.go_back()
        if scripted:
            assert one.page.url.endswith("/healthz"), "the form has left the history"
        else:
            await one.sees(USED["vi"])
        await one.page.go_forward()
        await one.sees(THANKS["vi"])
    assert len(await stored(site, unit)) == 1


async def test_reloading_keeps_the_id_and_the_answers(browser: Browser, site: Site) -> None:
    unit = await site.unit()
    async with phone(browser, site) as one:
        code = await site.link(unit=unit)
        await one.open(code)
        identity = await one.page.locator('input[name="id"]').input_value()
        await one.fill({"A1": 1, "E1": None})
        await one.page.locator("#comment").fill("Đang viết dở")
        await one.speak("en")
        await one.open(code)
        assert await one.page.locator('input[name="id"]').input_value() == identity
        await expect(one.page.locator('input[name="a.A1"][value="1"]')).to_be_checked()
        await expect(one.page.locator('input[name="a.E1"][value="none"]')).to_be_checked()
        await expect(one.page.locator("#comment")).to_have_value("Đang viết dở")
        await one.sees("Very satisfied")
        assert await one.page.evaluate("[document.documentElement.lang, document.title]") == [
            "en",
            "Rate the service",
        ]
        await expect(one.page.locator("#progress .done:visible")).to_have_text("2")
        await one.fill({"B1": 1, "C1": 1, "D1": 1})
        await one.send()
        await one.sees(THANKS["en"])
        await one.page.reload()
        await one.sees(THANKS["en"])
    assert len(await stored(site, unit)) == 1


@both_ways
async def test_a_link_used_in_one_tab_is_used_in_the_other(
    browser: Browser, site: Site, scripted: bool
) -> None:
    unit = await site.unit()
    async with phone(browser, site, scripted=scripted) as one:
        code = await site.link(unit=unit)
        other = await one.tab()
        await one.open(code)
        await other.open(code)
        for tab, seen in ((one, THANKS["vi"]), (other, USED["vi"])):
            await tab.page.bring_to_front()
            await tab.fill()
            await tab.send()
            await tab.sees(seen)
        if scripted:
            assert await other.kept() == [0, 0]
    assert len(await stored(site, unit)) == 1
