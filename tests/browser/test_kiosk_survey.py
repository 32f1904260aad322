"""The tablet from pairing to thanks, with a finger and with a keyboard alone."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Route, expect

from tests.support.site import Site
from tests.support.tablet import QUESTIONS_ONLY, Tablet
from tests.support.waiting import until
from tests.support.wire import wired

WRONG = "0000000000"


@pytest.fixture
async def tablet(site: Site, browser: Browser) -> AsyncIterator[Tablet]:
    """A tablet fresh from its box."""
    context = await browser.new_context(viewport={"width": 1280, "height": 800}, locale="vi-VN")
    yield Tablet(site, await context.new_page(), site.url)
    await context.close()


async def test_a_wrong_code_is_refused_kindly_and_the_right_one_pairs(tablet: Tablet, site: Site) -> None:
    await tablet.create(await site.unit())
    await tablet.open()
    await tablet.type_code(WRONG)
    await expect(tablet.page.get_by_role("alert")).to_contain_text("Mã không đúng")
    await tablet.type_code(tablet.code)
    await tablet.at("attract")
    assert (await tablet.known())["state"] == "paired"
    await expect(tablet.page.locator(".corner")).to_contain_text(f"Phường {tablet.unit}")


async def test_pairing_without_network_says_so_and_keeps_what_was_typed(site: Site, browser: Browser) -> None:
    async with wired(site.url) as wire:
        context = await browser.new_context()
        tablet = Tablet(site, await context.new_page(), wire.url)
        await tablet.create(await site.unit())
        await tablet.open()
        await wire.cut()
        await tablet.type_code(tablet.code)
        await expect(tablet.page.get_by_role("alert")).to_contain_text("Không kết nối được")
        await wire.mend()
        await tablet.page.locator(".keys .go").click()
        await tablet.at("attract")
        await context.close()


async def test_after_too_many_wrong_codes_the_tablet_says_how_long_to_wait(
    tablet: Tablet, site: Site
) -> None:
    await tablet.create(await site.unit())
    await tablet.open()

    async def enough(route: Route) -> None:
        """As the service answers when the whole deployment has seen too many wrong codes."""
        await route.fulfill(status=429, headers={"Retry-After": "42"}, json={"code": "too_many_requests"})

    await tablet.page.route("**/devices/pair", enough, times=1)
    await tablet.type_code(tablet.code)
    await expect(tablet.page.get_by_role("alert")).to_contain_text("chờ 42 giây")
    await tablet.page.locator(".keys .go").click()
    await tablet.at("attract")


async def test_a_tablet_whose_storage_does_not_open_says_so_and_tries_again(
    tablet: Tablet, site: Site
) -> None:
    await tablet.pair(await site.unit())
    page = await tablet.page.context.new_page()
    await page.add_init_script(
        """if (!sessionStorage.getItem("tried")) {
            sessionStorage.setItem("tried", "yes");
            IDBFactory.prototype.open = () => { throw new DOMException("the disk is gone", "UnknownError"); };
        }"""
    )
    await page.goto(f"{site.url}/kiosk")
    await expect(page.get_by_role("heading")).to_have_text("Không mở được bộ nhớ của máy")
    await expect(page.locator(".stopped")).to_contain_text("the disk is gone")
    await page.get_by_role("button", name="Thử lại").click()
    await page.locator(".screen.attract").wait_for()


async def test_a_paired_tablet_without_a_configuration_waits_for_it(tablet: Tablet, site: Site) -> None:
    await tablet.create(await site.unit())
    page = tablet.page
    await page.route("**/device/config", lambda route: route.abort())
    await tablet.open()
    await tablet.type_code(tablet.code)
    await expect(await tablet.at("stopped")).to_contain_text("Đang chờ cấu hình")
    await page.unroute("**/device/config")
    await tablet.beat()  # or the button, or a minute's patience
    await tablet.at("attract")


async def test_a_citizen_answers_everything_in_english(tablet: Tablet, site: Site) -> None:
    unit = await site.unit()
    await tablet.pair(unit)
    page = tablet.page
    await tablet.begin()
    await page.get_by_role("button", name="English").click()
    for number, value in enumerate((5, 4, 3, 2, None), 1):
        await expect(page.locator(".kicker")).to_contain_text(f"Question {number} of 5")
        await page.locator(".none" if value is None else f".opinion-{value}").click()
    await page.get_by_role("button", name="Female", exact=True).click()
    await page.get_by_role("button", name="35 to 44").click()
    await page.get_by_role("button", name="Skip all of these").click()
    await page.get_by_role("textbox").fill("  Friendly and quick.  ")
    await page.get_by_role("button", name="Send").click()
    await expect(page.get_by_role("heading")).to_have_text("Thank you!")
    stored = await until(lambda: site.responses(unit), lambda found: len(found) == 1)
    assert stored[0]["answers"] == {"A1": 5, "B1": 4, "C1": 3, "D1": 2, "E1": None}
    assert stored[0]["comment"] == "Friendly and quick."
    assert stored[0]["respondent"] is None, "skipping all of it takes back what was said"
    assert (stored[0]["language"], stored[0]["channel"]) == ("en", "kiosk")
    await tablet.at("attract")
    await until(lambda: tablet.kept("outbox"), lambda found: found == [])


async def test_going_back_changes_an_answer_and_never_adds_one(tablet: Tablet, site: Site) -> None:
    unit = await site.unit()
    await tablet.pair(unit, **QUESTIONS_ONLY)
    await tablet.begin()
    await tablet.give(1, 5)
    await tablet.give(2, 1)
    await tablet.asked(3)
    await tablet.page.get_by_role("button", name="Quay lại").click()
    await tablet.asked(2)
    await expect(tablet.page.locator(".opinion-1")).to_have_attribute("aria-pressed", "true")
    for number, value in ((2, 4), (3, 4), (4, 4), (5, 4)):
        await tablet.give(number, value)
    await tablet.at("thanks")
    stored = await until(lambda: site.responses(unit), lambda found: len(found) == 1)
    assert stored[0]["answers"] == {"A1": 5, "B1": 4, "C1": 4, "D1": 4, "E1": 4}


async def test_the_language_may_change_in_the_middle_without_losing_an_answer(
    tablet: Tablet, site: Site
) -> None:
    unit = await site.unit()
    await tablet.pair(unit, screens=["questions", "comment"])
    page = tablet.page
    await tablet.begin()
    await tablet.give(1, 2)
    await tablet.asked(2)
    await page.get_by_role("button", name="English").click()
    await expect(page.locator(".kicker")).to_contain_text("Question 2 of 5")
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    await page.get_by_role("button", name="Back").click()
    await expect(page.locator(".opinion-2")).to_have_attribute("aria-pressed", "true")


async def test_a_double_tap_answers_one_question_only(tablet: Tablet, site: Site) -> None:
    await tablet.pair(await site.unit(), **QUESTIONS_ONLY)
    await tablet.begin()
    await tablet.asked(1)
    await tablet.page.locator(".opinion-3").dblclick()
    await tablet.asked(2)
    await expect(tablet.page.locator('.opinion[aria-pressed="true"]')).to_have_count(0)


async def test_a_required_question_cannot_be_passed_over(tablet: Tablet, site: Site) -> None:
    await tablet.pair(await site.unit(), **QUESTIONS_ONLY)
    await tablet.begin()
    await tablet.asked(1)
    await expect(tablet.page.locator(".none")).to_have_count(0)
    await expect(tablet.page.get_by_role("button", name="Tiếp tục")).to_have_count(0)


async def test_the_whole_survey_can_be_answered_by_keyboard_alone(tablet: Tablet, site: Site) -> None:
    unit = await site.unit()
    await tablet.pair(unit)
    page = tablet.page

    async def press(name: str) -> None:
        """Tab on to the button of this name and press Enter, as somebody without a finger does."""
        for _ in range(30):
            await page.keyboard.press("Tab")
            reached = page.locator("button:focus")
            if await reached.count() and name in await reached.inner_text():
                await page.keyboard.press("Enter")
                return
        raise AssertionError(f"no way to {name}")

    await press("Chạm để đánh giá")
    await press("Tiếng Việt")
    for number in range(1, 6):
        await tablet.asked(number)
        await press("Rất hài lòng")
    await tablet.at("step-about")
    await press("Bỏ qua câu này")
    await press("Bỏ qua cả phần này")
    await tablet.at("step-comment")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("textbox")).to_be_focused()
    await page.keyboard.type("Tốt")
    await press("Gửi đánh giá")
    await tablet.at("thanks")
    stored = await until(lambda: site.responses(unit), lambda found: len(found) == 1)
    assert stored[0]["answers"] == dict.fromkeys(("A1", "B1", "C1", "D1", "E1"), 5)
    assert stored[0]["comment"] == "Tốt"


async def test_a_code_typed_on_a_keyboard_pairs_as_well(tablet: Tablet, site: Site) -> None:
    await tablet.create(await site.unit())
    await tablet.open()
    await tablet.page.keyboard.type(tablet.code[:9] + "x")
    await tablet.page.keyboard.press("Backspace")
    await tablet.page.keyboard.type(tablet.code[8:])
    await tablet.page.keyboard.press("Enter")
    await tablet.at("attract")
