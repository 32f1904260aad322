"""The page of a one-time link: a member of staff sets a password, and the link is gone from the address."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from playwright.async_api import Browser, Page, expect

from tests.support.axe import violations
from tests.support.people import PASSWORD, person, sign_in
from tests.support.site import PROVINCE, Site

DEADLINE = 30_000
SIZES = ({"width": 360, "height": 740}, {"width": 1280, "height": 800})


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    context = await browser.new_context(locale="en-GB", viewport={"width": 360, "height": 740})
    yield await context.new_page()
    await context.close()


async def invited(site: Site) -> tuple[str, str]:
    """A new account's username and the token of its link."""
    username = f"lan-{uuid4().hex[:8]}"
    made = await site.post("/api/v1/users", person(username, ("viewer", PROVINCE)))
    return username, made["invitation"]["token"]


async def fill(page: Page, first: str, second: str) -> None:
    await page.locator("#new").fill(first)
    await page.locator("#again").fill(second)
    await page.locator(".send").click()


async def seen(page: Page, outcome: str) -> None:
    await expect(page.locator(f'[data-outcome="{outcome}"]')).to_be_visible(timeout=DEADLINE)
    await expect(page.locator("#ask")).to_be_hidden()


async def test_a_password_is_set_once_and_the_link_leaves_no_trace(page: Page, site: Site) -> None:
    username, token = await invited(site)
    await page.goto(f"{site.url}/invitation#{token}")
    await expect(page).to_have_url(f"{site.url}/invitation")
    await fill(page, "short", "short")
    await expect(page.locator('[data-fault="short"]')).to_be_visible()
    await fill(page, PASSWORD, PASSWORD + "!")
    await expect(page.locator('[data-fault="differs"]')).to_be_visible()
    await fill(page, PASSWORD, PASSWORD)
    await seen(page, "done")
    await expect(page.locator("#username")).to_have_text(username)
    assert (await sign_in(site.http, username)).status_code == 200

    other = await page.context.new_page()
    await other.goto(f"{site.url}/invitation#{token}")
    await fill(other, PASSWORD, PASSWORD)
    await seen(other, "used")


@pytest.mark.parametrize("token", ["", "made-up", "%E0%A4%A"])
async def test_a_link_that_is_none_is_said_to_be_none(page: Page, site: Site, token: str) -> None:
    await page.goto(f"{site.url}/invitation#{token}")
    if token == "made-up":
        await fill(page, PASSWORD, PASSWORD)
    await seen(page, "unknown")


async def test_without_network_the_person_may_try_again(page: Page, site: Site) -> None:
    _, token = await invited(site)
    await page.goto(f"{site.url}/invitation#{token}")
    await page.context.set_offline(True)
    await fill(page, PASSWORD, PASSWORD)
    await expect(page.locator('[data-fault="busy"]')).to_be_visible(timeout=DEADLINE)
    await page.context.set_offline(False)
    await page.locator(".send").click()
    await seen(page, "done")


async def test_the_page_is_for_everybody(page: Page, site: Site) -> None:
    _, token = await invited(site)
    await page.goto(f"{site.url}/invitation#{token}")
    for size in SIZES:
        await page.set_viewport_size({"width": size["width"], "height": size["height"]})
        await fill(page, "short", "short")
        assert await violations(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
