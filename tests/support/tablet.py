"""A tablet for browser tests: what an administrator sets up, and what citizens and staff do on it."""

from dataclasses import dataclass
from typing import Any

from playwright.async_api import Locator, Page

from tests.support.site import Site

PIN = "246813"
PATIENCE_MS = 60_000
QUESTIONS_ONLY: dict[str, Any] = {"screens": ["questions"], "languages": ["vi"]}
"""A configuration in which a citizen's way is as short as it can be."""


@dataclass
class Tablet:
    """A page at /kiosk and the device it is."""

    site: Site
    page: Page
    url: str
    unit: str = ""
    device: str = ""
    code: str = ""

    async def create(self, unit: str, **config: object) -> None:
        """An administrator adds the device; `code` is what is read out."""
        self.unit = unit
        made = await self.site.post("/api/v1/devices", {"unit_code": unit, "name": "Quầy 1", "pin": PIN})
        self.device, self.code = made["id"], made["pairing_code"]
        if config:
            await self.change(**config)

    async def change(self, **config: object) -> None:
        """An administrator changes the device."""
        path = f"/api/v1/devices/{self.device}"
        answer = await self.site.http.patch(path, json=config, headers=self.site.admin)
        assert answer.is_success, answer.text

    async def known(self) -> dict[str, Any]:
        """The device as staff see it."""
        answer = await self.site.http.get(f"/api/v1/devices/{self.device}", headers=self.site.admin)
        found: dict[str, Any] = answer.json()
        return found

    async def open(self) -> None:
        """Open the page and wait for its first screen."""
        self.page.set_default_timeout(PATIENCE_MS)
        await self.page.goto(f"{self.url}/kiosk")
        await self.page.wait_for_selector("#stage h1")

    async def type_code(self, code: str) -> None:
        """Type a pairing code with a finger."""
        for digit in code:
            await self.page.locator(".key", has_text=digit).click()
        await self.page.locator(".keys .go").click()

    async def pair(self, unit: str, **config: object) -> None:
        """From nothing to the attract screen, with the worker keeping the shell."""
        await self.create(unit, **config)
        await self.open()
        await self.type_code(self.code)
        await self.at("attract")
        await self.shell_kept()

    async def shell_kept(self) -> None:
        """Wait until the page is served by its worker."""
        await self.page.evaluate(
            """async () => {
                await navigator.serviceWorker.ready;
                const { serviceWorker } = navigator;
                if (!serviceWorker.controller) {
                    await new Promise((done) => serviceWorker.addEventListener("controllerchange", done));
                }
            }"""
        )

    async def at(self, screen: str) -> Locator:
        """Wait for a screen, by its class."""
        found = self.page.locator(f".screen.{screen}")
        await found.wait_for()
        return found

    async def asked(self, number: int) -> None:
        """Wait for a question, by its number."""
        await self.page.locator(".kicker", has_text=f"{number}/").wait_for()

    async def begin(self) -> None:
        """A citizen touches the attract screen."""
        await (await self.at("attract")).locator(".start").click()
        await self.at("step")

    async def give(self, number: int, value: int | None) -> None:
        """Answer a question: 1 to 5, or None for `not applicable`."""
        await self.asked(number)
        chosen = ".none" if value is None else f".opinion-{value}"
        await self.page.locator(chosen).click()

    async def respond(self, *values: int | None) -> None:
        """A citizen's whole way, where only questions are asked; ends at the next attract screen.

        The page's clock must be in our hands (`page.clock.install()`): nobody waits for the thanks to end.
        """
        await self.begin()
        for number, value in enumerate(values, 1):
            await self.give(number, value)
            await self.page.clock.fast_forward(400)
        await self.at("thanks")
        await self.page.clock.fast_forward(3100)
        await self.at("attract")

    async def beat(self) -> None:
        """What the browser says when the network is back: the page sends and beats at once."""
        await self.page.evaluate("() => { window.dispatchEvent(new Event('online')); }")

    async def open_status(self) -> None:
        """The long press in the corner (by keyboard), and the PIN."""
        await self.hold_corner()
        await self.page.keyboard.type(PIN)
        await self.page.keyboard.press("Enter")
        await self.at("status")

    async def hold_corner(self) -> None:
        """Hold the unit's name until the PIN is asked for."""
        await self.page.locator(".corner").focus()
        await self.page.keyboard.down("Enter")
        await self.page.locator(".typed").wait_for()
        await self.page.keyboard.up("Enter")

    async def row(self, name: str) -> str:
        """A value of the status page, by its name in Vietnamese."""
        rows = self.page.locator("dl > div").filter(has=self.page.locator("dt", has_text=name))
        return await rows.locator("dd").inner_text()

    async def kept(self, store: str) -> list[dict[str, Any]]:
        """What lies in the tablet's own database: "outbox" or "set_aside"."""
        found: list[dict[str, Any]] = await self.page.evaluate(
            """(store) => new Promise((resolve, reject) => {
                const opening = indexedDB.open("sipas");
                opening.onerror = () => reject(opening.error);
                opening.onsuccess = () => {
                    const all = opening.result.transaction(store).objectStore(store).getAll();
                    all.onsuccess = () => { opening.result.close(); resolve(all.result); };
                };
            })""",
            store,
        )
        return found
