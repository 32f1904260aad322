"""On whatever day it is run, the suite says the same.

Three days and the files that reckon most with today's date belong to every run. `make dates`, that is
SIPAS_DATES=all, takes every day and whole rooms, and each room by itself past midnight.
"""

import os
from collections.abc import Sequence

import pytest

from tests.support.dates import DAYS, EVE, FAKETIME, ROOMS, SHORT, Moment, run_at

FILES = (
    "demo/test_fill.py::test_the_index_says_exactly_what_was_told",
    "devices/test_moving.py",
    "devices/test_routes.py::test_how_far_a_clock_is_off_is_kept",
    "exports/test_orders.py::test_a_file_past_its_days_is_gone_and_its_record_stays",
    "jobs/test_neighbours.py",
    "par/test_external.py",
    "periods/test_periods.py",
    "retention",
    "rollups/test_moments.py",
    "rollups/test_spans.py",
    "samples/test_drawing.py",
    "units/test_codes_of_before.py",
    "units/test_reorganise_ahead.py",
    "units/test_taking_back.py",
    "visits/test_follow.py",
    "visits/test_register.py",
    "visits/test_settle.py",
)
RUNS: Sequence[tuple[Moment, Sequence[str]]] = [(day, FILES) for day in SHORT]
if os.environ.get("SIPAS_DATES") == "all":
    RUNS = [(EVE, [room]) for room in ROOMS] + [(day, ROOMS) for day in DAYS]


@pytest.mark.skipif(FAKETIME is None, reason="faketime is not on this machine: the clock cannot be set")
@pytest.mark.parametrize(("moment", "below"), RUNS)
def test_what_reckons_with_days_passes_on_any(moment: Moment, below: Sequence[str]) -> None:
    done = run_at(moment, [f"tests/{one}" for one in below])
    assert done.returncode == 0, f"{moment}\n{done.stdout}"
