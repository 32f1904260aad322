import io

import httpx
import pytest
from PIL import Image
from playwright.async_api import Browser, Page, Route

from tests.support.printed import texts_on
from tests.support.site import Site

DOTS_AN_INCH = 203
PIXELS_A_MM = 96 / 25.4
PRINTED_WIDTH, PRINTED_HEIGHT = 190, 277
"""Millimetres of A4 within its margins."""


async def printed(browser: Browser, answer: httpx.Response) -> tuple[Page, list[str]]:
    """The sheet as the printer gets it, under the headers it was sent with, and the browser's complaints."""
    context = await browser.new_context(
        viewport={"width": round(PRINTED_WIDTH * PIXELS_A_MM), "height": 600},
        device_scale_factor=DOTS_AN_INCH / 96,
    )
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))

    async def hand_over(route: Route) -> None:
        await route.fulfill(status=200, headers=dict(answer.headers), body=answer.content)

    address = str(answer.request.url)
    await page.route(address, hand_over)
    await page.emulate_media(media="print")
    await page.goto(address)
    return page, complaints


@pytest.mark.parametrize("columns", [1, 2, 3, 4])
async def test_every_code_of_a_sheet_reads_from_its_print(site: Site, browser: Browser, columns: int) -> None:
    codes = [await site.link() for _ in range(7)]
    answer = await site.http.post(
        "/api/v1/visits/receipts", json={"codes": codes, "columns": columns}, headers=site.admin
    )
    assert answer.status_code == 200, answer.text
    page, complaints = await printed(browser, answer)

    picture = Image.open(io.BytesIO(await page.screenshot(full_page=True))).convert("L")
    black_and_white = picture.point(lambda grey: 255 if grey > 127 else 0)
    assert sorted(texts_on(black_and_white)) == sorted(f"{site.url}/s/{code}" for code in codes)

    side = min([await drawn_side(page, number) for number in range(len(codes))])
    assert side >= 25, "the symbol without its margin, in millimetres"
    for row in await page.locator(".row").all():
        assert await row.evaluate("row => getComputedStyle(row).breakInside") == "avoid"
        box = await row.bounding_box()
        assert box is not None
        assert box["height"] / PIXELS_A_MM < PRINTED_HEIGHT / 2
    assert not await page.locator("header").is_visible()
    overflow = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert await page.evaluate(overflow) <= 0
    assert complaints == [], "the browser refused something of the page's own"
    await page.context.close()


async def drawn_side(page: Page, number: int) -> float:
    """Millimetres from the first to the last black module of a symbol."""
    box = await page.locator(".qr svg").nth(number).bounding_box()
    modules = await page.locator(".qr svg").nth(number).get_attribute("viewBox")
    assert box is not None
    assert modules is not None
    across = int(modules.split()[2])
    return float(box["width"] / PIXELS_A_MM * (across - 8) / across)


async def test_long_names_and_addresses_stay_within_their_receipt(site: Site, browser: Browser) -> None:
    name = "Trung tâm Phục vụ hành chính công đặc khu " + "x" * 60
    unit = {"code": "LONG", "name": name, "kind": "centre", "parent_code": "24"}
    await site.post("/api/v1/units", unit)
    codes = [await site.link(unit="LONG") for _ in range(4)]
    answer = await site.http.post(
        "/api/v1/visits/receipts", json={"codes": codes, "columns": 4}, headers=site.admin
    )
    page, _ = await printed(browser, answer)
    wider = "one => one.scrollWidth > one.clientWidth"
    assert not any([await one.evaluate(wider) for one in await page.locator(".receipt, .words").all()])
    await page.context.close()
