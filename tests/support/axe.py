"""axe-core on a page: every violation of WCAG 2.1 AA, in a line each."""

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

LEVEL = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa")
# Every rule is tried on everything; of what passes, one place a rule is told instead of hundreds.
OPTIONS = {"runOnly": {"type": "tag", "values": list(LEVEL)}, "resultTypes": ["violations"]}
LOADED = "() => typeof axe === 'object'"


async def violations(page: Page) -> list[str]:
    """What axe finds, with the first place of each."""
    # half a megabyte of script: once a page is enough
    axe = Axe(axe_script="0") if await page.evaluate(LOADED) else Axe()
    found = await axe.run(page, options=OPTIONS)
    assert found.response["passes"], "axe has looked at nothing"
    return [
        f"{one['id']}: {one['help']}: {one['nodes'][0]['html'][:200]} {one['nodes'][0]['failureSummary']}"
        for one in found.response["violations"]
    ]
