from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.clock import read_day


@given(st.dates())
def test_every_day_reads_back(day: date) -> None:
    assert read_day(day.isoformat()) == day


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "20250701",
        "2025-W01-1",
        "2025-7-1",
        "2025-02-30",
        "0000-01-01",
        "2025-07-01T00:00",
        " 2025-07-01",
    ],
)
def test_other_texts_are_no_days(text: str) -> None:
    assert read_day(text) is None


def test_digits_of_other_scripts_are_no_days() -> None:
    assert read_day("٢٠٢٥-٠٧-٠١") is None


def test_a_line_break_at_the_end_is_noticed() -> None:
    assert read_day("2025-07-01\n") is None
