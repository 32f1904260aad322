"""A new release reaches a tablet between two citizens, whole, and never in the middle."""

import shutil
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser

from tests.support.server import free_port, start
from tests.support.site import BRIEF, Site
from tests.support.tablet import QUESTIONS_ONLY, Tablet
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
ELEVEN_MINUTES = 11 * 60_000
WAITS = "async () => Boolean((await navigator.serviceWorker.getRegistration('/kiosk')).waiting)"


@pytest.fixture
def tree() -> Iterator[Path]:
    """A copy of the program that a test may change, in a directory that its user may reach."""
    directory = Path(tempfile.mkdtemp(prefix="sipas-release-"))
    directory.chmod(0o755)
    for part in ("app", "migrations"):
        shutil.copytree(ROOT / part, directory / part, ignore=shutil.ignore_patterns("__pycache__"))
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


async def test_a_new_release_is_taken_between_two_citizens_and_loses_nothing(
    tree: Path, browser: Browser
) -> None:
    port = free_port()
    server = start(tree / "data", port=port, tree=tree)
    try:
        async with httpx.AsyncClient(base_url=server.url, timeout=60, limits=BRIEF) as http:
            site = await Site.furnish(server, http)
            unit = await site.unit()
            context = await browser.new_context(viewport={"width": 1280, "height": 800})
            page = await context.new_page()
            await page.clock.install()
            tablet = Tablet(site, page, server.url)
            await tablet.pair(unit, **QUESTIONS_ONLY, idle_seconds=3600)

            async def version() -> str | None:
                return await page.locator("#stage").get_attribute("data-version")

            old = await version()
            await tablet.begin()
            await tablet.give(1, 5)
            await page.clock.fast_forward(400)
            await tablet.asked(2)

            server.stop()
            with (tree / "app/web/static/style.css").open("a") as style:
                style.write("\n/* the next release */\n")
            server = start(tree / "data", port=port, tree=tree)
            await page.clock.fast_forward(ELEVEN_MINUTES)
            looks = count(1)

            async def waits() -> bool:
                if next(looks) in (100, 200, 300):  # a look that failed is made again after ten minutes
                    await page.clock.fast_forward(ELEVEN_MINUTES)
                found: bool = await page.evaluate(WAITS)
                return found

            await until(waits, bool)
            assert await version() == old
            for number in range(2, 6):
                await tablet.give(number, 4)
                await page.clock.fast_forward(400)
            await tablet.at("thanks")
            assert await version() == old
            await page.clock.fast_forward(3100)
            await until(version, lambda found: found not in (None, old))
            await tablet.at("attract")
            stored = await until(lambda: site.responses(unit), lambda found: len(found) == 1)
            assert stored[0]["answers"] == {"A1": 5, "B1": 4, "C1": 4, "D1": 4, "E1": 4}
            await tablet.shell_kept()
            kept = await page.evaluate("() => caches.keys()")
            assert kept == [f"sipas-kiosk-{await version()}"], "the old release is cleared away"
            await context.close()
    finally:
        server.stop()
