import time

import pytest

from app.core.rests import LONGEST_REST, STEADY_SECONDS, Rests


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, in our hands."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def rest(rests: Rests, clock: list[float], lived: float) -> float:
    """Start something that lives for some seconds; how long it then rests."""
    rests.born("web")
    clock[0] += lived
    died = clock[0]
    while not rests.over("web", 1):
        clock[0] += 0.5
    return clock[0] - died


def test_what_lived_long_is_started_again_at_once(clock: list[float]) -> None:
    rests = Rests()
    assert [rest(rests, clock, STEADY_SECONDS + 1) for _ in range(5)] == [0] * 5


def test_what_dies_at_once_each_time_rests_ever_longer_up_to_a_limit(clock: list[float]) -> None:
    rests = Rests()
    assert [rest(rests, clock, 0.125) for _ in range(8)] == [
        0,
        2,
        4,
        8,
        16,
        LONGEST_REST,
        LONGEST_REST,
        LONGEST_REST,
    ]


def test_a_long_life_makes_up_for_early_deaths(clock: list[float]) -> None:
    rests = Rests()
    assert [rest(rests, clock, lived) for lived in (0.125, 0.125, STEADY_SECONDS + 1, 0.125, 0.125)] == [
        0,
        2,
        0,
        0,
        2,
    ]
