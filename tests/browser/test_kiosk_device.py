"""What administrators and staff do with a tablet: configure, revoke, look at its status, take it away."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, Request, Route, expect

from tests.support.site import Site
from tests.support.tablet import PIN, QUESTIONS_ONLY, Tablet
from tests.support.visits import day
from tests.support.waiting import until
from tests.support.wire import Wire, wired

AHEAD = 6
"""Seconds by which a tablet's clock is ahead here at most: its time is made to pass as a citizen answers."""


@pytest.fixture
async def wire(site: Site) -> AsyncIterator[Wire]:
    """The tablet's network."""
    async with wired(site.url) as wire:
        yield wire


@pytest.fixture
async def tablet(site: Site, browser: Browser, wire: Wire) -> AsyncIterator[Tablet]:
    """A tablet whose clock and network are in our hands."""
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    page = await context.new_page()
    await page.clock.install()
    yield Tablet(site, page, wire.url)
    await context.close()


async def test_a_new_configuration_is_taken_over_at_the_next_heartbeat_and_not_in_the_middle(
    tablet: Tablet, site: Site
) -> None:
    await tablet.pair(await site.unit(), **QUESTIONS_ONLY)
    page = tablet.page
    await tablet.begin()
    await tablet.asked(1)
    await tablet.change(languages=["en"], screens=["comment", "questions"], idle_seconds=10)
    async with page.expect_response("**/api/v1/device/config"):
        await page.clock.fast_forward(20_000)
        await tablet.beat()
    await tablet.give(1, 4)
    await page.clock.fast_forward(400)
    await tablet.asked(2)  # this citizen's survey is the one that was begun
    await page.clock.fast_forward(30_100)
    for _ in range(10):
        await page.clock.fast_forward(1000)
    await expect(page.get_by_role("heading")).to_have_text("How was your visit today?")
    await tablet.begin()
    await expect(page.get_by_role("heading")).to_contain_text("anything you would like to add")


async def test_a_heartbeat_goes_out_every_minute_and_says_how_the_tablet_is(
    tablet: Tablet, site: Site, wire: Wire
) -> None:
    await tablet.pair(await site.unit(), **QUESTIONS_ONLY)
    page = tablet.page
    await wire.cut()
    await tablet.respond(5, 5, 5, 5, 5)
    await page.route("**/responses/batch", lambda route: route.abort())
    await wire.mend()
    sent: list[Any] = []

    def note(request: Request) -> None:
        if "heartbeat" in request.url:
            sent.append(request.post_data_json)

    page.on("request", note)
    for minute in range(1, 4):
        await page.clock.fast_forward(60_500)
        await until(lambda: _number_of(sent), minute.__le__)
        await page.wait_for_timeout(200)
    assert sent[-1]["queue_length"] == 1
    assert (sent[-1]["set_aside"], sent[-1]["storage"], sent[-1]["last_problem"]) == (0, "ok", None)
    known = await until(tablet.known, lambda found: found["queue_length"] == 1)
    assert known["app_version"] == await page.locator("#stage").get_attribute("data-version")


async def _number_of(things: list[Any]) -> int:
    return len(things)


async def test_a_revoked_tablet_says_so_stops_and_keeps_what_it_holds(
    tablet: Tablet, site: Site, wire: Wire
) -> None:
    unit = await site.unit()
    await tablet.pair(unit, **QUESTIONS_ONLY)
    await wire.cut()
    await tablet.respond(5, 5, 5, 5, 5)
    await site.post(f"/api/v1/devices/{tablet.device}/revoke", {})
    await wire.mend()
    await tablet.beat()
    stopped = await tablet.at("stopped")
    await expect(stopped).to_contain_text("đã ngừng dùng")
    await expect(stopped).to_contain_text("1 phản hồi được giữ lại")
    assert len(await tablet.kept("outbox")) == 1
    assert await site.responses(unit) == []
    await wire.cut()
    await tablet.open()  # without network, after a restart
    await tablet.at("stopped")


async def test_a_tablet_whose_place_was_taken_by_another_asks_to_be_paired_again(
    tablet: Tablet, site: Site
) -> None:
    await tablet.pair(await site.unit(), **QUESTIONS_ONLY)
    code = (await site.post(f"/api/v1/devices/{tablet.device}/pairing-code", {}))["pairing_code"]
    await site.post("/api/v1/devices/pair", {"pairing_code": code})
    await until(lambda: _stopped_after_beat(tablet), lambda found: found)
    await expect(await tablet.at("stopped")).to_contain_text("Cần ghép nối lại")
    code = (await site.post(f"/api/v1/devices/{tablet.device}/pairing-code", {}))["pairing_code"]
    await tablet.page.get_by_role("button", name="Thử lại").click()
    await tablet.at("pairing")
    await tablet.type_code(code)
    await tablet.at("attract")


async def _stopped_after_beat(tablet: Tablet) -> bool:
    """Other processes of the service hear of a new pairing within seconds, not at once."""
    await tablet.beat()
    return await tablet.page.locator(".screen.stopped").count() == 1


async def test_the_pin_opens_the_status_page_and_wrong_ones_make_one_wait(tablet: Tablet, site: Site) -> None:
    await tablet.pair(await site.unit(), **QUESTIONS_ONLY)
    page = tablet.page
    await tablet.hold_corner()
    for _ in range(2):
        await page.keyboard.type("99999999")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_have_text("Mã PIN không đúng.")
        await expect(page.locator(".digit.filled")).to_have_count(0)
    await page.keyboard.type("99999999")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("Thử lại sau")
    await page.keyboard.type(PIN)
    await expect(page.locator(".digit.filled")).to_have_count(0)
    await tablet.open()  # a restart does not shorten the wait
    await tablet.hold_corner()
    await expect(page.get_by_role("alert")).to_contain_text("Thử lại sau")
    for _ in range(6):
        await page.clock.fast_forward(1000)
    await expect(page.get_by_role("alert")).to_have_text("")
    await page.keyboard.type(PIN)
    await page.keyboard.press("Enter")
    await tablet.at("status")
    assert await tablet.row("Tên thiết bị") == "Quầy 1"
    assert await tablet.row("Mạng") == "có kết nối"
    assert "giây so với máy chủ" in await tablet.row("Đồng hồ lệch")
    assert await tablet.row("Bộ nhớ") == "tốt"


async def test_a_short_press_on_the_corner_opens_nothing(tablet: Tablet, site: Site) -> None:
    await tablet.pair(await site.unit())
    await tablet.page.locator(".corner").click()
    await tablet.page.clock.fast_forward(5000)
    await expect(tablet.page.locator(".screen.attract")).to_have_count(1)


async def test_a_long_press_with_a_finger_opens_the_pin(tablet: Tablet, site: Site) -> None:
    await tablet.pair(await site.unit())
    await tablet.page.locator(".corner").hover()
    await tablet.page.mouse.down()
    await tablet.page.clock.fast_forward(3100)
    await expect(tablet.page.get_by_role("heading")).to_have_text("Dành cho nhân viên")


async def test_unpairing_warns_and_what_waited_is_sent_after_pairing_with_the_same_unit(
    tablet: Tablet, site: Site, wire: Wire
) -> None:
    unit = await site.unit()
    await tablet.pair(unit, **QUESTIONS_ONLY)
    page = tablet.page
    await wire.cut()
    await tablet.respond(1, 1, 1, 1, 1)
    await tablet.open_status()
    await page.get_by_role("button", name="Huỷ ghép nối").click()
    await expect(page.get_by_role("dialog")).to_contain_text("Còn 1 phản hồi chưa gửi")
    await page.get_by_role("dialog").get_by_role("button", name="Huỷ ghép nối").click()
    await expect(await tablet.at("pairing")).to_contain_text("Còn 1 phản hồi chưa gửi")
    await wire.mend()
    await tablet.create(unit, **QUESTIONS_ONLY)
    await tablet.type_code(tablet.code)
    await tablet.at("attract")
    await until(lambda: site.responses(unit), lambda found: len(found) == 1)


async def respond_and_unpair(tablet: Tablet, wire: Wire) -> None:
    """A citizen answers without network; the staff takes the tablet away with that in it."""
    await wire.cut()
    await tablet.respond(1, 1, 1, 1, 1)
    await tablet.open_status()
    await tablet.page.get_by_role("button", name="Huỷ ghép nối").click()
    await tablet.page.get_by_role("dialog").get_by_role("button", name="Huỷ ghép nối").click()
    await tablet.at("pairing")
    await wire.mend()


async def test_what_waited_for_one_unit_never_reaches_another(tablet: Tablet, site: Site, wire: Wire) -> None:
    unit, other = await site.unit(), await site.unit()
    await tablet.pair(unit, **QUESTIONS_ONLY)
    await respond_and_unpair(tablet, wire)
    await tablet.create(other, **QUESTIONS_ONLY)
    await tablet.type_code(tablet.code)
    await tablet.at("attract")
    aside = await until(lambda: tablet.kept("set_aside"), lambda found: len(found) == 1)
    assert (aside[0]["problem"], aside[0]["unit"]) == ("other_unit", unit)
    assert await site.responses(other) == []
    await tablet.beat()
    known = await until(tablet.known, lambda found: found["set_aside"] == 1)
    assert known["last_problem"] == "other_unit"


@pytest.mark.parametrize("leads", ["away", "here"])
async def test_what_was_given_to_another_device_does_not_follow_the_way_of_this_one(
    tablet: Tablet, site: Site, wire: Wire, leads: str
) -> None:
    """Paired anew as a device that once stood where this tablet was, or that came there after the citizen."""
    unit, other = await site.unit(), await site.unit()
    before, after = (unit, other) if leads == "away" else (other, unit)
    second = Tablet(site, tablet.page, tablet.url)
    await second.create(before, **QUESTIONS_ONLY)
    if leads == "away":
        await second.change(unit_code=after)
    await tablet.pair(unit, **QUESTIONS_ONLY)
    await respond_and_unpair(tablet, wire)
    if leads == "here":
        await asyncio.sleep(AHEAD)
        await second.change(unit_code=after)
    await second.type_code(second.code)
    await second.at("attract")
    aside = await until(lambda: second.kept("set_aside"), lambda found: len(found) == 1)
    assert (aside[0]["problem"], aside[0]["unit"], aside[0]["device"]) == ("other_unit", unit, tablet.device)
    assert await site.responses(unit) == await site.responses(other) == []
    await second.open_status()
    await second.page.get_by_role("button", name="Gửi lại những phản hồi này").click()
    await until(lambda: second.kept("outbox"), lambda found: found == [])
    assert [one["device"] for one in await second.kept("set_aside")] == [tablet.device]


async def test_what_waited_while_the_unit_was_renumbered_and_the_tablet_moved_is_sent(
    tablet: Tablet, site: Site, wire: Wire
) -> None:
    unit, other = await site.unit(), await site.unit()
    await tablet.pair(unit, **QUESTIONS_ONLY)
    await wire.cut()
    await tablet.respond(1, 1, 1, 1, 1)
    change = {"kind": "rename", "from": [unit], "to": [{"code": f"H{unit}"}]}
    await site.post(
        "/api/v1/units/reorganisations", {"effective_on": day(), "decision": unit, "changes": [change]}
    )
    await tablet.change(unit_code=other)

    async def held_up(route: Route, _: Request) -> None:
        await route.abort()

    batches = "**/api/v1/responses/batch"
    await tablet.page.route(batches, held_up)  # it hears of its new unit before anything is sent
    await wire.mend()
    async with tablet.page.expect_response("**/api/v1/device/config"):
        await tablet.beat()
    await expect(tablet.page.locator(".corner")).to_contain_text(other)
    await tablet.page.unroute(batches)
    await tablet.beat()
    await until(lambda: site.responses(f"H{unit}"), lambda found: len(found) == 1)
    assert await site.responses(other) == []
    assert await tablet.kept("set_aside") == []


async def test_a_poisoned_response_is_set_aside_and_the_others_go_on(
    tablet: Tablet, site: Site, wire: Wire
) -> None:
    unit = await site.unit()
    await tablet.pair(unit, **QUESTIONS_ONLY)
    page = tablet.page
    await wire.cut()
    for value in range(1, 6):
        await tablet.respond(value, value, value, value, value)
    await poison(tablet)
    await wire.mend()
    await tablet.beat()
    await until(lambda: site.responses(unit), lambda found: len(found) == 4)
    await until(lambda: tablet.kept("outbox"), lambda found: found == [])
    aside = await tablet.kept("set_aside")
    assert [one["problem"] for one in aside] == ["invalid_request"]
    await tablet.beat()
    known = await until(tablet.known, lambda found: found["set_aside"] == 1)
    assert known["last_problem"] == "invalid_request"
    await tablet.open_status()
    await expect(page.locator(".aside")).to_contain_text("invalid_request")
    assert await tablet.row("Phản hồi để riêng") == "1"


async def test_a_batch_refused_as_a_whole_is_halved_until_the_poisoned_one_is_found(
    tablet: Tablet, site: Site, wire: Wire
) -> None:
    unit = await site.unit()
    await tablet.pair(unit, **QUESTIONS_ONLY)
    await wire.cut()
    for value in range(1, 6):
        await tablet.respond(value, value, value, value, value)
    poisoned = sorted(one["id"] for one in await tablet.kept("outbox"))[2]

    async def chokes(route: Route) -> None:
        """As a proxy that takes offence at something in the body."""
        if poisoned in (route.request.post_data or ""):
            await route.fulfill(status=413, body="too large")
        else:
            await route.continue_()

    await tablet.page.route("**/responses/batch", chokes)
    await wire.mend()
    await tablet.beat()
    await until(lambda: site.responses(unit), lambda found: len(found) == 4)
    aside = await until(lambda: tablet.kept("set_aside"), lambda found: len(found) == 1)
    assert (aside[0]["id"], aside[0]["problem"]) == (poisoned, "body_too_large")
    await tablet.page.unroute("**/responses/batch")
    await tablet.open_status()
    await tablet.page.get_by_role("button", name="Gửi lại những phản hồi này").click()
    await until(lambda: site.responses(unit), lambda found: len(found) == 5)


async def poison(tablet: Tablet) -> None:
    """Spoil one waiting response, as a fault of the disk or of an older page might have."""
    await tablet.page.evaluate(
        """() => new Promise((resolve) => {
            const opening = indexedDB.open("sipas");
            opening.onsuccess = () => {
                const transaction = opening.result.transaction("outbox", "readwrite");
                const all = transaction.objectStore("outbox").getAll();
                all.onsuccess = () => {
                    const item = all.result[1];
                    item.body.answers = { A1: 9 };
                    transaction.objectStore("outbox").put(item);
                };
                transaction.oncomplete = () => { opening.result.close(); resolve(); };
            };
        })"""
    )


async def test_a_busy_service_is_asked_again_when_it_said_and_not_before(tablet: Tablet, site: Site) -> None:
    unit = await site.unit()
    await tablet.pair(unit, **QUESTIONS_ONLY)
    page = tablet.page
    tries = []

    async def busy(route: Route) -> None:
        tries.append(1)
        await route.fulfill(status=503, headers={"Retry-After": "120"}, json={"code": "unavailable"})

    await page.route("**/responses/batch", busy, times=1)
    await tablet.respond(5, 5, 5, 5, 5)
    await until(lambda: _number_of(tries), lambda found: found == 1)
    await page.wait_for_timeout(500)
    await tablet.beat()
    await page.clock.fast_forward(60_000)
    await page.wait_for_timeout(500)
    assert len(await tablet.kept("outbox")) == 1
    await page.clock.fast_forward(65_000)
    await until(lambda: site.responses(unit), lambda found: len(found) == 1)


# The browser remembers for half a minute how much room there was, but asks anew when that is used up: on a
# disk small from the start, room is used up soon.
SMALL_DISK = 8_000_000
FILLS_UP = """() => new Promise((resolve) => {
    const opening = indexedDB.open("filler");
    opening.onupgradeneeded = () => opening.result.createObjectStore("filler", { autoIncrement: true });
    opening.onerror = () => resolve(opening.error.name);
    opening.onsuccess = () => {
        const end = (result) => { opening.result.close(); resolve(result); };
        const put = (size) => {
            const transaction = opening.result.transaction("filler", "readwrite");
            transaction.objectStore("filler").put("x".repeat(size));
            transaction.oncomplete = () => put(size);
            transaction.onabort = () => (size > 1 ? put(size >> 1) : end(transaction.error.name));
        };
        put(1 << 20);
    };
})"""


async def test_a_full_disk_is_said_on_the_screen_and_in_the_heartbeat_and_loses_nothing(
    tablet: Tablet, site: Site, wire: Wire
) -> None:
    unit = await site.unit()
    page = tablet.page
    session = await page.context.new_cdp_session(page)
    await session.send("Storage.overrideQuotaForOrigin", {"origin": wire.url, "quotaSize": SMALL_DISK})
    await tablet.pair(unit, **QUESTIONS_ONLY)
    await session.send("Storage.overrideQuotaForOrigin", {"origin": wire.url, "quotaSize": 1})
    await until(lambda: page.evaluate(FILLS_UP), lambda found: found == "QuotaExceededError")
    await wire.cut()
    await tablet.respond(2, 2, 2, 2, 2)
    await expect(page.locator("#notice")).to_contain_text("bộ nhớ máy đã đầy")
    assert await tablet.kept("outbox") == []
    await wire.mend()
    await tablet.beat()
    await until(lambda: site.responses(unit), lambda found: len(found) == 1)

    async def told() -> tuple[object, object]:
        await tablet.beat()
        known = await tablet.known()
        return known["storage"], known["queue_length"]

    await until(told, lambda found: found == ("full", 0))
    await session.send("Storage.overrideQuotaForOrigin", {"origin": wire.url})
    await until(told, lambda found: found == ("ok", 0))
    await expect(page.locator("#notice")).to_be_hidden()
