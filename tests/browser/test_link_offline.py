"""No network at the moment of sending: nothing is lost, nothing is doubled, and the person knows."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, Route, async_playwright, expect

from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.support.phone import DEADLINE, Phone, phone
from tests.support.plug import pull_the_plug
from tests.support.site import Site
from tests.support.waiting import until

THANKS = {"vi": "Đã gửi. Xin cảm ơn ông/bà!", "en": "Sent. Thank you!"}
KEPT = {"vi": "Đã giữ lại trên máy này, chưa gửi đi", "en": "Kept on this phone, not sent yet"}
UNKEPT = {"vi": "Chưa gửi được và chưa lưu được", "en": "Neither sent nor kept yet"}
FORBIDDEN = """
    Storage.prototype.setItem = () => { throw new DOMException("full", "QuotaExceededError"); };
    IDBFactory.prototype.open = () => { throw new DOMException("forbidden", "SecurityError"); };
"""
FULL = """
    IDBObjectStore.prototype.put = function () { this.transaction.abort(); return { result: undefined }; };
"""
SILENT = "IDBFactory.prototype.open = () => ({});"
MOVE_TO_LOCAL_STORAGE = """() => new Promise((resolve) => {
    const opening = indexedDB.open("sipas-link");
    opening.onsuccess = () => {
        const transaction = opening.result.transaction("kept", "readwrite");
        const cursor = transaction.objectStore("kept").openCursor();
        cursor.onsuccess = () => {
            if (cursor.result === null) return;
            localStorage.setItem("sipas.kept." + cursor.result.key, JSON.stringify(cursor.result.value));
            cursor.result.delete();
        };
        transaction.oncomplete = () => { opening.result.close(); resolve(); };
    };
})"""


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


@pytest.mark.parametrize("storage", [FORBIDDEN, FULL, SILENT], ids=["forbidden", "full", "silent"])
async def test_where_the_browser_keeps_nothing_the_page_says_so_and_asks_to_stay_open(
    browser: Browser, site: Site, storage: str
) -> None:
    unit = await site.unit()
    async with phone(browser, site, language="en") as one:
        await one.page.add_init_script(storage)
        await one.open(await site.link(unit=unit))
        await one.fill()
        await one.context.set_offline(True)
        await one.send()
        await one.sees(UNKEPT["en"])
        await expect(one.saying(KEPT["en"])).to_have_count(0)
        await one.speak("vi")
        await one.sees(UNKEPT["vi"])
        await one.context.set_offline(False)
        await one.sees(THANKS["vi"])
    assert len(await site.responses(unit)) == 1


async def test_what_the_page_calls_kept_outlives_a_browser_that_is_killed_at_once(
    site: Site, tmp_path: Path
) -> None:
    unit = await site.unit()
    code = await site.link(unit=unit)
    async with async_playwright() as playwright:

        async def switched_on() -> Phone:
            context = await playwright.chromium.launch_persistent_context(
                str(tmp_path),
                executable_path=CHROMIUM,
                args=list(ARGUMENTS),
                has_touch=True,
                locale="vi-VN",
                viewport={"width": 360, "height": 740},
            )
            context.set_default_timeout(DEADLINE)
            return Phone(site, context.pages[0], context, scripted=True)

        one = await switched_on()
        await one.open(code)
        await one.fill()
        await one.context.set_offline(True)
        await one.send()
        await one.sees(KEPT["vi"])
        await pull_the_plug(one.context, tmp_path)
        assert await site.responses(unit) == []
        one = await switched_on()
        await one.page.goto(f"{site.url}/s/{code}")
        await one.sees(THANKS["vi"])
        assert await one.kept() == [0, 0]
        await one.context.close()
    assert len(await site.responses(unit)) == 1


async def test_what_an_earlier_release_kept_is_sent(browser: Browser, site: Site) -> None:
    unit, other_unit = await site.unit(), await site.unit()
    async with phone(browser, site) as one:
        code = await site.link(unit=unit)
        await one.open(code)
        await one.fill()
        await one.context.set_offline(True)
        await one.send()
        await one.sees(KEPT["vi"])
        later = await one.tab()
        await later.page.goto("about:blank")
        await one.page.evaluate(MOVE_TO_LOCAL_STORAGE)
        await one.page.close()
        await one.context.set_offline(False)
        await later.open(await site.link(unit=other_unit))
        await until(later.kept, lambda kept: kept[1] == 0)
    assert len(await site.responses(unit)) == 1


async def test_sending_leaves_no_half_filled_form_of_another_link_in_the_tab(
    browser: Browser, site: Site
) -> None:
    unit, other_unit = await site.unit(), await site.unit()
    async with phone(browser, site) as one:
        await one.open(await site.link(unit=unit))
        await one.fill({"A1": 1})
        await one.open(await site.link(unit=other_unit))
        await one.fill()
        assert (await one.kept())[0] == 2
        await one.send()
        await one.sees(THANKS["vi"])
        assert await one.kept() == [0, 0]
    assert await site.responses(unit) == []
    assert len(await site.responses(other_unit)) == 1


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
