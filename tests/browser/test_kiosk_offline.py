"""All day without network: nothing is lost, nothing is counted twice, and the tablet starts anywhere."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import (
    BrowserContext,
    Page,
    Playwright,
    Request,
    Route,
    async_playwright,
    expect,
)

from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.support.plug import pull_the_plug
from tests.support.site import Site
from tests.support.tablet import QUESTIONS_ONLY, Tablet
from tests.support.waiting import until
from tests.support.wire import Wire, wired

CUT_AFTER, KILLED_AFTER, MENDED_AFTER, CITIZENS = 10, 25, 40, 50


@pytest.fixture(scope="module")
async def playwright() -> AsyncIterator[Playwright]:
    """For browsers that keep their profile: the shared one forgets everything."""
    async with async_playwright() as started:
        yield started


@pytest.fixture
async def wire(site: Site) -> AsyncIterator[Wire]:
    """The tablet's network."""
    async with wired(site.url) as wire:
        yield wire


async def launch(playwright: Playwright, profile: Path) -> tuple[BrowserContext, Page]:
    """The tablet is switched on: a browser with its profile on the disk."""
    context = await playwright.chromium.launch_persistent_context(
        str(profile), executable_path=CHROMIUM, args=list(ARGUMENTS), viewport={"width": 1280, "height": 800}
    )
    return context, context.pages[0]


def answers(citizen: int) -> tuple[int, int, int, int, int | None]:
    """What a citizen says: told apart by it."""
    return 1 + citizen % 5, 1 + citizen // 5 % 5, 1 + citizen // 25 % 5, 3, None


async def test_fifty_citizens_a_cut_network_and_a_killed_browser_make_exactly_fifty_responses(
    site: Site, wire: Wire, playwright: Playwright, tmp_path: Path
) -> None:
    unit = await site.unit()
    context, page = await launch(playwright, tmp_path)
    tablet = Tablet(site, page, wire.url)
    await page.clock.install()
    await tablet.pair(unit, **QUESTIONS_ONLY)
    for citizen in range(CITIZENS):
        await tablet.respond(*answers(citizen))
        if citizen + 1 == CUT_AFTER:
            await until(lambda: tablet.kept("outbox"), lambda found: found == [])
            await wire.cut()
        if citizen + 1 == KILLED_AFTER:
            assert len(await tablet.kept("outbox")) == KILLED_AFTER - CUT_AFTER
            await pull_the_plug(context, tmp_path)
            context, page = await launch(playwright, tmp_path)
            tablet.page = page
            await page.clock.install()
            await tablet.open()
            await tablet.at("attract")
        if citizen + 1 == MENDED_AFTER:
            assert len(await tablet.kept("outbox")) == MENDED_AFTER - CUT_AFTER
            await wire.mend()
    await tablet.beat()
    await until(lambda: tablet.kept("outbox"), lambda found: found == [])
    stored = await site.responses(unit)
    assert sorted(tuple(one["answers"].values()) for one in stored if one["answers"]["E1"] is None) == sorted(
        answers(citizen) for citizen in range(CITIZENS)
    )
    assert await tablet.kept("set_aside") == []
    await context.close()


async def test_an_answer_lost_on_its_way_back_is_sent_again_and_counted_once(
    site: Site, wire: Wire, playwright: Playwright, tmp_path: Path
) -> None:
    unit = await site.unit()
    context, page = await launch(playwright, tmp_path)
    tablet = Tablet(site, page, wire.url)
    await page.clock.install()
    await tablet.pair(unit, **QUESTIONS_ONLY)

    lost = []

    async def arrives_but_is_not_answered(route: Route) -> None:
        """The service stores the batch; its answer never reaches the tablet."""
        lost.append((await route.fetch()).status)
        await route.abort("connectionreset")

    await page.route("**/api/v1/responses/batch", arrives_but_is_not_answered, times=1)
    await tablet.respond(5, 5, 5, 5, 5)
    await until(lambda: site.responses(unit), lambda found: len(found) == 1)
    await until(lambda: tablet.kept("outbox"), lambda found: found == [])
    assert lost == [200]
    assert len(await site.responses(unit)) == 1
    assert await tablet.kept("set_aside") == []
    await context.close()


async def test_a_tablet_starts_and_asks_without_network_after_a_restart(
    site: Site, wire: Wire, playwright: Playwright, tmp_path: Path
) -> None:
    unit = await site.unit()
    context, page = await launch(playwright, tmp_path)
    tablet = Tablet(site, page, wire.url)
    await tablet.pair(unit, **QUESTIONS_ONLY)
    await context.close()
    await wire.cut()
    context, page = await launch(playwright, tmp_path)
    tablet.page = page
    await page.clock.install()
    await tablet.open()
    await expect(page.locator(".corner")).to_contain_text(f"Phường {unit}")
    await tablet.respond(4, 4, 4, 4, None)
    assert len(await tablet.kept("outbox")) == 1
    await tablet.open_status()
    assert await tablet.row("Phản hồi chờ gửi") == "1"
    assert await tablet.row("Mạng") == "không kết nối được máy chủ"
    await context.close()


async def test_the_worker_keeps_the_shell_and_nothing_of_the_api(
    site: Site, wire: Wire, playwright: Playwright, tmp_path: Path
) -> None:
    context, page = await launch(playwright, tmp_path)
    tablet = Tablet(site, page, wire.url)
    await tablet.pair(await site.unit())
    kept = await page.evaluate(
        """async () => {
            const paths = [];
            for (const name of await caches.keys()) {
                const cache = await caches.open(name);
                for (const { url } of await cache.keys()) paths.push(new URL(url).pathname);
            }
            return paths;
        }"""
    )
    assert "/kiosk" in kept
    assert [path for path in kept if not path.startswith(("/kiosk", "/static/"))] == []
    await context.close()


async def test_of_two_windows_one_sends_what_both_have_asked(
    site: Site, wire: Wire, playwright: Playwright, tmp_path: Path
) -> None:
    unit = await site.unit()
    context, page = await launch(playwright, tmp_path)
    first = Tablet(site, page, wire.url)
    await first.pair(unit, **QUESTIONS_ONLY)
    second = Tablet(site, await context.new_page(), wire.url)
    await second.page.clock.install()
    senders: list[str] = []

    def listen(name: str, page: Page) -> None:
        def note(request: Request) -> None:
            if "/responses/batch" in request.url:
                senders.append(name)

        page.on("request", note)

    listen("first", first.page)
    listen("second", second.page)
    await second.open()
    await second.respond(3, 3, 3, 3, 3)
    await until(lambda: site.responses(unit), lambda found: len(found) == 1)
    assert set(senders) == {"first"}
    await page.close()  # the other one takes over
    await second.respond(2, 2, 2, 2, 2)
    await until(lambda: site.responses(unit), lambda found: len(found) == 2)
    await context.close()


async def test_the_tablet_comes_back_by_itself_when_the_browser_never_hears_of_the_network(
    site: Site, wire: Wire, playwright: Playwright, tmp_path: Path
) -> None:
    unit = await site.unit()
    context, page = await launch(playwright, tmp_path)
    tablet = Tablet(site, page, wire.url)
    await page.clock.install()
    await tablet.pair(unit, **QUESTIONS_ONLY)
    await wire.cut()
    await tablet.respond(1, 2, 3, 4, 5)
    await wire.mend()
    started = time.monotonic()
    while await tablet.kept("outbox"):
        await page.clock.fast_forward(61_000)  # a heartbeat or the sender's own patience finds the way
        assert time.monotonic() - started < 90
    assert len(await site.responses(unit)) == 1
    await context.close()
