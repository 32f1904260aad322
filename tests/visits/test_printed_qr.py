import random

import pytest
import segno

from app.visits import qr
from app.visits.links import LinkCodes
from tests.support.printed import DOTS, as_printed, blurred, speckled, texts_on, torn

CODES = LinkCodes(b"a secret for tests of printing")
LONGEST = 140
"""Characters of BASE_URL that docs/integrate.md promises to be readable."""


def base(length: int) -> str:
    return f"https://{'danhgia.' * 20}"[: length - 3].rstrip(".").ljust(length - 3, "a") + ".vn"


def urls(base_url: str, number: int = 6) -> list[str]:
    chance = random.Random(len(base_url))
    return [
        f"{base_url}/s/{CODES.mint(chance.randrange(2**20), chance.randrange(2**35))}" for _ in range(number)
    ]


def quiet(url: str) -> float:
    """Dots of the quiet zone of a symbol on paper."""
    modules = segno.make(url, error="M", micro=False).symbol_size(border=qr.QUIET_ZONE)[0]
    return float(DOTS * qr.QUIET_ZONE / modules)


@pytest.mark.parametrize("length", [11, 24, 40, 60, 80, 100, 120, LONGEST])
def test_a_code_of_25_mm_reads_as_it_leaves_the_printer(length: int) -> None:
    assert len(base(length)) == length
    for url in urls(base(length)):
        assert texts_on(as_printed(qr.png(url, 8))) == [url]


@pytest.mark.parametrize("length", [11, 24, 60, LONGEST])
def test_it_reads_out_of_focus(length: int) -> None:
    for url in urls(base(length)):
        assert texts_on(blurred(as_printed(qr.png(url, 8)), 1.2)) == [url]


@pytest.mark.parametrize("length", [11, 24, 60, LONGEST])
def test_it_reads_from_dirty_paper_with_one_dot_in_fifty_wrong(length: int) -> None:
    for url in urls(base(length)):
        assert texts_on(blurred(speckled(as_printed(qr.png(url, 8)), 0.02), 1.2)) == [url]


@pytest.mark.parametrize("length", [11, 24, 60, LONGEST])
def test_it_reads_with_a_tenth_of_it_torn_off(length: int) -> None:
    for url in urls(base(length)):
        assert texts_on(torn(as_printed(qr.png(url, 8)), 0.10, quiet(url))) == [url]


@pytest.mark.parametrize("scale", [4, 5, 6, 10])
def test_the_scale_asked_for_makes_no_difference(scale: int) -> None:
    for url in urls("https://sipas.example.vn", 2):
        assert texts_on(as_printed(qr.png(url, scale))) == [url]


def test_the_reader_of_these_tests_can_fail() -> None:
    (url,) = urls("https://sipas.example.vn", 1)
    assert texts_on(torn(as_printed(qr.png(url, 8)), 0.6, quiet(url))) != [url]
