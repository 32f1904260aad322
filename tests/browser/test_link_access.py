"""The link page for everybody: WCAG 2.1 AA, keyboard alone, large letters, little motion, a slow network."""

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Browser, Page, expect

from tests.support.axe import violations
from tests.support.phone import Phone, phone
from tests.support.site import Site
from tests.support.visits import day
from tests.support.waiting import until

MOST_BYTES = 60_000
Screen = Callable[[Phone, Site], Awaitable[None]]


async def fresh(one: Phone, site: Site) -> None:
    await one.open(await site.link())


async def longest(one: Phone, site: Site) -> None:
    await one.open(await site.link("service-22"))
    await one.page.locator("details.about summary").tap()
    await one.page.locator("details.privacy summary").tap()


async def half_filled(one: Phone, site: Site) -> None:
    await one.open(await site.link())
    await one.fill({"A1": 1, "E1": None})
    await one.page.locator("#comment").fill("Đang viết")


async def faulty(one: Phone, site: Site) -> None:
    await half_filled(one, site)
    await one.send()
    await expect(one.page.locator("#faults")).to_be_visible()


async def kept(one: Phone, site: Site) -> None:
    await one.open(await site.link())
    await one.page.route("**/api/v1/responses", lambda route: route.abort())
    await one.fill()
    await one.send()
    await expect(one.page.locator("#kept")).to_be_visible()
    await expect(one.page.locator("#again .calm")).to_be_visible()


async def thanked(one: Phone, site: Site) -> None:
    unit = await site.unit()
    contact = {"phone": "1022", "email": "motcua@bacninh.gov.vn", "address": "Số 1, đường Lý Thái Tổ"}
    await site.patch(f"/api/v1/units/{unit}", {"contact": contact})
    await one.open(await site.link(unit=unit))
    await one.fill()
    await one.send()
    await expect(one.page.locator(".good")).to_be_visible()


async def used(one: Phone, site: Site) -> None:
    code = await site.link()
    await one.open(code)
    await one.fill()
    await one.send()
    await expect(one.page.locator(".good")).to_be_visible()
    await one.open(code)


async def expired(one: Phone, site: Site) -> None:
    await one.open(await site.link(served_on=day(60)))


async def unknown(one: Phone, site: Site) -> None:
    await one.open("7H3KQ0ZV9XM2P4C8RT5W")


SCREENS = [fresh, longest, half_filled, faulty, kept, thanked, used, expired, unknown]
every_screen = pytest.mark.parametrize("screen", SCREENS, ids=lambda one: one.__name__)


async def fits(page: Page) -> None:
    """Nothing to scroll to the side, and nothing cut off there either."""
    wide = await page.evaluate(
        """() => [...document.querySelectorAll("body *")]
          .filter((one) => one.checkVisibility?.() !== false && !one.closest(".unseen, .sprite, .top"))
          .filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
          .map((one) => one.outerHTML.slice(0, 100))"""
    )
    assert wide == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


# What is looked at only leaves no trace, so one phone is enough for two looks: opening it is what takes long.


@every_screen
async def test_axe_finds_no_fault_and_letters_twice_as_large_fit(
    browser: Browser, site: Site, screen: Screen
) -> None:
    async with phone(browser, site) as one:
        await screen(one, site)
        assert await violations(one.page) == []
        session = await one.context.new_cdp_session(one.page)
        await session.send("Page.setFontSizes", {"fontSizes": {"standard": 32, "fixed": 26}})
        await until(
            lambda: one.page.evaluate("getComputedStyle(document.documentElement).fontSize"),
            lambda size: size == "32px",
        )
        await fits(one.page)


@every_screen
async def test_axe_finds_no_fault_in_english_and_320_pixels_are_enough_even_magnified_to_200_percent(
    browser: Browser, site: Site, screen: Screen
) -> None:
    async with phone(browser, site, language="en") as one:
        await screen(one, site)
        assert await violations(one.page) == []
        await one.page.set_viewport_size({"width": 320, "height": 640})
        await fits(one.page)
        await one.page.set_viewport_size({"width": 160, "height": 320})  # what 200 % leave of 320 pixels
        await fits(one.page)


async def tab_to(page: Page, name: str) -> None:
    """Press Tab until the focus stands on the field of this name, or on the element of this id."""
    for _ in range(60):
        await page.keyboard.press("Tab")
        if name in await page.evaluate("[document.activeElement.name, document.activeElement.id]"):
            return
    raise AssertionError(f"the keyboard never comes to {name}")


async def test_the_keyboard_alone_is_enough(browser: Browser, site: Site) -> None:
    unit = await site.unit()
    async with phone(browser, site) as one:
        await one.open(await site.link(unit=unit))
        keys = one.page.keyboard
        await tab_to(one.page, "language")
        await keys.press("ArrowRight")
        await one.sees("Very satisfied")
        for name, steps in (("a.A1", 0), ("a.B1", 4), ("a.C1", 3), ("a.D1", 2)):
            await tab_to(one.page, name)
            outline = (
                "getComputedStyle(document.activeElement.parentElement.querySelector('.face')).outlineStyle"
            )
            assert await one.page.evaluate(outline) == "solid", "the focus is seen"
            await keys.press("Space")
            for _ in range(steps):
                await keys.press("ArrowRight")
        await tab_to(one.page, "comment")
        await keys.type("By keyboard")
        await tab_to(one.page, "send")
        await keys.press("Enter")
        await one.sees("Sent. Thank you!")
    (response,) = await site.responses(unit)
    assert response["answers"] == {"A1": 1, "B1": 5, "C1": 4, "D1": 3, "E1": None}
    assert response["comment"] == "By keyboard"


async def test_the_focus_never_hides_behind_the_progress(browser: Browser, site: Site) -> None:
    async with phone(browser, site) as one:
        await one.open(await site.link("service-22"))
        await one.page.locator("#send").focus()
        for _ in range(24):
            await one.page.keyboard.press("Shift+Tab")
            top, bar = await one.page.evaluate(
                """[document.activeElement.getBoundingClientRect().top,
                  document.querySelector("#progress").getBoundingClientRect().bottom]"""
            )
            assert top >= bar
            assert await one.page.evaluate("document.activeElement !== document.body")


async def test_a_fault_takes_the_focus_and_leads_to_its_question(browser: Browser, site: Site) -> None:
    async with phone(browser, site) as one:
        await faulty(one, site)
        assert await one.page.evaluate("document.activeElement.id") == "faults"
        await one.page.keyboard.press("Tab")
        await one.page.keyboard.press("Enter")
        await expect(one.page.locator("#q-B1")).to_be_in_viewport()
        await one.page.keyboard.press("Tab")
        assert await one.page.evaluate("document.activeElement.name") == "a.B1"


async def test_a_thumb_finds_every_target(browser: Browser, site: Site) -> None:
    async with phone(browser, site) as one:
        await one.open(await site.link())
        await one.page.locator("details.about summary").tap()
        for target in (".answer", ".answer .face", ".choice", "#send", "textarea"):
            for found in await one.page.locator(target).all():
                box = await found.bounding_box()
                assert box is not None
                assert min(box["width"], box["height"]) >= 48, target


async def test_five_questions_take_two_screens(browser: Browser, site: Site) -> None:
    async with phone(browser, site, width=393, height=851) as one:
        await one.open(await site.link())
        assert await one.page.evaluate("document.documentElement.scrollHeight / innerHeight") <= 2


async def test_who_wants_no_motion_sees_none(browser: Browser, site: Site) -> None:
    moving = """[...document.querySelectorAll("*")]
      .filter((one) => getComputedStyle(one).transitionDuration !== "0s").length"""
    async with phone(browser, site) as one:
        await one.open(await site.link())
        assert await one.page.evaluate(moving) > 0
        await one.page.emulate_media(reduced_motion="reduce")
        assert await one.page.evaluate(moving) == 0


@pytest.mark.parametrize("questionnaire", ["quick-5", "service-16", "service-22"])
async def test_all_that_crosses_the_wire_is_little(browser: Browser, site: Site, questionnaire: str) -> None:
    async with phone(browser, site) as one:
        session = await one.context.new_cdp_session(one.page)
        sizes: list[int] = []
        session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
        await session.send("Network.enable")
        await one.open(await site.link(questionnaire))
        await one.page.wait_for_load_state("networkidle")
        assert len(sizes) >= 5
        assert sum(sizes) <= MOST_BYTES, sizes


async def test_nothing_is_loaded_from_elsewhere_and_nothing_is_refused(browser: Browser, site: Site) -> None:
    asked: list[str] = []
    said: list[str] = []
    async with phone(browser, site) as one:
        one.page.on("request", lambda request: asked.append(request.url))
        one.page.on("console", lambda message: said.append(message.text))
        one.page.on("pageerror", lambda error: said.append(str(error)))
        await thanked(one, site)
    assert [url for url in asked if not url.startswith(site.url)] == []
    assert said == [], "the content security policy refuses nothing, and no script fails"
