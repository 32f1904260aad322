"""Days on which reckoning with days goes wrong, the rooms that do so, and a run of theirs with such a clock.

Debian's faketime moves the clock of a whole run: of the tests, the service within them and its PostgreSQL,
whose clock begins a few seconds later and is so much behind. Two things do not work under it, and their tests
stand in other rooms: `sipas serve`, and a thread that waits so long at most: `Event.wait(1)` waits for years.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

HERE = Path(__file__).parents[2]
FAKETIME = shutil.which("faketime")
ROOMS = (
    "demo",
    "devices",
    "exports",
    "jobs",
    "par",
    "periods",
    "retention",
    "rollups",
    "samples",
    "units",
    "visits",
)
LONGEST_SECONDS = 3600
VIETNAM, NEW_YORK = "Asia/Ho_Chi_Minh", "America/New_York"


class Moment(NamedTuple):
    """What a clock shows when a run begins, and the zone in which the machine's clocks show it."""

    shown: str
    zone: str = VIETNAM


NEW_YEAR = Moment("2028-01-01 00:05:00")
LEAP_DAY = Moment("2028-02-29 10:00:00")
SUNDAY_IN_TET = Moment("2028-01-30 10:00:00")
SHORT = (NEW_YEAR, LEAP_DAY, SUNDAY_IN_TET)
DAYS = (
    *SHORT,
    Moment("2027-11-30 00:05:00"),
    Moment("2027-02-06 23:00:00"),  # Tết
    Moment("2027-02-08 10:00:00", "UTC"),
    Moment("2027-02-11 08:00:00"),  # the first working day after Tết
    Moment("2027-03-14 01:55:00", NEW_YORK),  # a Sunday, and the machine's clock goes forward in five minutes
    Moment("2028-02-28 23:00:00"),
    Moment("2028-03-31 10:00:00", "UTC"),
    Moment("2029-11-30 10:00:00", NEW_YORK),
)
EVE = Moment("2028-12-31 23:59:30")
"""Each room by itself runs on from here past midnight, into another month and another year."""
CYCLE_YEARS = 28
"""After so many years each day is the same day of the week again, in this century."""


def ahead(moment: Moment) -> str:
    """What its clock shows; of a day that has passed, that of the same day a cycle of the calendar later.

    A signal that comes while libfaketime works sees the real time: were that later, PostgreSQL would take its
    time-outs for run out, and end a connection now and then.
    """
    shown = datetime.fromisoformat(moment.shown)
    while shown < datetime.now(ZoneInfo(moment.zone)).replace(tzinfo=None) + timedelta(days=1):
        shown = shown.replace(year=shown.year + CYCLE_YEARS)
    return str(shown)


def run_at(moment: Moment, paths: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """A run of these tests that began at this moment, and what it said."""
    assert FAKETIME is not None
    # this run's workers, settings and databases are none of that run's business
    ours = ("PYTEST_", "SIPAS_")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    pytest = [sys.executable, "-m", "pytest", "-q", "-n", "0", "--tb=short", "-p", "no:cacheprovider"]
    return subprocess.run(
        [FAKETIME, "-f", f"@{ahead(moment)}", *pytest, *paths],
        cwd=HERE,
        env={**inherited, "TZ": moment.zone},
        check=False,
        timeout=LONGEST_SECONDS,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
