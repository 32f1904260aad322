"""A real browser against a real server. Without a Chromium on the machine these tests are skipped.

One server serves them all: starting one takes seconds, and a link or a device is a world of its own.
"""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, async_playwright

from tests.support.server import Server, running
from tests.support.site import BRIEF, Site

CHROMIUM = shutil.which("chromium")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder, and skip it where there is no browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason="no Chromium on this machine"))


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """`sipas serve` with an embedded database of its own, in a directory that its user may reach."""
    directory = Path(tempfile.mkdtemp(prefix="sipas-browser-"))
    directory.chmod(0o755)
    with running(directory / "data") as server:
        yield server
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
async def site(server: Server) -> AsyncIterator[Site]:
    """The service with two units and a procedure, and calls to make visits and read what was stored."""
    async with httpx.AsyncClient(base_url=server.url, timeout=60, limits=BRIEF) as http:
        yield await Site.furnish(server, http)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium; each test opens contexts of its own."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield browser
        await browser.close()
