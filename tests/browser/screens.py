"""Takes the pictures of `docs/screens` anew: `make screens`. Each citizen's screen at three sizes.

A real server, a real Chromium, Vietnamese first. Pictures are reduced to 64 colours: the screens have few,
and a repository keeps each version of each picture for good.
"""

import asyncio
import io
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from PIL import Image
from playwright.async_api import Browser, Page, async_playwright

from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.support.phone import ANSWERS, Phone
from tests.support.server import running
from tests.support.site import BRIEF, Site
from tests.support.tablet import Tablet

HERE = Path(__file__).parents[2] / "docs" / "screens"
SIZES = ((360, 740), (800, 1280), (1280, 800))
COLOURS = 64
CONTACT = {
    "phone": "0222 3000 000",
    "email": "motcua@bacninh.example",
    "url": "https://bacninh.example/gop-y",
}


async def take(page: Page, name: str) -> None:
    """The screen as it stands, at the size it has."""
    size = page.viewport_size
    assert size is not None
    await page.evaluate("() => document.activeElement?.blur()")
    await page.wait_for_timeout(400)  # what moves has come to rest
    picture = Image.open(io.BytesIO(await page.screenshot())).convert("RGB")
    path = HERE / f"{name}-{size['width']}.png"
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


@asynccontextmanager
async def window(browser: Browser, width: int, height: int) -> AsyncIterator[Page]:
    """A fresh browser of this size whose owner reads Vietnamese."""
    context = await browser.new_context(
        viewport={"width": width, "height": height}, locale="vi-VN", has_touch=True
    )
    try:
        yield await context.new_page()
    finally:
        await context.close()


async def link_screens(site: Site, browser: Browser, width: int, height: int) -> None:
    """What a citizen meets behind the code on a receipt."""
    async with window(browser, width, height) as page:
        code = await site.link()
        phone = Phone(site, page, page.context, scripted=True)
        await phone.open(code)
        await take(page, "link-questions")
        await phone.fill({"A1": 5, "B1": 4})
        await phone.send()
        await page.locator("#faults:not([hidden])").wait_for()
        await take(page, "link-faults")
        await phone.fill(ANSWERS)
        await page.context.set_offline(True)
        await phone.send()
        await page.locator("#kept:not([hidden])").wait_for()
        await take(page, "link-kept")
        await page.context.set_offline(False)
        await page.wait_for_url("**/thanks*")
        await take(page, "link-thanks")
        await phone.open(code)
        await take(page, "link-used")
        await page.add_init_script("IDBFactory.prototype.open = () => { throw new Error('refused'); };")
        await phone.open(await site.link())
        await phone.fill(ANSWERS)
        await page.context.set_offline(True)
        await phone.send()
        await page.locator("#kept:not([hidden])").wait_for()
        await take(page, "link-unkept")
        await page.context.set_offline(False)
        await page.wait_for_url("**/thanks*")
        await phone.open("00000000000000000000")
        await take(page, "link-unknown")


async def tablet_screens(site: Site, browser: Browser, width: int, height: int) -> None:
    """A tablet's day, from the pairing code to its revocation."""
    async with window(browser, width, height) as page:
        tablet = Tablet(site, page, site.url)
        await tablet.create(await site.unit())
        await tablet.open()
        await page.keyboard.type(tablet.code[:4])
        await take(page, "kiosk-pairing")
        await tablet.type_code(tablet.code[4:])
        await tablet.at("attract")
        await tablet.shell_kept()
        await take(page, "kiosk-attract")
        await tablet.begin()
        await take(page, "kiosk-language")
        await page.locator(".step button", has_text="Tiếng Việt").last.click()
        for number, value in enumerate((5, 4, 5, 4), 1):
            await tablet.give(number, value)
        await tablet.asked(5)
        await take(page, "kiosk-question")
        await tablet.give(5, None)
        await page.locator(".step-about").wait_for()
        await take(page, "kiosk-about")
        while not await page.locator(".step-comment").count():
            await page.locator("footer .actions button").last.click()
        await take(page, "kiosk-comment")
        await page.locator("footer .actions button").last.click()
        await tablet.at("thanks")
        await take(page, "kiosk-thanks")
        await tablet.at("attract")
        await tablet.open_status()
        await take(page, "kiosk-status")
        await page.locator(".status header button").click()
        await tablet.hold_corner()
        await take(page, "kiosk-pin")
        await site.post(f"/api/v1/devices/{tablet.device}/revoke", {})
        await page.reload()
        await tablet.beat()
        await page.locator(".screen.stopped").wait_for()
        await take(page, "kiosk-revoked")


async def idle_screen(site: Site, browser: Browser, width: int, height: int) -> None:
    """The countdown over a survey nobody finishes."""
    async with window(browser, width, height) as page:
        tablet = Tablet(site, page, site.url)
        await tablet.pair(await site.unit(), screens=["questions"], languages=["vi"], idle_seconds=5)
        await tablet.begin()
        await page.locator(".dialog").wait_for()
        await take(page, "kiosk-idle")


async def main() -> None:
    """All of it."""
    directory = Path(tempfile.mkdtemp(prefix="sipas-screens-"))
    directory.chmod(0o755)
    with running(directory / "data") as server:
        async with (
            httpx.AsyncClient(base_url=server.url, timeout=60, limits=BRIEF) as http,
            async_playwright() as playwright,
        ):
            site = await Site.furnish(server, http)
            await site.patch("/api/v1/units/24", {"contact": CONTACT})
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
            for size in SIZES:
                await link_screens(site, browser, *size)
                await tablet_screens(site, browser, *size)
                await idle_screen(site, browser, *size)
            await browser.close()
    shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    asyncio.run(main())
