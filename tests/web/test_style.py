"""What the stylesheet promises about colour, worked out as in WCAG 2.1; axe sees to the rest in a browser."""

import re

import pytest

from app.web.assets import Assets

STYLE = Assets.load().files["style.css"].plain.decode()
TOKENS = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", STYLE))
TEXT, GRAPHICS = 4.5, 3.0


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(TOKENS[one]), luminance(TOKENS[other])))
    return (high + 0.05) / (low + 0.05)


def test_black_on_white_is_21_to_1() -> None:
    assert round((luminance("#ffffff") + 0.05) / (luminance("#000000") + 0.05), 6) == 21


@pytest.mark.parametrize("number", range(1, 6))
def test_a_face_stands_out_from_its_own_ground_and_from_the_page(number: int) -> None:
    assert contrast(f"face-{number}", f"face-{number}-tint") >= GRAPHICS
    assert contrast(f"face-{number}", "paper") >= GRAPHICS


@pytest.mark.parametrize(
    ("text", "ground"),
    [
        ("ink", "paper"),
        ("ink", "ground"),
        ("soft", "paper"),
        ("soft", "ground"),
        ("paper", "brand"),
        ("brand", "paper"),
        ("brand-deep", "brand-tint"),
        ("alarm", "alarm-tint"),
        ("alarm", "paper"),
    ],
)
def test_letters_stand_out_from_their_ground(text: str, ground: str) -> None:
    assert contrast(text, ground) >= TEXT


@pytest.mark.parametrize(("line", "ground"), [("edge", "paper"), ("focus", "paper"), ("focus", "ground")])
def test_what_frames_a_field_or_shows_the_focus_is_seen(line: str, ground: str) -> None:
    assert contrast(line, ground) >= GRAPHICS
