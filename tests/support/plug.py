"""A browser with its profile on the disk, and its plug."""

import os
import signal
from contextlib import suppress
from pathlib import Path

import psutil
from playwright.async_api import BrowserContext
from playwright.async_api import Error as PlaywrightError

from tests.support.waiting import until


async def pull_the_plug(context: BrowserContext, profile: Path) -> None:
    """The browser ends without a chance to tidy up."""
    ours = [
        one for one in psutil.process_iter(["cmdline"]) if str(profile) in " ".join(one.info["cmdline"] or ())
    ]
    assert ours
    for process in ours:
        with suppress(ProcessLookupError):  # a child of one that has just ended
            os.kill(process.pid, signal.SIGKILL)
    await until(lambda: _running(ours), lambda found: found == [])
    with suppress(PlaywrightError):  # it may have heard already that there is nothing left to close
        await context.close()


async def _running(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still live; in a container nobody may bury the dead, and they stay as zombies."""
    found = []
    for one in processes:
        with suppress(psutil.NoSuchProcess):
            if one.status() != psutil.STATUS_ZOMBIE:
                found.append(one)
    return found
