"""Every screen of the tablet: accessible, large enough, and within the glass at every size."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, expect

from tests.support.axe import violations
from tests.support.site import Site
from tests.support.tablet import Tablet

SIZES = ((1024, 600), (800, 1280), (1280, 800), (1920, 1280))
LEAST_TEXT, LEAST_TOUCH = 20, 48
# What is smaller than it should be, or sticks out at the side.
MEASURE = """([text, touch]) => {
    const isShown = (element) => element.checkVisibility() && !element.closest(".unseen, script, noscript");
    const isText = (node) => node.nodeType === Node.TEXT_NODE && node.data.trim() !== "";
    const found = [];
    for (const element of document.body.querySelectorAll("*")) {
        if (!isShown(element)) continue;
        const name = `${element.tagName}.${element.getAttribute("class")}`;
        const size = parseFloat(getComputedStyle(element).fontSize);
        const { width, height } = element.getBoundingClientRect();
        if ([...element.childNodes].some(isText) && size < text) found.push(`small text: ${name}`);
        if (element.tagName === "BUTTON" && Math.min(width, height) < touch) found.push(`small: ${name}`);
    }
    const { scrollWidth, clientWidth } = document.documentElement;
    if (scrollWidth > clientWidth) found.push(`sideways: ${scrollWidth} in ${clientWidth}`);
    return found;
}"""


@pytest.fixture(params=SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def tablet(request: pytest.FixtureRequest, site: Site, browser: Browser) -> AsyncIterator[Tablet]:
    """A tablet of each size, from 7 to 13 inches."""
    width, height = request.param
    context = await browser.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce")
    page = await context.new_page()
    await page.clock.install()
    yield Tablet(site, page, site.url)
    await context.close()


async def check(page: Page) -> None:
    """No violation of WCAG 2.1 AA, nothing too small, nothing sideways."""
    assert await violations(page) == []
    assert await page.evaluate(MEASURE, [LEAST_TEXT, LEAST_TOUCH]) == []


async def test_every_screen_is_accessible_and_large_enough(tablet: Tablet, site: Site) -> None:
    page = tablet.page
    await tablet.create(await site.unit())
    await tablet.open()
    await check(page)  # pairing
    await tablet.type_code("0000000000")
    await expect(page.get_by_role("alert")).to_contain_text("Mã không đúng")
    await check(page)
    await tablet.type_code(tablet.code)
    await tablet.at("attract")
    await check(page)
    await tablet.begin()
    await check(page)  # language
    await page.get_by_role("button", name="Tiếng Việt").click()
    for number, value in enumerate((1, 2, 3, 4), 1):
        await tablet.asked(number)
        await check(page) if number == 1 else None
        await tablet.give(number, value)
        await page.clock.fast_forward(400)
    await page.get_by_role("button", name="Quay lại").click()
    await check(page)  # a question that has been answered
    await page.get_by_role("button", name="Tiếp tục").click()
    await tablet.asked(5)
    await check(page)  # one with "not applicable"
    await tablet.give(5, None)
    await page.clock.fast_forward(400)
    await tablet.at("step-about")
    await check(page)
    await page.get_by_role("button", name="Bỏ qua câu này").click()
    await check(page)  # the ages: seven of them
    await page.get_by_role("button", name="Bỏ qua cả phần này").click()
    await tablet.at("step-comment")
    await check(page)
    await page.clock.fast_forward(30_100)
    await page.get_by_role("alertdialog").wait_for()
    await check(page)
    await page.keyboard.press("Shift")
    await page.get_by_role("button", name="Gửi đánh giá").click()
    await tablet.at("thanks")
    await check(page)
    await page.clock.fast_forward(3100)
    await tablet.at("attract")
    await tablet.hold_corner()
    await check(page)  # PIN
    await page.keyboard.type("246813")
    await page.keyboard.press("Enter")
    await tablet.at("status")
    await check(page)
    await page.get_by_role("button", name="Huỷ ghép nối").click()
    await check(page)
    await page.get_by_role("button", name="Giữ nguyên").click()
    await page.get_by_role("button", name="Đóng").click()
    await site.post(f"/api/v1/devices/{tablet.device}/revoke", {})
    await tablet.at("attract")
    await tablet.beat()
    await tablet.at("stopped")
    await check(page)


async def test_a_survey_of_five_questions_needs_no_scrolling_and_nothing_moves_for_who_asked_for_less(
    tablet: Tablet, site: Site
) -> None:
    await tablet.pair(await site.unit())
    page = tablet.page
    fits = "() => document.documentElement.scrollHeight <= window.innerHeight"
    assert await page.evaluate(fits)
    await tablet.begin()
    assert await page.evaluate("() => document.getAnimations().length") == 0
    await page.get_by_role("button", name="Tiếng Việt").click()
    for number, value in enumerate((5, 5, 5, 5, None), 1):
        await tablet.asked(number)
        assert await page.evaluate(fits), number
        await tablet.give(number, value)
        await page.clock.fast_forward(400)
    for _ in range(4):
        await tablet.at("step-about")
        assert await page.evaluate(fits)
        await page.get_by_role("button", name="Bỏ qua câu này").click()
    await tablet.at("step-comment")
    assert await page.evaluate(fits)
