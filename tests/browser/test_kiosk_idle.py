"""Somebody walks away: what was answered counts, and nobody sees it any more."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.support.site import Site
from tests.support.tablet import Tablet
from tests.support.waiting import until

SECRET = "Tôi là người viết câu này"
IDLE_MS, COUNTDOWN_MS = 30_000, 10_000


@pytest.fixture
async def tablet(site: Site, browser: Browser) -> AsyncIterator[Tablet]:
    """A tablet whose clock is in our hands."""
    context = await browser.new_context(viewport={"width": 800, "height": 1280})
    page = await context.new_page()
    await page.clock.install()
    yield Tablet(site, page, site.url)
    await context.close()


async def count_down(page: Page, milliseconds: int = COUNTDOWN_MS) -> None:
    """The countdown's seconds, one by one: `fast_forward` fires a timer that is due once only."""
    for _ in range(milliseconds // 1000):
        await page.clock.fast_forward(1000)


async def everything(page: Page) -> str:
    """All that the page holds for eyes and for screen readers, and what its fields were filled with."""
    session = await page.context.new_cdp_session(page)
    tree = await session.send("Accessibility.getFullAXTree")
    snapshot = await page.locator("body").aria_snapshot()
    fields = await page.evaluate(
        """() => [...document.querySelectorAll("textarea, input")].map(({ value }) => value).join()
            + JSON.stringify([history.state, { ...sessionStorage }, { ...localStorage }])
            + document.querySelector("#stage").outerHTML"""
    )
    return f"{tree}\n{snapshot}\n{fields}"


async def test_after_the_idle_time_a_countdown_runs_and_a_touch_ends_it(tablet: Tablet, site: Site) -> None:
    await tablet.pair(await site.unit())
    page = tablet.page
    await tablet.begin()
    await page.clock.fast_forward(IDLE_MS + 100)
    dialog = page.get_by_role("alertdialog")
    await expect(dialog).to_contain_text("10")
    await count_down(page, 4000)
    await expect(dialog).to_contain_text("6")
    await page.get_by_role("button", name="Tôi trả lời tiếp").press("Enter")
    await expect(dialog).to_have_count(0)
    await tablet.at("step")
    await page.clock.fast_forward(IDLE_MS - 5000)
    await expect(dialog).to_have_count(0)


async def test_what_lies_behind_the_countdown_is_out_of_reach(tablet: Tablet, site: Site) -> None:
    await tablet.pair(await site.unit())
    page = tablet.page
    await tablet.begin()
    await page.clock.fast_forward(IDLE_MS + 100)
    await page.get_by_role("alertdialog").wait_for()
    behind = page.locator(".option").first
    reached = await behind.evaluate(
        "(button) => { button.focus(); return document.activeElement === button; }"
    )
    assert reached is False, "not even by script"
    await page.keyboard.press("Shift")  # any key is a sign of life
    await expect(page.get_by_role("alertdialog")).to_have_count(0)


async def test_idle_wipes_everything_and_the_back_button_brings_nothing_back(
    tablet: Tablet, site: Site
) -> None:
    unit = await site.unit()
    await tablet.pair(unit, screens=["comment", "questions"])
    page = tablet.page
    await tablet.begin()
    await page.get_by_role("textbox").fill(SECRET)
    await page.get_by_role("button", name="Gửi đánh giá").click()
    await tablet.give(1, 1)
    await page.clock.fast_forward(400)
    await tablet.asked(2)
    await page.get_by_role("button", name="Quay lại").click()
    await page.get_by_role("button", name="Quay lại").click()
    await expect(page.get_by_role("textbox")).to_have_value(SECRET)
    await page.clock.fast_forward(IDLE_MS + 100)
    await page.get_by_role("alertdialog").wait_for()
    await count_down(page)
    await tablet.at("attract")
    assert SECRET not in await everything(page)
    for _ in range(3):
        await page.evaluate("() => history.back()")
        await tablet.at("attract")
        assert SECRET not in await everything(page)
    await page.keyboard.press("Alt+ArrowLeft")
    await tablet.begin()
    await expect(page.get_by_role("textbox")).to_have_value("")
    assert SECRET not in await everything(page)
    stored = await until(lambda: site.responses(unit), lambda found: len(found) == 1)
    assert stored[0]["answers"]["A1"] == 1
    assert stored[0]["comment"] == SECRET


async def test_going_back_in_the_middle_of_a_survey_goes_nowhere(tablet: Tablet, site: Site) -> None:
    await tablet.pair(await site.unit(), screens=["questions"])
    page = tablet.page
    await tablet.begin()
    await tablet.give(1, 5)
    await page.clock.fast_forward(400)
    await tablet.asked(2)
    await page.evaluate("() => history.back()")
    await tablet.asked(2)
    assert page.url.endswith("/kiosk")


async def test_a_page_brought_back_from_the_browsers_memory_starts_anew(tablet: Tablet, site: Site) -> None:
    unit = await site.unit()
    await tablet.pair(unit, screens=["questions"])
    await tablet.begin()
    await tablet.give(1, 5)
    await tablet.page.clock.fast_forward(400)
    await tablet.asked(2)
    restored = "window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))"
    await tablet.page.evaluate(f"() => {{ {restored}; }}")
    await tablet.at("attract")
    stored = await until(lambda: site.responses(unit), lambda found: len(found) == 1)
    assert stored[0]["answers"]["A1"] == 5


async def test_answers_given_before_walking_away_count_and_are_marked_incomplete(
    tablet: Tablet, site: Site
) -> None:
    unit = await site.unit()
    await tablet.pair(unit, screens=["questions"])
    page = tablet.page
    await tablet.begin()
    for number, value in ((1, 2), (2, 3)):
        await tablet.give(number, value)
        await page.clock.fast_forward(400)
    await tablet.asked(3)
    await page.clock.fast_forward(IDLE_MS + 100)
    await page.get_by_role("alertdialog").wait_for()
    async with page.expect_request("**/responses/batch") as sending:
        await count_down(page)
    await tablet.at("attract")
    stored = await until(lambda: site.responses(unit), lambda found: len(found) == 1)
    assert stored[0]["answers"] == {"A1": 2, "B1": 3, "C1": None, "D1": None, "E1": None}
    sent: Any = (await sending.value).post_data_json
    assert sent["responses"][0]["complete"] is False


async def test_walking_away_after_the_last_question_is_a_complete_response(
    tablet: Tablet, site: Site
) -> None:
    unit = await site.unit()
    await tablet.pair(unit, screens=["questions", "comment"])
    page = tablet.page
    await tablet.begin()
    for number in range(1, 6):
        await tablet.give(number, 4)
        await page.clock.fast_forward(400)
    await tablet.at("step-comment")
    await page.clock.fast_forward(IDLE_MS + 100)
    await page.get_by_role("alertdialog").wait_for()
    async with page.expect_request("**/responses/batch") as sending:
        await count_down(page)
    await tablet.at("attract")
    await until(lambda: site.responses(unit), lambda found: len(found) == 1)
    sent: Any = (await sending.value).post_data_json
    assert sent["responses"][0]["complete"] is True


async def test_who_only_looked_leaves_nothing(tablet: Tablet, site: Site) -> None:
    unit = await site.unit()
    await tablet.pair(unit)
    page = tablet.page
    await tablet.begin()
    await page.clock.fast_forward(IDLE_MS + 100)
    await page.get_by_role("alertdialog").wait_for()
    await count_down(page)
    await tablet.at("attract")
    assert await tablet.kept("outbox") == []
    assert await site.responses(unit) == []


async def test_typing_is_a_sign_of_life(tablet: Tablet, site: Site) -> None:
    await tablet.pair(await site.unit(), screens=["comment", "questions"])
    page = tablet.page
    await tablet.begin()
    for letter in "abc":
        await page.clock.fast_forward(IDLE_MS - 5000)
        await page.get_by_role("textbox").press_sequentially(letter)
    await expect(page.get_by_role("alertdialog")).to_have_count(0)
    await expect(page.get_by_role("textbox")).to_have_value("abc")


async def test_the_page_offers_no_menu_no_selection_no_zoom(tablet: Tablet, site: Site) -> None:
    await tablet.pair(await site.unit())
    refused = await tablet.page.evaluate(
        """() => {
            const heading = document.querySelector("h1");
            const fire = (event) => !heading.dispatchEvent(event);
            const options = { bubbles: true, cancelable: true };
            return {
                menu: fire(new MouseEvent("contextmenu", options)),
                drag: fire(new DragEvent("dragstart", options)),
                select: fire(new Event("selectstart", options)),
                wheel: fire(new WheelEvent("wheel", { ...options, ctrlKey: true })),
                zoom: fire(new KeyboardEvent("keydown", { ...options, ctrlKey: true, key: "+" })),
                back: fire(new KeyboardEvent("keydown", { ...options, altKey: true, key: "ArrowLeft" })),
                scroll: fire(new WheelEvent("wheel", options)),
            };
        }"""
    )
    assert refused.pop("scroll") is False, "a long question may be scrolled"
    assert all(refused.values()), refused
    touch = "() => getComputedStyle(document.body).touchAction"
    assert await tablet.page.evaluate(touch) == "pan-y", "no pinching"
