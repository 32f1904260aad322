import re
import xml.etree.ElementTree as ET

import png as pypng
import pytest
import segno

from app.visits import qr

URL = "https://hailong.bacninh.example/s/7H3KQ0ZV9XM2P4ABCDEF"
AWKWARD = "https://example.org/s/?a=1&b=<\"'>&c=Bắc Ninh"
SVG = "{http://www.w3.org/2000/svg}"


def modules(url: str) -> list[list[bool]]:
    """The symbol as segno computes it, quiet zone of four included: True is black."""
    matrix = segno.make(url, error="M", micro=False).matrix
    side = len(matrix) + 8
    edge = [[False] * side for _ in range(4)]
    return [*edge, *([False] * 4 + [bool(cell) for cell in row] + [False] * 4 for row in matrix), *edge]


def drawn(svg: bytes) -> list[list[bool]]:
    """Paint the SVG's one black path (runs of horizontal strokes, one module high) onto a grid."""
    root = ET.fromstring(svg)  # noqa: S314  our own output
    side = int(root.attrib["viewBox"].split()[2])
    grid = [[False] * side for _ in range(side)]
    black = next(path for path in root.iter(f"{SVG}path") if "stroke" in path.attrib)
    x = y = 0.0
    for command, numbers in re.findall(r"([Mmh])([-\d. ]+)", black.attrib["d"]):
        values = [float(number) for number in re.findall(r"-?[\d.]+", numbers)]
        if command == "M":
            x, y = values
        elif command == "m":
            x, y = x + values[0], y + values[1]
        else:
            for column in range(int(x), int(x + values[0])):
                grid[int(y)][column] = True
            x += values[0]
    return grid


def pixels(data: bytes) -> list[list[bool]]:
    _, _, rows, info = pypng.Reader(bytes=data).asRGB8()
    assert info["planes"] == 3
    picture = []
    for row in rows:
        triples = [tuple(row[start : start + 3]) for start in range(0, len(row), 3)]
        assert set(triples) <= {(0, 0, 0), (255, 255, 255)}
        picture.append([triple == (0, 0, 0) for triple in triples])
    return picture


@pytest.mark.parametrize("url", [URL, AWKWARD, "https://a.vn/s/" + "9" * 200])
def test_the_svg_draws_the_symbol_module_by_module(url: str) -> None:
    assert drawn(qr.svg(url)) == modules(url)


@pytest.mark.parametrize("url", [URL, AWKWARD, "https://a.vn/s/" + "9" * 200])
@pytest.mark.parametrize("scale", [1, 3, 8])
def test_the_png_draws_the_symbol_pixel_by_pixel(url: str, scale: int) -> None:
    expected = [[cell for cell in row for _ in range(scale)] for row in modules(url) for _ in range(scale)]
    assert pixels(qr.png(url, scale)) == expected


def test_the_largest_scale_is_as_large_as_promised() -> None:
    width, height, _, _ = pypng.Reader(bytes=qr.png(URL, 40)).read()
    assert width == height == 40 * len(modules(URL))


@pytest.mark.parametrize("scale", [0, -1, 41, 10_000])
def test_a_scale_outside_1_to_40_is_refused(scale: int) -> None:
    with pytest.raises(ValueError, match="scale must be from 1 to 40"):
        qr.png(URL, scale)


@pytest.mark.parametrize("url", ["", "https://a.vn/" + "x" * 3_000])
def test_a_text_no_code_can_hold_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        qr.svg(url)
    with pytest.raises(ValueError, match=r"\w"):
        qr.png(url, 4)


def test_the_error_level_is_at_least_m_and_the_symbol_is_no_micro_code() -> None:
    symbol = segno.make(URL, error="M", micro=False)
    assert symbol.error in {"M", "Q", "H"}
    assert not symbol.is_micro
    assert len(drawn(qr.svg(URL))) == symbol.symbol_size(border=4)[0]
    assert len(drawn(qr.svg("1"))) == 21 + 8  # a micro code would be smaller than 21 modules


@pytest.mark.parametrize("url", [URL, AWKWARD])
def test_the_svg_is_titled_in_both_languages(url: str) -> None:
    root = ET.fromstring(qr.svg(url))  # noqa: S314  our own output
    assert root.findtext(f"{SVG}title") == f"Mã QR / QR code: {url}"


def test_the_svg_can_stand_inside_a_page() -> None:
    picture = qr.svg(URL)
    assert picture.startswith(b"<svg ")
    assert picture.endswith(b"</svg>")
    assert b"<?xml" not in picture
    root = ET.fromstring(picture)  # noqa: S314  our own output
    assert "viewBox" in root.attrib
    assert "width" not in root.attrib


def test_black_stands_on_white_whatever_the_page() -> None:
    root = ET.fromstring(qr.svg(URL))  # noqa: S314  our own output
    background, symbol = root.iter(f"{SVG}path")
    assert background.attrib["fill"] == "#fff"
    assert symbol.attrib["stroke"] == "#000"


def test_the_same_url_gives_the_same_bytes() -> None:
    assert qr.svg(URL) == qr.svg(URL)
    assert qr.png(URL, 5) == qr.png(URL, 5)
