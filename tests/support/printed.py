"""Reading back what was printed: a QR code as a receipt printer of 203 dpi leaves it and a camera sees it."""

import io
import random

import zxingcpp
from PIL import Image, ImageFilter

DOTS = 200
"""25 mm at 203 dots an inch."""
MARGIN = 40


def as_printed(png: bytes, dots: int = DOTS) -> Image.Image:
    """The picture, quiet zone included, squeezed into so many dots, each of them black or white."""
    picture = Image.open(io.BytesIO(png)).convert("L").resize((dots, dots), Image.Resampling.BOX)
    return picture.point(lambda grey: 255 if grey > 127 else 0)


def speckled(picture: Image.Image, share: float, seed: int = 1) -> Image.Image:
    """With this share of the dots turned about."""
    chance = random.Random(seed)
    dots = bytes(255 - dot if chance.random() < share else dot for dot in picture.tobytes())
    return Image.frombytes("L", picture.size, dots)


def blurred(picture: Image.Image, radius: float) -> Image.Image:
    """As a camera without patience sees it."""
    return picture.filter(ImageFilter.GaussianBlur(radius))


def torn(picture: Image.Image, share: float, quiet: float) -> Image.Image:
    """Without the lower right corner, a square of this share of the symbol; `quiet`: dots of its margin."""
    spoilt = picture.copy()
    end = round(picture.width - quiet)
    start = end - round((picture.width - 2 * quiet) * share**0.5)
    spoilt.paste(255, (start, start, end, end))
    return spoilt


def texts_on(picture: Image.Image) -> list[str]:
    """Every code on a picture, as read by a scanner; the picture lies on white paper."""
    paper = Image.new("L", (picture.width + 2 * MARGIN, picture.height + 2 * MARGIN), 255)
    paper.paste(picture.convert("L"), (MARGIN, MARGIN))
    return [found.text for found in zxingcpp.read_barcodes(paper)]
