"""No network at the moment of sending: nothing is lost, nothing is doubled, and the person knows."""

import pytest
from playwright.async_api import Browser, Route, expect

from tests.support.phone import phone
from tests.support.site import Site
from tests.support.waiting import until

THANKS = {"vi": "Đã gửi. Xin cảm ơn ông/bà!", "en": "Sent. Thank you!"}
KEPT = {"vi": "Đã giữ lại trên máy này, chưa gửi đi", "en": "Kept on this phone, not sent yet"}
FULL = (
    "() => { Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); }; }"
)


@pytest.mark.parametrize("language", ["vi", "en"])
async def test_offline_it_is_kept_and_goes_when_the_network_is_back(
    browser: Browser, site: Site, language: str
) -> None:
    unit = await site.unit()
    async with phone(browser, site, language=language) as one:
        await one.open(await site.link(unit=unit))
        await one.fill()
        await one.context.set_offline(True)
        await one.send()
        await one.sees(KEPT[language])
        await expect(one.page.locator("main")).to_be_hidden()
        assert (await one.kept())[1] == 1
        assert await site.responses(unit) == []
        await one.context.set_offline(False)
        await one.sees(THANKS[language])
        assert await one.kept() == [0, 0]
    assert len(await site.responses(unit)) == 1


async def test_the_page_may_be_closed_and_its_link_opened_again(browser: Browser, site: Site) -> None:
    unit = await site.unit()
    async with phone(browser, site) as one:
        code = await site.link(unit=unit)
        await one.open(code)
        await one.fill()
        await one.context.set_offline(True)
        await one.send()
        await one.sees(KEPT["vi"])
        later = await one.tab()
        await one.page.close()
        await one.context.set_offline(False)
        await later.page.goto(f"{site.url}/s/{code}")  # what was kept may be sent before there is a question
        await later.sees(THANKS["vi"])
        assert await later.kept() == [0, 0]
    assert len(await site.responses(unit)) == 1


async def test_opening_any_other_link_sends_what_still_waits(browser: Browser, site: Site) -> None:
    unit, other_unit = await site.unit(), await site.unit()
    async with phone(browser, site) as one:
        await one.open(await site.link(unit=unit))
        await one.fill()
        await one.context.set_offline(True)
        await one.send()
        await one.sees(KEPT["vi"])
        later = await one.tab()
        await one.page.close()
        await one.context.set_offline(False)
        await later.open(await site.link(unit=other_unit))
        await expect(later.page.locator("main")).to_be_visible()
        await until(later.kept, lambda kept: kept[1] == 0)
    assert len(await site.responses(unit)) == 1
    assert await site.responses(other_unit) == []


async def test_where_the_browser_keeps_nothing_the_page_asks_to_stay_open(
    browser: Browser, site: Site
) -> None:
    unit = await site.unit()
    async with phone(browser, site) as one:
        await one.page.add_init_script(f"({FULL})()")
        await one.open(await site.link(unit=unit))
        await one.fill()
        await one.context.set_offline(True)
        await one.send()
        await expect(one.page.locator(".fragile")).to_be_visible()
        await one.context.set_offline(False)
        await one.sees(THANKS["vi"])
    assert len(await site.responses(unit)) == 1


@pytest.mark.parametrize("status", [200, 403, 429, 500, 502, 503])
async def test_who_answers_in_our_place_is_not_believed(browser: Browser, site: Site, status: int) -> None:
    """A proxy while the service behind it restarts, or a hotel that wants its fee first: they send pages."""
    unit = await site.unit()
    refused: list[str | None] = []

    async def refuse_once(route: Route) -> None:
        if refused:
            await route.continue_()
        else:
            refused.append(route.request.post_data)
            await route.fulfill(status=status, body="<h1>Please wait</h1>", content_type="text/html")

    async with phone(browser, site) as one:
        await one.open(await site.link(unit=unit))
        await one.page.route("**/api/v1/responses", refuse_once)
        await one.fill()
        await one.send()
        await one.sees(THANKS["vi"])
        assert len(refused) == 1
    assert len(await site.responses(unit)) == 1


async def test_the_person_may_try_again_at_once(browser: Browser, site: Site) -> None:
    unit = await site.unit()
    async with phone(browser, site) as one:
        await one.open(await site.link(unit=unit))
        await one.fill()
        await one.page.route("**/api/v1/responses", lambda route: route.abort())
        await one.send()
        await one.sees(KEPT["vi"])
        await one.page.unroute("**/api/v1/responses")
        await one.page.locator("#again").tap(no_wait_after=True)
        await one.sees(THANKS["vi"])
    assert len(await site.responses(unit)) == 1
