"""What a citizen waits for: weight of the pages and time until they can be used, on a cheap phone on 3G.

A real Chromium with the screen of such a phone, its processor slowed to a quarter and its network to what
the browser's own developer tools call Slow and Fast 3G. The clock runs from the start of navigation until the
page is parsed, its modules have run, it has been painted, and the first thing to press is on the screen and
really the one that a finger would hit. Beside each page, in the same run, stands an empty answer of the same
server: what the network alone takes.

What crossed the wire is counted outside the browser, service workers included. Those are not slowed down by
the developer tools, so what they fetch (the kiosk's shell, for the next start) weighs but does not wait.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from statistics import median

import httpx
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from benchmarks import data
from benchmarks.ground import Ground
from benchmarks.report import Row, at_most
from benchmarks.wire import Wire, metered

PART = "pages"
CHROMIUM = shutil.which("chromium")
PROCESSOR_SLOWDOWN = 4
PROMISED_SECONDS = 2.0
PROMISED_BYTES = 60_000
_LONGEST = 60.0
_ASK_EVERY = 0.05
_SETTLED = 0.5
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
)

# A page is ready when a finger in the middle of the first thing to press would press it, two frames after the
# modules ran: by then it has been painted as well.
_WATCH = """
addEventListener("DOMContentLoaded", () => {
  const look = () => {
    const first = document.querySelector("SELECTOR");
    const target = first && (first.closest("label") ?? first);
    if (target) {
      target.scrollIntoView({block: "center"});
      const box = target.getBoundingClientRect();
      const hit = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
      if (hit && (target === hit || target.contains(hit))) {
        requestAnimationFrame(() => setTimeout(() => { globalThis.usableAfter = performance.now(); }));
        return;
      }
    }
    requestAnimationFrame(look);
  };
  look();
});
"""


@dataclass(frozen=True)
class Network:
    """A preset of the developer tools: milliseconds a request, bytes a second."""

    name: str
    latency: float
    down: float
    up: float


FAST = Network("Fast 3G", 562.5, 180_000, 84_375)
SLOW = Network("Slow 3G", 2000, 50_000, 50_000)


@dataclass(frozen=True)
class Visit:
    """A page to open: where it is and what is pressed first; `again`: opened once before, unmeasured.

    `promised`: whether people wait for it. A tablet's first visit is its installation, done once by an
    administrator, and for that information only.
    """

    name: str
    path: str
    first: str
    again: bool = False
    promised: bool = True
    promised_bytes: int | None = None


@dataclass(frozen=True)
class Opened:
    """One opening: seconds until usable, bytes received, requests."""

    seconds: float
    received: int
    requests: int


EMPTY = Visit("an empty answer", "/healthz", "body", promised=False)


async def run(ground: Ground, *, quick: bool) -> list[Row]:
    """Every page on both networks, the openings of each taken in turns."""
    if CHROMIUM is None:
        return [Row(PART, "weight and waiting of the citizen's pages", "skipped: no Chromium here")]
    turns = {FAST: 2, SLOW: 1} if quick else {FAST: 7, SLOW: 3}
    async with (
        ground.running("app", "serve", "--workers", "1") as server,
        metered(server.port) as wire,
        _browser() as browser,
    ):
        visits = await _visits(ground, server.port)
        slowed = f"Chromium {browser.version}, processor slowed {PROCESSOR_SLOWDOWN} times"
        rows = [Row(PART, "the phone", slowed)]
        for network, times in turns.items():
            opened: dict[str, list[Opened]] = {visit.name: [] for visit in visits}
            for _ in range(times):
                for visit in visits:
                    opened[visit.name].append(await _open(browser, wire, visit, network))
            rows += _told(visits, opened, network)
    return rows


def _told(visits: Sequence[Visit], opened: dict[str, list[Opened]], network: Network) -> list[Row]:
    empty = median(one.seconds for one in opened[EMPTY.name])
    rows: list[Row] = []
    for visit in visits:
        seconds = median(one.seconds for one in opened[visit.name])
        said = f"{seconds:.2f} s ({seconds / empty:.1f} x an empty answer)"
        what = f"{visit.name}, {network.name}: until usable"
        if network is FAST and visit.promised:
            rows.append(at_most(PART, what, seconds, PROMISED_SECONDS, said, " s"))
        else:
            rows.append(Row(PART, what, said))
        if network is FAST:
            rows.append(_weight(visit, opened[visit.name]))
    return rows


def _weight(visit: Visit, opened: Sequence[Opened]) -> Row:
    received = median(one.received for one in opened)
    requests = median(one.requests for one in opened)
    what, said = f"{visit.name}: over the wire", f"{received / 1000:.1f} kB, {requests:.0f} requests"
    if visit.promised_bytes is None:
        return Row(PART, what, said)
    return at_most(PART, what, received, visit.promised_bytes, said, " B")


async def _visits(ground: Ground, port: int) -> list[Visit]:
    """The pages to open; links are only looked at, so one of each questionnaire serves them all."""
    answer = "input[name^='a.']"
    visits = [EMPTY]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=_LONGEST) as partner:
        for questionnaire in ("quick-5", "service-22"):
            code = await _link(ground, partner, questionnaire, data.today())
            visits.append(
                Visit(f"/s/ with {questionnaire}", f"/s/{code}", answer, promised_bytes=PROMISED_BYTES)
            )
    visits.append(Visit("/kiosk, first visit", "/kiosk", "button", promised=False))
    visits.append(Visit("/kiosk, second visit", "/kiosk", "button", again=True))
    return visits


async def _link(ground: Ground, partner: httpx.AsyncClient, questionnaire: str, day: date) -> str:
    visit = {
        "dossier_code": f"pages {questionnaire}",
        "unit_code": ground.tablets[0].unit_code,
        "served_on": str(day),
        "questionnaire": questionnaire,
    }
    answer = await partner.post(
        "/api/v1/visits", json={"visits": [visit]}, headers={"authorization": ground.bearer}
    )
    answer.raise_for_status()
    code: str = answer.json()["items"][0]["link"]["code"]
    return code


@asynccontextmanager
async def _browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(_ARGUMENTS))
        try:
            yield browser
        finally:
            await browser.close()


async def _open(browser: Browser, wire: Wire, visit: Visit, network: Network) -> Opened:
    """Open the page in a browser that knows nothing yet (or has been there once), slowed down."""
    phone = await browser.new_context(
        viewport={"width": 360, "height": 740}, device_scale_factor=2, is_mobile=True, has_touch=True
    )
    try:
        address = f"http://127.0.0.1:{wire.port}{visit.path}"
        if visit.again:
            await _go(phone, address, visit, network)
            await _quiet(wire)
            for page in phone.pages:
                await page.close()
        wire.clear()
        seconds = await _go(phone, address, visit, network)
        await _quiet(wire)
        return Opened(seconds, wire.received, wire.requests)
    finally:
        await phone.close()


async def _go(phone: BrowserContext, address: str, visit: Visit, network: Network) -> float:
    """Seconds from the start of navigation until the page can be used."""
    page = await phone.new_page()
    await page.add_init_script(_WATCH.replace("SELECTOR", visit.first))
    tools = await phone.new_cdp_session(page)
    await tools.send("Network.enable")
    await tools.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": network.latency,
            "downloadThroughput": network.down,
            "uploadThroughput": network.up,
        },
    )
    await tools.send("Emulation.setCPUThrottlingRate", {"rate": PROCESSOR_SLOWDOWN})
    answer = await page.goto(address, wait_until="domcontentloaded", timeout=_LONGEST * 1000)
    if answer is None or answer.status != 200:
        raise RuntimeError(f"{address} answered {answer and answer.status}")
    return await _usable(page)


async def _usable(page: Page) -> float:
    async with asyncio.timeout(_LONGEST):
        while not (after := await page.evaluate("() => globalThis.usableAfter ?? 0")):  # noqa: ASYNC110  a page has no event
            await asyncio.sleep(_ASK_EVERY)
    return float(after) / 1000


async def _quiet(wire: Wire) -> None:
    """Wait until nothing has crossed the wire for a while: what a worker fetches on the side counts."""
    async with asyncio.timeout(_LONGEST):
        seen = -1
        while seen != wire.received:
            seen = wire.received
            await asyncio.sleep(_SETTLED)
