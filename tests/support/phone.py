"""A citizen's phone: a browser with the link page open, and the gestures a citizen makes."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from playwright.async_api import Browser, BrowserContext, Locator, Page, expect

from tests.support.site import Site

DEADLINE = 30_000
"""Milliseconds a screen may take; generous, since machines that test are often busy."""
ANSWERS = {"A1": 5, "B1": 4, "C1": 5, "D1": 2}
LANGUAGES = {"vi": 0, "en": 1}


@dataclass
class Phone:
    """One tab of it."""

    site: Site
    page: Page
    context: BrowserContext
    scripted: bool

    async def open(self, code: str, query: str = "") -> None:
        """Follow a link."""
        await self.page.goto(f"{self.site.url}/s/{code}{query}")
        if self.scripted and await self.page.locator("form").count():
            await self.page.locator("#progress:not([hidden])").wait_for(timeout=DEADLINE)

    async def fill(self, answers: Mapping[str, int | None] = ANSWERS) -> None:
        """Tap the faces."""
        for criterion, value in answers.items():
            shown = "none" if value is None else value
            choice = self.page.locator(f'label:has(> input[name="a.{criterion}"][value="{shown}"])')
            await choice.tap()

    async def send(self) -> None:
        """Press the button."""
        await self.page.locator("#send").tap(no_wait_after=True)

    async def speak(self, language: str) -> None:
        """Switch the language."""
        await self.page.locator(f".tongue-{LANGUAGES[language]}").tap()

    async def sees(self, text: str) -> None:
        """Wait until this stands on the screen."""
        await expect(self.saying(text)).to_be_visible(timeout=DEADLINE)

    def saying(self, text: str) -> Locator:
        """Where this text is shown now."""
        return self.page.locator(f'.t:visible:text-is("{text}")').first

    async def kept(self) -> list[int]:
        """How many things the browser keeps for this site: for this tab, and for good."""
        lengths: list[int] = await self.page.evaluate(
            """() => new Promise((resolve, reject) => {
                const opening = indexedDB.open("sipas-link");
                opening.onupgradeneeded = () => opening.result.createObjectStore("kept");
                opening.onerror = () => reject(opening.error);
                opening.onsuccess = () => {
                    const count = opening.result.transaction("kept").objectStore("kept").count();
                    count.onsuccess = () => {
                        opening.result.close();
                        resolve([sessionStorage.length, localStorage.length + count.result]);
                    };
                };
            })"""
        )
        return lengths

    async def tab(self) -> "Phone":
        """Another tab of the same phone."""
        return Phone(self.site, await self.context.new_page(), self.context, self.scripted)


@asynccontextmanager
async def phone(
    browser: Browser,
    site: Site,
    *,
    language: str = "vi",
    scripted: bool = True,
    width: int = 360,
    height: int = 740,
    scale: int = 1,
) -> AsyncIterator[Phone]:
    """A fresh phone whose owner reads this language."""
    context = await browser.new_context(
        viewport={"width": width, "height": height},
        device_scale_factor=scale,
        locale={"vi": "vi-VN", "en": "en-GB"}[language],
        java_script_enabled=scripted,
        has_touch=True,
    )
    context.set_default_timeout(DEADLINE)
    try:
        yield Phone(site, await context.new_page(), context, scripted)
    finally:
        await context.close()
